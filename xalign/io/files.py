"""Opening text for reading: ``-``, compressed files, lines of bytes, two files side by side."""

import bz2
import gzip
import lzma
import os
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from xalign.drawing.picture import printable
from xalign.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Left = TypeVar("Left")
Right = TypeVar("Right")

BOM = b"\xef\xbb\xbf"
HEAD_LINES, HEAD_BYTES = 20, 1000
"""Lines that are kept to say what a file looks like, and bytes of each."""
SUFFIXES = (".gz", ".xz", ".zst", ".bz2")
"""Compression that is read and written."""
MAX_LINE_BYTES, MAX_OTHER_BYTES = 1 << 20, 1 << 26
"""Longest line of sentence pairs, and of other files such as links, that is read by default."""
LONG_HEAD, BLOCK_BYTES = 1000, 1 << 16
"""Bytes that are kept of a line that is too long, and bytes of it that are read at once."""


class LongLine(bytes):
    """The start of a line that is longer than ``limit`` bytes; the rest was read past."""

    limit = 0

    @property
    def message(self) -> str:
        """Error message for this line."""
        return f"expected a line of at most {self.limit:,} bytes"


class Source:
    """An open input that knows how far it has been read: ``-`` is standard input.

    Lines end at ``\\n`` alone (one ``\\r`` before it is dropped), so that no other character ever
    shifts the count of lines. A byte order mark at the start is dropped. A last line without
    ``\\n`` is a line. With ``max_line_bytes``, a longer line becomes a `LongLine`; else one of more
    than `MAX_OTHER_BYTES` is an error, so that memory does not grow with it. A source can be read
    once; then the file is closed (standard input never is).

    ``name`` is its name in error messages. ``first`` is the number of the first line that is read,
    counted from 1, and ``skipped`` the number of lines before it. ``size`` is the number of bytes
    in the file, as stored; None for a pipe or a terminal. ``head`` has the start of the first
    lines, once they are read.

    Errors: `InputError` when the file cannot be opened, or its compressed data is damaged.
    """

    def __init__(self, path: str, max_line_bytes: int | None = None) -> None:
        self.is_stdin = path == "-"
        self.name = "<stdin>" if self.is_stdin else path
        if self.is_stdin and sys.stdin is None:
            raise InputError(self.name, 0, "standard input is closed; name a file with -i")
        try:
            self._raw = sys.stdin.buffer if self.is_stdin else Path(path).open("rb")  # noqa: SIM115
        except OSError as error:
            raise InputError(path, 0, f"cannot be read: {error.strerror}") from error
        self.size = stored_size(self._raw)
        self.head: list[bytes] = []
        self.skipped = 0
        self._data = decompressed(self._raw, path)
        self._max_line_bytes = max_line_bytes
        self._begun: Iterator[bytes] | None = None

    @property
    def first(self) -> int:
        """Number of the first line that is read."""
        return self.skipped + 1

    @property
    def position(self) -> int:
        """Number of stored bytes read so far; 0 where there is no ``size``."""
        if self.size is None:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def __iter__(self) -> Iterator[bytes]:
        """Lines without their ends."""
        lines, self._begun = self._begun or self._read(), None
        return lines

    def skip(self, count: int) -> int:
        """Pass over the next ``count`` lines, before any is read; return how many there were."""
        self._begun = self._read()
        self.skipped = sum(1 for _ in islice(self._begun, count))
        return self.skipped

    def _read(self) -> Iterator[bytes]:
        number = 0
        try:
            lines = bounded_lines(self._data, self._max_line_bytes or MAX_OTHER_BYTES)
            for number, line in enumerate(lines, 1):
                if self._max_line_bytes is None and isinstance(line, LongLine):
                    raise InputError(self.name, number, line.message)
                if number == 1 and not isinstance(line, LongLine):
                    line = line.removeprefix(BOM)
                if number <= HEAD_LINES:
                    self.head.append(line[:HEAD_BYTES])
                yield line
        except (EOFError, lzma.LZMAError, zlib.error, zstd.ZstdError, OSError) as error:
            message = f"damaged compressed data: {error}"
            if isinstance(error, OSError) and error.errno is not None:  # no fault in the data
                message = f"cannot be read: {error.strerror}"
            elif not number and not isinstance(error, EOFError):
                message += "; if it is not compressed, give it a name without that ending"
            raise InputError(self.name, number + 1, message) from error
        finally:
            self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if not self.is_stdin:
            self._data.close()
            self._raw.close()


def stem(path: str) -> str:
    """Name of a file without folders and its last endings.

    >>> stem("out/ours.align.gz"), stem("-")
    ('ours', 'stdin')
    """
    name = "stdin" if path == "-" else path.replace("\\", "/").rpartition("/")[2]
    for ending in SUFFIXES:
        name = name.removesuffix(ending)
    return printable(name.rsplit(".", 1)[0] or name)


def names(paths: Sequence[str]) -> list[str]:
    """A name for each file; the whole path where names would be the same.

    >>> names(["a/ours.align", "b/ours.align", "theirs.align", "theirs.align"])
    ['a/ours.align', 'b/ours.align', 'theirs.align (1)', 'theirs.align (2)']
    """
    short = [stem(path) for path in paths]
    found = [
        name if short.count(name) == 1 else printable(path)
        for name, path in zip(short, paths, strict=True)
    ]
    return [
        name if found.count(name) == 1 else f"{name} ({found[: k + 1].count(name)})"
        for k, name in enumerate(found)
    ]


def check_rereadable(path: str, advice: str) -> None:
    """Check that the input at ``path`` can be read twice, if it is there.

    Errors: `InputError` with ``advice`` when it is standard input, a pipe or a device.
    """
    if path == "-" or (Path(path).exists() and not Path(path).is_file()):
        raise InputError("<stdin>" if path == "-" else path, 0, advice)


def bounded_lines(data: BinaryIO, limit: int) -> Iterator[bytes]:
    """Lines of ``data`` without their ends; those of more than ``limit`` bytes are `LongLine`s."""
    while line := data.readline(limit + 2):  # the end of a line has two bytes at most
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if len(text) <= limit:
            yield text
            continue
        start = LongLine(line[:LONG_HEAD])
        start.limit = limit
        while line and not line.endswith(b"\n"):
            line = data.readline(BLOCK_BYTES)
        yield start


def stored_size(raw: BinaryIO) -> int | None:
    """Number of bytes in the file behind ``raw``; None if it is no regular file."""
    try:
        status = os.fstat(raw.fileno())
    except OSError:  # a stream in memory
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def decompressed(raw: BinaryIO, path: str) -> BinaryIO:
    """``raw``, read through the decompressor that the suffix of ``path`` names."""
    match Path(path).suffix:
        case ".gz":
            return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
        case ".xz":
            return cast(BinaryIO, lzma.LZMAFile(raw))
        case ".zst":
            return cast(BinaryIO, zstd.ZstdFile(raw))
        case ".bz2":
            return cast(BinaryIO, bz2.BZ2File(raw))
        case _:
            return raw


def side_by_side(
    one: Iterable[Left],
    other: Iterable[Right],
    path: str,
    other_path: str,
    first: int = 1,
    advice: str = "",
) -> Iterator[tuple[Left, Right]]:
    """Items of two files, line by line, counted from ``first``.

    Errors: `InputError` after the last common line when one file is longer, with ``advice``.
    """
    for number, (left, right) in enumerate(zip_longest(one, other), first):
        if left is None or right is None:
            short, long = (path, other_path) if left is None else (other_path, path)
            raise missing(short, number, long, advice)
        yield left, right


def missing(path: str, number: int, other: str, advice: str = "") -> InputError:
    """Error of a file that ends before another."""
    message = f"expected a line for line {number} of {other}, found the end{advice}"
    return InputError(path, number, message)

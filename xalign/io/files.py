"""Opening text for reading and writing: ``-``, compressed files, lines of bytes, atomic output."""

import bz2
import contextlib
import gzip
import lzma
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from xalign.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Left = TypeVar("Left")
Right = TypeVar("Right")

STREAMS = ("/dev", "/dev/fd", "/proc/self/fd")
"""Folders of names for open files, such as /dev/stdout."""
BOM = b"\xef\xbb\xbf"
HEAD_LINES, HEAD_BYTES = 20, 1000
"""Lines that are kept to say what a file looks like, and bytes of each."""
SUFFIXES = (".gz", ".xz", ".zst", ".bz2")
"""Compression that is read and written."""
ARCHIVES = ".zip .7z .rar .tar .tgz .lz4 .lz .lzma .lzo .br .z"
FOREIGN_SUFFIXES = frozenset(f"{ARCHIVES} .pdf .docx .xlsx .parquet".split(" "))
"""Suffixes, in lower case, of what is neither text nor written as a stream."""


class Source:
    """An open input that knows how far it has been read: ``-`` is standard input.

    Lines end at ``\\n`` alone (one ``\\r`` before it is dropped), so that no other character ever
    shifts the count of lines. A byte order mark at the start is dropped. A last line without
    ``\\n`` is a line. It can be read once; then the file is closed (standard input never is).

    ``name`` is its name in error messages. ``size`` is the number of bytes in the file, as stored;
    None for a pipe or a terminal. ``head`` has the start of the first lines, once they are read.

    Errors: `InputError` when the file cannot be opened, or its compressed data is damaged.
    """

    def __init__(self, path: str) -> None:
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
        self._data = decompressed(self._raw, path)

    @property
    def position(self) -> int:
        """Number of stored bytes read so far; 0 where there is no ``size``."""
        if self.size is None:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def __iter__(self) -> Iterator[bytes]:
        """Lines without their ends."""
        number = 0
        try:
            for number, line in enumerate(self._data, 1):
                if number == 1:
                    line = line.removeprefix(BOM)
                if number <= HEAD_LINES:
                    self.head.append(line[:HEAD_BYTES])
                yield line.removesuffix(b"\n").removesuffix(b"\r")
        except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstd.ZstdError) as error:
            raise InputError(self.name, number + 1, f"damaged compressed data: {error}") from error
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            if error.errno is None:  # of bz2, for which any fault in the data is an OSError
                message = f"damaged compressed data: {error}"
            raise InputError(self.name, number + 1, message) from error
        finally:
            self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if not self.is_stdin:
            self._data.close()
            self._raw.close()


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


def compressed(raw: BinaryIO, path: str) -> BinaryIO:
    """``raw``, written through the compressor that the suffix of ``path`` names."""
    match Path(path).suffix:
        case ".gz":  # without name and time, so that the same text gives the same bytes
            return cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
        case ".xz":
            return cast(BinaryIO, lzma.LZMAFile(raw, "wb"))
        case ".zst":
            return cast(BinaryIO, zstd.ZstdFile(raw, "wb"))
        case ".bz2":
            return cast(BinaryIO, bz2.BZ2File(raw, "wb"))
        case _:
            return raw


def check_outputs(outputs: Sequence[str | None], inputs: Sequence[str | None] = ()) -> None:
    """Check the files of a command before any is opened; None stands for a file not asked for.

    Errors: `InputError` when an output is also an input or another output, by any path or link, or
    has a suffix that cannot be written.
    """
    taken = {place: "input" for path in inputs if path and (place := place_of(path, "stdin"))}
    for path in filter(None, outputs):
        if Path(path).suffix.lower() in FOREIGN_SUFFIXES:
            expected = f"{', '.join(SUFFIXES)} or the suffix of a plain text"
            raise InputError(path, 0, f"cannot be written in this format; expected {expected}")
        place = place_of(path, "stdout")
        if place is None:
            continue
        if other := taken.get(place):
            name = "standard output" if path == "-" else path
            message = f"is {'an' if other == 'input' else 'also another'} {other} of this command"
            raise InputError(name, 0, f"{message}, and would be overwritten; name another output")
        taken[place] = "output"


def place_of(path: str, standard: str) -> object:
    """Key of the file at ``path``, or behind the stream ``standard``; None for one without clashes.

    Pipes, terminals and devices such as /dev/null may be read and written at once.
    """
    try:
        status = os.fstat(getattr(sys, standard).fileno()) if path == "-" else Path(path).stat()
    except (OSError, ValueError, AttributeError):  # not there yet, or a stream in memory
        return standard if path == "-" else os.path.realpath(path)
    is_shared = stat.S_ISREG(status.st_mode) or (
        standard == "stdout" and stat.S_ISFIFO(status.st_mode)
    )
    return (status.st_dev, status.st_ino) if is_shared else None


@contextlib.contextmanager
def output(path: str) -> Iterator[BinaryIO]:
    """A binary file to write, compressed by suffix, which appears at ``path`` only when whole.

    It is written beside its place under another name and moved there at the end; when an error
    leaves the block, ``path`` is as it was. ``-``, pipes and devices are written to directly.
    """
    target = Path(path)
    if path == "-":
        if sys.stdout is None:
            raise InputError("<stdout>", 0, "standard output is closed; name a file with -o")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif target.exists() and (not target.is_file() or str(target.parent) in STREAMS):
        if target.is_dir():
            raise InputError(path, 0, "cannot be written: it is a folder; name a file")
        with target.open("ab") as raw:  # /dev/stdout may be a file that is appended to
            yield raw
    else:
        with atomic(target) as raw, contextlib.ExitStack() as stack:
            data = compressed(raw, path)
            if data is not raw:
                stack.callback(data.close)
            yield data


@contextlib.contextmanager
def atomic(target: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``target`` when the block ends without an error."""
    with whole(target) as part:
        try:
            raw = part.open("wb")
        except OSError as error:
            raise InputError(str(target), 0, f"cannot be written: {error.strerror}") from error
        with raw:
            yield raw


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A name beside ``target`` for a new file or folder, which takes its place once it is whole.

    When an error leaves the block, ``target`` is as it was.
    """
    target = target.resolve()  # replace the file behind a symbolic link, not the link
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(target)
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)


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
            message = f"expected a line for line {number} of {long}, found the end{advice}"
            raise InputError(short, number, message)
        yield left, right

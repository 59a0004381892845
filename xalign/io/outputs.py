"""Files that are written whole or not at all: ``-``, compression, several files at once.

A file is written in a folder beside its place, ``.NAME.RANDOM.part``, and moved to its place once
it is whole and on the disk. The folder holds a lock for as long as its process lives. A process
that was killed leaves its folder behind; the next one that writes the same file removes it.
"""

import bz2
import contextlib
import errno
import gzip
import lzma
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from xalign.errors import InputError
from xalign.io.files import SUFFIXES
from xalign.io.locks import HAS_LOCKS, lock

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STREAMS = ("/dev", "/dev/fd", "/proc/self/fd")
"""Folders of names for open files, such as /dev/stdout."""
ARCHIVES = ".zip .7z .rar .tar .tgz .lz4 .lz .lzma .lzo .br .z"
FOREIGN_SUFFIXES = frozenset(f"{ARCHIVES} .pdf .docx .xlsx .parquet".split(" "))
"""Suffixes, in lower case, of what is neither text nor written as a stream."""
LOCK, PART, BEFORE = ".lock", ".part", ".before"
CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
"""Errors of file systems that have nothing to wait for."""


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


class Outputs:
    """Binary files to write, which appear together at the end of the block, all of them whole.

    When an error leaves the block, also one of closing a file, all places are as they were.
    ``counts`` and ``is_done`` are those of a `xalign.io.journal.Journal` that has recorded nothing.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.is_done = False
        self._streams: list[BinaryIO] = []
        self._parts: list[tuple[Path, Path]] = []
        self._folders = contextlib.ExitStack()
        self._files = contextlib.ExitStack()

    def __enter__(self) -> "Outputs":
        return self

    def open(self, path: str) -> BinaryIO:
        """A file to write, compressed by suffix; ``-``, pipes and devices are written directly.

        Errors: `InputError` when it cannot be written.
        """
        if (stream := open_stream(path, self._files)) is not None:
            self._streams.append(stream)
            return stream
        with naming_errors(path):
            target = Path(path).resolve()  # replace the file behind a symbolic link, not the link
            part = self._folders.enter_context(held_folder(target)) / target.name
            raw = self._files.enter_context(part.open("wb"))
        self._parts.append((part, target))
        data = compressed(raw, path)
        if data is not raw:
            self._files.callback(data.close)
        return data

    def end_chunk(self, counts: Mapping[str, int]) -> None:
        """Do nothing: files are written as a whole."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._folders:
            with contextlib.suppress(OSError) if kind else contextlib.nullcontext(), self._files:
                for stream in self._streams:
                    stream.flush()
            if kind is None:
                with restored_on_error(self._parts):
                    move_together(self._parts)
        if isinstance(error, BrokenPipeError) and self._parts:
            lost = " and ".join(str(target) for _, target in self._parts)
            message = "was closed before its end by what reads it, so this file is not written"
            raise InputError(lost, 0, f"standard output {message}") from error


def move_together(parts: Sequence[tuple[Path, Path]]) -> None:
    """Move files or folders to their places, once all of them are on the disk."""
    for part, _ in parts:
        for path in (part, *part.rglob("*")):
            sync(path)
    for part, target in parts:
        with naming_errors(str(target)):
            part.replace(target)
    for parent in {target.parent for _, target in parts}:
        sync(parent)


@contextlib.contextmanager
def restored_on_error(parts: Sequence[tuple[Path, Path]]) -> Iterator[None]:
    """When an error leaves the block, all places are as they were, also those moved to before it.

    Each of ``parts`` is in a folder of its own, which keeps the file that it replaces.
    """
    kept = {part: part.with_name(f"{part.name}{BEFORE}") for part, _ in parts}
    new = {part for part, target in parts if not target.exists()}
    for part, target in parts:
        if part not in new:
            keep(target, kept[part])
    try:
        yield
    except BaseException:
        for part, target in parts:
            if not part.exists():
                with contextlib.suppress(OSError):
                    target.unlink() if part in new else kept[part].replace(target)
        raise


def keep(target: Path, kept: Path) -> None:
    """Keep the file at ``target`` under a second name, or as a copy on disks without hard links."""
    try:
        kept.hardlink_to(target)
    except OSError:
        with contextlib.suppress(OSError):
            shutil.copy2(target, kept)


@contextlib.contextmanager
def output(path: str) -> Iterator[BinaryIO]:
    """One file of `Outputs`."""
    with Outputs() as outputs:
        yield outputs.open(path)


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path for a new file or folder, which takes the place of ``target`` once it is whole.

    When an error leaves the block, ``target`` is as it was.
    """
    target = target.resolve()
    with held_folder(target) as folder:
        yield folder / target.name
        move_together([(folder / target.name, target)])


def open_stream(path: str, files: contextlib.ExitStack) -> BinaryIO | None:
    """The stream at ``path``, if it is one.

    Errors: `InputError` when it is a folder, or closed.
    """
    if not is_stream(path):
        return None
    if path == "-":
        if sys.stdout is None:
            raise InputError("<stdout>", 0, "standard output is closed; name a file with -o")
        return sys.stdout.buffer
    with naming_errors(path):
        return files.enter_context(Path(path).open("ab"))  # /dev/stdout may be a file appended to


def is_stream(path: str) -> bool:
    """Whether ``path`` is standard output, a pipe or a device, and no file on a disk.

    Errors: `InputError` when it is a folder.
    """
    target = Path(path)
    if path != "-" and target.is_dir():
        raise InputError(path, 0, "cannot be written: it is a folder; name a file")
    with naming_errors(path):
        is_file = not target.exists() or (target.is_file() and str(target.parent) not in STREAMS)
    return path == "-" or not is_file


@contextlib.contextmanager
def naming_errors(path: str) -> Iterator[None]:
    """Raise an `OSError`, or the error of a loop of links, as an `InputError` of ``path``."""
    try:
        yield
    except OSError as error:
        raise InputError(path, 0, f"cannot be written: {error.strerror}") from error
    except RuntimeError as error:  # a loop of links, in Python before 3.13
        raise InputError(path, 0, f"cannot be written: {error}") from error


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Errors: `OSError`, for example when the disk is full.
    """
    if os.name == "nt" and path.is_dir():
        return
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(file)


@contextlib.contextmanager
def held_folder(target: Path) -> Iterator[Path]:
    """A new folder beside ``target``, held by a lock, removed with all in it at the end."""
    remove_abandoned(target)
    folder, held = new_held_folder(target)
    try:
        yield folder
    finally:
        if not HAS_LOCKS:
            os.close(held)
        shutil.rmtree(folder, ignore_errors=True)
        if HAS_LOCKS:
            os.close(held)


def new_held_folder(target: Path) -> tuple[Path, int]:
    """A new folder beside ``target``, and the open file in it that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(PART, f".{target.name}.", target.parent))
        with contextlib.suppress(FileNotFoundError):  # removed, as it was not held yet
            file = os.open(lock_in(folder, target), os.O_WRONLY | os.O_CREAT)
            with contextlib.suppress(OSError):  # a file system without locks
                lock(file)
            if not HAS_LOCKS or os.fstat(file).st_nlink:
                return folder, file
            os.close(file)


def lock_in(folder: Path, target: Path) -> Path:
    """The file that holds the lock of a folder; its name is never that of the ``target``."""
    return folder / f"{target.name}{LOCK}"


def remove_abandoned(target: Path) -> None:
    """Remove folders of `held_folder` beside ``target`` that no process holds any more."""
    pattern = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}{re.escape(PART)}")
    for entry in os.scandir(target.parent):
        if not (pattern.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)):
            continue
        folder = Path(entry.path)
        with contextlib.suppress(OSError):  # held, without a lock, or of another user
            if not HAS_LOCKS:
                lock_in(folder, target).unlink()  # which Windows refuses while it is open
                shutil.rmtree(folder)
                continue
            if not any(folder.iterdir()):
                folder.rmdir()
                continue
            file = os.open(lock_in(folder, target), os.O_WRONLY)
            try:
                lock(file, wait=False)
                shutil.rmtree(folder)
            finally:
                os.close(file)

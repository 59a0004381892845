"""Outputs of long jobs, written chunk by chunk, so that a job that was killed can go on.

Beside the output ``NAME`` stand ``NAME.partial`` and the journal ``NAME.journal``: lines of JSON.
The first line says what the job is; every other one is written after a chunk is on the disk, with
the size and checksum of all outputs and the counts of the job. When the job goes on, outputs are
cut back to the last of these lines. At the end the outputs move to their places, and the journal is
removed.
"""

import contextlib
import hashlib
import json
import os
import shlex
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from xalign.errors import InputError
from xalign.io.files import check_rereadable
from xalign.io.json_text import parse_json
from xalign.io.locks import HAS_LOCKS, lock
from xalign.io.outputs import compressed, is_stream, move_together, naming_errors, sync

Identity = Mapping[str, Any]
"""Description of a job; a stopped job goes on only if the description is the same."""
PARTIAL, JOURNAL = ".partial", ".journal"
MOVING = {"moving": True}
"""The last line of a journal: all outputs are whole."""
READ_BYTES = 1 << 20


class Journal:
    """Outputs of a job with an ``identity``, the first of them at ``path``, of ``paths`` in all.

    ``counts`` has what `end_chunk` was given last, in this or an earlier process; it is empty at
    the start. ``is_done`` tells that the job had ended, but for moving its outputs to their places,
    which is made up for. Use it as a context manager; after an error, outputs stay partial.

    Errors: `InputError` when the journal is of another job, in use, or damaged.
    """

    def __init__(self, path: str, paths: Sequence[str], identity: Identity) -> None:
        self.path = beside(path, JOURNAL)
        self.paths = paths
        self.identity = json.loads(json.dumps({**identity, "outputs": len(paths)}))
        self.counts: dict[str, int] = {}
        self.is_done = False
        self._partial: dict[str, PartialOutput] = {}
        self._recorded = False

    def __enter__(self) -> "Journal":
        for path in self.paths:
            if is_stream(path):
                raise InputError(path, 0, "expected a file; leave out --resume for a pipe")
        with contextlib.ExitStack() as stack:
            self._file = stack.enter_context(self._opened())
            lines = self._read()
            job = lines[0]["job"] if lines else self.identity
            chunks = [line for line in lines if "sizes" in line]
            self._recorded = bool(chunks)
            if job != self.identity and chunks:
                raise InputError(str(self.path), 0, self._difference(job))
            stack.push(self._forget)
            if chunks and len(chunks[-1]["sizes"]) != len(self.paths):
                raise self._damaged(len(lines))
            if not chunks and not (lines and job == self.identity):
                self._file.truncate(0)
                self._write({"job": self.identity})
            sizes, checksums = [0] * len(self.paths), [0] * len(self.paths)
            if chunks:
                self.counts, sizes = chunks[-1]["counts"], chunks[-1]["sizes"]
                checksums = chunks[-1]["checksums"]
            self.is_done = bool(lines) and lines[-1] == MOVING
            for path, size, checksum in zip(self.paths, sizes, checksums, strict=True):
                if self.is_done:
                    self._check_whole(path, size)
                    continue
                self._partial[path] = PartialOutput(
                    path, size, checksum, self._anew, is_ours=bool(lines)
                )
                stack.callback(self._partial[path].close)
            self._open = stack.pop_all()
        return self

    def open(self, path: str) -> BinaryIO:
        """The output at ``path``, compressed by suffix, to write to."""
        return cast(BinaryIO, self._partial[path])

    def end_chunk(self, counts: Mapping[str, int]) -> None:
        """Wait until all that was written is on the disk, and record it, with the ``counts``."""
        ends = [self._partial[path].end() for path in self.paths]
        sizes, checksums = zip(*ends, strict=True)
        self._write({"sizes": sizes, "checksums": checksums, "counts": dict(counts)})
        self.counts, self._recorded = dict(counts), True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._open.__exit__(kind, error, traceback)
            return
        with self._open:
            if not self.is_done:
                self.end_chunk(self.counts)
                self._write(MOVING)
            self._recorded = True
            for partial in self._partial.values():
                partial.close()  # Windows moves no open file
            self._move()
            self._remove()
            sync(self.path.parent)

    def _opened(self) -> BinaryIO:
        """The file of the journal, held by this process alone."""
        while True:
            with naming_errors(str(self.path)):
                # opened for appending, so that a journal of another process is not emptied
                file = self.path.open("a+b")
            hold(file, self.path)
            if os.fstat(file.fileno()).st_nlink:
                return file
            file.close()  # another process ended its job in between

    def _forget(self, kind: object, *_: object) -> None:
        """After an error, leave nothing of a job that has recorded nothing."""
        if kind is not None and not self._recorded:
            for path in self._partial:
                beside(path, PARTIAL).unlink(missing_ok=True)
            self._remove()

    def _remove(self) -> None:
        """Remove the journal, while it is held, but on Windows, which removes no open file."""
        if not HAS_LOCKS:
            self._file.close()
        self.path.unlink(missing_ok=True)

    def _read(self) -> list[dict[str, Any]]:
        """The whole lines of the journal; what follows them is cut off."""
        self._file.seek(0)
        content = self._file.read()
        lines = content.split(b"\n")
        found = [self._parsed(line, number) for number, line in enumerate(lines[:-1], 1)]
        if not found and content and not b'{"job": '.startswith(content[:8]):
            self._parsed(content[:100], 1)
        self._file.truncate(len(content) - len(lines[-1]))
        return found

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        """A line of the journal; the first says what the job is."""
        try:
            match parse_json(line):
                case {"job": dict()} as found if number == 1:
                    return cast(dict[str, Any], found)
                case {"sizes": list(sizes), "checksums": list(sums), "counts": dict()} as found:
                    if number > 1 and len(sizes) == len(sums):
                        return cast(dict[str, Any], found)
                case found if found == MOVING and number > 2:
                    return MOVING
        except ValueError:
            pass
        raise self._damaged(number)

    def _damaged(self, number: int) -> InputError:
        """Error of a line that is none of a journal."""
        message = "expected a journal of xalign; remove it, or name another output"
        return InputError(str(self.path), number, message)

    def _write(self, line: Mapping[str, Any]) -> None:
        with naming_errors(str(self.path)):
            self._file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def _check_whole(self, path: str, size: int) -> None:
        """Check that an output is there, at its place or on its way to it."""
        places = [beside(path, PARTIAL), Path(path)]
        if not any(place.exists() and place.stat().st_size == size for place in places):
            raise InputError(path, 0, f"it is gone; {self._anew}")

    def _move(self) -> None:
        """Move the outputs that are not in their places yet."""
        parts = [(beside(path, PARTIAL), beside(path, "")) for path in self.paths]
        move_together([(part, target) for part, target in parts if part.exists()])

    def _difference(self, job: Identity) -> str:
        """Error message for a journal of another ``job``."""
        names = sorted(k for k in {*self.identity, *job} if self.identity.get(k) != job.get(k))
        return (
            f"it is of another job, which differs in its {' and '.join(names)}; give the command "
            f"of that job, or name another output; {self._anew}"
        )

    @property
    def _anew(self) -> str:
        """How to start anew."""
        files = [self.path, *(beside(path, PARTIAL) for path in self.paths)]
        return f"to start anew, run: rm {shlex.join(str(path) for path in files if path.exists())}"


class PartialOutput:
    """The output at ``path`` behind its first ``size`` bytes: one compressed member per chunk.

    Errors: `InputError` when these bytes do not have the ``checksum``, or a file stands in the way
    that ``is_ours`` does not say to be one of this job; ``advice`` says how to start anew.
    """

    def __init__(self, path: str, size: int, checksum: int, advice: str, *, is_ours: bool) -> None:
        self.path, self.checksum = path, checksum
        part = beside(path, PARTIAL)
        if not is_ours and part.exists():
            raise InputError(str(part), 0, "it has no journal; remove it, or name another output")
        advice = f"expected the {size:,} bytes that the journal says; {advice}"
        if size and not part.exists():
            raise InputError(str(part), 0, f"it is gone; {advice}")
        with naming_errors(path):
            self._raw: BinaryIO = part.open("r+b" if size else "ab")
        hold(self._raw, part)
        if not size:
            self._raw.truncate(0)
        if (size, checksum) != checksum_of(self._raw, size):
            self._raw.close()
            raise InputError(str(part), 0, f"it is not what was written; {advice}")
        self._raw.truncate(size)
        self._data: BinaryIO | None = None

    def write(self, data: bytes) -> int:
        """Write bytes."""
        with naming_errors(self.path):
            if self._data is None:
                self._data = compressed(cast(BinaryIO, Summed(self, self._raw)), self.path)
            return self._data.write(data)

    def flush(self) -> None:
        """Do nothing: a chunk is written as a whole."""

    def end(self) -> tuple[int, int]:
        """End the member, wait until it is on the disk; size and checksum of the file."""
        if not self._raw.tell():
            self.write(b"")  # a compressed file of nothing has one member too
        with naming_errors(self.path):
            if self._data is not None:
                self._data.close()
            self._data = None
            self._raw.flush()
            os.fsync(self._raw.fileno())
        return self._raw.tell(), self.checksum

    def close(self) -> None:
        """Close the file; a member that has not ended is of no use."""
        with contextlib.suppress(OSError, InputError):
            if self._data is not None:
                self._data.close()
        with contextlib.suppress(OSError):
            self._raw.close()


class Summed:
    """Writes to ``raw``, which stays open, and keeps the checksum of ``owner`` up to date."""

    def __init__(self, owner: PartialOutput, raw: BinaryIO) -> None:
        self.owner, self.raw = owner, raw

    def write(self, data: bytes) -> int:
        """Write bytes."""
        self.owner.checksum = zlib.crc32(data, self.owner.checksum)
        return self.raw.write(data)

    def flush(self) -> None:
        """Hand everything on."""
        self.raw.flush()

    def close(self) -> None:
        """Do nothing."""


def checksum_of(file: BinaryIO, size: int) -> tuple[int, int]:
    """Number of bytes and CRC-32 of the first ``size`` bytes, or of all if there are fewer."""
    found, checksum = 0, 0
    while block := file.read(min(READ_BYTES, size - found)) if size else b"":
        found, checksum = found + len(block), zlib.crc32(block, checksum)
    return found, checksum


def hold(file: BinaryIO, path: Path) -> None:
    """Lock an open file, where the file system has locks.

    Errors: `InputError` when another process holds it.
    """
    try:
        lock(file.fileno(), wait=False)
    except BlockingIOError:
        file.close()
        raise InputError(str(path), 0, "another process is writing this output") from None
    except OSError:  # a file system without locks
        return


def beside(path: str, suffix: str) -> Path:
    """The file with a ``suffix`` beside the one at ``path``, also behind a symbolic link."""
    with naming_errors(path):
        target = Path(path).resolve()
    return target.with_name(f"{target.name}{suffix}")


def identity_of(path: str) -> dict[str, Any]:
    """Compression, size and SHA-256 of a file that is read.

    Errors: `InputError` when it is no file that can be read twice.
    """
    check_rereadable(path, "a job that can go on reads files; leave out --resume for a pipe")
    try:
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return {"suffix": Path(path).suffix, "bytes": file.tell(), "sha256": digest}
    except OSError as error:
        raise InputError(path, 0, f"cannot be read: {error.strerror}") from error

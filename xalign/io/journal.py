"""Outputs of long jobs, written chunk by chunk, so that a job that was killed can go on.

Beside the output ``NAME`` stand ``NAME.partial`` and the journal ``NAME.journal``: lines of JSON.
The first line says what the job is; every other one is written after a chunk is on the disk, with
the sizes of all outputs and the counts of the job. When the job goes on, outputs are cut back to
the last of these lines. At the end the outputs move to their places, and the journal is removed.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from xalign.errors import InputError
from xalign.io.json_text import parse_json
from xalign.io.locks import lock
from xalign.io.outputs import (
    compressed,
    is_stream,
    move_together,
    naming_errors,
    sync,
)

Identity = Mapping[str, Any]
"""What a job is made of; a job only goes on with the same."""
PARTIAL, JOURNAL = ".partial", ".journal"
MOVING = {"moving": True}
"""The last line of a journal: all outputs are whole."""


class Journal:
    """Outputs of a job with an ``identity``, the first of them at ``path``, of ``paths`` in all.

    ``counts`` has what `end_chunk` was given last, in this or an earlier process; it is empty at
    the start. ``is_done`` tells that the job had ended, but for moving its outputs to their places,
    which is made up for. Use it as a context manager; after an error, outputs stay partial.

    Errors: `InputError` when the journal is of another job, in use, or damaged.
    """

    def __init__(self, path: str, paths: Sequence[str], identity: Identity) -> None:
        self.path = Path(f"{path}{JOURNAL}")
        self.paths, self.identity = paths, json.loads(json.dumps(identity))
        self.counts: dict[str, int] = {}
        self.is_done = False
        self._members: dict[str, Members] = {}

    def __enter__(self) -> "Journal":
        for path in self.paths:
            if is_stream(path):
                raise InputError(path, 0, "expected a file; leave out --resume for a pipe")
        with naming_errors(str(self.path)), contextlib.ExitStack() as stack:
            # opened for appending, so that a journal of another process is not emptied
            self._file = stack.enter_context(self.path.open("a+b"))
            self._lock()
            lines = self._read()
            if not lines:
                self._write({"job": self.identity})
            elif lines[0].get("job") != self.identity:
                raise InputError(str(self.path), 0, self._difference(lines[0].get("job")))
            self.is_done = bool(lines) and lines[-1] == MOVING
            chunks = [line for line in lines if "sizes" in line]
            if chunks:
                self.counts = chunks[-1]["counts"]
            sizes = chunks[-1]["sizes"] if chunks else [0] * len(self.paths)
            for path, size in zip(self.paths, [] if self.is_done else sizes, strict=False):
                self._members[path] = Members(path, size)
                stack.callback(self._members[path].close)
            self._open = stack.pop_all()
        return self

    def open(self, path: str) -> BinaryIO:
        """The output at ``path``, compressed by suffix, to write to."""
        return cast(BinaryIO, self._members[path])

    def end_chunk(self, counts: Mapping[str, int]) -> None:
        """Wait until all that was written is on the disk, and record it, with the ``counts``."""
        sizes = [self._members[path].end() for path in self.paths]
        self._write({"sizes": sizes, "counts": dict(counts)})
        self.counts = dict(counts)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._open:
            if kind is None:
                if not self.is_done:
                    self.end_chunk(self.counts)
                    self._write(MOVING)
                self._move()
                self.path.unlink()
                sync(self.path.parent.resolve())

    def _lock(self) -> None:
        try:
            lock(self._file.fileno(), wait=False)
        except BlockingIOError:
            raise InputError(str(self.path), 0, "another process is writing this output") from None
        except OSError:  # a file system without locks
            return

    def _read(self) -> list[dict[str, Any]]:
        """The whole lines of the journal; what follows them is cut off."""
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        found = []
        for line in lines[:-1]:
            try:
                found.append(parse_json(line))
            except ValueError as error:
                message = f"expected lines of JSON: {error}; remove it to start anew"
                raise InputError(str(self.path), len(found) + 1, message) from error
        self._file.truncate(self._file.tell() - len(lines[-1]))
        return found

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _move(self) -> None:
        """Move the outputs that are not in their places yet."""
        parts = [(partial_of(path), Path(path).resolve()) for path in self.paths]
        move_together([(part, target) for part, target in parts if part.exists()])

    def _difference(self, job: Any) -> str:
        """Error message for a journal of another ``job``."""
        other = job if isinstance(job, dict) else {}
        names = sorted(k for k in {*self.identity, *other} if self.identity.get(k) != other.get(k))
        return (
            f"it is of another job, which differs in its {' and '.join(names)}; give the command "
            f"of that job, name another output, or remove {self.path} to start anew"
        )


class Members:
    """The output at ``path`` behind its first ``size`` bytes: one compressed member per chunk."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        with naming_errors(path):
            self._raw: BinaryIO = partial_of(path).open("r+b" if size else "wb")
            self._raw.truncate(size)
            self._raw.seek(size)
        self._data: BinaryIO | None = None

    def write(self, data: bytes) -> int:
        """Write bytes."""
        if self._data is None:
            self._data = compressed(self._raw, self.path)
        return self._data.write(data)

    def flush(self) -> None:
        """Do nothing: a chunk is written as a whole."""

    def end(self) -> int:
        """End the member, wait until it is on the disk, and return the size of the file."""
        if not self._raw.tell():
            self.write(b"")  # a compressed file of nothing has one member too
        if self._data not in (None, self._raw):
            self._data.close()
        self._data = None
        self._raw.flush()
        os.fsync(self._raw.fileno())
        return self._raw.tell()

    def close(self) -> None:
        """Close the file; a member that has not ended is of no use."""
        with contextlib.suppress(OSError):
            if self._data is not None:
                self._data.close()
            self._raw.close()


def partial_of(path: str) -> Path:
    """The file that becomes ``path``; beside the file behind a symbolic link, not the link."""
    target = Path(path).resolve()
    return target.with_name(f"{target.name}{PARTIAL}")


def identity_of(path: str) -> dict[str, Any]:
    """Size and SHA-256 of a file that is read.

    Errors: `InputError` when it is no file that can be read twice.
    """
    if path == "-" or (Path(path).exists() and not Path(path).is_file()):
        name = "<stdin>" if path == "-" else path
        raise InputError(name, 0, "a job that can go on reads files; leave out --resume for a pipe")
    try:
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return {"bytes": file.tell(), "sha256": digest}
    except OSError as error:
        raise InputError(path, 0, f"cannot be read: {error.strerror}") from error

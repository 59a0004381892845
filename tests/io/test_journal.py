"""Outputs in chunks, and the journal that makes them go on; the command is in cli/test_job.py."""

import gzip
import json
import os
from pathlib import Path

import pytest

from xalign.errors import InputError
from xalign.io.journal import Identity, Journal, identity_of


def stopped(out: str, *, chunks: int = 1, identity: Identity | None = None) -> None:
    """Leave a job at ``out`` that was stopped after ``chunks``, each the line "one"."""

    def begin() -> None:
        with Journal(out, [out], identity or {"a": 1}) as journal:
            for number in range(1, chunks + 1):
                journal.open(out).write(b"one\n")
                journal.end_chunk({"pairs": number})
            journal.open(out).write(b"lost\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin()


def refusal(out: str, identity: Identity | None = None) -> str:
    """Message of the error of a job that cannot begin or go on."""
    with pytest.raises(InputError) as caught:
        Journal(out, [out], identity or {"a": 1}).__enter__()
    return str(caught.value)


@pytest.mark.parametrize(("name", "members"), [("out.gz", 2), ("out", 0)])
def test_what_was_not_recorded_is_cut_off(tmp_path: Path, name: str, members: int) -> None:
    out = str(tmp_path / name)
    stopped(out)
    assert not Path(out).exists()
    with Journal(out, [out], {"a": 1}) as journal:
        assert journal.counts == {"pairs": 1}
        journal.open(out).write(b"two\n")
        journal.end_chunk({"pairs": 2})
    content = Path(out).read_bytes()
    assert content.count(b"\x1f\x8b\x08") == members  # one for each chunk
    assert (gzip.decompress(content) if members else content) == b"one\ntwo\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("has_locks", [True, False])
def test_files_are_closed_before_they_are_moved_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_locks: bool
) -> None:
    monkeypatch.setattr("xalign.io.journal.HAS_LOCKS", has_locks)
    out = str(tmp_path / "out")
    replace, unlink = Path.replace, Path.unlink

    def open_files() -> set[str]:
        return {os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()}

    def replace_closed(path: Path, target: Path) -> Path:
        assert str(path) not in open_files()
        return replace(path, target)

    def unlink_closed(path: Path, missing_ok: bool = False) -> None:
        assert has_locks == (str(path) in open_files())
        unlink(path, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace_closed)
        patched.setattr(Path, "unlink", unlink_closed)
        with Journal(out, [out], {}) as journal:
            journal.open(out).write(b"one\n")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_job_without_chunks_begins_and_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    stopped(out, chunks=0)
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_recorded_something_keeps_it_also_after_its_second_stop(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    stopped(out)
    stopped(out, chunks=0)
    with Journal(out, [out], {"a": 1}) as journal:
        assert journal.counts == {"pairs": 1}
    assert Path(out).read_bytes() == b"one\n"


def test_an_empty_compressed_output_is_a_whole_file(tmp_path: Path) -> None:
    out = str(tmp_path / "out.gz")
    with Journal(out, [out], {}):
        pass
    content = Path(out).read_bytes()
    assert content
    assert gzip.decompress(content) == b""


def test_what_keeps_a_job_from_going_on_is_named_in_full(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    files = f"{out}.journal {out}.partial"
    stopped(out, identity={"model": 1, "input": [1, 2], "same": 0})
    with pytest.raises(InputError, match=r"differs in its outputs; "):
        Journal(out, [out, out], {"model": 1, "input": [1, 2], "same": 0}).__enter__()
    assert refusal(out, {"model": 2, "input": [1], "same": 0}) == (
        f"{out}.journal: it is of another job, which differs in its input and model; give the "
        f"command of that job, or name another output; to start anew, run: rm {files}"
    )
    identity = {"model": 1, "input": [1, 2], "same": 0}
    Path(f"{out}.partial").write_bytes(b"eins\n")
    assert refusal(out, identity) == (
        f"{out}.partial: it is not what was written; expected the 4 bytes that the journal says; "
        f"to start anew, run: rm {files}"
    )
    Path(f"{out}.partial").unlink()
    assert refusal(out, identity) == (
        f"{out}.partial: it is gone; expected the 4 bytes that the journal says; to start anew, "
        f"run: rm {out}.journal"
    )
    Path(f"{out}.journal").unlink()
    Path(f"{out}.partial").touch()
    assert refusal(out, identity) == (
        f"{out}.partial: it has no journal; remove it, or name another output"
    )
    Path(f"{out}.partial").unlink()
    with Journal(out, [out], identity):
        assert refusal(out, identity) == f"{out}.journal: another process is writing this output"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"my diary", 1),
        (b"my diary\n", 1),
        (b'{"job": 3}\n', 1),
        (b'{"job": {}}\n{"job": {}}\n', 2),
        (b'{"job": {}}\n{"moving": true}\n', 2),
        (b'{"job": {"a": 1, "outputs": 1}}\n{"sizes": [], "checksums": [], "counts": {}}\n', 2),
        (b'{"sizes": [0], "checksums": [0], "counts": {}}\n', 1),
        (b'{"job": {}}\n{"sizes": [0], "checksums": [0], "counts": {}}\n{"moving": false}\n', 3),
    ],
)
def test_what_is_no_journal_is_named_and_kept(tmp_path: Path, content: bytes, line: int) -> None:
    out = str(tmp_path / "out")
    Path(f"{out}.journal").write_bytes(content)
    assert refusal(out) == (
        f"{out}.journal:{line}: expected a journal of xalign; remove it, or name another output"
    )
    assert Path(f"{out}.journal").read_bytes() == content


@pytest.mark.parametrize("cut", [b"", b"{", b'{"job": {"a', b'{"job": {"a": 1}}'])
def test_a_journal_whose_first_line_was_cut_off_begins(tmp_path: Path, cut: bytes) -> None:
    out = str(tmp_path / "out")
    Path(f"{out}.journal").write_bytes(cut)
    with Journal(out, [out], {"a": 1}) as journal:
        assert journal.counts == {}
        journal.open(out).write(b"one\n")
    assert Path(out).read_bytes() == b"one\n"


@pytest.mark.parametrize("moved", [False, True])
def test_a_job_that_was_stopped_while_its_outputs_moved_is_done(
    tmp_path: Path, moved: bool
) -> None:
    out = str(tmp_path / "out")
    stopped(out)
    with Path(f"{out}.journal").open("a") as file:
        file.write('{"moving": true}\n')
    Path(f"{out}.partial").write_bytes(b"one\n")
    if moved:
        Path(f"{out}.partial").rename(out)
    with Journal(out, [out], {"a": 1}) as journal:
        assert journal.is_done
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert Path(out).read_bytes() == b"one\n"


def test_an_output_that_is_gone_while_all_moved_is_missed(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    stopped(out)
    with Path(f"{out}.journal").open("a") as file:
        file.write('{"moving": true}\n')
    Path(f"{out}.partial").unlink()
    assert refusal(out) == f"{out}: it is gone; to start anew, run: rm {out}.journal"


def test_the_identity_of_a_file_is_its_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"text")
    assert identity_of(str(tmp_path / "a")) == identity_of(str(tmp_path / "b"))
    assert identity_of(str(tmp_path / "a"))["bytes"] == 4
    (tmp_path / "b").write_bytes(b"Text")
    assert identity_of(str(tmp_path / "a")) != identity_of(str(tmp_path / "b"))
    json.dumps(identity_of(str(tmp_path / "a")))

"""Outputs in chunks, and the journal that makes them go on; the command is in cli/test_job.py."""

import gzip
import json
from pathlib import Path

import pytest

from xalign.errors import InputError
from xalign.io.journal import Journal, identity_of


def test_what_was_not_recorded_is_cut_off(tmp_path: Path) -> None:
    out = str(tmp_path / "out.gz")

    def begin() -> None:
        with Journal(out, [out], {"a": 1}) as journal:
            journal.open(out).write(b"one\n")
            journal.end_chunk({"pairs": 1})
            journal.open(out).write(b"lost\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert not Path(out).exists()
    with Journal(out, [out], {"a": 1}) as journal:
        assert journal.counts == {"pairs": 1}
        journal.open(out).write(b"two\n")
        journal.end_chunk({"pairs": 2})
    content = Path(out).read_bytes()
    assert gzip.decompress(content) == b"one\ntwo\n"
    assert content.count(b"\x1f\x8b\x08") == 2  # one member for each chunk
    assert [path.name for path in tmp_path.iterdir()] == ["out.gz"]


def test_another_identity_is_named(tmp_path: Path) -> None:
    out = str(tmp_path / "out")

    def begin() -> None:
        with Journal(out, [out], {"model": 1, "input": [1, 2]}) as journal:
            journal.open(out).write(b"one\n")
            journal.end_chunk({"pairs": 1})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin()
    journal = Journal(out, [out], {"model": 2, "input": [1]})
    with pytest.raises(InputError, match="which differs in its input and model"):
        journal.__enter__()


def test_the_identity_of_a_file_is_its_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"text")
    assert identity_of(str(tmp_path / "a")) == identity_of(str(tmp_path / "b"))
    assert identity_of(str(tmp_path / "a"))["bytes"] == 4
    (tmp_path / "b").write_bytes(b"Text")
    assert identity_of(str(tmp_path / "a")) != identity_of(str(tmp_path / "b"))
    json.dumps(identity_of(str(tmp_path / "a")))

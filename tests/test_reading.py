"""Files of pairs, gold links and alignments, as values."""

import gzip
from pathlib import Path

import pytest

import xalign
from xalign import Alignment, GoldAlignment, InputError, SentencePair, XalignError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of two pairs."""
    (tmp_path / "pairs.gz").write_bytes(gzip.compress(b"das Haus ||| the house\nja\tyes\n"))
    (tmp_path / "gold").write_text("1-1 2p2\n1-1\n")
    (tmp_path / "out").write_text("0-0:0.75 1-1:0.5\n0-0:0.9\n")
    return tmp_path


def test_files_are_read_as_values(folder: Path) -> None:
    pairs = list(xalign.read_pairs(folder / "pairs.gz"))
    assert pairs == [SentencePair("das Haus", "the house"), SentencePair("ja", "yes")]
    assert list(map(str, xalign.read_gold(str(folder / "gold")))) == ["0-0 1p1", "0-0"]
    assert list(map(str, xalign.read_alignments(folder / "out"))) == ["0-0 1-1", "0-0"]


def test_a_line_that_cannot_be_read_is_an_error(folder: Path) -> None:
    (folder / "bad").write_text("das Haus\n")
    with pytest.raises(InputError, match="bad:1: expected 'source"):
        list(xalign.read_pairs(folder / "bad"))
    with pytest.raises(InputError, match="none: cannot be read: No such file"):
        list(xalign.read_pairs("none"))


def test_files_and_values_score_the_same(folder: Path) -> None:
    found = xalign.score(folder / "gold", folder / "out")
    gold, out = xalign.read_gold(folder / "gold"), list(xalign.read_alignments(folder / "out"))
    assert found == xalign.score(gold, out)
    assert (found.aer, found.links, found.sure) == (0, 3, 2)


def test_what_cannot_be_scored_is_an_error() -> None:
    gold, out = [GoldAlignment()], [Alignment()]
    with pytest.raises(XalignError, match="gold, pair 1: expected a GoldAlignment"):
        xalign.score(out, gold)  # type: ignore[arg-type]
    with pytest.raises(
        XalignError, match="expected as many alignments as gold has pairs, 1, found 2"
    ):
        xalign.score(gold, out * 2)


def test_a_naacl_file_says_nothing_of_pairs_without_links_at_its_end(tmp_path: Path) -> None:
    """As for `xalign score`."""
    (tmp_path / "gold.talp").write_text("0-0\n1-1\n\n")
    (tmp_path / "gold.naacl").write_text("1 1 1\n2 2 2\n")
    (tmp_path / "out.naacl").write_text("1 1 1\n2 2 2 S 0.5\n")
    for gold in ("gold.talp", "gold.naacl"):
        assert xalign.score(tmp_path / gold, tmp_path / "out.naacl").links_sure == 2
    assert xalign.score(tmp_path / "gold.naacl", tmp_path / "gold.talp").links == 2
    with pytest.raises(XalignError, match="as gold has pairs, 3, found 2"):
        xalign.score(tmp_path / "gold.talp", [Alignment()] * 2)

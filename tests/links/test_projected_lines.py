"""Lines of labels, one for each pair."""

from pathlib import Path

import pytest

from tests.links.conftest import links
from xalign.errors import InputError
from xalign.links.projected_lines import bio_lines, inline_lines, plain, tagged
from xalign.links.projection import Resolved


def test_bio_lines_follow_their_pairs_and_blank_pairs_lose_theirs(tmp_path: Path) -> None:
    tags = tmp_path / "tags"
    tags.write_text("O B-X\nB-X\n")
    rows = [(links("0-0 1-1"), plain("das Haus", "the house")), (links(""), plain("", ""))]
    resolved = Resolved()
    assert list(bio_lines(rows, str(tags), resolved)) == ["O B-X", ""]
    assert (resolved.carried, resolved.lost) == (1, 1)


def test_tags_of_another_number_of_words_are_named(tmp_path: Path) -> None:
    tags = tmp_path / "tags"
    tags.write_text("O\n")
    rows = [(links("0-0"), plain("das Haus", "the house"))]
    with pytest.raises(InputError, match="tags:1: expected 2 tags, one for each source word"):
        list(bio_lines(rows, str(tags), Resolved()))


def test_inline_lines_are_the_targets_with_the_tags_of_the_sources() -> None:
    rows = [(links("0-0 1-1"), tagged("<b>das</b> Haus", "the house"))]
    assert list(inline_lines(rows, Resolved())) == ["<b>the</b> house"]

"""The values that xalign is about."""

import pytest

from xalign.alignment import Alignment, GoldAlignment, ScoredAlignment, SentencePair, split_words
from xalign.errors import XalignError


def links(*pairs: tuple[int, int]) -> frozenset[tuple[int, int]]:
    """A set of links."""
    return frozenset(pairs)


def test_possible_links_contain_the_sure_ones() -> None:
    assert GoldAlignment(links((0, 0)), links((1, 1))).possible == links((0, 0), (1, 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" a  b ", ("a", "b")),
        ("a\tb", ("a", "b")),
        ("a\u00a0b\u3000c", ("a\u00a0b\u3000c",)),
        (" ", ()),
    ],
)
def test_ascii_spaces_and_tabs_alone_split_words(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("src", "tgt", "is_empty"), [("a", "b", False), ("", "b", True), ("a", " ", True)]
)
def test_a_pair_is_empty_if_a_side_is(src: str, tgt: str, is_empty: bool) -> None:
    assert SentencePair.from_text(src, tgt).is_empty == is_empty


def test_links_are_told_in_order() -> None:
    alignment = Alignment(links((10, 0), (2, 1), (2, 0)))
    assert list(alignment) == [(2, 0), (2, 1), (10, 0)]
    assert str(alignment) == "2-0 2-1 10-0"


def test_a_probability_at_the_threshold_is_not_above_it() -> None:
    scored = ScoredAlignment({(0, 0): 0.5, (1, 1): 0.6})
    assert scored.above(0.5) == Alignment(links((1, 1)))


def test_a_side_given_as_text_is_split_into_words() -> None:
    assert SentencePair("das Haus", ["the", "house"]) == SentencePair(
        ("das", "Haus"), ("the", "house")
    )
    assert SentencePair(["ab"], iter("cd")).tgt == ("c", "d")


def test_an_alignment_is_read_as_it_is_printed() -> None:
    alignment = Alignment.from_text(" 2-1  0-0 ")
    assert (alignment.to_text(), repr(alignment)) == ("0-0 2-1", "Alignment.from_text('0-0 2-1')")
    assert eval(repr(alignment)) == alignment
    for text in ("0-0 x", "1:1", "-1-0"):
        with pytest.raises(XalignError, match="expected a link such as 3-4, found"):
            Alignment.from_text(text)


def test_values_show_their_links_in_order() -> None:
    scored = ScoredAlignment({(1, 0): 0.5, (0, 1): 0.75})
    assert repr(scored) == "ScoredAlignment({(0, 1): 0.75, (1, 0): 0.5})"
    gold = GoldAlignment(links((2, 2), (0, 0)), links((1, 1)))
    assert repr(gold) == "GoldAlignment(sure=[(0, 0), (2, 2)], possible=[(1, 1)])"
    assert str(gold) == "0-0 1p1 2-2"


def test_links_as_text_are_told_how_to_be_read() -> None:
    with pytest.raises(XalignError, match=r"use Alignment\.from_text\('0-0'\)"):
        Alignment("0-0")  # type: ignore[arg-type]

"""What a picture shows of a word pair, and words that fit where they are put."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from xalign.drawing.picture import Picture, is_control, numbered, printable, shortened, width

PAIR = ("das", "Haus"), ("the", "house")


@pytest.mark.parametrize(
    ("linked", "sure", "possible", "kind"),
    [
        (True, True, True, "right"),
        (True, False, True, "right"),
        (True, False, False, "wrong"),
        (False, True, True, "missed"),
        (False, False, True, "possible"),
        (False, False, False, ""),
    ],
)
def test_kinds_beside_gold_links(linked: bool, sure: bool, possible: bool, kind: str) -> None:
    place = frozenset({(0, 1)})
    nothing: frozenset[tuple[int, int]] = frozenset()
    picture = Picture(
        *PAIR,
        place if linked else nothing,
        sure=place if sure else nothing,
        possible=place if possible else nothing,
    )
    assert picture.kind((0, 1)) == kind


def test_places_are_sorted_and_only_of_words_that_are_there() -> None:
    picture = Picture(*PAIR, frozenset({(1, 1), (0, 9)}), {(1, 0): 0.3}, frozenset({(0, 0)}))
    assert list(picture.places) == [(1, 0), (1, 1)]


def test_a_label_has_the_words_and_the_probability() -> None:
    picture = Picture(*PAIR, frozenset({(0, 0)}), {(1, 1): 0.987})
    assert picture.label((1, 1)) == "Haus – house: 0.99"
    assert picture.label((0, 0)) == "das – the"


def test_numbers_stand_for_words_that_are_not_known() -> None:
    assert numbered(3) == ("0", "1", "2")


@given(some.text(max_size=30), some.integers(1, 12))
def test_a_shortened_word_fits(word: str, most: int) -> None:
    assert width(shortened(word, most)) <= most
    if width(word) <= most:
        assert shortened(word, most) == word


@given(some.text(max_size=30))
def test_a_printable_word_controls_nothing(word: str) -> None:
    assert len(printable(word)) == len(word)
    assert not any(map(is_control, printable(word)))
    assert not set(printable(word)) & set("\x1b\r\n\x07\x9b\u202e\u2066")

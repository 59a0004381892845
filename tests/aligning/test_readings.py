"""Pairs as readings: blank words, ranges of verses, and sides of signs."""

import pytest

from tests.conftest import tiny_aligner, tiny_tokenizer
from xalign.aligning.aligner import Aligner
from xalign.aligning.readings import longer_side, num_pieces, reading_of
from xalign.alignment import SentencePair
from xalign.model.config import ExtractionRule

RULES = [
    ExtractionRule(),
    ExtractionRule(method="words", threshold=0.05, scale=0.2),
    ExtractionRule(method="binary", threshold=0.05, scale=0.2),
]


def test_a_reading_has_pieces_of_both_sides() -> None:
    reading = reading_of(SentencePair("ab c", "def"), tiny_tokenizer(), max_pieces=64)
    assert (num_pieces(reading), longer_side(reading)) == (10, 5)
    empty = reading_of(SentencePair("<range>", "def"), tiny_tokenizer(), max_pieces=64)
    assert empty.window is None
    assert (num_pieces(empty), longer_side(empty)) == (0, 0)


@pytest.mark.parametrize("rule", RULES)
def test_blank_words_have_no_link_and_keep_their_places(rule: ExtractionRule) -> None:
    aligner = tiny_aligner(rule)
    plain = aligner.align_pair(["abc", "de"], ["abc", "de"])
    blank = aligner.align_pair(["", "abc", "\u00a0", "de", ""], ["abc", "de", " "])
    places = [1, 3]
    assert blank.links == {(places[i], j) for i, j in plain.links}
    (found,) = aligner.probabilities([SentencePair(["", "abc", "de"], ["abc", "de", ""])])
    assert found.matrix().shape == (3, 3)
    assert not found.matrix()[0].any()
    assert aligner.align_pair(["", " "], ["abc"]).links == frozenset()


@pytest.mark.parametrize(
    ("src", "tgt", "expected"),
    [
        ("!", "!", "0-0"),
        ("…", "… …", None),
        ("!", "yes", ""),
        ("! !", "yes no", ""),
        ("<range>", "the house", ""),
        ("das Haus", "<range>", ""),
    ],
)
def test_signs_are_linked_to_signs_alone(src: str, tgt: str, expected: str | None) -> None:
    aligner = tiny_aligner(ExtractionRule())
    links = aligner.align_pair(src, tgt)
    assert str(links) == expected if expected is not None else len(links) > 0


def test_a_side_of_signs_is_linked_to_the_signs_of_the_other(default_aligner: Aligner) -> None:
    assert default_aligner.align_pair("!", "What a day !").links <= {(0, 3)}
    found = next(default_aligner.probabilities([("!", "What a day !")]))
    assert not found.matrix()[0, :3].any()

"""Text made poorer at random."""

import pytest

from xalign.alignment import SentencePair
from xalign.training.augment import Augmentation, change, without_diacritics

PAIR = SentencePair(("Über", "Brașov", "!"), ("On", "Brașov", "."))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Brașov", "Brasov"),
        ("Ελλάδα", "Ελλαδα"),
        ("йод", "иод"),
        ("ガ", "ガ"),
        ("한", "한"),
        ("हिन्दी", "हिन्दी"),
        ("e\u0301t\u0323\u0301", "et"),
        ("\u0301", "\u0301"),
        ("12", "12"),
    ],
)
def test_marks_go_from_latin_greek_and_cyrillic_letters_only(word: str, expected: str) -> None:
    assert without_diacritics(word) == expected


def test_each_change_does_what_it_says() -> None:
    assert change(PAIR.src, True, False, False) == ("über", "brașov", "!")
    assert change(PAIR.src, False, True, False) == ("Uber", "Brasov", "!")
    assert change(PAIR.src, False, False, True) == ("Über", "Brașov")
    assert change(("!",), False, False, True) == ("!",)
    assert change(("a", "b"), False, False, True) == ("a", "b")


def test_sides_are_changed_at_the_stated_rate_and_always_alike() -> None:
    assert Augmentation()(PAIR, 7) is PAIR
    half = Augmentation(drop_case=0.5)
    changed = [half(PAIR, number) for number in range(2000)]
    assert changed == [half(PAIR, number) for number in range(2000)]
    for side in (0, 1):
        lower = sum((pair.src, pair.tgt)[side][0].islower() for pair in changed)
        assert abs(lower / 2000 - 0.5) < 0.05
    both = sum(pair.src[0].islower() and pair.tgt[0].islower() for pair in changed)
    assert abs(both / 2000 - 0.25) < 0.05  # each side alone
    assert [Augmentation(drop_case=0.5, seed=2)(PAIR, k) for k in range(20)] != changed[:20]

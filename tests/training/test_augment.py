"""Text changed at random."""

import numpy as np
import pytest

from xalign.alignment import SentencePair
from xalign.training.augment import (
    UNKNOWN,
    GivenLinks,
    Origins,
    augment,
    change,
    move,
    recut_words,
    without_diacritics,
)
from xalign.training.settings import Augmentation

NO_LINKS: GivenLinks = {}
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
    assert augment(PAIR, NO_LINKS, Augmentation(), 7, 1)[0] is PAIR
    half = Augmentation(drop_case=0.5)
    changed = [augment(PAIR, NO_LINKS, half, number, 1)[0] for number in range(2000)]
    assert changed == [augment(PAIR, NO_LINKS, half, number, 1)[0] for number in range(2000)]
    for side in (0, 1):
        lower = sum((pair.src, pair.tgt)[side][0].islower() for pair in changed)
        assert abs(lower / 2000 - 0.5) < 0.05
    both = sum(pair.src[0].islower() and pair.tgt[0].islower() for pair in changed)
    assert abs(both / 2000 - 0.25) < 0.05  # each side alone
    assert [augment(PAIR, NO_LINKS, half, k, 2)[0] for k in range(20)] != changed[:20]


def test_links_of_a_dropped_word_go_with_it() -> None:
    links = {(0, 0): 1.0, (2, 2): UNKNOWN}
    _, kept = augment(PAIR, links, Augmentation(drop_final=1.0), 1, 1)
    assert kept == {(0, 0): 1.0}


def test_recut_words_spell_the_same_sentence() -> None:
    words = ("東京", "タワー", "である", "。", "l'eau", "hongan-ji", "house", "3.5")
    random = np.random.default_rng(1)
    seen: set[str] = set()
    for _ in range(300):
        recut, origins = recut_words(words, random)
        assert "".join(recut) == "".join(words)
        assert [k for k in range(8) if any(k in of for of in origins)] == list(range(8))
        assert all(
            word in "".join(words[k] for k in of) for word, of in zip(recut, origins, strict=True)
        )
        seen.update(recut)
    assert {"東", "京タワー", "東京", "で", "l", "'eau", "hongan", "ji"} <= seen
    assert not seen & {"hou", "se", "ese", "3", "である。"}


def test_links_follow_words_that_are_cut_or_joined() -> None:
    links = {(0, 0): 1.0, (1, 1): 0.5, (2, 1): UNKNOWN}
    cut: Origins = [(0,), (0,), (1,), (2,)]
    joined: Origins = [(0, 1)]
    assert move(links, cut, joined) == {(0, 0): 1, (1, 0): 1, (2, 0): 0.5, (3, 0): UNKNOWN}


def test_recutting_leaves_the_other_changes_as_they_are() -> None:
    plain, recut = Augmentation(drop_case=0.5), Augmentation(drop_case=0.5, recut=1.0)
    for number in range(50):  # there is nothing to cut
        found = augment(PAIR, NO_LINKS, recut, number, 1)
        assert found == augment(PAIR, NO_LINKS, plain, number, 1)


def test_a_pair_with_an_empty_side_stays_as_it_is() -> None:
    pair = SentencePair((), ("a",))
    assert augment(pair, NO_LINKS, Augmentation(recut=1.0), 1, 1) == (pair, NO_LINKS)

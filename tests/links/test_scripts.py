"""Letters of scripts without spaces."""

import pytest

from xalign.links.scripts import count_spaceless, has_letters, is_kana_or_han, is_spaceless


@pytest.mark.parametrize("letter", "語かカกລကក々ー")
def test_letters_of_scripts_without_spaces_are_known(letter: str) -> None:
    assert is_spaceless(letter)


@pytest.mark.parametrize("letter", "a1。、！？「」가я ")
def test_other_letters_and_punctuation_are_not(letter: str) -> None:
    assert not is_spaceless(letter)
    assert not is_kana_or_han(letter)


def test_a_word_may_be_cut_anywhere_in_kana_and_han_alone() -> None:
    assert [is_kana_or_han(letter) for letter in "語かกက"] == [True, True, False, False]


def test_letters_are_counted() -> None:
    assert count_spaceless("我们 go 去。") == 3


def test_letters_and_digits_are_of_any_script() -> None:
    assert all(map(has_letters, ("a", "7", "語", "٣", "é", "a.")))
    assert not any(map(has_letters, ("", ".", "…", "！", "--", "€")))

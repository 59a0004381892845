"""Letters of scripts without spaces between words, by their Unicode properties."""

import functools
from typing import Any

EAST = r"\p{scx=Han}\p{scx=Hira}\p{scx=Kana}"
SOUTH = r"\p{scx=Thai}\p{scx=Laoo}\p{scx=Mymr}\p{scx=Khmr}"
KANA_HAN = rf"(?!\p{{P}})[{EAST}]"
"""Letters of Han and kana, of which a word may be cut anywhere."""
SPACELESS = rf"(?!\p{{P}})[{EAST}{SOUTH}]"
"""Letters of these, and of Thai, Lao, Burmese and Khmer."""
LETTERS = r"[^\p{P}\p{S}\p{Z}]"
"""Letters and digits of any script: all but punctuation, symbols and spaces."""


@functools.cache
def compiled(pattern: str) -> Any:
    """A pattern of the package ``regex``, which takes long to import."""
    import regex

    return regex.compile(pattern)


@functools.cache
def is_spaceless(letter: str) -> bool:
    """Whether ``letter`` is of a script without spaces between words.

    >>> [is_spaceless(letter) for letter in "語か。กa"]
    [True, True, False, True, False]
    """
    return bool(compiled(SPACELESS).match(letter))


@functools.cache
def is_kana_or_han(letter: str) -> bool:
    """Whether ``letter`` is a kana or Han.

    >>> [is_kana_or_han(letter) for letter in "語か。กa"]
    [True, True, False, False, False]
    """
    return bool(compiled(KANA_HAN).match(letter))


def count_spaceless(text: str) -> int:
    """Number of letters of scripts without spaces in ``text``."""
    return len(compiled(SPACELESS).findall(text))


def has_letters(text: str) -> bool:
    """Whether ``text`` has a letter or a digit.

    >>> has_letters("..."), has_letters("3."), has_letters("語")
    (False, True, True)
    """
    is_plain = text.isalnum() or any(map(str.isalnum, text))  # most words, without the package
    return is_plain or bool(compiled(LETTERS).search(text))

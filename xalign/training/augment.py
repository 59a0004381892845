"""Text made poorer at random, so that a model meets what users have: no case, no diacritics.

Sentences lose their case, their diacritics, or their final punctuation, each side of a pair alone.
Words are never added, and lost only at the end of a side.
"""

import unicodedata
from dataclasses import dataclass

import numpy as np

from xalign.alignment import SentencePair

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Shares of sentences that lose their case, their diacritics, and their final punctuation.

    Every draw comes from ``seed`` and the number of the line: the same line is always changed in
    the same way.
    """

    drop_case: float = 0.0
    drop_diacritics: float = 0.0
    drop_final: float = 0.0
    seed: int = 1

    def __call__(self, pair: SentencePair, number: int) -> SentencePair:
        """The pair of line ``number``, changed or not."""
        rates = (self.drop_case, self.drop_diacritics, self.drop_final)
        if not any(rates):
            return pair
        draws = np.random.default_rng([self.seed, number]).random((2, 3)) < rates
        return SentencePair(change(pair.src, *draws[0]), change(pair.tgt, *draws[1]))


def change(words: Words, lower: bool, plain: bool, short: bool) -> Words:
    """Words of a sentence ``lower``-cased, without diacritics, without final punctuation."""
    if lower:
        words = tuple(word.lower() for word in words)
    if plain:
        words = tuple(map(without_diacritics, words))
    if short and len(words) > 1 and is_punctuation(words[-1]):
        words = words[:-1]
    return words


def without_diacritics(word: str) -> str:
    """``word`` without marks above and below its letters; letters of other kinds stay.

    A word that is nothing but marks stays as it is.

    >>> without_diacritics("Brașov"), without_diacritics("が")
    ('Brasov', 'が')
    """
    kept = [plain_letter(letter) for letter in unicodedata.normalize("NFC", word)]
    return "".join(kept) or word


def plain_letter(letter: str) -> str:
    """The base of a Latin, Greek or Cyrillic letter; a mark by itself is dropped."""
    parts = unicodedata.normalize("NFD", letter)
    if unicodedata.category(parts[0]) == "Mn" and parts < "\u0370":
        return ""
    return parts[0] if parts < "\u0530" else letter


def is_punctuation(word: str) -> bool:
    """Whether every character of ``word`` is punctuation."""
    return all(unicodedata.category(letter).startswith("P") for letter in word)

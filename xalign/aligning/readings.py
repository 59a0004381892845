"""Pairs as readings: words to pieces, blank words left out, sides of signs marked."""

from collections.abc import Sequence

import numpy as np

from xalign.aligning.windows import Flags, Places, Reading
from xalign.alignment import SentencePair
from xalign.links import scripts
from xalign.weights.tokenizer import Tokenizer

RANGE = "<range>"
"""Takes the place of a Bible verse whose text stands in the verse before it."""


def reading_of(pair: SentencePair, tokenizer: Tokenizer, max_pieces: int) -> Reading:
    """A pair on its way through a network that takes ``max_pieces`` of each side at once.

    Words that are blank are left out, and a side that is `RANGE` is empty. If a side has no letter
    or digit, only words without them are linked.
    """
    places = None
    if (RANGE,) in (pair.src, pair.tgt):
        pair = SentencePair((), ())
    if not (all(map(str.strip, pair.src)) and all(map(str.strip, pair.tgt))):
        pair, places = without_blank_words(pair)
    signs = None
    if pair.src and pair.tgt and not (has_letters(pair.src) and has_letters(pair.tgt)):
        signs = signs_of(pair.src), signs_of(pair.tgt)
    sides = tokenizer.encode(pair.src), tokenizer.encode(pair.tgt)
    return Reading(sides, max_pieces, places, signs)


def num_pieces(reading: Reading) -> int:
    """Number of pieces of both sides of a pair; 0 where there is nothing to read."""
    return sum(map(len, reading.pair)) if reading.window else 0


def longer_side(reading: Reading) -> int:
    """Number of pieces of the longer side of a pair, to which attention pads the other."""
    return max(map(len, reading.pair)) if reading.window else 0


def has_letters(words: Sequence[str]) -> bool:
    """Whether a word has a letter or a digit; the first one nearly always has."""
    return any(map(scripts.has_letters, words))


def signs_of(words: Sequence[str]) -> Flags:
    """Marks the words without letters or digits: (words,)."""
    return np.array([not scripts.has_letters(word) for word in words], dtype=np.bool_)


def without_blank_words(pair: SentencePair) -> tuple[SentencePair, tuple[Places, Places]]:
    """``pair`` without words that are empty or white space, and the places of the others."""
    places = [
        np.array([k for k, word in enumerate(words) if word.strip()], dtype=np.int64)
        for words in (pair.src, pair.tgt)
    ]
    src = tuple(filter(str.strip, pair.src))
    tgt = tuple(filter(str.strip, pair.tgt))
    return SentencePair(src, tgt), ((places[0], len(pair.src)), (places[1], len(pair.tgt)))

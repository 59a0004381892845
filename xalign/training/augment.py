"""Random changes of text, so that a model learns what users have: no case, other segmentation.

Sentences lose their case, their diacritics, or their final punctuation, or their words are cut
elsewhere, on each side of a pair independently. Links follow their words.
"""

import unicodedata
from collections.abc import Mapping

import numpy as np

from xalign.alignment import Link, SentencePair
from xalign.links.scripts import is_kana_or_han
from xalign.training.settings import Augmentation

GivenLinks = Mapping[Link, float]
"""Links to learn, each with its probability: 1 for a sure one, `UNKNOWN` for a possible one."""
UNKNOWN = -1.0
"""Takes the place of the probability of a link that is neither right nor wrong."""
Words = tuple[str, ...]
Origins = list[tuple[int, ...]]

CUT, JOINED = 0.3, 0.1
"""Shares of the words of a recut sentence that are cut in two, and that are joined to the next."""
MARKS = frozenset("-'’")
"""Marks that are part of a word for some segmenters, and a word of their own for others."""


def augment(
    pair: SentencePair, links: GivenLinks, rates: Augmentation, number: int, seed: int
) -> tuple[SentencePair, GivenLinks]:
    """The pair of line ``number`` and its links, changed at random by ``rates`` and ``seed``.

    The same line is always changed in the same way.
    """
    drops = (rates.drop_case, rates.drop_diacritics, rates.drop_final)
    if pair.is_empty or not any((*drops, rates.recut)):
        return pair, links
    random = np.random.default_rng([seed, number])
    draws = random.random((2, 3)) < drops
    sides = [change(pair.src, *draws[0]), change(pair.tgt, *draws[1])]
    origins: list[Origins] = [[(k,) for k in range(len(side))] for side in sides]
    for side in range(2):
        if rates.recut and random.random() < rates.recut:
            sides[side], origins[side] = recut_words(sides[side], random)
    return SentencePair(*sides), move(links, *origins)


def change(words: Words, lower: bool, plain: bool, short: bool) -> Words:
    """Words of a sentence, if asked ``lower``-case, without diacritics or final punctuation."""
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


def recut_words(words: Words, random: np.random.Generator) -> tuple[Words, Origins]:
    """Words of a sentence as another segmenter might cut them, and the original words of each.

    Words of kana or Han are cut in two anywhere, or joined to the next one of the same kind; other
    words are cut beside a hyphen or an apostrophe.
    """
    pieces: list[tuple[str, int]] = []
    for number, word in enumerate(words):
        places = [k for k in range(1, len(word)) if may_cut(word[k - 1], word[k])]
        if places and random.random() < CUT:
            place = places[random.integers(len(places))]
            pieces += [(word[:place], number), (word[place:], number)]
        else:
            pieces.append((word, number))
    recut = [pieces[0][0]]
    origins: Origins = [(pieces[0][1],)]
    for piece, number in pieces[1:]:
        is_inner = is_kana_or_han(recut[-1][-1]) and is_kana_or_han(piece[0])
        if is_inner and number not in origins[-1] and random.random() < JOINED:
            recut[-1] += piece
            origins[-1] += (number,)
        else:
            recut.append(piece)
            origins.append((number,))
    return tuple(recut), origins


def may_cut(left: str, right: str) -> bool:
    """Whether segmenters may differ on a cut between two letters."""
    return (is_kana_or_han(left) and is_kana_or_han(right)) or bool({left, right} & MARKS)


def move(links: GivenLinks, src: Origins, tgt: Origins) -> GivenLinks:
    """Links of the original words as links of the new words; the rest is dropped."""
    places: list[dict[int, list[int]]] = []
    for origins in (src, tgt):
        found: dict[int, list[int]] = {}
        for place, numbers in enumerate(origins):
            for number in numbers:
                found.setdefault(number, []).append(place)
        places.append(found)
    sources, targets = places
    return {
        (a, b): p
        for (i, j), p in links.items()
        for a in sources.get(i, ())
        for b in targets.get(j, ())
    }


def is_punctuation(word: str) -> bool:
    """Whether every character of ``word`` is punctuation."""
    return all(unicodedata.category(letter).startswith("P") for letter in word)

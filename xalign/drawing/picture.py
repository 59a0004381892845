"""A sentence pair to draw: its words, links, probabilities and gold links as plain values."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Place = tuple[int, int]
"""Source word ``i`` and target word ``j``, both counted from 0."""
Kind = Literal["", "linked", "right", "wrong", "missed", "possible"]
LEGEND: dict[Kind, str] = {
    "right": "linked, as in gold",
    "wrong": "linked, not in gold",
    "missed": "sure in gold, not linked",
    "possible": "possible in gold, not linked",
}
"""Kinds of word pairs beside gold links."""
LEAST_SHOWN, DARKEST = 0.01, 0.75
"""Least probability that has a shade, and how dark a probability of 1 is, from 0 to 1."""
REPLACED = "\ufffd"
"""Stands for characters that would disturb what is around them."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Words of a pair, its ``links``, and what is known of its word pairs.

    ``probabilities`` may hold word pairs that are not linked. ``sure`` is None without gold links;
    ``possible`` contains it.

    >>> picture = Picture(("das", "Haus"), ("the", "house"), frozenset({(0, 0)}))
    >>> picture.kind((0, 0)), picture.kind((1, 1))
    ('linked', '')
    """

    src: Sequence[str]
    tgt: Sequence[str]
    links: frozenset[Place]
    probabilities: Mapping[Place, float] = field(default_factory=dict)
    sure: frozenset[Place] | None = None
    possible: frozenset[Place] = frozenset()

    def kind(self, place: Place) -> Kind:
        """Kind of a word pair; empty if it has no link and needs none."""
        if self.sure is None:
            return "linked" if place in self.links else ""
        if place in self.links:
            return "right" if place in self.possible else "wrong"
        if place in self.sure:
            return "missed"
        return "possible" if place in self.possible else ""

    @property
    def places(self) -> Iterator[Place]:
        """Word pairs that a picture shows anything of, in order."""
        known = {*self.links, *self.probabilities, *self.possible}
        inside = (k for k in known if k[0] < len(self.src) and k[1] < len(self.tgt))
        return iter(sorted(inside))

    def label(self, place: Place) -> str:
        """A word pair in words, with its probability."""
        i, j = place
        words = f"{printable(self.src[i])} – {printable(self.tgt[j])}"
        found = self.probabilities.get(place)
        return words if found is None else f"{words}: {found:.2f}"


def numbered(count: int) -> tuple[str, ...]:
    """Numbers in place of ``count`` words that are not known."""
    return tuple(map(str, range(count)))


def printable(word: str) -> str:
    """``word`` without characters that control a terminal or the direction of text.

    >>> printable("a\\x1b[2J\\u202eb")
    'a\ufffd[2J\ufffdb'
    """
    return "".join(REPLACED if is_control(character) else character for character in word)


def is_control(character: str) -> bool:
    """Whether a character controls a terminal, or the direction of text around it."""
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return True
    if ord(character) & 0xFFFE == 0xFFFE or "\ufdd0" <= character <= "\ufdef":
        return True  # no character at all; XML forbids the first two
    return (
        character in "\u061c\u200e\u200f"
        or "\u202a" <= character <= "\u202e"
        or ("\u2066" <= character <= "\u2069")
    )


def is_right_to_left(text: str) -> bool:
    """Whether the first letter of ``text`` is of a script that runs from right to left.

    >>> is_right_to_left("שלום"), is_right_to_left("12 peace")
    (True, False)
    """
    for character in text:
        if (direction := unicodedata.bidirectional(character)) in ("L", "R", "AL"):
            return direction != "L"
    return False


def width(text: str) -> int:
    """Columns of a terminal that ``text`` takes: 2 for wide characters, 0 for combining marks.

    >>> width("das"), width("東京"), width("e\\u0301")
    (3, 4, 1)
    """
    return sum(map(character_width, text))


def character_width(character: str) -> int:
    """Columns of a terminal that a character takes."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def shortened(word: str, most: int) -> str:
    """``word`` in at most ``most`` columns of a terminal; an ellipsis stands for the rest.

    >>> shortened("Donaudampfschifffahrt", 8), shortened("東京都", 4)
    ('Donauda…', '東…')
    """
    if width(word) <= most:
        return word
    kept, taken = [], 0
    for character in word:
        taken += character_width(character)
        if taken > most - 1:
            break
        kept.append(character)
    return "".join([*kept, "…"])

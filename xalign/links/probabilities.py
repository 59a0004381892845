"""What a model says of the word pairs of a sentence pair, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xalign.alignment import Alignment, Direction, ScoredAlignment

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

NEGLIGIBLE = 1e-4
"""Word pairs whose probabilities are all below this are left out; no argmax is so low."""


@dataclass(frozen=True, slots=True)
class WordProbabilities:
    """K word pairs that are not out of the question, by source word, then by target word.

    ``src`` and ``tgt`` (K,) are their words. ``link`` (K,) is the probability that they are linked,
    ``forward`` (K,) what the source word gives to the target word, whose sum over all target words
    is at most 1, ``backward`` (K,) the reverse; ``linked`` (K,) tells which the model's rule links.
    ``shape`` is the number of source and of target words.

    >>> found = WordProbabilities.nothing((2, 3))
    >>> found.score, found.matrix().shape
    (0.0, (2, 3))
    """

    src: Ints
    tgt: Ints
    link: Floats
    forward: Floats
    backward: Floats
    linked: NDArray[np.bool_]
    shape: tuple[int, int]

    @classmethod
    def nothing(cls, shape: tuple[int, int]) -> "WordProbabilities":
        """Of a pair of which nothing is known."""
        places, numbers = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        return cls(places, places, numbers, numbers, numbers, numbers > 0, shape)

    def alignment(self, direction: Direction = "both") -> Alignment:
        """The links; of one direction only the most probable of each word, the first of equals.

        ``forward``: every target word has at most one source word, as in fast_align; ``reverse``:
        every source word at most one target word. Joined by grow-diag-final-and they are, but for
        few links, all links again.
        """
        rows = self.chosen(direction)
        pairs = zip(self.src[rows].tolist(), self.tgt[rows].tolist(), strict=True)
        return Alignment(frozenset(pairs))

    def scored(self, direction: Direction = "both") -> ScoredAlignment:
        """The links, as `alignment` gives them, each with its probability."""
        rows = self.chosen(direction)
        pairs = zip(self.src[rows].tolist(), self.tgt[rows].tolist(), strict=True)
        shortest = map(float, self.link[rows].astype(str))  # decimals that tell float32 apart
        return ScoredAlignment(dict(zip(pairs, shortest, strict=True)))

    def chosen(self, direction: Direction) -> Ints:
        """Which of the K word pairs are links of a direction."""
        rows = self.linked.nonzero()[0]
        if direction == "both" or not len(rows):
            return rows
        words = (self.tgt if direction == "forward" else self.src)[rows]
        order = np.lexsort((rows, -self.link[rows], words))
        is_best = np.ones(len(rows), dtype=np.bool_)
        is_best[1:] = np.diff(words[order]) != 0
        return np.sort(rows[order[is_best]])

    @property
    def best_forward(self) -> Floats:
        """The most that each source word gives to a target word: (number of source words,)."""
        return highest(self.src, self.forward, self.shape[0])

    @property
    def best_backward(self) -> Floats:
        """The most that each target word gives to a source word: (number of target words,)."""
        return highest(self.tgt, self.backward, self.shape[1])

    @property
    def score(self) -> float:
        """How surely the two are translations of each other, from 0 to 1; of nothing, 0.

        The mean over all words of the most that each gives, of either side and then of both: words
        of a sentence that is no translation find no word that is theirs alone.
        """
        if not all(self.shape):
            return 0.0
        sides = self.best_forward, self.best_backward
        return float(sum(side.mean(dtype=np.float64) for side in sides) / 2)

    def matrix(self) -> Floats:
        """Probabilities of all links as a matrix (source words, target words)."""
        table = np.zeros(self.shape, dtype=np.float32)
        table[self.src, self.tgt] = self.link
        return table


def highest(words: Ints, values: NDArray[Any], count: int) -> NDArray[Any]:
    """The highest of ``values`` for each of ``count`` words; 0 for those that have none."""
    best = np.zeros(count, dtype=values.dtype)
    np.maximum.at(best, words, values)
    return best


def calibrated(link: Floats, points: Sequence[tuple[float, float]]) -> Floats:
    """How often links are right that a rule calls so probable, by points of its calibration."""
    if not points:
        return link
    given, right = zip(*points, strict=True)
    return np.asarray(np.interp(link, given, right), np.float32)


def uncalibrated(probability: float, points: Sequence[tuple[float, float]]) -> float:
    """The inverse of `calibrated`; above all points, 1."""
    if not points:
        return probability
    given, right = zip(*points, strict=True)
    return float(np.interp(probability, right, given))

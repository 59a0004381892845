"""Probabilities of the word pairs of a sentence pair, and the links that follow from them."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xalign.alignment import Alignment, Direction, ScoredAlignment

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

MAX_LOGIT = 30.0
"""Beyond this, a probability is 0 or 1."""
NEGLIGIBLE = 1e-4
"""Word pairs whose probabilities are all below this are left out; no argmax is so low."""


@dataclass(frozen=True, slots=True)
class WordProbabilities:
    """K word pairs that are not negligible, by source word, then by target word.

    ``src`` and ``tgt`` (K,) are their words. ``link`` (K,) is the probability that they are linked,
    ``forward`` (K,) the one that the source word gives to the target word (its sum over all target
    words is at most 1), ``backward`` (K,) the reverse; ``linked`` (K,) marks those that the model's
    rule links. ``shape`` is the number of source and of target words. ``similarity`` is that of
    both sentences by a pair head, and ``pair_weights`` its weights in the score.

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
    similarity: float | None = None
    pair_weights: tuple[float, ...] = ()

    @classmethod
    def nothing(cls, shape: tuple[int, int]) -> "WordProbabilities":
        """Record without word pairs, for a pair of which nothing is known."""
        places, numbers = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        return cls(places, places, numbers, numbers, numbers, numbers > 0, shape)

    def only(self, kept: NDArray[np.bool_]) -> "WordProbabilities":
        """The word pairs that ``kept`` (K,) marks."""
        names = ("src", "tgt", "link", "forward", "backward", "linked")
        return replace(self, **{name: getattr(self, name)[kept] for name in names})

    def alignment(self, direction: Direction = "both") -> Alignment:
        """The links of a direction: all, or only the most probable one of each word.

        ``forward``: every target word has at most one source word, as in fast_align; ``reverse``:
        every source word at most one target word. Among equal ones the first one counts. Joined by
        grow-diag-final-and, both directions give nearly all links again.
        """
        rows = self.chosen(direction)
        pairs = zip(self.src[rows].tolist(), self.tgt[rows].tolist(), strict=True)
        return Alignment(frozenset(pairs))

    def scored(self, direction: Direction = "both") -> ScoredAlignment:
        """The links, as `alignment` gives them, each with its probability."""
        rows = self.chosen(direction)
        pairs = zip(self.src[rows].tolist(), self.tgt[rows].tolist(), strict=True)
        # the fewest decimals that identify a float32
        shortest = map(float, self.link[rows].astype(str))
        return ScoredAlignment(dict(zip(pairs, shortest, strict=True)))

    def chosen(self, direction: Direction) -> Ints:
        """Places of the links of a direction among the K word pairs."""
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
        """Highest probability that each source word gives to a target word: (source words,)."""
        return highest(self.src, self.forward, self.shape[0])

    @property
    def best_backward(self) -> Floats:
        """Highest probability that each target word gives to a source word: (target words,)."""
        return highest(self.tgt, self.backward, self.shape[1])

    @property
    def score(self) -> float:
        """Score, from 0 to 1, of how likely the two are translations; 0 for an empty side.

        By a model with a pair head this is `pair_score`, else `preference`.
        """
        if not all(self.shape):
            return 0.0
        if self.similarity is None or not self.pair_weights:
            return self.preference
        return pair_score(self.preference, self.similarity, min(self.shape), self.pair_weights)

    @property
    def preference(self) -> float:
        """Mean of the highest probabilities that words give, of each side and then of both.

        Words of a sentence that is no translation give no word a high one.
        """
        sides = self.best_forward, self.best_backward
        return float(sum(side.mean(dtype=np.float64) for side in sides) / 2)

    def _repr_html_(self) -> str:
        """A grid for notebooks; numbers stand for words, which only `xalign.show` knows."""
        from xalign.drawing import svg
        from xalign.drawing.picture import Picture, numbered

        places = zip(self.src.tolist(), self.tgt.tolist(), strict=True)
        known = dict(zip(places, self.link.tolist(), strict=True))
        src, tgt = map(numbered, self.shape)
        return svg.draw(Picture(src, tgt, self.alignment().links, known))

    def rows(self) -> Iterator[Floats]:
        """Rows of `matrix` (target words,), one after the other."""
        ends = np.searchsorted(self.src, np.arange(self.shape[0] + 1))
        for first, last in itertools.pairwise(ends):
            row = np.zeros(self.shape[1], dtype=np.float32)
            row[self.tgt[first:last]] = self.link[first:last]
            yield row

    def matrix(self) -> Floats:
        """Probabilities of all links as a matrix (source words, target words)."""
        table = np.zeros(self.shape, dtype=np.float32)
        table[self.src, self.tgt] = self.link
        return table


def pair_score(preference: float, similarity: float, words: int, weights: Sequence[float]) -> float:
    """Probability that two sentences are translations, by a logistic regression.

    What two features are worth depends on the number of ``words`` of the shorter side: short
    sentences say little. ``weights`` are those of the features of `pair_features`.

    >>> pair_score(0.9, 0.8, 4, (0, 0, 0, 0, 0, 0, 0))
    0.5
    """
    features = pair_features(preference, similarity, words)
    logit = sum(w * x for w, x in zip(weights, features, strict=True))
    return 1 / (1 + math.exp(-max(-MAX_LOGIT, min(MAX_LOGIT, logit))))


def pair_features(preference: float, similarity: float, words: int) -> tuple[float, ...]:
    """Features of a pair: both values, alone and over the root of ``words``; powers of that."""
    root = 1 / math.sqrt(words)
    return (preference, similarity, preference * root, similarity * root, root, 1 / words, 1.0)


def highest(words: Ints, values: NDArray[Any], count: int) -> NDArray[Any]:
    """The highest of ``values`` for each of ``count`` words; 0 for those that have none."""
    best = np.zeros(count, dtype=values.dtype)
    np.maximum.at(best, words, values)
    return best


def calibrated(link: Floats, points: Sequence[tuple[float, float]]) -> Floats:
    """Share of links that are right, for probabilities ``link`` of a rule, by its ``points``."""
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

"""An endless, repeatable stream of batches from several corpora."""

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from xalign.training.corpora import Corpus

WINDOW = 4096
"""Number of pairs drawn together, so that those of a batch can be of similar length."""
MAX_JOINED = 6
"""Largest number of pairs that are joined into one."""
JOIN_STREAM = 1
"""Part of the seed of random draws for joining."""

Place = tuple[int, int]
"""A corpus, and the number of a pair in it."""


class Sampler:
    """Batches of pairs from several corpora, endless, and the same for the same ``seed``.

    Every corpus is visited in its own order, again and again; ``weights`` are the shares of the
    corpora in the pairs drawn. A share ``join`` of the examples are several pairs end to end, of at
    most ``max_pieces`` pieces on a side. A batch has examples of similar length, of at most
    ``budget`` pieces in all.
    """

    def __init__(
        self,
        corpora: Sequence[Corpus],
        weights: Sequence[float],
        *,
        budget: int,
        seed: int,
        join: float = 0.0,
        max_pieces: int = 0,
    ) -> None:
        self.corpora, self.budget, self.seed = corpora, budget, seed
        self.weights = np.array(weights) / sum(weights)
        self.join, self.max_pieces = join, max_pieces

    def batches(self, start: int = 0) -> Iterator[list[list[Place]]]:
        """Batches from number ``start`` on, with the pairs that each example is made of."""
        drawn, number = np.zeros(len(self.corpora), dtype=np.int64), 0
        for window in itertools.count():
            random = np.random.default_rng([self.seed, window])
            owners = random.choice(len(self.corpora), WINDOW, p=self.weights)
            numbers = self._next_pairs(owners, drawn)
            lengths = self._lengths(owners, numbers)
            groups = self._groups(lengths, window)
            batches = self._cut(lengths, groups)
            for place in random.permutation(len(batches)):
                if number >= start:
                    yield [
                        [(int(owners[k]), int(numbers[k])) for k in groups[example]]
                        for example in batches[place]
                    ]
                number += 1

    def _next_pairs(self, owners: NDArray[np.int64], drawn: NDArray[np.int64]) -> NDArray[np.int64]:
        """The next pair of each corpus in ``owners``, in its order; ``drawn`` moves on."""
        numbers = np.empty(len(owners), dtype=np.int64)
        for place, corpus in enumerate(self.corpora):
            mine = owners == place
            turns = drawn[place] + np.arange(mine.sum())
            stride, offset = scattered_order(len(corpus), self.seed, place)
            numbers[mine] = (turns % len(corpus) * stride + offset) % len(corpus)
            drawn[place] += mine.sum()
        return numbers

    def _lengths(self, owners: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pieces of both sides of the pairs of a window, special ones included: (pairs, 2)."""
        lengths = np.empty((len(owners), 2), dtype=np.int64)
        for place, corpus in enumerate(self.corpora):
            lengths[owners == place] = corpus.lengths(numbers[owners == place])
        return lengths

    def _groups(self, lengths: NDArray[np.int64], window: int) -> list[list[int]]:
        """Places of a window, in groups of those that are joined."""
        if not self.join:
            return [[place] for place in range(len(lengths))]
        random = np.random.default_rng([self.seed, window, JOIN_STREAM])
        groups: list[list[int]] = []
        wanted, room = 0, np.zeros(2)
        for place, size in enumerate(lengths - 2):
            if wanted > 0 and (size <= room).all():
                groups[-1].append(place)
            else:
                groups.append([place])
                is_joined = random.random() < self.join
                wanted = int(random.integers(2, MAX_JOINED + 1)) if is_joined else 1
                room = np.full(2, self.max_pieces - 2)
            wanted -= 1
            room = room - size
        return groups

    def _cut(self, lengths: NDArray[np.int64], groups: list[list[int]]) -> list[list[int]]:
        """Places of ``groups``, in batches of similar length."""
        sizes = np.array([(lengths[group] - 2).sum(0) + 2 for group in groups])  # (groups, 2)
        order = np.lexsort((sizes.min(1), sizes.max(1)))
        ends = np.cumsum(sizes.sum(1)[order])
        batches: list[list[int]] = []
        room = 0
        for place, end in zip(order.tolist(), ends.tolist(), strict=True):
            if end > room:
                batches.append([])
                room = end - int(sizes[place].sum()) + self.budget
            batches[-1].append(place)
        return batches


def scattered_order(size: int, seed: int, place: int) -> tuple[int, int]:
    """Stride and offset by which ``(k * stride + offset) % size`` visits every pair once.

    This permutation takes no memory, however large the corpus.
    """
    random = np.random.default_rng([seed, place, size])
    stride = int(random.integers(1, max(2, size)))
    while math.gcd(stride, size) != 1:
        stride += 1
    return stride, int(random.integers(size))

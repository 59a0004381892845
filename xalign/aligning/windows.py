"""Sides longer than the encoder's limit, in overlapping windows that are merged by probability.

Both sides of a pair are cut into the same number of windows at the same fractions of their length,
each overlapping the next by half, and window k of the source meets window k of the target. A word
is thus seen together with every word whose relative place differs from its own by less than half a
window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xalign.links.probabilities import WordProbabilities, highest
from xalign.model.config import ExtractionRule

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def num_windows(longest: int, limit: int) -> int:
    """How many windows of at most ``limit`` pieces cover a side of ``longest``.

    >>> num_windows(100, limit=100), num_windows(101, limit=100)
    (1, 2)
    """
    return 1 if longest <= limit else max(2, -(-2 * longest // (limit - 1)) - 1)


def cut(length: int, count: int) -> list[tuple[int, int]]:
    """First and last (exclusive) piece of each of ``count`` windows, each half over the next.

    >>> cut(12, 3)
    [(0, 6), (3, 9), (6, 12)]
    """
    if count == 1:
        return [(0, length)]
    steps = count + 1
    return [(k * length // steps, -(-(k + 2) * length // steps)) for k in range(count)]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Piece pairs seen in one window that may be links: places in the whole sentences, and the
    probability of each in both directions; four arrays of one length."""

    src: Ints
    tgt: Ints
    forward: Floats
    backward: Floats


def merge(
    windows: Sequence[Evidence], src_cuts: Sequence[tuple[int, int]],
    tgt_cuts: Sequence[tuple[int, int]], src_words: Ints, tgt_words: Ints, rule: ExtractionRule,
) -> WordProbabilities:  # fmt: skip
    """Word pairs by ``rule``, on probabilities averaged over the windows that see both pieces.

    ``src_words`` and ``tgt_words`` are the words of all pieces of the two sides, -1 for none.
    """
    src, tgt, forward, backward = (
        np.concatenate([getattr(window, name) for window in windows])
        for name in ("src", "tgt", "forward", "backward")
    )
    width = tgt_cuts[-1][1]
    keys, places = np.unique(src * width + tgt, return_inverse=True)
    src, tgt = keys // width, keys % width
    seen = num_seeing(src, tgt, src_cuts, tgt_cuts)
    forward = np.bincount(places, forward, len(keys)) / seen
    backward = np.bincount(places, backward, len(keys)) / seen
    counts = np.bincount(src_words + 1)[1:], np.bincount(tgt_words + 1)[1:]
    is_mutual = is_first_highest(src, forward) & is_first_highest(tgt, backward)
    keys, places = np.unique(src_words[src] * len(counts[1]) + tgt_words[tgt], return_inverse=True)
    src, tgt = keys // len(counts[1]), keys % len(counts[1])
    if rule.method == "words":  # as xalign.model.extraction.word_probabilities has it
        given = np.bincount(places, forward, len(keys)) / counts[0][src]
        back = np.bincount(places, backward, len(keys)) / counts[1][tgt]
        link = np.sqrt(given * back) if rule.average == "geometric" else (given + back) / 2
    else:
        pieces = forward, backward, np.minimum(forward, backward)
        given, back, link = (highest(places, values, len(keys)) for values in pieces)
    link, given, back = (np.asarray(values, np.float32) for values in (link, given, back))
    linked = link > np.float32(rule.threshold)
    if rule.method == "argmax":
        linked = np.bincount(places, is_mutual, len(keys)) > 0
    return WordProbabilities(src, tgt, link, given, back, linked, (len(counts[0]), len(counts[1])))


def num_seeing(
    src: Ints, tgt: Ints, src_cuts: Sequence[tuple[int, int]], tgt_cuts: Sequence[tuple[int, int]]
) -> Ints:
    """For each pair of a source and a target place, the number of windows that contain both."""
    first, past = windows_of(src, src_cuts)
    other_first, other_past = windows_of(tgt, tgt_cuts)
    return np.minimum(past, other_past) - np.maximum(first, other_first)


def windows_of(places: Ints, cuts: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
    """First and last (exclusive) window that contains each of ``places``."""
    starts, ends = np.array(cuts).T
    return np.searchsorted(ends, places, "right"), np.searchsorted(starts, places, "right")


def is_first_highest(groups: Ints, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Marks in every group the first of its highest values.

    >>> is_first_highest(np.array([4, 4, 7]), np.array([0.2, 0.5, 0.1])).tolist()
    [False, True, True]
    """
    order = np.lexsort((np.arange(len(groups)), -values, groups))
    is_first = np.ones(len(groups), dtype=np.bool_)
    is_first[1:] = groups[order][1:] != groups[order][:-1]
    marked = np.zeros(len(groups), dtype=np.bool_)
    marked[order[is_first]] = True
    return marked

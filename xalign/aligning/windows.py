"""Long pairs, read in overlapping windows that follow the translation.

A side longer than a model's window is cut. The links of each window show where the next one starts
on both sides, so that windows follow a translation that drifts. Where there are too few links, the
rest of both sides is cut in proportion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xalign.links.probabilities import Ints, WordProbabilities
from xalign.model.pieces import PieceSentence

PiecePair = tuple[PieceSentence, PieceSentence]
Starts = tuple[int, int]
Flags = NDArray[np.bool_]
Places = tuple[Ints, int]
"""Places of words that are kept, and the number of all words."""

STEP = 2 / 3
"""Share of a window after which the next one starts."""
BAND = 0.12
"""Links whose mean place on both sides is this near to `STEP` show where the next one starts."""
LEAST_LINKS = 3
"""Fewer such links than this are not relied on."""
SLACK = 1.25
"""Factor of the shorter side's share of a window, for translations that run ahead."""
LEAST_PIECES = 32
"""Least number of pieces for the shorter side of a window."""


@dataclass(frozen=True, slots=True)
class Window:
    """Source words from ``src[0]`` up to ``src[1]`` (exclusive), and target words likewise."""

    src: tuple[int, int]
    tgt: tuple[int, int]


class Reading:
    """One pair on its way through a network, window by window; most pairs fit one window.

    ``window`` is the next one to read, None at the end. Each side of a window has at most
    ``max_pieces`` pieces, special ones included. Where the sentences have words that are blank and
    were left out, ``places`` has the places of the others, and the number of all words, by side.
    With ``signs``, which marks the words without letters or digits, only these are linked.
    ``number`` is the pair's, counted from 1, for messages.
    """

    def __init__(
        self,
        pair: PiecePair,
        max_pieces: int,
        places: tuple[Places, Places] | None = None,
        signs: tuple[Flags, Flags] | None = None,
    ) -> None:
        self.pair, self.room, self.places, self.signs = pair, max_pieces - 2, places, signs
        self.shape = pair[0].num_words, pair[1].num_words
        self.found: list[tuple[Window, WordProbabilities]] = []
        self.number, self.has_failed = 0, False
        self.is_long = max(map(len, pair)) > max_pieces
        self.ends = tuple(word_ends(side) for side in pair) if self.is_long else ()
        whole = Window((0, self.shape[0]), (0, self.shape[1]))
        self.window: Window | None = whole if all(self.shape) else None
        if self.is_long and self.window:
            self.window = self._window_at((0, 0))

    @property
    def pieces(self) -> PiecePair:
        """Both sides of the window as sentences of their own."""
        assert self.window is not None
        if not self.is_long:
            return self.pair
        return self._part(0, self.window.src), self._part(1, self.window.tgt)

    def take(self, found: WordProbabilities | None) -> None:
        """Take the word pairs found in the window, and go on to the next; None ends the reading."""
        window = self.window
        assert window is not None
        if found is None:
            self.found, self.window, self.has_failed = [], None, True
            return
        self.found.append((window, found))
        is_last = (window.src[1], window.tgt[1]) == self.shape
        self.window = None if is_last else self._window_at(self._next_starts(window, found))

    def result(self, threshold: float | None) -> WordProbabilities:
        """Word pairs of the whole pair; see `merge`."""
        if not self.found:  # a side is empty, or the reading has failed
            found = WordProbabilities.nothing(self.shape)
        else:
            found = merge(self.found, self.shape, threshold) if self.is_long else self.found[0][1]
        if self.signs is not None:
            kept = self.signs[0][found.src] & self.signs[1][found.tgt]
            found = found.only(kept)
        if self.places is None:
            return found
        (src, num_src), (tgt, num_tgt) = self.places
        return replace(found, src=src[found.src], tgt=tgt[found.tgt], shape=(num_src, num_tgt))

    def _part(self, side: int, span: tuple[int, int]) -> PieceSentence:
        whole, (first, last) = self.pair[side], span
        start = self._piece(side, first)
        inner = slice(start, min(start + self.room, int(self.ends[side][last - 1])))
        ids = [whole.ids[0], *whole.ids[inner], whole.ids[-1]]
        words = [-1 if word < 0 else word - first for word in whole.words[inner]]
        return PieceSentence(ids, [-1, *words, -1])

    def _piece(self, side: int, word: int) -> int:
        """Place of the first piece of a word."""
        return int(self.ends[side][word - 1]) if word else 1

    def _left(self, starts: Starts) -> list[int]:
        """Pieces of each side from the words ``starts`` on."""
        return [int(self.ends[k][-1]) - self._piece(k, start) for k, start in enumerate(starts)]

    def _window_at(self, starts: Starts) -> Window:
        """The window that begins with the words ``starts``; the last one has all that is left."""
        left = self._left(starts)
        share = self.room / max(left)
        if share >= 1:
            return Window((starts[0], self.shape[0]), (starts[1], self.shape[1]))
        spans = []
        for side, start in enumerate(starts):
            room = self.room
            if left[side] < max(left):
                room = min(room, max(LEAST_PIECES, round(SLACK * share * left[side])))
            last = np.searchsorted(self.ends[side], self._piece(side, start) + room, "right")
            spans.append((start, max(start + 1, int(last), self._last_end(side))))
        return Window(spans[0], spans[1])

    def _last_end(self, side: int) -> int:
        """End of the last window on ``side``; no later window ends before it."""
        last = self.found[-1][0] if self.found else Window((0, 0), (0, 0))
        return (last.src, last.tgt)[side][1]

    def _next_starts(self, window: Window, found: WordProbabilities) -> Starts:
        """Words of both sides where the next window begins."""
        spans = window.src, window.tgt
        left = self._left((window.src[0], window.tgt[0]))
        links = np.stack([found.src[found.linked], found.tgt[found.linked]])  # (2, links)
        sizes = np.array([[last - first] for first, last in spans])
        progress = (links / sizes).mean(0)
        near = links[:, np.abs(progress - STEP) < BAND]
        starts = []
        for side, (first, last) in enumerate(spans):
            if near.shape[1] >= LEAST_LINKS:
                start = first + int(np.median(near[side]))
            else:  # the same share of the rest on both sides
                pieces = STEP * self.room * left[side] / max(left)
                place = self._piece(side, first) + pieces
                start = int(np.searchsorted(self.ends[side], place, "right"))
            if left[side] > self.room:  # each side advances until its rest fits the window
                start = max(start, first + 1, first + (last - first) // 4)
            starts.append(min(start, last, self.shape[side] - 1))
        return starts[0], starts[1]


def word_ends(sentence: PieceSentence) -> Ints:
    """The place after the last piece of every word: (words,)."""
    words = np.asarray(sentence.words)
    places = (words >= 0).nonzero()[0]
    ends = np.zeros(sentence.num_words, dtype=np.int64)
    ends[words[places]] = places + 1  # the last piece of a word counts
    return ends


def merge(
    found: Sequence[tuple[Window, WordProbabilities]],
    shape: tuple[int, int],
    threshold: float | None,
) -> WordProbabilities:
    """Word pairs with the mean of their probabilities over the windows that hold both words.

    Those over ``threshold`` are linked; without one, those that half of these windows or more link.
    A word that sees other words in other windows gives them no more than 1 in all.
    """
    windows = [window for window, _ in found]
    src = np.concatenate([words.src + window.src[0] for window, words in found])
    tgt = np.concatenate([words.tgt + window.tgt[0] for window, words in found])
    keys, places = np.unique(src * shape[1] + tgt, return_inverse=True)
    src, tgt = keys // shape[1], keys % shape[1]
    seen = num_seeing(src, tgt, windows)
    link, forward, backward, linked = (
        np.bincount(places, np.concatenate([getattr(words, name) for _, words in found]), len(keys))
        / seen
        for name in ("link", "forward", "backward", "linked")
    )
    forward /= np.maximum(1, np.bincount(src, forward, shape[0]))[src]
    backward /= np.maximum(1, np.bincount(tgt, backward, shape[1]))[tgt]
    similar = [words.similarity for _, words in found if words.similarity is not None]
    similarity = sum(similar) / len(similar) if similar else None
    is_linked = linked >= 0.5 if threshold is None else link > threshold
    p, given, back = (np.asarray(values, np.float32) for values in (link, forward, backward))
    return WordProbabilities(src, tgt, p, given, back, is_linked, shape, similarity)


def num_seeing(src: Ints, tgt: Ints, windows: Sequence[Window]) -> NDArray[np.int64]:
    """For each pair of a source and a target word, the number of windows that hold both."""
    first, past = windows_of(src, [window.src for window in windows])
    other_first, other_past = windows_of(tgt, [window.tgt for window in windows])
    return np.minimum(past, other_past) - np.maximum(first, other_first)


def windows_of(words: Ints, spans: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
    """First and last (exclusive) window that holds each of ``words``; ``spans`` are in order."""
    starts, ends = np.array(spans).T
    return np.searchsorted(ends, words, "right"), np.searchsorted(starts, words, "right")

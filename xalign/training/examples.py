"""Pairs to learn from, alone or joined."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xalign.model.pieces import PieceSentence


@dataclass(frozen=True, slots=True)
class Example:
    """A pair to learn from; ``links`` has rows ``i, j, p`` (K, 3), None if none are given.

    ``p`` is the probability of a link: 1 for a sure one, `UNKNOWN` for a possible one.

    Word pairs that a teacher finds more probable than ``label_threshold`` are links; None stands
    for the teacher's own threshold. An example that was joined from others has these as ``parts``.
    """

    src: PieceSentence
    tgt: PieceSentence
    links: NDArray[np.float32] | None = None
    label_threshold: float | None = None
    parts: tuple["Example", ...] = ()

    @property
    def num_pieces(self) -> int:
        """Number of pieces of both sides."""
        return len(self.src) + len(self.tgt)


def join(parts: Sequence[Example]) -> Example:
    """Join several examples end to end into one, with all their links.

    >>> def part(word): return Example(*[PieceSentence([0, word, 2], [-1, 0, -1])] * 2)
    >>> join([part(7), part(8)]).src
    PieceSentence(ids=[0, 7, 8, 2], words=[-1, 0, 1, -1])
    """
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([[0, 0], *([part.src.num_words, part.tgt.num_words] for part in parts)], 0)
    links = [
        part.links + np.array([*start, 0], np.float32)
        for part, start in zip(parts, starts, strict=False)
        if part.links is not None
    ]
    return Example(
        join_sentences([part.src for part in parts]),
        join_sentences([part.tgt for part in parts]),
        np.concatenate(links) if links else None,
        parts=tuple(parts),
    )


def join_sentences(sentences: Sequence[PieceSentence]) -> PieceSentence:
    """Join several sentences end to end into one, between the special pieces of one."""
    ids, words, before = [sentences[0].ids[0]], [-1], 0
    for sentence in sentences:
        ids += sentence.ids[1:-1]
        words += [word if word < 0 else word + before for word in sentence.words[1:-1]]
        before += sentence.num_words
    return PieceSentence([*ids, sentences[0].ids[-1]], [*words, -1])

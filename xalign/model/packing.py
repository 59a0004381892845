"""Sentence pairs of unequal lengths as one batch without padding.

Shapes: B pairs, N pieces of all 2B sentences, L longest sentence, both rounded up, D width.

The pieces of all sources, then of all targets, are end to end in one array, so that operations on
single pieces (projections, norms, feed-forward: nearly all the work) meet no padding. Only for
operations between pieces (attention, similarity) are they laid out as (2B, L).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xalign.model.pieces import PieceSentence

ROUND = 16
"""L and N are multiples of this. Kernels then sum in the same order whatever else is in the batch,
so that a pair gets the same links in any batch (held by a test). Batches also have few sizes, for
each of which a library may keep a kernel of its own."""


@dataclass(frozen=True, slots=True)
class PairBatch:
    """B sentence pairs; sentence b < B is a source, sentence B + b its target.

    ``ids`` and ``positions`` (N,): piece and place in its sentence. ``words`` (2B, L): the word
    that a piece belongs to; -1 at special pieces and padding. ``mask`` (2B, L): True at pieces.
    ``rows`` (2B, L): place of a piece in N, 0 at padding. ``slots`` (N,): the inverse, places in
    the flattened (2B, L). ``num_words``: S and T, the size of tables of words, which is the number
    of words of the longest source and target, rounded up.
    """

    ids: Tensor
    positions: Tensor
    words: Tensor
    mask: Tensor
    rows: Tensor
    slots: Tensor
    num_words: tuple[int, int]

    def to(self, device: torch.device) -> "PairBatch":
        """The same batch on another device."""
        if device.type == "cpu":
            return self
        names = [field.name for field in fields(self) if field.name != "num_words"]
        here = {name: getattr(self, name) for name in names}
        if device.type == "cuda":  # from pinned memory, a copy does not make the host wait
            here = {name: tensor.pin_memory() for name, tensor in here.items()}
        there = {name: tensor.to(device, non_blocking=True) for name, tensor in here.items()}
        return replace(self, **there)

    def word_pieces(self) -> Tensor:
        """Mask of the pieces that belong to a word: bool (N,)."""
        is_word = (self.words >= 0).flatten()[self.slots]
        is_word[int(self.mask.sum()) :] = False  # those that round N up
        return is_word

    def unpack(self, x: Tensor) -> Tensor:
        """Lay pieces (N, D) out by sentence: (2B, L, D)."""
        return x.index_select(0, self.rows.flatten()).view(*self.rows.shape, -1)  # (2B, L, D)

    def pack(self, x: Tensor) -> Tensor:
        """The inverse of `unpack`: (2B, L, D) to (N, D)."""
        return x.reshape(-1, x.shape[-1]).index_select(0, self.slots)  # (N, D)


def swap_sides(x: Tensor) -> Tensor:
    """Replace every sentence by its translation: (2B, ...) to (2B, ...)."""
    return x.roll(len(x) // 2, 0)


def end_to_end(rows: Sequence[Sequence[int]], total: int) -> NDArray[np.int64]:
    """The ``total`` numbers of all ``rows``, one row after the other: (total,)."""
    return np.fromiter(itertools.chain.from_iterable(rows), np.int64, total)


def pack_pairs(pairs: Sequence[tuple[PieceSentence, PieceSentence]]) -> PairBatch:
    """The batch of ``pairs``, on the CPU.

    >>> pair = PieceSentence([0, 7, 2], [-1, 0, -1]), PieceSentence([0, 8, 9, 2], [-1, 0, 0, -1])
    >>> batch = pack_pairs([pair])
    >>> batch.rows.shape, batch.positions[:7].tolist()
    (torch.Size([2, 16]), [0, 1, 2, 0, 1, 2, 3])
    """
    sentences = [src for src, _ in pairs] + [tgt for _, tgt in pairs]
    lengths = np.array([len(sentence) for sentence in sentences])  # (2B,)
    longest = -(-int(lengths.max()) // ROUND) * ROUND
    mask = np.arange(longest) < lengths[:, None]  # (2B, L)
    total = int(lengths.sum())
    idle = np.zeros(-total % ROUND, dtype=np.int64)
    rows = np.zeros(mask.shape, dtype=np.int64)  # (2B, L)
    rows[mask] = np.arange(total)
    words = np.full(mask.shape, -1, dtype=np.int64)  # (2B, L)
    words[mask] = end_to_end([sentence.words for sentence in sentences], total)
    ids = end_to_end([sentence.ids for sentence in sentences], total)
    starts = np.cumsum(lengths) - lengths  # (2B,)
    positions = np.arange(total) - np.repeat(starts, lengths)  # (N,)
    most = words.reshape(2, -1).max(1) + 1  # (2,)
    src, tgt = (max(ROUND, -(-int(count) // ROUND) * ROUND) for count in most)
    return PairBatch(
        ids=torch.from_numpy(np.concatenate([ids, idle])),
        positions=torch.from_numpy(np.concatenate([positions, idle])),
        words=torch.from_numpy(words),
        mask=torch.from_numpy(mask),
        rows=torch.from_numpy(rows),
        slots=torch.from_numpy(np.concatenate([mask.ravel().nonzero()[0], idle])),
        num_words=(src, tgt),
    )

"""Masking of pieces for translation language modelling (stage 1).

Shapes: N pieces of all 2B sentences end to end, V pieces to draw from, K masked pieces.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from xalign.model.packing import PairBatch

MASK, RANDOM = 0.8, 0.1
"""Shares of the chosen pieces that become the mask, and another piece; the rest stay."""


@dataclass(frozen=True, slots=True)
class MaskedBatch:
    """A batch with pieces hidden; ``places`` (K,) of those to predict, ``targets`` (K,) ids."""

    batch: PairBatch
    places: Tensor
    targets: Tensor


def mask_pieces(
    batch: PairBatch, *, rate: float, mask: int, vocabulary: Tensor, generator: torch.Generator
) -> MaskedBatch:
    """Choose each piece of a word with probability ``rate``, on both sides in one pass.

    Of the chosen, 80% become the piece ``mask``, 10% one drawn from ``vocabulary`` (V,), 10% stay.
    At least one piece is chosen, so that every batch has a loss.
    """
    is_word = batch.word_pieces()  # (N,)
    draws = torch.rand(len(batch.ids), generator=generator)
    draws[~is_word] = 1.0
    chosen = draws < rate
    chosen[draws.argmin()] = True
    places = chosen.nonzero()[:, 0]  # (K,)
    fate = torch.rand(len(places), generator=generator)
    others = vocabulary[torch.randint(len(vocabulary), (len(places),), generator=generator)]
    targets = batch.ids[places]
    hidden = torch.where(fate < MASK + RANDOM, others, targets)
    hidden[fate < MASK] = mask
    ids = batch.ids.clone()
    ids[places] = hidden
    return MaskedBatch(replace(batch, ids=ids), places, targets)

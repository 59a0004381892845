"""Masking of pieces, which are predicted in stage 1, and linked without being seen in stage 2.

Shapes: N pieces of all 2B sentences end to end, V pieces to draw from, K masked pieces.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from xalign.model.packing import PairBatch

MASK, RANDOM = 0.8, 0.1
"""Shares of the chosen pieces that become the mask, and another piece; the rest stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Masking:
    """A share ``rate`` of pieces, hidden by the piece ``mask`` or by one of ``vocabulary`` (V,)."""

    rate: float
    mask: int
    vocabulary: Tensor


@dataclass(frozen=True, slots=True)
class MaskedBatch:
    """A batch with pieces hidden, the ``places`` (K,) of these, and their ids ``targets`` (K,)."""

    batch: PairBatch
    places: Tensor
    targets: Tensor


def mask_pieces(batch: PairBatch, masking: Masking, generator: torch.Generator) -> MaskedBatch:
    """Choose each piece of a word with the given probability, on both sides, and hide it.

    Of the chosen pieces, 80% become the mask, 10% a random piece of the vocabulary, and 10% stay.
    At least one piece is chosen, so that every batch has a loss.
    """
    of_words = batch.word_pieces().nonzero()[:, 0]
    draws = torch.rand(len(of_words), generator=generator)
    chosen = draws < masking.rate
    chosen[draws.argmin()] = True
    places = of_words[chosen]  # (K,)
    fate = torch.rand(len(places), generator=generator)
    drawn = torch.randint(len(masking.vocabulary), (len(places),), generator=generator)
    targets = batch.ids[places]
    hidden = torch.where(fate < MASK + RANDOM, masking.vocabulary[drawn], targets)
    hidden[fate < MASK] = masking.mask
    ids = batch.ids.clone()
    ids[places] = hidden
    return MaskedBatch(replace(batch, ids=ids), places, targets)

"""What a network is trained for: functions from a part of a batch to a loss.

An objective takes pairs and a source of random draws, and gives the loss summed over pieces and
the number of these pieces. Shapes: B pairs, N pieces of all 2B sentences end to end, L longest
sentence, D width.
"""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from xalign.model.config import ExtractionRule
from xalign.model.cross_align import CrossAlign, TLMHead
from xalign.model.extraction import batch_similarity, piece_links
from xalign.model.packing import PieceSentence, pack_pairs
from xalign.training.losses import (
    add_null_word,
    candidate_pieces,
    spread_to_words,
    ssa_loss,
    tlm_loss,
)
from xalign.training.masking import mask_pieces

Pairs = Sequence[tuple[PieceSentence, PieceSentence]]
Objective = Callable[[Pairs, torch.Generator], tuple[Tensor, Tensor]]


def tlm_objective(
    network: CrossAlign,
    head: TLMHead,
    *,
    vocabulary: Tensor,
    mask: int,
    rate: float,
    negatives: int,
) -> Objective:
    """Stage 1: predict masked pieces of both sides from the last layer (eq. 11).

    Each is told from the batch's other masked pieces and from ``negatives`` pieces drawn from
    ``vocabulary`` (V,), the pieces that the corpora have: the cost never grows with the encoder's
    vocabulary.
    """

    def objective(pairs: Pairs, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        device = head.bias.device
        masked = mask_pieces(
            pack_pairs(pairs), rate=rate, mask=mask, vocabulary=vocabulary, generator=generator
        )
        candidates = candidate_pieces(masked.targets, vocabulary, negatives, generator).to(device)
        *_, states = network.layer_states(masked.batch.to(device))  # (N, D)
        predicted = head(states[masked.places.to(device)])  # (K, D)
        loss = tlm_loss(
            predicted, masked.targets.to(device), candidates,
            network.pieces(candidates), head.bias[candidates],
        )  # fmt: skip
        return loss, torch.tensor(float(len(masked.targets)), device=device)

    return objective


def ssa_objective(
    network: CrossAlign, teacher: CrossAlign, *, teacher_rule: ExtractionRule,
    rule: ExtractionRule, normalize: bool,
) -> Objective:  # fmt: skip
    """Stage 2: learn the links of a frozen ``teacher``, raised to words (eq. 12).

    The teacher's links are read off by ``teacher_rule``. Where ``rule`` has the null word, the
    pieces of words without a link are labelled with it; else they have no label, and no loss.
    """

    def objective(pairs: Pairs, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        batch = pack_pairs(pairs).to(network.norm.weight.device)
        src_words, tgt_words = batch.words.tensor_split(2)  # each (B, L)
        with torch.no_grad():
            found = piece_links(batch_similarity(teacher(batch), batch, teacher_rule), teacher_rule)
            labels = spread_to_words(found, src_words, tgt_words)  # (B, L, L)
            if rule.null_word:
                labels = add_null_word(labels, src_words, tgt_words)
        scores = batch_similarity(network(batch), batch, rule)  # (B, L, L)
        return ssa_loss(scores, labels, rule, normalize=normalize)

    return objective


def frozen_copy(network: CrossAlign) -> CrossAlign:
    """A teacher: ``network`` up to its alignment layer, as it is now."""
    return copy.deepcopy(network.pruned()).requires_grad_(False).eval()

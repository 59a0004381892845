"""The two objectives: translation language modelling (eq. 11), self-supervised alignment (eq. 12).

Shapes: B pairs, S source pieces, T target pieces, D width, K masked pieces, C candidate pieces,
W words. A loss comes as a sum and the number of pieces it was summed over, so that parts of a
batch, in threads or on other machines, add up to exactly the loss of the whole.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from xalign.model.config import ExtractionRule


def tlm_loss(
    states: Tensor, targets: Tensor, candidates: Tensor, embeddings: Tensor, bias: Tensor
) -> Tensor:
    """Sum over masked pieces of -log P(target | states) among the candidates (eq. 11).

    ``states`` (K, D) are those of the TLM head, ``targets`` (K,) piece ids that all stand among the
    sorted ``candidates`` (C,), whose ``embeddings`` are (C, D) and ``bias`` (C,).
    """
    logits = torch.addmm(bias, states, embeddings.T)  # (K, C)
    return F.cross_entropy(logits, torch.searchsorted(candidates, targets), reduction="sum")


def candidate_pieces(
    targets: Tensor, vocabulary: Tensor, negatives: int, generator: torch.Generator
) -> Tensor:
    """What a target is told from: all targets (K,) of the batch, and ``negatives`` more pieces.

    The latter are drawn from ``vocabulary`` (V,), the pieces that the corpora have; sorted (C,).
    With no fewer ``negatives`` than that, the whole vocabulary.
    """
    if negatives >= len(vocabulary):
        drawn = vocabulary
    else:
        drawn = vocabulary[torch.randint(len(vocabulary), (negatives,), generator=generator)]
    candidates: Tensor = torch.unique(torch.cat([targets, drawn]))  # (C,)
    return candidates


def spread_to_words(linked: Tensor, src_words: Tensor, tgt_words: Tensor) -> Tensor:
    """Links of pieces (B, S, T) raised to words, and spread to all pieces of linked words.

    ``src_words`` (B, S) and ``tgt_words`` (B, T) are the word of each piece, -1 for none.
    """
    src, tgt = one_hot_words(src_words), one_hot_words(tgt_words)  # (B, S, W), (B, T, W)
    words = src.transpose(1, 2) @ linked.float() @ tgt  # (B, W, W)
    return src @ (words > 0).float() @ tgt.transpose(1, 2) > 0  # (B, S, T)


def one_hot_words(words: Tensor) -> Tensor:
    """The word of each piece (B, S), -1 for none, as rows of zeros but for a one: (B, S, W)."""
    count = int(words.max()) + 1
    return (words[:, :, None] == torch.arange(count, device=words.device)).float()


def add_null_word(linked: Tensor, src_words: Tensor, tgt_words: Tensor) -> Tensor:
    """Label the pieces (B, S, T) of words without a link with the other side's first piece."""
    linked = linked.clone()
    linked[:, :, 0] |= (src_words >= 0) & ~linked.any(2)
    linked[:, 0] |= (tgt_words >= 0) & ~linked[:, 1:].any(1)
    return linked


def ssa_loss(
    scores: Tensor, labels: Tensor, rule: ExtractionRule, *, normalize: bool
) -> tuple[Tensor, Tensor]:
    """Sums of -log P_f over labelled source pieces, and of -log P_b over target pieces (eq. 12).

    ``scores`` and ``labels`` are (B, S, T). With ``normalize``, the labels of a piece sum to 1, so
    that a word linked to several keeps all its links above a threshold; else each counts whole, as
    in the paper. Gives the loss and the number of labelled pieces, both sides together.
    """
    scaled = scores * rule.scale
    loss, pieces = scores.new_zeros(()), scores.new_zeros(())
    for side in (2, 1):
        rows = labels.sum(side, keepdim=True)  # labels of each piece
        weights = labels / rows.clamp(min=1) if normalize else labels.to(scores.dtype)
        surprise = scaled.log_softmax(side).masked_fill(labels == 0, 0)
        loss = loss - (weights * surprise).sum()
        pieces = pieces + (rows > 0).sum()
    return loss, pieces

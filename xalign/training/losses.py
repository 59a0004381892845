"""The two objectives: translation language modelling (eq. 11), self-supervised alignment (eq. 12).

Shapes: B pairs, L pieces of the longest sentence, S and T source and target words of tables, D
width, K masked pieces, C candidate pieces. A loss is a sum, with the number of pieces that it was
summed over, so that parts of a batch, in threads or on other machines, add up to exactly the loss
of the whole.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from xalign.model.config import ExtractionRule
from xalign.model.extraction import pool_pieces

Loss = Literal["binary", "words", "pieces", "paper"]
"""``binary`` is the loss of a link head; the others are forms of `ssa_loss`."""
TINY = 1e-30
"""Least probability that a loss takes the logarithm of."""


def tlm_loss(
    states: Tensor, targets: Tensor, candidates: Tensor, embeddings: Tensor, bias: Tensor
) -> Tensor:
    """Sum over masked pieces of -log P(target | states) among the candidates (eq. 11).

    ``states`` (K, D) are those of the TLM head, ``targets`` (K,) piece ids that are all among the
    sorted ``candidates`` (C,), whose ``embeddings`` are (C, D) and ``bias`` (C,).
    """
    logits = torch.addmm(bias, states, embeddings.T)  # (K, C)
    return F.cross_entropy(logits, torch.searchsorted(candidates, targets), reduction="sum")


def candidate_pieces(
    targets: Tensor, vocabulary: Tensor, negatives: int, generator: torch.Generator
) -> Tensor:
    """Candidates for a target: all targets (K,) of the batch, and ``negatives`` more pieces.

    The latter are drawn from ``vocabulary`` (V,), the pieces that the corpora have; with at least
    V ``negatives``, they are the whole vocabulary. The candidates are sorted: (C,).
    """
    if negatives >= len(vocabulary):
        drawn = vocabulary
    else:
        drawn = vocabulary[torch.randint(len(vocabulary), (negatives,), generator=generator)]
    candidates: Tensor = torch.unique(torch.cat([targets, drawn]))  # (C,)
    return candidates


def spread_to_pieces(linked: Tensor, src_words: Tensor, tgt_words: Tensor) -> Tensor:
    """Links of words (B, S, T) as links of all their pieces: bool (B, L, L).

    ``src_words`` and ``tgt_words`` (B, L) are the word of each piece, -1 for none.
    """
    rows = src_words.clamp(min=0)[:, :, None].expand(-1, -1, linked.shape[2])  # (B, L, T)
    columns = tgt_words.clamp(min=0)[:, None].expand(-1, src_words.shape[1], -1)  # (B, L, L)
    owned = (src_words >= 0)[:, :, None] & (tgt_words >= 0)[:, None]  # (B, L, L)
    return linked.gather(1, rows).gather(2, columns) & owned


def ssa_loss(
    similarities: Tensor,
    linked: Tensor,
    words: Tensor,
    rule: ExtractionRule,
    loss: Loss,
    is_unsure: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Sums of -log P_f over labelled source pieces, and of -log P_b over target pieces (eq. 12).

    ``similarities`` (B, L, L) are those of pieces, ``linked`` (B, S, T) the word pairs to learn,
    ``words`` (2B, L) those of a `PairBatch`. Word pairs that ``is_unsure`` marks are left out. By
    the form of ``loss``, the probability that a source piece should give is

    - ``words``: 1/k to each of the k words that its word is linked to, shared among their pieces
      in any way;
    - ``pieces``: 1/k to each of the k pieces of these words;
    - ``paper``: as much as possible to each of these pieces: every label counts whole.

    If ``rule`` has the null word, pieces of words without a link should give all to the other
    side's first piece; else they have no label, and no loss. Returns the loss and the number of
    labelled pieces, both sides together.
    """
    src_words, tgt_words = words.tensor_split(2)
    if is_unsure is not None:
        unsure = spread_to_pieces(is_unsure, src_words, tgt_words)
        lowest = torch.finfo(similarities.dtype).min
        similarities = similarities.masked_fill(unsure, lowest)
    scaled = similarities * rule.scale
    labels = spread_to_pieces(linked, src_words, tgt_words)  # (B, L, L)
    known = labels if is_unsure is None else labels | unsure
    total, pieces = scaled.new_zeros(()), scaled.new_zeros(())
    for side, own, other in ((2, src_words, tgt_words), (1, tgt_words, src_words)):
        given = scaled.log_softmax(side)
        surprise, targets = -given, labels
        if loss == "words":
            surprise = -pool_pieces(given.exp(), other, side, "sum").clamp(min=TINY).log()
            targets = words_of(labels, other, side)
        count = targets.sum(side, keepdim=True)  # (B, L, 1) or (B, 1, L)
        weights = targets / (count.clamp(min=1) if loss != "paper" else 1)
        total = total + (weights * surprise.masked_fill(~targets, 0)).sum()
        pieces = pieces + (count > 0).sum()
        if rule.null_word:
            is_null = (own >= 0) & ~known.any(side)  # (B, L)
            total = total - given.select(side, 0)[is_null].sum()
            pieces = pieces + is_null.sum()
    return total, pieces


def words_of(labels: Tensor, words: Tensor, side: int) -> Tensor:
    """Labels (B, S, T) of pieces along ``side`` as labels of their ``words``: bool (B, S, T)."""
    return pool_pieces(labels.float(), words, side, "amax") > 0

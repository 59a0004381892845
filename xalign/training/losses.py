"""The two objectives: translation language modelling (eq. 11), self-supervised alignment (eq. 12).

Shapes: B pairs, S source pieces, T target pieces, D width, K masked pieces, C candidate pieces;
tables of words are of the same (B, S, T), filled up to the last word. A loss comes as a sum and the
number of pieces it was summed over, so that parts of a batch, in threads or on other machines, add
up to exactly the loss of the whole.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from xalign.model.config import ExtractionRule
from xalign.model.extraction import pool_pieces

LossForm = Literal["words", "pieces", "paper"]
TINY = 1e-30
"""Least probability that a loss tells from nothing."""


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


def spread_to_pieces(linked: Tensor, src_words: Tensor, tgt_words: Tensor) -> Tensor:
    """Links of words (B, S, T) as links of all their pieces: bool (B, S, T).

    ``src_words`` (B, S) and ``tgt_words`` (B, T) are the word of each piece, -1 for none.
    """
    rows = src_words.clamp(min=0)[:, :, None].expand_as(linked)
    columns = tgt_words.clamp(min=0)[:, None].expand_as(linked)
    owned = (src_words >= 0)[:, :, None] & (tgt_words >= 0)[:, None]  # (B, S, T)
    return linked.gather(1, rows).gather(2, columns) & owned


def ssa_loss(
    similarities: Tensor, linked: Tensor, words: Tensor, rule: ExtractionRule,
    form: LossForm, is_unsure: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Sums of -log P_f over labelled source pieces, and of -log P_b over target pieces (eq. 12).

    ``similarities`` (B, S, T) are those of pieces, ``linked`` (B, S, T) the word pairs to learn,
    ``words`` (2B, L) those of a `PairBatch`. Word pairs that ``is_unsure`` marks take no part. By
    ``form``, a source piece is to give

    - ``words``: to each of the k words that its own is linked to, 1/k of its probability, however
      that word's pieces share it;
    - ``pieces``: to each of the k pieces of these words, 1/k;
    - ``paper``: as much as it can to each of them: every label counts whole.

    If ``rule`` has the null word, pieces of words without a link are to give all to the other
    side's first piece; else they have no label, and no loss. Gives the loss and the number of
    labelled pieces, both sides together.
    """
    src_words, tgt_words = words.tensor_split(2)
    if is_unsure is not None:
        unsure = spread_to_pieces(is_unsure, src_words, tgt_words)
        lowest = torch.finfo(similarities.dtype).min
        similarities = similarities.masked_fill(unsure, lowest)
    scaled = similarities * rule.scale
    labels = spread_to_pieces(linked, src_words, tgt_words)  # (B, S, T)
    known = labels if is_unsure is None else labels | unsure
    loss, pieces = scaled.new_zeros(()), scaled.new_zeros(())
    for side, own, other in ((2, src_words, tgt_words), (1, tgt_words, src_words)):
        given = scaled.log_softmax(side)
        surprise, targets = -given, labels
        if form == "words":
            surprise = -pool_pieces(given.exp(), other, side, "sum").clamp(min=TINY).log()
            targets = words_of(labels, other, side)
        count = targets.sum(side, keepdim=True)  # (B, S, 1) or (B, 1, T)
        weights = targets / (count.clamp(min=1) if form != "paper" else 1)
        loss = loss + (weights * surprise.masked_fill(~targets, 0)).sum()
        pieces = pieces + (count > 0).sum()
        if rule.null_word:
            is_null = (own >= 0) & ~known.any(side)  # (B, S) or (B, T)
            loss = loss - given.select(side, 0)[is_null].sum()
            pieces = pieces + is_null.sum()
    return loss, pieces


def words_of(labels: Tensor, words: Tensor, side: int) -> Tensor:
    """Labels (B, S, T) of pieces along ``side`` as labels of their ``words``: bool (B, S, T)."""
    return pool_pieces(labels.float(), words, side, "amax") > 0

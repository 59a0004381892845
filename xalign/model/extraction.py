"""From states to links: similarity, the two softmaxes (eq. 10), mutual argmax, pieces to words.

Shapes: B pairs, S source pieces, T target pieces, D width, K links.
"""

import torch
from torch import Tensor

from xalign.model.config import ExtractionRule
from xalign.model.packing import PairBatch


def similarity(src: Tensor, tgt: Tensor, src_keep: Tensor, tgt_keep: Tensor) -> Tensor:
    """Dot product of every source (B, S, D) with every target piece (B, T, D): (B, S, T).

    Where a piece is not kept (masks (B, S), (B, T)), the lowest number of the type stands.
    """
    products = src @ tgt.transpose(1, 2)  # (B, S, T)
    keep = src_keep[:, :, None] & tgt_keep[:, None]  # (B, S, T)
    return products.masked_fill(~keep, torch.finfo(products.dtype).min)


def probabilities(scores: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Source-to-target and target-to-source softmax of similarities (B, S, T): two (B, S, T)."""
    scaled = scores * scale
    return scaled.softmax(2), scaled.softmax(1)


def above_threshold(forward: Tensor, backward: Tensor, threshold: float) -> Tensor:
    """Pairs that both softmaxes (B, S, T) put above ``threshold`` (eq. 10): bool (B, S, T)."""
    return (forward > threshold) & (backward > threshold)


def mutual_argmax(scores: Tensor) -> Tensor:
    """Piece pairs that are each other's most similar, of (B, S, T): bool (B, S, T).

    Of equal scores the first counts.
    """
    forward = torch.zeros_like(scores, dtype=torch.bool).scatter_(2, scores.argmax(2, True), True)
    backward = torch.zeros_like(forward).scatter_(1, scores.argmax(1, True), True)
    return forward & backward


def competing(batch: PairBatch, *, null_word: bool) -> Tensor:
    """Which pieces compete for links: those of words and, if asked, the first one (2B, L)."""
    keep = batch.words >= 0  # (2B, L)
    if null_word:
        keep[:, 0] = True
    return keep


def batch_similarity(
    states: tuple[Tensor, Tensor], batch: PairBatch, rule: ExtractionRule
) -> Tensor:
    """Similarities (B, L, L) of the pieces of ``batch`` that compete for links under ``rule``."""
    src_keep, tgt_keep = competing(batch, null_word=rule.null_word).tensor_split(2)
    return similarity(*states, src_keep, tgt_keep)


def piece_links(scores: Tensor, rule: ExtractionRule) -> Tensor:
    """Linked piece pairs by ``rule``, of similarities (B, S, T): bool (B, S, T)."""
    if rule.method == "argmax":
        return mutual_argmax(scores)
    return above_threshold(*probabilities(scores, rule.scale), rule.threshold)


def word_links(linked: Tensor, words: Tensor) -> Tensor:
    """Links of words from linked pieces (B, S, T): sorted rows ``pair, i, j`` (K, 3).

    Two words are linked if any of their pieces are; ``words`` (2B, L) are those of a `PairBatch`.
    """
    src_words, tgt_words = words.tensor_split(2)
    pair, src, tgt = linked.nonzero(as_tuple=True)
    rows = torch.stack([pair, src_words[pair, src], tgt_words[pair, tgt]], 1)  # (K, 3)
    links: Tensor = torch.unique(rows[(rows >= 0).all(1)], dim=0)  # (K, 3)
    return links

"""From states to links: similarity, the two softmaxes (eq. 10), mutual argmax, pieces to words.

Shapes: B pairs, L pieces of the longest sentence, D width. Tables of words are (B, S, T): S and T
are the ``num_words`` of a `PairBatch`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from xalign.model.config import Average, ExtractionRule
from xalign.model.link_head import LinkHead, WordPairs
from xalign.model.packing import PairBatch

States = tuple[Tensor, Tensor]
"""States of the pieces of sources and targets, (B, L, D) each."""


def similarity(src: Tensor, tgt: Tensor, src_keep: Tensor, tgt_keep: Tensor) -> Tensor:
    """Dot products of source pieces (B, S, D) with target pieces (B, T, D): (B, S, T), fp32.

    Where a mask (B, S) or (B, T) does not keep a piece, they are the lowest number of the type.
    """
    products = src.float() @ tgt.float().transpose(1, 2)  # (B, S, T)
    keep = src_keep[:, :, None] & tgt_keep[:, None]  # (B, S, T)
    return products.masked_fill(~keep, torch.finfo(products.dtype).min)


def probabilities(scores: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Source-to-target and target-to-source softmax of similarities (B, S, T): two (B, S, T)."""
    scaled = scores * scale
    return scaled.softmax(2), scaled.softmax(1)


def mutual_argmax(scores: Tensor) -> Tensor:
    """Piece pairs that are each other's most similar by ``scores`` (B, S, T): bool (B, S, T).

    Among equal scores the first one counts.
    """
    forward = torch.zeros_like(scores, dtype=torch.bool).scatter_(2, scores.argmax(2, True), True)
    backward = torch.zeros_like(forward).scatter_(1, scores.argmax(1, True), True)
    return forward & backward


def competing(batch: PairBatch, *, null_word: bool) -> Tensor:
    """Mask (2B, L) of the pieces that compete for links: of words and, if asked, the first."""
    keep = batch.words >= 0  # (2B, L)
    if null_word:
        keep[:, 0] = True
    return keep


def batch_similarity(states: States, batch: PairBatch, rule: ExtractionRule) -> Tensor:
    """Similarities (B, L, L) of the pieces of ``batch`` that compete for links under ``rule``."""
    src_keep, tgt_keep = competing(batch, null_word=rule.null_word).tensor_split(2)
    return similarity(*states, src_keep, tgt_keep)


def pool_pieces(
    values: Tensor, words: Tensor, side: int, reduce: str, length: int | None = None
) -> Tensor:
    """Sums (``sum``) or maxima (``amax``) of ``values`` (B, S, T) over each word along ``side``.

    ``words`` are those of the pieces along that dimension: (B, S) for 1, (B, T) for 2; -1 for none.
    Word w is at place w of that dimension, whose size becomes ``length``; places without a word are
    0. Pieces are added one after the other, so that padding never changes a sum.
    """
    length = values.shape[side] if length is None else length
    places = words.masked_fill(words < 0, length)  # one more place, for pieces of no word
    places = places[:, :, None] if side == 1 else places[:, None]
    padded = list(values.shape)
    padded[side] = length + 1
    pooled = values.new_zeros(padded)
    pooled = pooled.scatter_reduce(side, places.expand_as(values), values, reduce)
    return pooled.narrow(side, 0, length)


def pool_table(values: Tensor, batch: PairBatch, reduce: str) -> Tensor:
    """Sums or maxima of ``values`` of piece pairs (B, L, L) over each word pair: (B, S, T)."""
    src_words, tgt_words = batch.words.tensor_split(2)
    rows = pool_pieces(values, src_words, 1, reduce, batch.num_words[0])  # (B, S, L)
    return pool_pieces(rows, tgt_words, 2, reduce, batch.num_words[1])  # (B, S, T)


def word_probabilities(
    forward: Tensor, backward: Tensor, batch: PairBatch
) -> tuple[Tensor, Tensor]:
    """Probabilities that words give to each other, by both softmaxes (B, L, L): two (B, S, T).

    A source piece gives to a target word the sum over the pieces of that word; a source word gives
    the mean over its own pieces. The same holds backward. Words of many pieces, over which the
    softmaxes have to spread, thus give and get as much as others.
    """
    src, tgt = (count.clamp(min=1) for count in pieces_of_words(batch))
    given = pool_table(forward, batch, "sum") / src[:, :, None]
    back = pool_table(backward, batch, "sum") / tgt[:, None]
    return given, back


def pieces_of_words(batch: PairBatch) -> tuple[Tensor, Tensor]:
    """Numbers of pieces of source words (B, S) and target words (B, T); 0 without a word."""
    sides = zip(batch.words.tensor_split(2), batch.num_words, strict=True)
    src, tgt = (
        pool_pieces(torch.ones_like(words, dtype=torch.float32)[:, :, None], words, 1, "sum", size)
        for words, size in sides
    )  # (B, S, 1), (B, T, 1)
    return src[..., 0], tgt[..., 0]


def word_states(states: States, batch: PairBatch) -> States:
    """Mean state of the pieces of each source word (B, S, D) and target word (B, T, D), fp32."""
    found = []
    for x, words, size, count in zip(
        states, batch.words.tensor_split(2), batch.num_words, pieces_of_words(batch), strict=True
    ):
        first = torch.arange(len(words), device=words.device)[:, None] * (size + 1)
        places = (words.masked_fill(words < 0, size) + first).flatten()  # (B * L,)
        sums = x.new_zeros(len(words) * (size + 1), x.shape[-1], dtype=torch.float32)
        sums = sums.index_add(0, places, x.float().flatten(0, 1))  # (B * (S + 1), D)
        means = sums.view(len(words), size + 1, -1)[:, :size] / count.clamp(min=1)[:, :, None]
        found.append(means)
    return found[0], found[1]


def averaged(given: Tensor, back: Tensor, average: Average) -> Tensor:
    """Probability that two words are linked: the average of both directions (any shape)."""
    return (given * back).sqrt() if average == "geometric" else (given + back) / 2


class WordTables(NamedTuple):
    """Results of a rule for every word pair, each (B, S, T), 0 where there is no word.

    ``link`` is the probability of a link, ``forward`` the one that the source word gives to the
    target word, ``backward`` the reverse. ``linked`` marks the word pairs that the rule links:
    those whose ``link`` exceeds its threshold or, by argmax, which has no threshold, those with
    pieces that are each other's most similar.
    """

    link: Tensor
    forward: Tensor
    backward: Tensor
    linked: Tensor

    @property
    def is_sound(self) -> Tensor:
        """Whether all values of each pair are numbers: (B,)."""
        total = self.link.sum((1, 2)) + self.forward.sum((1, 2)) + self.backward.sum((1, 2))
        return total.isfinite()

    def scores(self, rule: ExtractionRule) -> Tensor:
        """Values that ``rule`` compares with its threshold, from 0 to 1: (B, S, T)."""
        return self.linked.float() if rule.method == "argmax" else self.link


def word_tables(
    states: States, batch: PairBatch, rule: ExtractionRule, head: LinkHead | None
) -> WordTables:
    """Read word pairs off the ``states`` of the alignment layer by ``rule``.

    The rule ``binary`` asks the network's ``head``; for the others see `softmax_tables`.
    """
    if rule.method != "binary":
        return softmax_tables(batch_similarity(states, batch, rule), batch, rule)
    assert head is not None, "a model of this rule is loaded with its head"
    words = word_pairs(states, batch, rule)
    link = head(words).sigmoid() * words.mask
    return WordTables(link, words.forward, words.backward, link > rule.threshold)


def softmax_tables(similarities: Tensor, batch: PairBatch, rule: ExtractionRule) -> WordTables:
    """Read word pairs off ``similarities`` (B, L, L) of pieces by their softmaxes.

    By the rules ``pieces`` and ``argmax``, two words are linked if any of their pieces are
    (eq. 10); by ``words``, if the average of what they give to each other exceeds the threshold.
    """
    forward, backward = probabilities(similarities, rule.scale)
    if rule.method == "words":
        given, back = word_probabilities(forward, backward, batch)
        link = averaged(given, back, rule.average)
        return WordTables(link, given, back, link > rule.threshold)
    each = forward, backward, torch.minimum(forward, backward)
    given, back, link = (pool_table(values, batch, "amax") for values in each)
    if rule.method == "pieces":
        return WordTables(link, given, back, link > rule.threshold)
    mutual = mutual_argmax(similarities).to(link.dtype)
    return WordTables(link, given, back, pool_table(mutual, batch, "amax") > 0)


def word_pairs(states: States, batch: PairBatch, rule: ExtractionRule) -> WordPairs:
    """Read the inputs of a link head off the ``states``."""
    softmaxes = probabilities(batch_similarity(states, batch, rule), rule.scale)
    given, back = word_probabilities(*softmaxes, batch)
    src, tgt = (count > 0 for count in pieces_of_words(batch))  # (B, S), (B, T)
    mask = src[:, :, None] & tgt[:, None]  # (B, S, T)
    return WordPairs(given, back, *word_states(states, batch), mask, rule.scale)

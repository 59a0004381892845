"""From states to links: similarity, the two softmaxes (eq. 10), mutual argmax, pieces to words.

Shapes: B pairs, S source pieces, T target pieces, D width. Words stand at places of their own in
tables of the same size: (B, S, T) of words is filled up to the last word only.
"""

import torch
from torch import Tensor

from xalign.model.config import Average, ExtractionRule
from xalign.model.packing import PairBatch


def similarity(src: Tensor, tgt: Tensor, src_keep: Tensor, tgt_keep: Tensor) -> Tensor:
    """Dot product of every source (B, S, D) with every target piece (B, T, D): (B, S, T), fp32.

    Where a piece is not kept (masks (B, S), (B, T)), the lowest number of the type stands.
    """
    products = src.float() @ tgt.float().transpose(1, 2)  # (B, S, T)
    keep = src_keep[:, :, None] & tgt_keep[:, None]  # (B, S, T)
    return products.masked_fill(~keep, torch.finfo(products.dtype).min)


def probabilities(scores: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Source-to-target and target-to-source softmax of similarities (B, S, T): two (B, S, T)."""
    scaled = scores * scale
    return scaled.softmax(2), scaled.softmax(1)


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


def pool_pieces(values: Tensor, words: Tensor, side: int, reduce: str) -> Tensor:
    """Sums (``sum``) or maxima (``amax``) of ``values`` (B, S, T) over each word: (B, S, T).

    ``words`` are those of the pieces along dimension ``side``: (B, S) for 1, (B, T) for 2; -1 for
    none. Word w comes to place w of that dimension, and 0 where there is no word. Pieces are added
    one after the other, so that padding never changes a sum.
    """
    length = values.shape[side]
    places = words.masked_fill(words < 0, length)  # one more, for what belongs to no word
    places = places[:, :, None] if side == 1 else places[:, None]
    padded = list(values.shape)
    padded[side] += 1
    pooled = values.new_zeros(padded)
    pooled = pooled.scatter_reduce(side, places.expand_as(values), values, reduce)
    return pooled.narrow(side, 0, length)


def word_probabilities(
    forward: Tensor, backward: Tensor, src_words: Tensor, tgt_words: Tensor
) -> tuple[Tensor, Tensor]:
    """What words give to each other, of both softmaxes (B, S, T) of pieces: two (B, S, T).

    What a source piece gives to a target word is the sum over the pieces of that word; what a
    source word gives is the mean over its own pieces. The same holds backward. So words of many
    pieces, over which the softmaxes have to spread, give and get as much as others.
    """
    each_way = []
    for side, values, words in ((1, forward, src_words), (2, backward, tgt_words)):
        sums = pool_pieces(pool_pieces(values, src_words, 1, "sum"), tgt_words, 2, "sum")
        counts = pool_pieces(torch.ones_like(values), words, side, "sum")
        each_way.append(sums / counts.clamp(min=1).narrow(3 - side, 0, 1))
    given, back = each_way
    return given, back


def averaged(given: Tensor, back: Tensor, average: Average) -> Tensor:
    """Probability that two words are linked, of what each gives to the other (any shape)."""
    return (given * back).sqrt() if average == "geometric" else (given + back) / 2


def link_scores(similarities: Tensor, words: Tensor, rule: ExtractionRule) -> Tensor:
    """What ``rule`` holds against its threshold, for every word pair, from 0 to 1: (B, S, T).

    ``similarities`` (B, S, T) are those of pieces, and ``words`` (2B, L) those of a `PairBatch`. By
    a rule for pieces, two words are linked as surely as any of their pieces.
    """
    if rule.method == "argmax":
        return highest_piece(mutual_argmax(similarities).to(similarities.dtype), words)
    forward, backward = probabilities(similarities, rule.scale)
    if rule.method == "words":
        given = word_probabilities(forward, backward, *words.tensor_split(2))
        return averaged(*given, rule.average)
    return highest_piece(torch.minimum(forward, backward), words)


def highest_piece(values: Tensor, words: Tensor) -> Tensor:
    """The highest of ``values`` (B, S, T) over the pieces of every word pair: (B, S, T)."""
    src_words, tgt_words = words.tensor_split(2)
    return pool_pieces(pool_pieces(values, src_words, 1, "amax"), tgt_words, 2, "amax")


def linked_words(similarities: Tensor, words: Tensor, rule: ExtractionRule) -> Tensor:
    """Linked word pairs by ``rule``: bool (B, S, T); see `link_scores`."""
    return link_scores(similarities, words, rule) > rule.threshold


def word_tables(similarities: Tensor, words: Tensor, rule: ExtractionRule) -> list[Tensor]:
    """Of every word pair, four (B, S, T): whether it is linked, and three probabilities.

    They are that of a link, what the source word gives to the target word, and the reverse. The
    probability of a link is what `link_scores` gives, but by argmax, which knows none, that of
    ``pieces``. Arguments as there.
    """
    forward, backward = probabilities(similarities, rule.scale)
    if rule.method == "words":
        given, back = word_probabilities(forward, backward, *words.tensor_split(2))
        link = averaged(given, back, rule.average)
        return [link > rule.threshold, link, given, back]
    given, back, link = (
        highest_piece(values, words)
        for values in (forward, backward, torch.minimum(forward, backward))
    )
    linked = link_scores(similarities, words, rule) > rule.threshold
    return [linked, link, given, back]

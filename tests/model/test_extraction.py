"""Extraction against nested loops."""

import math

import pytest
import torch
from torch import Tensor

from xalign.errors import ModelError
from xalign.model.config import ExtractionRule
from xalign.model.extraction import (
    above_threshold,
    competing,
    mutual_argmax,
    piece_links,
    probabilities,
    similarity,
    word_links,
)
from xalign.model.packing import PieceSentence, pack_pairs


def random_scores(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Scores (3, 5, 7) of which some pieces do not compete, and the masks (3, 5), (3, 7)."""
    generator = torch.Generator().manual_seed(seed)
    src, tgt = torch.randn(3, 5, 8, generator=generator), torch.randn(3, 7, 8, generator=generator)
    src_keep, tgt_keep = (
        torch.rand(3, 5, generator=generator) > 0.2,
        torch.rand(3, 7, generator=generator) > 0.2,
    )
    return similarity(src, tgt, src_keep, tgt_keep), src_keep, tgt_keep


def found(linked: Tensor) -> set[tuple[int, ...]]:
    """Places where a boolean tensor is true."""
    return {tuple(place) for place in linked.nonzero().tolist()}


@pytest.mark.parametrize("seed", range(5))
def test_mutual_argmax_equals_nested_loops(seed: int) -> None:
    scores, src_keep, tgt_keep = random_scores(seed)
    expected = set()
    for b in range(3):
        for i in range(5):
            for j in range(7):
                if not (src_keep[b, i] and tgt_keep[b, j]):
                    continue
                row = [float(scores[b, i, k]) for k in range(7) if tgt_keep[b, k]]
                column = [float(scores[b, k, j]) for k in range(5) if src_keep[b, k]]
                if scores[b, i, j] == max(row) == max(column):
                    expected.add((b, i, j))
    linked = mutual_argmax(scores) & src_keep[:, :, None] & tgt_keep[:, None]
    assert found(linked) == expected != set()


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_rule_equals_nested_loops(seed: int, scale: float) -> None:
    scores, src_keep, tgt_keep = random_scores(seed)
    expected = set()
    for b in range(3):
        for i in range(5):
            for j in range(7):
                if not (src_keep[b, i] and tgt_keep[b, j]):
                    continue
                e = math.exp(scale * scores[b, i, j])
                forward = e / sum(
                    math.exp(scale * scores[b, i, k]) for k in range(7) if tgt_keep[b, k]
                )
                backward = e / sum(
                    math.exp(scale * scores[b, k, j]) for k in range(5) if src_keep[b, k]
                )
                if forward > 0.2 and backward > 0.2:
                    expected.add((b, i, j))
    linked = piece_links(scores, ExtractionRule(method="threshold", threshold=0.2, scale=scale))
    assert found(linked & src_keep[:, :, None] & tgt_keep[:, None]) == expected != set()


def test_of_equal_scores_the_first_is_linked() -> None:
    assert found(mutual_argmax(torch.zeros(1, 3, 3))) == {(0, 0, 0)}


def test_transposed_scores_give_transposed_links() -> None:
    scores, _, _ = random_scores()
    flipped = scores.transpose(1, 2)
    assert torch.equal(mutual_argmax(scores).transpose(1, 2), mutual_argmax(flipped))
    forward, backward = probabilities(scores, 1.0)
    linked = above_threshold(forward, backward, 0.2).transpose(1, 2)
    assert torch.equal(linked, above_threshold(*probabilities(flipped, 1.0), 0.2))


def test_words_are_linked_if_any_of_their_pieces_are() -> None:
    batch = pack_pairs([
        (PieceSentence([0, 5, 6, 7, 2], [-1, 0, 0, 1, -1]), PieceSentence([0, 8, 9, 2], [-1, 0, 0, -1])),
        (PieceSentence([0, 5, 2], [-1, 0, -1]), PieceSentence([0, 8, 9, 2], [-1, 0, 1, -1])),
    ])  # fmt: skip
    linked = torch.zeros(2, 16, 16, dtype=torch.bool)
    linked[0, 1, 1] = linked[0, 2, 2] = linked[0, 3, 1] = True  # two links of the same words
    linked[0, 0, 1] = linked[0, 1, 3] = linked[1, 1, 15] = True  # special pieces and padding
    linked[1, 1, 2] = True
    assert word_links(linked, batch.words).tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 1]]


def test_the_null_word_competes_only_when_asked() -> None:
    batch = pack_pairs(
        [(PieceSentence([0, 5, 2], [-1, 0, -1]), PieceSentence([0, 8, 2], [-1, 0, -1]))]
    )
    assert competing(batch, null_word=False)[:, :4].tolist() == [[False, True, False, False]] * 2
    assert competing(batch, null_word=True)[:, :4].tolist() == [[True, True, False, False]] * 2


@pytest.mark.parametrize("values", [{"method": "best"}, {"threshold": 1.0}, {"threshold": -0.1}])
def test_an_impossible_rule_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ModelError, match=r"^expected "):
        ExtractionRule(**values)  # type: ignore[arg-type]

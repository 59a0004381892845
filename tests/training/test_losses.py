"""Losses and labels against nested loops."""

import math

import pytest
import torch

from xalign.model.config import ExtractionRule
from xalign.training.losses import (
    add_null_word,
    candidate_pieces,
    spread_to_words,
    ssa_loss,
    tlm_loss,
)

SRC_WORDS = torch.tensor([[-1, 0, 0, 1, -1, 2, -1]])
TGT_WORDS = torch.tensor([[-1, 0, 1, 1, 2, -1]])


def random_labels(seed: int) -> torch.Tensor:
    """Linked pieces (1, 7, 6) among those of words."""
    generator = torch.Generator().manual_seed(seed)
    owned = (SRC_WORDS >= 0)[:, :, None] & (TGT_WORDS >= 0)[:, None]
    return (torch.rand(1, 7, 6, generator=generator) < 0.2) & owned


@pytest.mark.parametrize("seed", range(5))
def test_links_are_raised_to_words_and_spread_as_by_nested_loops(seed: int) -> None:
    linked = random_labels(seed)
    expected = torch.zeros_like(linked)
    for i, a in enumerate(SRC_WORDS[0].tolist()):
        for j, b in enumerate(TGT_WORDS[0].tolist()):
            for k, c in enumerate(SRC_WORDS[0].tolist()):
                for m, d in enumerate(TGT_WORDS[0].tolist()):
                    if a >= 0 and b >= 0 and (a, b) == (c, d) and linked[0, k, m]:
                        expected[0, i, j] = True
    assert expected.any()
    assert torch.equal(spread_to_words(linked, SRC_WORDS, TGT_WORDS), expected)


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_words_without_a_link_are_labelled_null(seed: int) -> None:
    linked = spread_to_words(random_labels(seed), SRC_WORDS, TGT_WORDS)
    labels = add_null_word(linked, SRC_WORDS, TGT_WORDS)
    for i, word in enumerate(SRC_WORDS[0].tolist()):
        assert bool(labels[0, i, 0]) == (word >= 0 and not linked[0, i].any())
    for j, word in enumerate(TGT_WORDS[0].tolist()):
        assert bool(labels[0, 0, j]) == (word >= 0 and not linked[0, :, j].any())
    assert torch.equal(labels[:, 1:, 1:], linked[:, 1:, 1:])


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_the_alignment_loss_equals_nested_loops(seed: int, normalize: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 4, 5, generator=generator)
    labels = torch.rand(2, 4, 5, generator=generator) < 0.3
    expected, pieces = 0.0, 0
    for side in ("src", "tgt"):
        for b in range(2):
            for i in range(4 if side == "src" else 5):
                row = 0.5 * (scores[b, i] if side == "src" else scores[b, :, i])
                marks = labels[b, i] if side == "src" else labels[b, :, i]
                whole = math.log(sum(math.exp(x) for x in row.tolist()))
                found = [float(x) - whole for x, mark in zip(row, marks, strict=True) if mark]
                if found:
                    expected -= sum(found) / (len(found) if normalize else 1)
                    pieces += 1
    loss, count = ssa_loss(scores, labels, ExtractionRule(scale=0.5), normalize=normalize)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert int(count) == pieces


def test_pieces_that_do_not_compete_never_make_the_loss_infinite() -> None:
    scores = torch.zeros(1, 3, 3).masked_fill(
        torch.eye(3).bool()[None], torch.finfo(torch.float).min
    )
    scores.requires_grad_()
    labels = torch.zeros(1, 3, 3, dtype=torch.bool)
    labels[0, 0, 1] = True
    for scale in (1.0, 20.0):
        loss, _ = ssa_loss(scores, labels, ExtractionRule(scale=scale), normalize=True)
        (gradient,) = torch.autograd.grad(loss, scores)
        assert float(loss.detach()) == pytest.approx(2 * math.log(2))
        assert gradient.isfinite().all()


def test_the_tlm_loss_equals_a_loop_over_the_whole_vocabulary() -> None:
    generator = torch.Generator().manual_seed(0)
    states, table = torch.randn(6, 8, generator=generator), torch.randn(20, 8, generator=generator)
    bias, targets = torch.randn(20, generator=generator), torch.tensor([3, 7, 7, 19, 0, 5])
    expected = 0.0
    for state, target in zip(states, targets.tolist(), strict=True):
        logits = [float(state @ row + b) for row, b in zip(table, bias, strict=True)]
        expected -= logits[target] - math.log(sum(math.exp(logit) for logit in logits))
    everything = torch.arange(20)
    assert float(tlm_loss(states, targets, everything, table, bias)) == pytest.approx(
        expected, rel=1e-5
    )


def test_candidates_hold_all_targets_and_stay_within_the_vocabulary() -> None:
    generator = torch.Generator().manual_seed(0)
    vocabulary, targets = torch.arange(0, 1000, 2), torch.tensor([6, 2, 6])
    few = candidate_pieces(targets, vocabulary, 50, generator)
    assert set(targets.tolist()) <= set(few.tolist()) <= set(vocabulary.tolist())
    assert 40 <= len(few) <= 52
    assert few.tolist() == sorted(set(few.tolist()))
    assert torch.equal(candidate_pieces(targets, vocabulary, 1000, generator), vocabulary)

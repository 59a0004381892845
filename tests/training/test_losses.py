"""Losses and labels against nested loops."""

import math

import pytest
import torch
from torch import Tensor

from tests.model.test_extraction import WORDS, random_similarities, softmax_naively
from xalign.model.config import ExtractionRule
from xalign.training.losses import Loss, candidate_pieces, spread_to_pieces, ssa_loss, tlm_loss

FORMS: tuple[Loss, ...] = ("words", "pieces", "paper")


def random_links(seed: int, share: float = 0.3) -> Tensor:
    """Linked words (2, 7, 7) of `WORDS`."""
    generator = torch.Generator().manual_seed(seed)
    linked = torch.rand(2, 7, 7, generator=generator) < share
    for b in range(2):
        linked[b, int(WORDS[b].max()) + 1 :] = False
        linked[b, :, int(WORDS[b + 2].max()) + 1 :] = False
    return linked


@pytest.mark.parametrize("seed", range(5))
def test_links_of_words_are_spread_to_all_their_pieces(seed: int) -> None:
    linked = random_links(seed)
    pieces = spread_to_pieces(linked, *WORDS.tensor_split(2))
    for b in range(2):
        for s, i in enumerate(WORDS[b].tolist()):
            for t, j in enumerate(WORDS[b + 2].tolist()):
                assert bool(pieces[b, s, t]) == (min(i, j) >= 0 and bool(linked[b, i, j]))


def naive_loss(
    similarities: Tensor, linked: Tensor, form: Loss, unsure: Tensor
) -> tuple[float, int]:
    """The loss of scale 1/2 without null word, and its number of pieces, by nested loops."""
    similarities = similarities.clone()
    for b, i, j in spread_to_pieces(unsure, *WORDS.tensor_split(2)).nonzero().tolist():
        similarities[b, i, j] = -1e30
    both, loss, count = softmax_naively(similarities, 0.5), 0.0, 0
    for b in range(2):
        for side in range(2):
            own, other = WORDS[b + 2 * side].tolist(), WORDS[b + 2 - 2 * side].tolist()
            for place, word in enumerate(own):
                given: dict[int, list[float]] = {}
                for further, partner in enumerate(other):
                    words = (word, partner) if side == 0 else (partner, word)
                    where = (b, place, further) if side == 0 else (b, further, place)
                    if min(words) >= 0 and linked[b, words[0], words[1]]:
                        given.setdefault(partner, []).append(both[where][side])
                if not given:
                    continue
                count += 1
                each = [p for values in given.values() for p in values]
                if form == "words":
                    each = [sum(values) for values in given.values()]
                loss -= sum(map(math.log, each)) / (1 if form == "paper" else len(each))
    return loss, count


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_the_alignment_loss_equals_nested_loops(seed: int, form: Loss) -> None:
    similarities, linked = random_similarities(seed), random_links(seed)
    unsure = random_links(seed + 9) & ~linked
    for which in (None, unsure):
        loss, count = ssa_loss(similarities, linked, WORDS, ExtractionRule(scale=0.5), form, which)
        marks = torch.zeros_like(linked) if which is None else which
        expected, pieces = naive_loss(similarities, linked, form, marks)
        assert float(loss) == pytest.approx(expected, rel=1e-5)
        assert int(count) == pieces > 0


@pytest.mark.parametrize("form", FORMS)
def test_pieces_of_words_without_a_link_are_to_give_all_to_the_null_word(form: Loss) -> None:
    words = torch.tensor([[-1, 0, 1, -1], [-1, 0, 1, -1]])
    similarities = torch.zeros(1, 4, 4)
    similarities[:, 3] = similarities[:, :, 3] = torch.finfo(torch.float).min
    linked = torch.zeros(1, 4, 4, dtype=torch.bool)
    linked[0, 0, 0] = True
    rule = ExtractionRule(null_word=True)
    loss, count = ssa_loss(similarities, linked, words, rule, form)
    assert float(loss) == pytest.approx(4 * math.log(3))  # of each side, a link and a null word
    assert int(count) == 4
    similarities[0, 2, 0] = similarities[0, 0, 2] = 50.0
    loss, _ = ssa_loss(similarities, linked, words, rule, form)
    assert float(loss) == pytest.approx(2 * math.log(3))
    unsure = torch.zeros_like(linked)
    unsure[0, 1, 1] = True
    _, count = ssa_loss(similarities, linked, words, rule, form, unsure)
    assert int(count) == 2  # a word that may have a link is not to have none


def test_pieces_that_do_not_compete_never_make_the_loss_infinite() -> None:
    words = torch.tensor([[0, 1, 2], [0, 1, 2]])
    lowest = torch.finfo(torch.float).min
    similarities = torch.zeros(1, 3, 3).masked_fill(torch.eye(3).bool()[None], lowest)
    similarities.requires_grad_()
    linked = torch.zeros(1, 3, 3, dtype=torch.bool)
    linked[0, 0, 1] = True
    for form in FORMS:
        for scale in (1.0, 20.0):
            loss, _ = ssa_loss(similarities, linked, words, ExtractionRule(scale=scale), form)
            (gradient,) = torch.autograd.grad(loss, similarities)
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


def test_negatives_depend_on_the_generator_alone() -> None:
    targets, vocabulary = torch.tensor([3, 5]), torch.arange(1000)
    drawn = [
        candidate_pieces(targets, vocabulary, 20, torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])

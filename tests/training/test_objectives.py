"""Objectives of stage 2: who sees what, and who has a say."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.conftest import sentence, tiny_config, tiny_network
from xalign.model.config import ExtractionRule
from xalign.model.cross_align import CrossAlign, with_link_head
from xalign.model.extraction import batch_similarity, softmax_tables, word_tables
from xalign.training.augment import UNKNOWN
from xalign.training.examples import Example, join
from xalign.training.losses import ssa_loss
from xalign.training.masking import Masking, mask_pieces
from xalign.training.objectives import (
    binary_labels,
    binary_objective,
    given_votes,
    pack,
    ssa_objective,
    word_scores,
)

EXAMPLES = [Example(sentence(*range(5, 5 + k)), sentence(*range(5, 7 + k))) for k in range(3, 9)]
RULE = ExtractionRule(method="words", threshold=0.05, scale=0.3)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_the_teacher_sees_all_pieces_and_the_student_those_that_are_not_masked(rate: float) -> None:
    student, teacher = (
        tiny_network(tiny_config()),
        tiny_network(tiny_config(num_cross_layers=0)),
    )
    masking = Masking(rate=rate, mask=1, vocabulary=torch.arange(5, 20)) if rate else None
    objective = ssa_objective(
        student, teacher, teacher_rule=RULE, rule=RULE, loss="words", masking=masking
    )
    loss, pieces = objective(EXAMPLES, torch.Generator().manual_seed(7))

    whole = pack(EXAMPLES)
    linked = softmax_tables(batch_similarity(teacher(whole), whole, RULE), whole, RULE).linked
    assert linked.any()
    seen = whole
    if masking:
        seen = mask_pieces(whole, masking, torch.Generator().manual_seed(7)).batch
        assert not torch.equal(seen.ids, whole.ids)
    found = batch_similarity(student(seen), whole, RULE)
    expected = ssa_loss(found, linked, whole.words, RULE, "words")
    torch.testing.assert_close((loss, pieces), expected, rtol=0, atol=0)


def test_given_links_vote_by_how_sure_they_are() -> None:
    links = np.array([[0, 1, 1], [2, 0, UNKNOWN]], np.float32)
    examples = [EXAMPLES[0], replace(EXAMPLES[1], links=links)]
    votes = given_votes(examples, torch.ones(2, 3, 4))
    assert votes.nonzero().tolist() == [[1, 0, 1], [1, 2, 0]]
    assert votes[votes > 0].tolist() == [1, 0.5]


def test_given_links_add_to_what_the_teacher_finds_or_take_away() -> None:
    student, teacher = (tiny_network(tiny_config(num_cross_layers=n)) for n in (1, 0))
    given = [
        replace(example, links=np.array([[0, 0, 1], [1, 1, 1], [2, 1, UNKNOWN]], np.float32))
        for example in EXAMPLES
    ]
    batch = pack(EXAMPLES)
    scores = softmax_tables(batch_similarity(teacher(batch), batch, RULE), batch, RULE).link
    votes = given_votes(given, scores)
    found = batch_similarity(student(batch), batch, RULE)
    losses = []
    for evidence in (0.0, 0.05, 10.0):
        objective = ssa_objective(
            student, teacher, teacher_rule=RULE, rule=RULE, loss="words", evidence=evidence
        )
        losses.append(objective(given, torch.Generator())[0])
        linked = scores + evidence * (votes - 0.5) > RULE.threshold
        expected, _ = ssa_loss(found, linked, batch.words, RULE, "words")
        torch.testing.assert_close(losses[-1], expected, rtol=0, atol=0)
    assert len({loss.item() for loss in losses}) == 3
    # where evidence is all that counts, sure links are learnt, and possible ones by the teacher
    sure, possible = votes == 1, (votes == 0.5) & (scores > RULE.threshold)
    expected, _ = ssa_loss(found, sure | possible, batch.words, RULE, "words")
    torch.testing.assert_close(losses[-1], expected, rtol=0, atol=0)


def test_an_example_may_have_a_threshold_of_its_own_for_labels() -> None:
    student, teacher = (tiny_network(tiny_config(num_cross_layers=n)) for n in (1, 0))
    batch = pack(EXAMPLES)
    scores = softmax_tables(batch_similarity(teacher(batch), batch, RULE), batch, RULE).link
    own = float(scores[0].detach().max()) / 2
    assert own != RULE.threshold
    examples = [replace(EXAMPLES[0], label_threshold=own), *EXAMPLES[1:]]
    objective = ssa_objective(student, teacher, teacher_rule=RULE, rule=RULE, loss="words")
    linked = scores > RULE.threshold
    linked[0] = scores[0] > own
    found = batch_similarity(student(batch), batch, RULE)
    expected = ssa_loss(found, linked, batch.words, RULE, "words")
    torch.testing.assert_close(objective(examples, torch.Generator()), expected, rtol=0, atol=0)
    assert not torch.equal(linked[0], scores[0] > RULE.threshold)


BINARY = ExtractionRule(method="binary", threshold=0.5, scale=0.3)


def with_head(seed: int = 0) -> CrossAlign:
    """A tiny network whose link head has something to say."""
    network = with_link_head(tiny_network(), 5, torch.Generator().manual_seed(seed))
    assert network.link_head is not None
    torch.nn.init.normal_(
        network.link_head.outer.weight, generator=torch.Generator().manual_seed(seed)
    )
    return network


def test_word_pairs_are_judged_one_by_one_by_given_links() -> None:
    network = with_head()
    links = np.array([[0, 1, 1], [1, 1, 0.25], [2, 0, UNKNOWN]], np.float32)
    examples = [replace(one, links=links) for one in EXAMPLES[:2]]
    objective = binary_objective(network, None, teacher_rule=BINARY, rule=BINARY, doubt=0.0)
    loss, words = objective(examples, torch.Generator())
    batch = pack(examples)
    found = word_tables(network(batch), batch, BINARY, network.link_head).link
    expected = 0.0
    targets = {(0, 1): 1.0, (1, 1): 0.25}
    for b, example in enumerate(examples):
        for i in range(example.src.num_words):
            for j in range(example.tgt.num_words):
                p, target = float(found[b, i, j].detach()), targets.get((i, j), 0.0)
                if (i, j) != (2, 0):
                    expected -= target * math.log(p) + (1 - target) * math.log(1 - p)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)
    assert int(words) == sum(one.src.num_words + one.tgt.num_words for one in examples)


def test_a_teacher_labels_the_parts_that_no_links_are_given_for() -> None:
    teacher = tiny_network(tiny_config(num_cross_layers=0))
    rule = replace(RULE, threshold=0.3)
    given = replace(EXAMPLES[0], links=np.array([[0, 0, 1]], np.float32))
    joined = join([given, EXAMPLES[1]])
    like = torch.zeros(2, *pack([joined, joined]).num_words)
    labels = binary_labels([EXAMPLES[1], joined], like, teacher, rule, 0.1)
    scores = word_scores(teacher, pack([EXAMPLES[1]]), rule)[0]
    s, t = EXAMPLES[1].src.num_words, EXAMPLES[1].tgt.num_words
    i, j = given.src.num_words, given.tgt.num_words
    for table in (labels.target[0, :s, :t], labels.target[1, i : i + s, j : j + t]):
        assert torch.equal(table > 0, scores[:s, :t] > 0.3)
    unsure = (scores > 0.2) & (scores <= 0.3)
    assert torch.equal(labels.is_known[1, i : i + s, j : j + t], ~unsure[:s, :t])
    assert labels.target[1, 0, 0] == 1
    assert labels.target[1].sum() == 1 + (scores[:s, :t] > 0.3).sum()

"""Objectives of stage 2: who sees what."""

import pytest
import torch

from tests.conftest import tiny_config, tiny_network
from tests.model.test_cross_align import sentence
from xalign.model.config import ExtractionRule
from xalign.model.extraction import batch_similarity, linked_words
from xalign.training.losses import ssa_loss
from xalign.training.masking import Masking, mask_pieces
from xalign.training.objectives import Example, pack, ssa_objective

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
        student, teacher, teacher_rule=RULE, rule=RULE, form="words", masking=masking
    )
    loss, pieces = objective(EXAMPLES, torch.Generator().manual_seed(7))

    whole = pack(EXAMPLES)
    linked = linked_words(batch_similarity(teacher(whole), whole, RULE), whole.words, RULE)
    assert linked.any()
    seen = whole
    if masking:
        seen = mask_pieces(whole, masking, torch.Generator().manual_seed(7)).batch
        assert not torch.equal(seen.ids, whole.ids)
    found = batch_similarity(student(seen), whole, RULE)
    expected = ssa_loss(found, linked, whole.words, RULE, "words")
    torch.testing.assert_close((loss, pieces), expected, rtol=0, atol=0)

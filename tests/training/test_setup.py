"""The parts of a stage: what learns, how fast, from whom."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.conftest import tiny_checkpoint, tiny_network, tiny_tokenizer
from tests.training.conftest import stage_1, stage_2, weights
from xalign.alignment import GoldAlignment, SentencePair
from xalign.errors import ModelError
from xalign.model.config import Depth, ExtractionRule
from xalign.training.settings import FinetuneSettings, Labels, Schedule, Start, Text
from xalign.training.setup import (
    Rates,
    as_gold,
    depth_of,
    masking_for,
    rates_of,
    stage_2_choices,
    student_of,
    trained_parts,
)
from xalign.training.tuning import Choices, DevSet
from xalign.weights.checkpoint import CurvePoint, load

DEPTH = Depth(num_self_layers=2, num_cross_layers=1, align_layer=3)


@pytest.mark.slow
def test_what_is_not_trained_stays_as_it_was(encoder: str, corpus: str, tmp_path: Path) -> None:
    stage_1(encoder, corpus, tmp_path / "run", tune_self=1, dev=())
    before = load(encoder, DEPTH, 1).network.state_dict()
    changed = {
        name
        for name, value in weights(tmp_path / "run").items()
        if not torch.equal(value, before[name])
    }
    assert {name.split(".")[1] for name in changed} == {"1", "2"}
    assert all(name.startswith("layers.") for name in changed)


def test_a_stage_that_would_train_nothing_is_refused(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="no layer would train"):
        stage_2(encoder, corpus, tmp_path / "run", tune_self=0)


@pytest.mark.slow
def test_a_teacher_may_be_another_model_but_must_cut_words_alike(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    stage_2(encoder, corpus, tmp_path / "run", teacher=encoder, steps=2)
    with pytest.raises(ModelError, match="teacher 'e5-small': expected the tokenizer of the model"):
        stage_2(encoder, corpus, tmp_path / "other", teacher="e5-small")


def test_losses_that_do_not_fit_the_labels_are_refused(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    gold = str(Path(corpus).with_suffix(".talp"))
    with pytest.raises(ModelError, match="--evidence is for softmaxes"):
        stage_2(encoder, corpus, tmp_path / "run", links=(gold,), evidence=0.4, loss="binary")
    with pytest.raises(ModelError, match="given links beside 'none' are learnt by --loss binary"):
        stage_2(
            encoder,
            corpus,
            tmp_path / "run",
            input=(corpus, corpus),
            weight=(),
            links=(gold, "none"),
            loss="words",
        )


def test_a_rate_that_is_given_replaces_the_usual_one() -> None:
    usual = Rates(lr=0.1, self_lr=0.2, mask_rate=0.3)
    assert rates_of(Schedule(), usual) == usual
    assert rates_of(Schedule(lr=0.0), usual) == Rates(lr=0.0, self_lr=0.2, mask_rate=0.3)


@pytest.mark.parametrize(
    ("start", "layers"),
    [
        (Start(self_layers=4, cross_layers=2), (4, 2, 5)),
        (Start(self_layers=4, cross_layers=0), (4, 0, 4)),
        (Start(self_layers=4, cross_layers=2, align_layer=6), (4, 2, 6)),
        (Start(self_layers=0, cross_layers=1), (0, 1, 1)),
    ],
)
def test_links_are_read_off_the_first_cross_layer_unless_another_is_named(
    start: Start, layers: tuple[int, int, int]
) -> None:
    m, n, c = layers
    assert depth_of(start) == Depth(num_self_layers=m, num_cross_layers=n, align_layer=c)


def test_links_more_probable_than_a_half_are_sure() -> None:
    given = {(0, 0): 1.0, (1, 1): 0.5, (2, 2): 0.51}
    expected = GoldAlignment(frozenset({(0, 0), (2, 2)}), frozenset({(1, 1)}))
    assert as_gold(given) == expected


def test_a_threshold_that_is_given_leaves_one_way_to_read_a_model() -> None:
    student = tiny_checkpoint(ExtractionRule(method="words", scale=0.2))
    assert stage_2_choices(student, "words", 0.3, ()) == Choices((3,), (0.2,), (0.3,))
    assert len(stage_2_choices(student, "words", None, ()).thresholds) > 1


def test_few_gold_links_choose_no_threshold(caplog: pytest.LogCaptureFixture) -> None:
    points = ((0.0, 0.0), (1.0, 0.9))
    rule = ExtractionRule(method="words", scale=0.2, threshold=0.3, calibration=points)
    gold = GoldAlignment(frozenset((k, k) for k in range(250)))
    pair = SentencePair(("a",) * 250, ("b",) * 250)
    few, enough = (DevSet("dev", (pair,) * n, (gold,) * n) for n in (1, 2))
    found = stage_2_choices(tiny_checkpoint(rule), "words", None, [few])
    assert found == Choices((3,), (0.2,), (0.3,), calibrate=False)
    expected = "250 gold links are too few to choose a threshold by (500 are needed): it is 0.3"
    assert expected in caplog.text
    assert stage_2_choices(tiny_checkpoint(rule), "words", None, [enough]).calibrate
    assert len(stage_2_choices(tiny_checkpoint(rule), "words", None, [enough]).thresholds) > 1


def test_a_student_of_the_same_rule_keeps_what_is_known_of_its_probabilities() -> None:
    points = ((0.0, 0.0), (1.0, 0.9))
    rule = ExtractionRule(
        method="words",
        average="arithmetic",
        scale=4 / math.sqrt(32),
        threshold=0.3,
        calibration=points,
    )
    curve = (CurvePoint(layer=3, scale=0.2, threshold=0.3, aer=0.1),)
    started = replace(tiny_checkpoint(rule), curve=curve)
    settings = FinetuneSettings(
        model="m", text=Text(input=("x",)), labels=Labels(), schedule=Schedule()
    )
    kept = student_of(settings, started, "words")
    assert (kept.rule, kept.curve) == (rule, curve)
    chosen = replace(settings, labels=Labels(threshold=0.6))
    assert student_of(chosen, started, "words").rule == replace(rule, threshold=0.6)
    other = student_of(replace(settings, labels=Labels(null_word=True)), started, "words")
    assert (other.rule.threshold, other.rule.calibration, other.curve) == (0.475, (), ())


def test_parts_that_learn_have_their_rates_and_all_else_is_frozen() -> None:
    network = tiny_network()
    rates = Rates(lr=0.1, self_lr=0.2, mask_rate=0.0)
    groups = trained_parts(network, Schedule(tune_self=1), rates)
    found = {rate: {name[:8] for name in group} for group, rate in groups}
    assert found == {0.1: {"layers.2"}, 0.2: {"layers.1"}}
    learning = {name[:8] for name, value in network.named_parameters() if value.requires_grad}
    assert learning == {"layers.1", "layers.2"}


def test_text_without_a_mask_piece_cannot_be_masked() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.mask = None
    with pytest.raises(ModelError, match="the tokenizer of this model has no mask piece"):
        masking_for(0.1, tokenizer, [])

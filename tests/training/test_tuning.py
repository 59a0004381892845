"""Tuning against aligning and scoring in the plain way."""

import dataclasses
import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import FUZZ, tiny_checkpoint
from xalign.aligning.aligner import Aligner
from xalign.alignment import GoldAlignment, SentencePair
from xalign.errors import InputError
from xalign.links.probabilities import calibrated, uncalibrated
from xalign.model.config import ExtractionRule
from xalign.reading import score
from xalign.training.tuning import (
    Choices,
    DevSet,
    calibration,
    open_dev_set,
    open_dev_sets,
    reliability,
    tune,
    with_align_layer,
)

PAIRS = tuple(
    SentencePair.from_text(*sides)
    for sides in [("ab c de", "ab c de"), ("f gh", "gh f"), ("a a b", "b"), ("cd ef gh", "gh cd")]
)
GOLD = tuple(
    GoldAlignment(frozenset(sure), frozenset(possible))
    for sure, possible in [
        ({(0, 0), (2, 2)}, {(1, 1)}),
        ({(0, 1)}, {(1, 0)}),
        ({(2, 0)}, {(0, 0)}),
        ({(0, 1), (2, 0)}, set()),
    ]
)
SETS = [DevSet("first", PAIRS[:2], GOLD[:2]), DevSet("second", PAIRS[2:], GOLD[2:])]
CHOICES = Choices((2, 3), (0.1, 0.5), (0.05, 0.2, 0.4, 0.6))


@pytest.mark.parametrize("method", ["words", "pieces", "argmax"])
def test_the_best_choice_is_that_of_trying_all(method: Any) -> None:
    model = tiny_checkpoint(ExtractionRule(method=method))
    expected = {}
    for layer in CHOICES.layers:
        for scale in CHOICES.scales:
            for threshold in CHOICES.thresholds:
                rule = ExtractionRule(method=method, scale=scale, threshold=threshold)
                network = with_align_layer(model.network, layer)
                read = dataclasses.replace(model, network=network, rule=rule)
                aligner = Aligner(read, devices=[torch.device("cpu")], threads=1, batch_pieces=400)
                expected[layer, scale, threshold] = [
                    score(dev.gold, list(aligner.align(dev.pairs))).aer for dev in SETS
                ]
    tuned = tune(model, SETS, CHOICES, threads=2)
    best = min(expected.values(), key=sum)
    assert list(tuned.rates) == ["first", "second"]
    assert tuned.mean == pytest.approx(sum(best) / 2)
    config, rule = tuned.checkpoint.network.config, tuned.checkpoint.rule
    chosen = expected[config.align_layer, rule.scale, rule.threshold]
    assert list(tuned.rates.values()) == pytest.approx(chosen)
    for point in tuned.checkpoint.curve:
        found = expected[point.layer, point.scale, point.threshold]
        assert point.aer == pytest.approx(sum(found) / 2)
    assert {point.layer for point in tuned.checkpoint.curve} == {2, 3}


def test_pairs_that_cannot_be_encoded_are_left_out_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    long = SentencePair(("a",) * 100, ("b",))
    empty = SentencePair((), ())
    more = DevSet("more", (*PAIRS, long, empty), (*GOLD, GOLD[0], GOLD[0]))
    same = DevSet("same", PAIRS, GOLD)
    model = tiny_checkpoint(ExtractionRule(method="words"))
    with caplog.at_level(logging.WARNING):
        found = tune(model, [more], CHOICES, threads=1)
    assert found.mean == tune(model, [same], CHOICES, threads=1).mean
    assert "more: 2 pairs are empty or over 64 pieces" in caplog.text


def test_points_are_shares_of_right_links_with_all_sets_alike() -> None:
    scores = np.array([0.15, 0.15, 0.65, 0.65, 0.996], dtype=np.float32)
    one = reliability(scores, np.array([0, 1, 1, 2, 2]))
    other = reliability(np.full(100, 0.65, dtype=np.float32), np.zeros(100, dtype=np.int64))
    assert calibration([one]) == ((0, 0), (0.15, 0.4995), (0.7653, 0.999), (1, 1))
    expected = (0.15 * 0.4 + 0.65 * 1.4) / 1.8, (0.2 + 0.4) / 1.8  # pooled, as 0.4 / 1.4 < 0.5
    assert calibration([one, other])[1] == pytest.approx(expected, abs=1e-3)


@settings(max_examples=100 * FUZZ)
@given(st.lists(st.tuples(st.floats(0.0625, 1, width=32), st.integers(0, 2)), max_size=30))
def test_points_always_rise_and_turn_back(rows: list[tuple[float, int]]) -> None:
    scores = np.array([score for score, _ in rows], dtype=np.float32)
    gains = np.array([gain for _, gain in rows], dtype=np.int64)
    points = calibration([reliability(scores, gains)])
    ExtractionRule(calibration=points)  # raises if they do not rise
    for given_, right in points:
        assert uncalibrated(right, points) == pytest.approx(given_)
        found = calibrated(np.array([given_], dtype=np.float32), points)
        assert found == pytest.approx(right, abs=1e-4)


def test_a_tuned_model_is_calibrated_unless_it_knows_no_probabilities() -> None:
    for method, is_calibrated in (("words", True), ("pieces", True), ("argmax", False)):
        model = tiny_checkpoint(ExtractionRule(method=method))  # type: ignore[arg-type]
        rule = tune(model, SETS, CHOICES, threads=1).checkpoint.rule
        assert bool(rule.calibration) == is_calibrated


def test_a_development_set_needs_gold_for_every_pair(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("a ||| b\n")
    with pytest.raises(
        InputError,
        match=r"dev\.txt: its gold links are expected in .*dev\.talp, which is not there",
    ):
        open_dev_set(str(tmp_path / "dev.txt"))
    (tmp_path / "dev.talp").write_text("0-0\n0-0\n")
    with pytest.raises(InputError, match=r"dev\.talp: expected 1 lines, as many as .* found 2"):
        open_dev_set(str(tmp_path / "dev.txt"))
    (tmp_path / "dev.txt").write_text("\n ||| b\n")
    with pytest.raises(InputError, match=r"dev\.txt: expected pairs to validate on, found none"):
        open_dev_set(str(tmp_path / "dev.txt"))


def test_sets_of_the_same_name_all_count(tmp_path: Path) -> None:
    paths = []
    for name, gold in (("a", "0-0"), ("b", "0-1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dev.txt").write_text("abc ||| abc de\n")
        (tmp_path / name / "dev.talp").write_text(f"{gold}\n")
        paths.append(str(tmp_path / name / "dev.txt"))
    sets = open_dev_sets(paths)
    assert [dev.name for dev in sets] == paths
    model = tiny_checkpoint(ExtractionRule(method="words"))
    one, other = (tune(model, [dev], CHOICES, threads=1).checkpoint.curve for dev in sets)
    both = tune(model, sets, CHOICES, threads=1)
    assert len(both.rates) == 2
    least = min(
        (a.aer + b.aer) / 2
        for a, b in itertools.product(one, other)
        if (a.layer, a.scale, a.threshold) == (b.layer, b.scale, b.threshold)
    )
    assert both.mean <= least + 1e-9


def test_a_set_of_long_pairs_alone_is_an_error() -> None:
    dev = DevSet("long", (SentencePair(("a",) * 100, ("b",)),), GOLD[:1])
    model = tiny_checkpoint(ExtractionRule(method="words"))
    with pytest.raises(InputError, match=r"^long: expected a pair of at most 64 pieces a side"):
        tune(model, [dev], CHOICES, threads=1)


def test_a_set_without_links_counts_nothing_found_as_right() -> None:
    """As `Score.aer` does."""
    dev = DevSet("none", (SentencePair("ab cd", "xy zw"),), (GoldAlignment(),))
    model = tiny_checkpoint(ExtractionRule(method="words"))
    choices = Choices((2,), (0.1,), (0.999,))
    assert tune(model, [dev], choices, threads=1).mean == 0

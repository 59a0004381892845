"""Both stages, end to end on a tiny model: what they learn, and what they choose."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
import transformers

from tests.training.conftest import (
    RULE,
    machine,
    metrics,
    stage_1,
    stage_1_settings,
    stage_2,
    weights,
)
from xalign.aligning.aligner import Aligner
from xalign.errors import InputError
from xalign.reading import score
from xalign.training.stages import train_tlm
from xalign.training.tuning import open_dev_set
from xalign.weights.checkpoint import load


@pytest.mark.slow
def test_stage_1_learns_to_predict_and_keeps_the_best_model(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    shown = stage_1(encoder, corpus, tmp_path / "run", steps=60, every=20)
    assert [record["step"] for record in shown] == list(range(1, 61))
    records = metrics(tmp_path / "run")
    assert [record["step"] for record in records] == [20, 40, 60]
    assert records[-1]["loss"] < records[0]["loss"]
    assert records[0]["aer"].keys() == {"pairs"}
    assert (tmp_path / "run" / "metrics.png").read_bytes().startswith(b"\x89PNG")
    best = load(str(tmp_path / "run"))
    assert best.network.config.num_cross_layers == 1
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["settings"]["command"] == "train"
    assert record.keys() >= {"command", "xalign", "torch", "python", "machine", "started"}


@pytest.fixture(autouse=True)
def few_links_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the small development set choose thresholds."""
    monkeypatch.setattr("xalign.training.setup.LEAST_LINKS", 1)


@pytest.mark.slow
def test_stage_2_learns_its_teachers_links_and_chooses_how_to_read_them(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    stage_1(encoder, corpus, tmp_path / "first", steps=150, every=50, lr=3e-3, self_lr=3e-3)
    shown = stage_2(str(tmp_path / "first"), corpus, tmp_path / "second", steps=40, every=20)
    assert shown[-1]["loss"] < shown[0]["loss"]
    model = load(str(tmp_path / "second"))
    assert (model.rule.method, model.rule.null_word) == ("words", True)
    lowest = min(model.curve, key=lambda point: point.aer)
    assert (lowest.scale, lowest.threshold) == (model.rule.scale, model.rule.threshold)
    best = min(record["mean_aer"] for record in metrics(tmp_path / "second"))
    assert lowest.aer == pytest.approx(best)
    (dev,) = [open_dev_set(corpus)]
    aligner = Aligner(model, devices=[torch.device("cpu")], threads=1, batch_pieces=500)
    assert score(dev.gold, list(aligner.align(dev.pairs))).aer == pytest.approx(best)


def test_a_threshold_that_is_given_is_kept(encoder: str, corpus: str, tmp_path: Path) -> None:
    stage_2(encoder, corpus, tmp_path / "run", threshold=RULE.threshold, steps=2)
    rule = load(str(tmp_path / "run")).rule
    assert len(rule.calibration) > 1
    assert rule == dataclasses.replace(RULE, average="arithmetic", calibration=rule.calibration)


def test_no_step_only_chooses_how_to_read_a_model(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    stage_2(encoder, corpus, tmp_path / "run", steps=0)
    (record,) = metrics(tmp_path / "run")
    assert record["step"] == 0
    model, before = load(str(tmp_path / "run")), load(encoder)
    assert len(model.curve) > 10
    first = "layers.0.ffn_in.weight"
    assert torch.equal(model.network.state_dict()[first], before.network.state_dict()[first])


@pytest.mark.slow
def test_stage_1_chooses_the_alignment_layer_or_keeps_the_one_given(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    stage_1(encoder, corpus, tmp_path / "run", cross_layers=2)
    chosen = load(str(tmp_path / "run"))
    assert {point.layer for point in chosen.curve} == {3, 4}
    lowest = min(chosen.curve, key=lambda point: point.aer)
    assert chosen.network.config.align_layer == lowest.layer
    assert len(chosen.network.layers) == 4


@pytest.mark.slow
def test_ten_pairs_are_learnt_by_heart(encoder: str, corpus: str, tmp_path: Path) -> None:
    lines = Path(corpus).read_text().splitlines(keepends=True)[:10]
    few = tmp_path / "few.txt"
    few.write_text("".join(lines))
    links = ["0-1 1-0 2-3 3-2 4-4\n", "0-0 1-2 2-1 3-4 4-3\n"] * 5  # nothing that letters tell
    few.with_suffix(".talp").write_text("".join(links))
    stage_1(encoder, corpus, tmp_path / "first", dev=(), steps=1)
    stage_2(
        str(tmp_path / "first"),
        str(few),
        tmp_path / "second",
        dev=(str(few),),
        steps=300,
        every=100,
        links=(str(few.with_suffix(".talp")),),
        lr=3e-3,
        self_lr=3e-3,
    )
    assert metrics(tmp_path / "second")[-1]["mean_aer"] == 0


@pytest.mark.slow
def test_given_links_hold_some_pairs_out_and_stop_when_no_better(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    gold = str(Path(corpus).with_suffix(".talp"))
    shown = stage_2(
        encoder,
        corpus,
        tmp_path / "run",
        dev=(),
        links=(gold,),
        steps=50,
        every=1,
        patience=3,
        lr=1e-9,
        self_lr=1e-9,
    )
    assert shown[-1]["step"] < 50
    assert shown[-1]["aer"].keys() == {"pairs held out"}
    rates = [record["mean_aer"] for record in metrics(tmp_path / "run")]
    assert min(rates[:-3]) <= min(rates[-3:])


def test_embeddings_learn_when_asked(encoder: str, corpus: str, tmp_path: Path) -> None:
    stage_2(encoder, corpus, tmp_path / "run", tune_embeddings=True, steps=2, dev=())
    before = load(encoder).network.state_dict()
    after = weights(tmp_path / "run")
    for name in ("pieces.weight", "positions.weight", "norm.weight"):
        assert not torch.equal(after[name], before[name])


@pytest.mark.slow
def test_computing_layers_again_changes_no_gradient(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    for recompute in (False, True):
        output = tmp_path / str(recompute)
        spare = dataclasses.replace(machine(tmp_path), recompute=recompute)
        chosen = stage_1_settings(encoder, corpus, dev=())
        train_tlm(chosen, spare, output, resume=False, show=lambda _: None)
    ours, theirs = weights(tmp_path / "True"), weights(tmp_path / "False")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_one_bad_corpus_of_many_is_named_before_any_step(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("no separator\n")
    with pytest.raises(InputError, match=r"bad\.txt: expected pairs to train on, found none"):
        stage_1(encoder, corpus, tmp_path / "run", input=(corpus, str(bad), corpus), weight=())
    assert not (tmp_path / "run").exists()


RECORDED = {
    "tlm": [3.586871, 3.381041, 3.367085, 3.047376],
    "ssa": [1.336662, 1.304707, 1.281553, 1.203272],
}
"""Losses before each of the first steps; another one here is another thing trained."""


@pytest.mark.skipif(
    transformers.__version__ < "5", reason="encoders of older transformers start from other weights"
)
def test_five_steps_of_each_stage_have_the_recorded_losses(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    first = stage_1(encoder, corpus, tmp_path / "first", steps=5, every=5, dev=())
    assert [record["loss"] for record in first[:4]] == pytest.approx(RECORDED["tlm"], abs=1e-4)
    second = stage_2(str(tmp_path / "first"), corpus, tmp_path / "second", steps=5, every=5, dev=())
    assert [record["loss"] for record in second[:4]] == pytest.approx(RECORDED["ssa"], abs=1e-4)


@pytest.mark.slow
def test_given_links_teach_a_new_link_head(encoder: str, corpus: str, tmp_path: Path) -> None:
    gold = str(Path(corpus).with_suffix(".talp"))
    shown = stage_2(
        encoder,
        corpus,
        tmp_path / "run",
        links=(gold,),
        loss="auto",
        null_word=False,
        steps=60,
        every=30,
        lr=3e-3,
        self_lr=3e-3,
        head_lr=1e-2,
        max_pieces=40,
    )
    assert shown[-1]["loss"] < 0.5 * shown[0]["loss"]
    model = load(str(tmp_path / "run"))
    assert (model.rule.method, model.network.config.window) == ("binary", 38)
    best = min(record["mean_aer"] for record in metrics(tmp_path / "run"))
    assert best < 0.1
    aligner = Aligner(model, devices=[torch.device("cpu")], threads=1, batch_pieces=500)
    dev = open_dev_set(corpus)
    assert score(dev.gold, list(aligner.align(dev.pairs))).aer == pytest.approx(best)


@pytest.mark.slow
def test_a_trained_head_learns_on_from_links_and_a_teacher_in_one_run(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    gold = str(Path(corpus).with_suffix(".talp"))
    first, second = tmp_path / "first", tmp_path / "second"
    stage_2(encoder, corpus, first, links=(gold,), loss="auto", null_word=False, steps=2)
    stage_2(
        str(first),
        corpus,
        second,
        input=(corpus, corpus),
        weight=(1.0, 2.0),
        links=(gold, "none"),
        loss="auto",
        null_word=False,
        join=0.5,
        steps=2,
        max_pieces=60,
    )
    before, after = weights(first), weights(second)
    assert before.keys() == after.keys()
    assert not torch.equal(before["link_head.evidence"], after["link_head.evidence"])
    config = load(str(second)).network.config
    assert (config.window, config.link_channels) == (38, 24)

"""Both stages, end to end on a tiny model: runs, their folders, resuming, and what they learn."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch

from tests.weights.test_backbones import LETTERS, save
from xalign.aligning.aligner import Aligner
from xalign.errors import InputError, ModelError
from xalign.links.metrics import score
from xalign.model.config import Depth, ExtractionRule
from xalign.training.settings import (
    FinetuneSettings,
    Labels,
    Machine,
    Schedule,
    Start,
    Text,
    TrainSettings,
)
from xalign.training.stages import finetune, train_tlm
from xalign.training.tuning import open_dev_set
from xalign.weights.checkpoint import load

DEPTH = Depth(num_self_layers=2, num_cross_layers=1, align_layer=3)
RULE = ExtractionRule(method="words", threshold=0.15, scale=0.2, null_word=True)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An encoder of random weights over single letters."""
    folder = tmp_path_factory.mktemp("encoder")
    save(folder, "xlm-roberta")
    return str(folder)


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    """Sentences and the same sentences, shifted by a letter, with gold links."""
    words = [LETTERS[k] * 2 for k in range(20)]
    lines, gold = [], []
    for k in range(60):
        src = [words[(k * m + m) % 19] for m in range(1, 6)]
        lines.append(f"{' '.join(src)} ||| {' '.join(words[words.index(w) + 1] for w in src)}\n")
        gold.append("0-0 1-1 2-2 3-3 4-4\n")
    (tmp_path / "pairs.txt").write_text("".join(lines))
    (tmp_path / "pairs.talp").write_text("".join(gold))
    return str(tmp_path / "pairs.txt")


def parts(kinds: dict[str, type], corpus: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Settings of a few steps, each change in the group that has a field of its name."""
    values: dict[str, Any] = {
        "input": (corpus,),
        "weight": (1.0,),
        "steps": 6,
        "batch_pieces": 400,
        "lr": 1e-3,
        "self_lr": 1e-3,
        "tune_self": 2,
        "warmup": 1,
        "mask_rate": 0.3,
        "max_pieces": 30,
        "every": 2,
        "dev": (corpus,),
        "seed": 1,
        **changes,
    }
    made, used = {}, set()
    for name, kind in kinds.items():
        fields = {field.name for field in dataclasses.fields(kind)} & values.keys()
        used |= fields
        made[name] = kind(**{field: values[field] for field in fields})
    assert used == values.keys()
    return made


def machine(tmp_path: Path) -> Machine:
    """Two threads."""
    return Machine(device="cpu", threads=2, cache=tmp_path / "cache")


def stage_1_settings(encoder: str, corpus: str, **changes: Any) -> TrainSettings:
    """Settings of a run of stage 1."""
    usual = {
        "model": encoder,
        "self_layers": 2,
        "cross_layers": 1,
        "init_cross": "random",
        "negatives": 20,
    }
    kinds = {"text": Text, "start": Start, "schedule": Schedule}
    return TrainSettings(**parts(kinds, corpus, usual | changes))


def stage_1(
    encoder: str, corpus: str, output: Path, *, resume: bool = False, **changes: Any
) -> list[dict[str, Any]]:
    """Run stage 1; gives what was shown."""
    shown: list[dict[str, Any]] = []
    chosen = stage_1_settings(encoder, corpus, **changes)
    train_tlm(chosen, machine(output.parent), output, resume=resume, show=shown.append)
    return shown


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Weights of a model folder."""
    return safetensors.torch.load_file(folder / "model.safetensors")


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


def stage_2(
    model: str, corpus: str, output: Path, *, resume: bool = False, **changes: Any
) -> list[dict[str, Any]]:
    """Run stage 2; gives what was shown."""
    shown: list[dict[str, Any]] = []
    usual = {"mask_rate": 0.0, "scale": RULE.scale, "null_word": True, "loss": "words"}
    kinds = {"text": Text, "labels": Labels, "schedule": Schedule}
    chosen = FinetuneSettings(model=model, **parts(kinds, corpus, usual | changes))
    finetune(chosen, machine(output.parent), output, resume=resume, show=shown.append)
    return shown


def metrics(folder: Path) -> list[dict[str, Any]]:
    """What a run wrote down."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


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
    assert score(list(aligner.align(dev.pairs)), dev.gold).aer == pytest.approx(best)


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


def test_stage_1_chooses_the_alignment_layer_or_keeps_the_one_given(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    stage_1(encoder, corpus, tmp_path / "run", cross_layers=2)
    chosen = load(str(tmp_path / "run"))
    assert {point.layer for point in chosen.curve} == {3, 4}
    lowest = min(chosen.curve, key=lambda point: point.aer)
    assert chosen.network.config.align_layer == lowest.layer
    assert len(chosen.network.layers) == 4


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


def test_a_teacher_may_be_another_model_but_must_cut_words_alike(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    stage_2(encoder, corpus, tmp_path / "run", teacher=encoder, steps=2)
    with pytest.raises(ModelError, match="teacher 'e5-small': expected the tokenizer of the model"):
        stage_2(encoder, corpus, tmp_path / "other", teacher="e5-small")


def test_embeddings_learn_when_asked(encoder: str, corpus: str, tmp_path: Path) -> None:
    stage_2(encoder, corpus, tmp_path / "run", tune_embeddings=True, steps=2, dev=())
    before = load(encoder).network.state_dict()
    after = weights(tmp_path / "run")
    for name in ("pieces.weight", "positions.weight", "norm.weight"):
        assert not torch.equal(after[name], before[name])


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


def test_a_disk_that_fills_up_leaves_the_last_checkpoint_whole(
    encoder: str, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def fill_up(state: dict[str, torch.Tensor], path: Path) -> None:
        written.append(path)
        if len(written) > 2:  # the model and the state of the first validation
            path.write_bytes(b"half a file")
            raise safetensors.SafetensorError("No space left on device (os error 28)")
        save_file(state, path)

    save_file = safetensors.torch.save_file
    monkeypatch.setattr(safetensors.torch, "save_file", fill_up)
    with pytest.raises(OSError, match="No space left on device"):
        stage_1(encoder, corpus, tmp_path / "run", dev=())
    monkeypatch.undo()
    assert load(str(tmp_path / "run")).network.config.num_cross_layers == 1
    shown = stage_1(encoder, corpus, tmp_path / "run", dev=(), resume=True)
    assert [record["step"] for record in shown] == [3, 4, 5, 6]
    assert not list((tmp_path / "run").glob(".*"))


def test_one_bad_corpus_of_many_is_named_before_any_step(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("no separator\n")
    with pytest.raises(InputError, match=r"bad\.txt: expected pairs to train on, found none"):
        stage_1(encoder, corpus, tmp_path / "run", input=(corpus, str(bad), corpus), weight=())
    assert not (tmp_path / "run").exists()


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


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    encoder: str, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_1(encoder, corpus, tmp_path / "whole", dev=())
    told: list[dict[str, Any]] = []

    class KilledError(Exception):
        pass

    def stop_at_5(record: dict[str, Any]) -> None:
        told.append(record)
        if record["step"] == 5:
            raise KilledError

    chosen = stage_1_settings(encoder, corpus, dev=())
    with pytest.raises(KilledError):
        train_tlm(chosen, machine(tmp_path), tmp_path / "part", resume=False, show=stop_at_5)
    shown = stage_1(encoder, corpus, tmp_path / "part", resume=True, dev=())
    assert [record["step"] for record in shown] == [5, 6]
    ours, theirs = weights(tmp_path / "part"), weights(tmp_path / "whole")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    lines = (tmp_path / "part" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 6]


def test_resuming_never_happens_unasked_nor_with_other_settings(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="there is nothing to resume; drop --resume"):
        stage_1(encoder, corpus, tmp_path / "run", resume=True)
    stage_1(encoder, corpus, tmp_path / "run")
    with pytest.raises(
        ModelError, match="holds a run; go on with --resume, or name another folder"
    ):
        stage_1(encoder, corpus, tmp_path / "run")
    with pytest.raises(ModelError, match="the run has other settings for schedule"):
        stage_1(encoder, corpus, tmp_path / "run", resume=True, steps=7, lr=0.5)


def test_a_stage_that_would_train_nothing_is_refused(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="no layer would train"):
        stage_2(encoder, corpus, tmp_path / "run", tune_self=0)


def test_a_development_set_needs_gold_for_every_pair(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("a ||| b\n")
    with pytest.raises(InputError, match=r"dev\.talp: cannot be read"):
        open_dev_set(str(tmp_path / "dev.txt"))
    (tmp_path / "dev.talp").write_text("0-0\n0-0\n")
    with pytest.raises(InputError, match=r"dev\.talp: expected 1 lines, as many as .* found 2"):
        open_dev_set(str(tmp_path / "dev.txt"))


RECORDED = {
    "tlm": [3.586871, 3.381041, 3.367085, 3.047376],
    "ssa": [1.336662, 1.304707, 1.281553, 1.203272],
}
"""Losses before each of the first steps; another one here is another thing trained."""


def test_five_steps_of_each_stage_have_the_recorded_losses(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    first = stage_1(encoder, corpus, tmp_path / "first", steps=5, every=5, dev=())
    assert [record["loss"] for record in first[:4]] == pytest.approx(RECORDED["tlm"], abs=1e-4)
    second = stage_2(str(tmp_path / "first"), corpus, tmp_path / "second", steps=5, every=5, dev=())
    assert [record["loss"] for record in second[:4]] == pytest.approx(RECORDED["ssa"], abs=1e-4)


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
    assert score(list(aligner.align(dev.pairs)), dev.gold).aer == pytest.approx(best)


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

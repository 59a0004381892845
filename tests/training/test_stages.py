"""Both stages, end to end on a tiny model: runs, their folders, resuming, and what they learn."""

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tests.weights.test_backbones import LETTERS, save
from xalign.errors import InputError, ModelError
from xalign.model.config import Depth, ExtractionRule
from xalign.training.run import open_dev_set
from xalign.training.stages import Machine, Settings, finetune_ssa, train_tlm
from xalign.weights.checkpoint import load

DEPTH = Depth(num_self_layers=2, num_cross_layers=1, align_layer=3)
RULE = ExtractionRule(method="threshold", threshold=0.15, scale=0.2, null_word=True)


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


def settings(corpus: str, **changes: Any) -> Settings:
    """A run of a few steps."""
    values: dict[str, Any] = {
        "corpora": (corpus,), "weights": (1.0,), "steps": 6, "batch_pieces": 400, "rate": 1e-3,
        "self_rate": 1e-3, "tune_self": 2, "warmup": 1, "max_pieces": 30, "every": 2,
        "dev": (corpus,), "seed": 1,
    }  # fmt: skip
    return Settings(**{**values, **changes})


def machine(tmp_path: Path) -> Machine:
    """Two threads."""
    return Machine(device="cpu", threads=2, cache=tmp_path / "cache", shard_pieces=200)


def stage_1(
    encoder: str, corpus: str, output: Path, *, resume: bool = False, **changes: Any
) -> list[dict[str, Any]]:
    """Run stage 1; gives what was shown."""
    shown: list[dict[str, Any]] = []
    train_tlm(
        settings(corpus, **changes), machine(output.parent), output, model=encoder, depth=DEPTH,
        copy_cross=False, mask_rate=0.3, negatives=20, resume=resume, show=shown.append,
    )  # fmt: skip
    return shown


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Weights of a model folder."""
    return safetensors.torch.load_file(folder / "model.safetensors")


def test_stage_1_learns_to_predict_and_keeps_the_best_model(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    shown = stage_1(encoder, corpus, tmp_path / "run", steps=60, every=20)
    assert [record["step"] for record in shown] == list(range(1, 61))
    metrics = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert [record["step"] for record in metrics] == [20, 40, 60]
    assert metrics[-1]["loss"] < metrics[0]["loss"]
    assert metrics[0]["aer"].keys() == {"pairs"}
    best = load(str(tmp_path / "run"))
    assert best.network.config.num_cross_layers == 1
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["settings"]["stage"] == "tlm"
    assert record.keys() >= {"command", "xalign", "torch", "python", "machine", "started"}


def test_stage_2_raises_the_agreement_with_gold(encoder: str, corpus: str, tmp_path: Path) -> None:
    stage_1(encoder, corpus, tmp_path / "first", steps=150, every=50, rate=3e-3, self_rate=3e-3)
    shown: list[dict[str, Any]] = []
    finetune_ssa(
        settings(corpus, steps=40, every=40), machine(tmp_path), tmp_path / "second",
        model=str(tmp_path / "first"), rule=RULE, normalize=True, resume=False, show=shown.append,
    )  # fmt: skip
    assert shown[-1]["loss"] < shown[0]["loss"]
    assert load(str(tmp_path / "second")).rule == RULE


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

    with pytest.raises(KilledError):
        train_tlm(
            settings(corpus, dev=()), machine(tmp_path), tmp_path / "part", model=encoder, depth=DEPTH,
            copy_cross=False, mask_rate=0.3, negatives=20, resume=False, show=stop_at_5,
        )  # fmt: skip
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
    with pytest.raises(ModelError, match="the run has other settings for rate, steps"):
        stage_1(encoder, corpus, tmp_path / "run", resume=True, steps=7, rate=0.5)


def test_a_stage_that_would_train_nothing_is_refused(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="no layer would train"):
        finetune_ssa(
            settings(corpus, tune_self=0), machine(tmp_path), tmp_path / "run", model=encoder,
            rule=RULE, normalize=False, resume=False, show=lambda _: None,
        )  # fmt: skip


def test_a_development_set_needs_gold_for_every_pair(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("a ||| b\n")
    with pytest.raises(InputError, match=r"dev\.talp: cannot be read"):
        open_dev_set(str(tmp_path / "dev.txt"))
    (tmp_path / "dev.talp").write_text("0-0\n0-0\n")
    with pytest.raises(InputError, match=r"dev\.talp: expected 1 lines, as many as .* found 2"):
        open_dev_set(str(tmp_path / "dev.txt"))

"""Runs of both stages on a tiny model: their settings, and what they wrote."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch

from tests.conftest import LETTERS, save
from xalign.model.config import ExtractionRule
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

RULE = ExtractionRule(method="words", threshold=0.15, scale=0.2, null_word=True)


@pytest.fixture(scope="session")
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
    """Run stage 1; gives the records that were shown."""
    shown: list[Any] = []
    chosen = stage_1_settings(encoder, corpus, **changes)
    train_tlm(chosen, machine(output.parent), output, resume=resume, show=shown.append)
    return [event for event in shown if isinstance(event, dict)]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Weights of a model folder."""
    return safetensors.torch.load_file(folder / "model.safetensors")


def stage_2(
    model: str, corpus: str, output: Path, *, resume: bool = False, **changes: Any
) -> list[dict[str, Any]]:
    """Run stage 2; gives the records that were shown."""
    shown: list[Any] = []
    usual = {"mask_rate": 0.0, "scale": RULE.scale, "null_word": True, "loss": "words"}
    kinds = {"text": Text, "labels": Labels, "schedule": Schedule}
    chosen = FinetuneSettings(model=model, **parts(kinds, corpus, usual | changes))
    finetune(chosen, machine(output.parent), output, resume=resume, show=shown.append)
    return [event for event in shown if isinstance(event, dict)]


def metrics(folder: Path) -> list[dict[str, Any]]:
    """What a run wrote down."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]

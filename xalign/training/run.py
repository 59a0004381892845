"""A training run as a folder: the best model so far, metrics, and all that is needed to go on.

========================  =================================================================
``config.json`` ...       the best model so far, as `xalign align -m` takes it
``run.json``              the settings, command, versions and data, to repeat the run by
``metrics.jsonl``         a line every K steps: step, loss, AER of each development set
``state.safetensors``     parameters and optimiser after the last K steps, to resume from
========================  =================================================================
"""

import json
import logging
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

import xalign
from xalign.aligner import Aligner
from xalign.alignment import SentencePair
from xalign.errors import InputError, ModelError
from xalign.io.files import Source
from xalign.io.gold import Gold, read_gold
from xalign.io.pairs import read_pairs
from xalign.metrics import score
from xalign.training.loop import Progress, Trainer, position, train, wait_for_all
from xalign.training.objectives import Objective, Pairs
from xalign.weights.checkpoint import Checkpoint, save_folder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DevSet:
    """Pairs with gold links to validate on."""

    name: str
    pairs: tuple[SentencePair, ...]
    gold: Gold


def open_dev_set(path: str) -> DevSet:
    """The pairs at ``path`` and the gold links beside it, in a file with the suffix ``.talp``."""
    gold_path = Path(path).with_suffix(".talp")
    gold = read_gold(Source(str(gold_path)), str(gold_path))
    pairs = tuple(read_pairs(Source(path), path))
    if len(pairs) != len(gold.alignments):
        expected = f"expected {len(pairs)} lines, as many as {path} has"
        raise InputError(str(gold_path), 0, f"{expected}, found {len(gold.alignments)}")
    return DevSet(Path(path).stem, pairs, gold)


def error_rates(checkpoint: Checkpoint, sets: Sequence[DevSet], threads: int) -> dict[str, float]:
    """AER of a model on each development set, as a share of 1."""
    device = checkpoint.network.norm.weight.device
    aligner = Aligner(checkpoint, device=device, threads=threads, batch_pieces=2048)
    return {
        dev.name: score(list(aligner.align(dev.pairs)), dev.gold.alignments).aer for dev in sets
    }


@dataclass(slots=True)
class Run:
    """A run in ``folder``: validates and saves every ``every`` steps, keeps the best model.

    Without development sets, the newest model is the best one. Only the first of several processes
    writes.
    """

    folder: Path
    checkpoint: Checkpoint
    trainer: Trainer
    dev: Sequence[DevSet]
    every: int
    best: float = math.inf

    def start(self, settings: dict[str, Any], *, resume: bool) -> None:
        """Open the folder: a new one, or, to ``resume``, one with a run of the same settings.

        Errors: `ModelError` when the folder is not what it should be.
        """
        record, state = self.folder / "run.json", self.folder / "state.safetensors"
        if not resume:
            if record.exists():
                advice = "go on with --resume, or name another folder"
                raise ModelError(f"{self.folder}: holds a run; {advice}")
            wait_for_all()  # all have looked before one writes
            if position()[0] == 0:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_json(record, {"settings": settings, **circumstances()})
            return
        if not record.exists() or not state.exists():
            raise ModelError(f"{self.folder}: there is nothing to resume; drop --resume")
        before = json.loads(record.read_text())["settings"]
        if before != settings:
            keys = before.keys() | settings
            changed = sorted(k for k in keys if before.get(k) != settings.get(k))
            raise ModelError(f"{self.folder}: the run has other settings for {', '.join(changed)}")
        self.trainer.restore(safetensors.torch.load_file(state))
        self._drop_later_metrics()

    def _drop_later_metrics(self) -> None:
        """Forget what was written after the state that is resumed, and find the best AER before."""
        path = self.folder / "metrics.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        records = [json.loads(line) for line in lines]
        kept = [record for record in records if record["step"] <= self.trainer.step]
        self.best = min(
            (r["mean_aer"] for r in kept if r["mean_aer"] is not None), default=math.inf
        )
        write_text(path, "".join(json.dumps(record) + "\n" for record in kept))

    def go(
        self, objective: Objective, batches: Iterator[Pairs], show: Callable[[dict[str, Any]], None]
    ) -> None:
        """Train to the end; ``show`` gets a record after every step, with AER where taken."""
        losses: list[float] = []

        def done(progress: Progress) -> None:
            losses.append(progress.loss)
            rate = progress.pieces / max(progress.seconds, 1e-9)
            record = {"step": progress.step, "loss": progress.loss, "pieces_per_second": rate}
            if progress.step % self.every == 0 or progress.step == self.trainer.schedule.steps:
                record["loss"] = sum(losses) / len(losses)
                losses.clear()
                record |= self.validate()
                self.save(record)
            show(record)

        train(self.trainer, objective, batches, done)

    def validate(self) -> dict[str, Any]:
        """AER on every development set, and their mean."""
        rates = error_rates(self.checkpoint, self.dev, self.trainer.schedule.threads)
        mean = sum(rates.values()) / len(rates) if rates else None
        return {"aer": rates, "mean_aer": mean}

    def save(self, record: dict[str, Any]) -> None:
        """Write metrics and state, and the model if it is the best so far."""
        if position()[0]:
            return
        mean = record["mean_aer"]
        if mean is None or mean < self.best:
            self.best = math.inf if mean is None else mean
            save_folder(self.checkpoint, self.folder)
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        state = {name: value.contiguous() for name, value in self.trainer.state().items()}
        part = self.folder / ".state.safetensors.part"
        safetensors.torch.save_file(state, part)
        part.replace(self.folder / "state.safetensors")


def circumstances() -> dict[str, Any]:
    """What a run was started with: command, versions, machine, time."""
    return {
        "command": sys.argv, "xalign": xalign.__version__, "torch": torch.__version__,
        "python": platform.python_version(), "machine": platform.machine(),
        "cores": os.cpu_count(), "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }  # fmt: skip


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object to ``path``, whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)

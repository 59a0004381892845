"""A training run as a folder: the best model so far, metrics, and all that is needed to go on.

========================  =================================================================
``config.json`` ...       the best model so far, as `xalign align -m` takes it
``run.json``              the settings, command, versions and data, to repeat the run by
``metrics.jsonl``         one line every K steps: step, loss, AER of each development set
``metrics.png``           the same as a picture, where matplotlib is installed
``state.safetensors``     parameters and optimiser after the last K steps, to resume from
========================  =================================================================

The first state is written before ``run.json``, so a folder with ``run.json`` always has a state.
"""

import importlib.util
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

import xalign
from xalign.errors import ModelError
from xalign.io.json_text import parse_json
from xalign.training.events import Metrics, Phase, Resumed, Show
from xalign.training.loop import (
    Trainer,
    broadcast_from_first,
    is_same_everywhere,
    rank_and_world,
    steps,
)
from xalign.training.objectives import Examples, Objective
from xalign.training.tuning import Choices, DevSet, tune
from xalign.weights.checkpoint import Checkpoint, save_folder, whole_file

STATE, METRICS = "state.safetensors", "metrics.jsonl"
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, SafetensorError)
"""Errors of reading what is not as it was written."""


@dataclass(slots=True)
class Run:
    """A run in ``folder``: validates and saves as its schedule says, and keeps the best model.

    Links are read off by the best of ``choices`` on the development sets. Without these sets, the
    newest model is the best one, and its rule stays. Only the first of several processes writes.
    """

    folder: Path
    checkpoint: Checkpoint
    trainer: Trainer
    dev: Sequence[DevSet]
    choices: Choices
    best: float = math.inf
    waited: int = 0

    def start(self, settings: dict[str, Any], *, resume: bool) -> None:
        """Begin in a new folder; with ``resume``, go on with what a run of the same settings saved.

        Errors: `ModelError` when the folder is not what it should be, or not the same for all
        processes.
        """
        saved, error = None, None
        try:
            saved = self._saved(settings, resume=resume)
        except ModelError as found:
            error = found
        step = -1 if saved is None else int(saved["number_of_steps"])
        is_same = is_same_everywhere(-2 if error else step)
        if error:
            raise error
        if not is_same:
            advice = "name one on a disk that all of them share"
            raise ModelError(f"{self.folder}: not the same for all processes of the run; {advice}")
        if saved is not None:
            self.trainer.restore(saved)
            self._drop_later_metrics()
        elif rank_and_world()[0] == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / METRICS).unlink(missing_ok=True)
            self._save_state()
            write_json(self.folder / "run.json", {"settings": settings, **circumstances()})

    def _saved(self, settings: dict[str, Any], *, resume: bool) -> dict[str, Tensor] | None:
        """The state to go on from; None where no run has begun."""
        path = self.folder / "run.json"
        if not path.exists():
            return None
        if not resume:
            advice = "go on with --resume, or name another folder"
            raise ModelError(f"{self.folder}: holds a run; {advice}")
        try:
            before = parse_json(path.read_text(encoding="utf-8"))["settings"]
            changed = differences(before, settings)
            path = self.folder / STATE
            state = safetensors.torch.load_file(path)
            int(state["number_of_steps"])
            path = self.folder / METRICS
            if not all({"step", "mean_aer"} <= record.keys() for record in read_metrics(path)):
                raise ValueError("a line has no step and mean_aer")
        except DAMAGE as error:
            what = "is gone" if isinstance(error, FileNotFoundError) else f"is damaged: {error}"
            raise ModelError(f"{path} {what}; name another folder to start anew") from error
        if changed:
            advice = "go on with its own, or name another folder"
            raise ModelError(f"{self.folder}: the run has other settings: {changed}; {advice}")
        return state

    def _drop_later_metrics(self) -> None:
        """Forget what was written after the state that is resumed; find the best AER before."""
        path = self.folder / METRICS
        kept = [record for record in read_metrics(path) if record["step"] <= self.trainer.step]
        for record in kept:
            self._note(record["mean_aer"])
        if rank_and_world()[0] == 0:
            lines = "".join(json.dumps(record) + "\n" for record in kept)
            with whole_file(path) as part:
                part.write_text(lines, encoding="utf-8")

    def _save_state(self) -> None:
        """Write parameters and optimiser, to go on from."""
        state = {name: value.contiguous() for name, value in self.trainer.state().items()}
        with whole_file(self.folder / STATE) as part:
            safetensors.torch.save_file(state, part)

    def _note(self, mean: float | None) -> bool:
        """Note a mean AER, and return whether it is the lowest so far."""
        if mean is None:
            return True
        is_best = mean < self.best
        self.best, self.waited = (mean, 0) if is_best else (self.best, self.waited + 1)
        return is_best

    def go(
        self,
        objective: Objective,
        batches: Iterator[Examples],
        show: Show,
    ) -> None:
        """Train to the end; ``show`` gets a record after every step, with AER if validated."""
        losses: list[float] = []
        schedule = self.trainer.schedule
        if schedule.steps == 0:
            self.save(Metrics(step=0))
        show(Resumed(read_metrics(self.folder / METRICS)))
        show(Phase("taking the first step"))
        for progress in steps(self.trainer, objective, batches):
            losses.append(progress.loss)
            rate = progress.pieces / max(progress.seconds, 1e-9)
            record = Metrics(step=progress.step, loss=progress.loss, pieces_per_second=rate)
            if (
                progress.step % self.trainer.schedule.every == 0
                or progress.step == self.trainer.schedule.steps
            ):
                record["loss"] = sum(losses) / len(losses)
                losses.clear()
                show(Phase("validating"))
                self.save(record)
            show(record)
            if schedule.patience and self.waited >= schedule.patience:
                break

    def save(self, record: Metrics) -> None:
        """Validate; write metrics and state, and the model if it is the best so far."""
        checkpoint, record["aer"], record["mean_aer"] = self.checkpoint, {}, None
        if self.dev:
            tuned = tune(checkpoint, self.dev, self.choices, self.trainer.batching.threads)
            checkpoint, record["aer"], record["mean_aer"] = (
                tuned.checkpoint,
                tuned.rates,
                broadcast_from_first(tuned.mean),  # so that all processes stop at the same step
            )
        is_best = self._note(record["mean_aer"])
        if rank_and_world()[0]:
            return
        if is_best:
            save_folder(checkpoint, self.folder)
        with (self.folder / METRICS).open("a") as file:
            file.write(json.dumps(record) + "\n")
        self._save_state()
        draw_metrics(self.folder)


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The settings that differ, with both values; empty if none does."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        one, other = before.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            found += [part for part in [differences(one, other)] if part]
        elif one != other and (name in before or other):  # older runs lack newer settings
            shown = name.replace("_", " ")
            is_long = isinstance(one, list) or isinstance(other, list)
            found.append(shown if is_long else f"{shown} was {one}, now {other}")
    return ", ".join(found)


def read_metrics(path: Path) -> list[Metrics]:
    """Records of ``metrics.jsonl``; a last line that was cut off is left out."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [parse_json(line) for line in lines if line.endswith("\n")]


def draw_metrics(folder: Path) -> None:
    """Draw ``metrics.png`` in a run folder, if matplotlib is installed: loss and AER by step."""
    if importlib.util.find_spec("matplotlib") is None:
        return
    from matplotlib.figure import Figure

    records = read_metrics(folder / METRICS)
    at = [record["step"] for record in records]
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(at, [record.get("loss") or math.nan for record in records])
    left.set(title="loss per piece", xlabel="step")
    for name in records[-1]["aer"]:
        rates = [100 * record["aer"].get(name, math.nan) for record in records]
        right.plot(at, rates, linewidth=0.8, label=name)
    if records[-1]["aer"]:
        means = [
            math.nan if (mean := record["mean_aer"]) is None else 100 * mean for record in records
        ]
        right.plot(at, means, linewidth=2.5, color="black", label="mean")
        right.legend(fontsize=6)
    right.set(title="AER on development sets (%)", xlabel="step")
    with whole_file(folder / "metrics.png") as part:
        figure.savefig(part, dpi=150, format="png")


def circumstances() -> dict[str, Any]:
    """Circumstances of the start of a run: command, versions, machine, time."""
    return {
        "command": sys.argv,
        "xalign": xalign.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object to ``path``, whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

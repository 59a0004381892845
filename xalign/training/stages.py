"""The two stages, put together: TLM (`train_tlm`) and SSA (`finetune_ssa`)."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from xalign.devices import choose_device
from xalign.errors import ModelError
from xalign.model.config import Depth, ExtractionRule
from xalign.model.cross_align import CrossAlign, TLMHead, init_randomly
from xalign.training.data import Corpus, Sampler, open_corpus
from xalign.training.loop import Schedule, Trainer
from xalign.training.objectives import Pairs, frozen_copy, ssa_objective, tlm_objective
from xalign.training.run import Run, open_dev_set
from xalign.weights.checkpoint import Checkpoint, load

Show = Callable[[dict[str, Any]], None]
Groups = list[tuple[dict[str, nn.Parameter], float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What both stages need to know; recorded with the run.

    ``corpora`` are drawn from by ``weights``. A step takes ``batch_pieces`` pieces in all, on
    however many devices. ``rate`` is the learning rate of the cross-attention layers (and the TLM
    head), ``self_rate`` that of the top ``tune_self`` self-attention layers; all below are frozen.
    Every ``every`` steps the run is validated on ``dev`` and saved.
    """

    corpora: tuple[str, ...]
    weights: tuple[float, ...]
    steps: int
    batch_pieces: int
    rate: float
    self_rate: float
    tune_self: int
    warmup: int
    max_pieces: int
    every: int
    dev: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a run happens, which has no part in its result: device, threads, cache, shard size."""

    device: str
    threads: int
    cache: Path
    shard_pieces: int = 2048


def train_tlm(
    settings: Settings, machine: Machine, output: Path, *, model: str | None, depth: Depth,
    copy_cross: bool, mask_rate: float, negatives: int, resume: bool, show: Show,
) -> None:  # fmt: skip
    """Stage 1 (eq. 11): from an encoder to a network with cross-attention layers in ``output``."""
    checkpoint = load(model, depth, None if copy_cross else settings.seed)
    network = checkpoint.network.to(choose_device(machine.device))
    head = TLMHead(network.config)
    init_randomly(head, torch.Generator().manual_seed(settings.seed))
    head.to(network.norm.weight.device)
    corpora = open_corpora(settings, machine, checkpoint)
    vocabulary = np.unique(np.concatenate([corpus.vocabulary for corpus in corpora]))
    if checkpoint.tokenizer.mask is None:
        raise ModelError("the tokenizer of this model has no mask piece, which stage 1 needs")
    objective = tlm_objective(
        network, head, vocabulary=torch.from_numpy(vocabulary), mask=checkpoint.tokenizer.mask,
        rate=mask_rate, negatives=negatives,
    )  # fmt: skip
    groups = trained_layers(network, len(network.layers), settings)
    groups.append(
        ({f"head.{name}": value for name, value in head.named_parameters()}, settings.rate)
    )
    run = make_run(settings, machine, output, checkpoint, groups)
    record = dataclasses.asdict(settings) | dataclasses.asdict(depth) | {
        "stage": "tlm", "model": model, "copy_cross": copy_cross, "mask_rate": mask_rate,
        "negatives": negatives, "data": [corpus.sha256 for corpus in corpora],
    }  # fmt: skip
    run.start(as_json(record), resume=resume)
    run.go(objective, stream(settings, corpora, checkpoint, run.trainer.step), show)


def finetune_ssa(
    settings: Settings, machine: Machine, output: Path, *, model: str | None, rule: ExtractionRule,
    normalize: bool, resume: bool, show: Show,
) -> None:  # fmt: skip
    """Stage 2 (eq. 12): learn the model's own links, raised to words, up to its alignment layer.

    Labels are read off a frozen copy of ``model`` by its own rule; ``rule`` is that of the result.
    """
    started = load(model)
    network = started.network.pruned().to(choose_device(machine.device))
    corpora = open_corpora(settings, machine, started)
    objective = ssa_objective(
        network, frozen_copy(network), teacher_rule=started.rule, rule=rule, normalize=normalize
    )
    groups = trained_layers(network, len(network.layers), settings)
    checkpoint = Checkpoint(network, started.tokenizer, rule)
    run = make_run(settings, machine, output, checkpoint, groups)
    record = dataclasses.asdict(settings) | {
        "stage": "ssa", "model": model, "rule": dataclasses.asdict(rule), "normalize": normalize,
        "data": [corpus.sha256 for corpus in corpora],
    }  # fmt: skip
    run.start(as_json(record), resume=resume)
    run.go(objective, stream(settings, corpora, checkpoint, run.trainer.step), show)


def open_corpora(settings: Settings, machine: Machine, checkpoint: Checkpoint) -> list[Corpus]:
    """All corpora, cut into pieces."""
    limit = min(settings.max_pieces, checkpoint.network.config.max_positions)
    machine.cache.mkdir(parents=True, exist_ok=True)
    return [
        open_corpus(path, checkpoint.tokenizer, machine.cache, limit) for path in settings.corpora
    ]


def trained_layers(network: CrossAlign, num_layers: int, settings: Settings) -> Groups:
    """Parameters of the cross layers, and of the top self layers, each with its learning rate.

    Everything else is frozen here.
    """
    network.requires_grad_(False)
    split = network.config.num_self_layers
    cross, own = range(split, num_layers), range(max(0, split - settings.tune_self), split)
    groups: Groups = []
    for layers, rate in ((cross, settings.rate), (own, settings.self_rate)):
        group = {
            f"layers.{layer}.{name}": value
            for layer in layers
            for name, value in network.layers[layer].requires_grad_(True).named_parameters()
        }
        if group:
            groups.append((group, rate))
    if not groups:
        raise ModelError("no layer would train: give the model cross layers, or set --tune-self")
    return groups


def make_run(
    settings: Settings, machine: Machine, output: Path, checkpoint: Checkpoint, groups: Groups
) -> Run:
    """A run over ``groups`` of parameters, not yet started."""
    schedule = Schedule(
        steps=settings.steps, warmup=settings.warmup, seed=settings.seed,
        threads=machine.threads, shard_pieces=machine.shard_pieces,
    )  # fmt: skip
    dev = [open_dev_set(path) for path in settings.dev]
    return Run(output, checkpoint, Trainer(groups, schedule), dev, settings.every)


def stream(
    settings: Settings, corpora: Sequence[Corpus], checkpoint: Checkpoint, start: int
) -> Iterator[Pairs]:
    """Batches of pairs as pieces, from step ``start`` on."""
    sampler = Sampler(corpora, settings.weights, budget=settings.batch_pieces, seed=settings.seed)
    for batch in sampler.batches(start):
        yield [corpora[owner].pair(number, checkpoint.tokenizer) for owner, number in batch]


def as_json(record: dict[str, Any]) -> dict[str, Any]:
    """``record`` as it comes back from JSON: tuples are lists."""
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in record.items()
    }

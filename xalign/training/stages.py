"""The two stages, put together: TLM (`train_tlm`) and SSA (`finetune_ssa`)."""

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from xalign.aligning.devices import choose_device
from xalign.errors import InputError, ModelError
from xalign.model.config import Average, Depth, ExtractionRule
from xalign.model.cross_align import (
    SIMILARITY_SCALE,
    CrossAlign,
    TLMHead,
    init_as_identity,
    init_randomly,
)
from xalign.training.data import (
    Corpus,
    Preparation,
    Sampler,
    linked_pairs,
    open_corpus,
)
from xalign.training.loop import Schedule, Trainer
from xalign.training.losses import LossForm
from xalign.training.masking import Masking
from xalign.training.objectives import (
    Examples,
    frozen_copy,
    links_objective,
    ssa_objective,
    tlm_objective,
)
from xalign.training.run import Run
from xalign.training.settings import Machine, Settings
from xalign.training.tuning import THRESHOLDS, Choices, DevSet, open_dev_set
from xalign.weights.checkpoint import Checkpoint, load
from xalign.weights.tokenizer import Tokenizer

Show = Callable[[dict[str, Any]], None]
InitCross = Literal["identity", "random", "copy"]
Groups = list[tuple[dict[str, nn.Parameter], float]]

STAGE_1_SCALES = (1.0, 2.0, 4.0, 6.0, 8.0)
"""Scales to try after stage 1, where none was trained with, in units of 1 / sqrt(width)."""
DEFAULT_THRESHOLDS: dict[LossForm, float] = {"words": 0.475, "pieces": 0.475, "paper": 0.15}
"""Thresholds of a model that no development sets chose one for, by what it was taught to give."""
STAGE_2_SCALES = (1.0, 1.5, 2.0, 3.0)
"""Scales to try after stage 2, in units of that in training."""
HELD_OUT, MAX_HELD_OUT = 10, 500
"""Of given links without development sets, every so many-th pair validates, up to a number."""


def train_tlm(
    settings: Settings, machine: Machine, output: Path, *, model: str, depth: Depth,
    init_cross: InitCross, negatives: int,
    choose_layer: bool, resume: bool, show: Show,
) -> None:  # fmt: skip
    """Stage 1 (eq. 11): from an encoder to a network with cross-attention layers in ``output``.

    With ``choose_layer``, the alignment layer is that of the cross-attention layers which links
    best on the development sets; else that of ``depth``.
    """
    checkpoint = load(model, depth, None if init_cross == "copy" else settings.seed)
    if init_cross == "identity":
        init_as_identity(checkpoint.network, torch.Generator().manual_seed(settings.seed))
    checkpoint = dataclasses.replace(checkpoint, rule=ExtractionRule(method="words"))
    network = place(checkpoint.network, machine)
    head = TLMHead(network.config)
    init_randomly(head, torch.Generator().manual_seed(settings.seed))
    head.to(network.norm.weight.device)
    corpora = [open_one(path, settings, machine, checkpoint) for path in settings.corpora]
    masking = masking_for(settings, checkpoint.tokenizer, corpora)
    objective = tlm_objective(network, head, masking=masking, negatives=negatives)
    groups = trained_parts(network, settings)
    groups.append(
        ({f"head.{name}": value for name, value in head.named_parameters()}, settings.rate)
    )
    unit = 1 / math.sqrt(network.config.width)
    layers: tuple[int, ...] = (depth.align_layer,)
    if choose_layer and depth.num_cross_layers:
        layers = tuple(range(depth.num_self_layers + 1, depth.num_layers + 1))
    choices = Choices(layers, tuple(unit * scale for scale in STAGE_1_SCALES))
    dev = [open_dev_set(path) for path in settings.dev]
    run = make_run(settings, machine, output, checkpoint, groups, dev, choices)
    record = dataclasses.asdict(settings) | dataclasses.asdict(depth) | {
        "stage": "tlm", "model": model, "init_cross": init_cross, "negatives": negatives,
        "data": [corpus.sha256 for corpus in corpora], "choose_layer": choose_layer,
    }  # fmt: skip
    run.start(as_json(record), resume=resume)
    run.go(objective, stream(settings, corpora, checkpoint, run.trainer.step), show)


def finetune_ssa(
    settings: Settings, machine: Machine, output: Path, *, model: str, teacher: str | None,
    links: Sequence[str], form: LossForm, scale: float | None, threshold: float | None,
    evidence: float, average: Average, null_word: bool, resume: bool, show: Show,
) -> None:  # fmt: skip
    """Stage 2 (eq. 12): learn a teacher's links, raised to words, up to the alignment layer.

    The teacher is a frozen copy of ``model`` or, if given, the model ``teacher``; its links are
    read off by its own rule. With ``links``, a file for each corpus, these are learnt instead or,
    with ``teacher`` as well, weighed with its own (``evidence``, see `ssa_objective`).
    Similarities are multiplied by ``scale``, by default 4 / sqrt(width), and links are read off by
    the ``average`` of both softmaxes. Without ``threshold``, it is chosen on the development sets,
    and the scale that the result is read by with it. Given links without such sets are validated on
    a part that is held out.
    """
    started = load(model)
    network = place(started.network.pruned(), machine)
    rule = ExtractionRule(
        method="pieces" if form == "paper" else "words", average=average, null_word=null_word,
        scale=SIMILARITY_SCALE / math.sqrt(network.config.width) if scale is None else scale,
        threshold=DEFAULT_THRESHOLDS[form] if threshold is None else threshold,
    )  # fmt: skip
    only_links = bool(links) and teacher is None
    hold_out = HELD_OUT if links and not settings.dev else 0
    given: Sequence[str | None] = links or [None] * len(settings.corpora)
    least: Sequence[float | None] = settings.label_thresholds or [None] * len(settings.corpora)
    corpora = [
        dataclasses.replace(
            open_one(path, settings, machine, started, gold, hold_out), label_threshold=value
        )
        for path, gold, value in zip(settings.corpora, given, least, strict=True)
    ]
    dev = [open_dev_set(path) for path in settings.dev]
    masking = masking_for(settings, started.tokenizer, corpora) if settings.mask_rate else None
    if hold_out:
        dev = [held_out(*files) for files in zip(settings.corpora, links, strict=True)]
    if only_links:
        objective = links_objective(network, rule=rule, form=form, masking=masking)
    else:
        guide = load_teacher(teacher, started) if teacher else started
        objective = ssa_objective(
            network, frozen_copy(guide.network).to(network.norm.weight.device),
            teacher_rule=guide.rule, rule=rule, form=form, masking=masking,
            evidence=evidence if links else 0.0,
        )  # fmt: skip
    groups = trained_parts(network, settings)
    checkpoint = Checkpoint(network, started.tokenizer, rule)
    choices = Choices((network.config.align_layer,), (rule.scale,), (rule.threshold,))
    if threshold is None:
        scales = tuple(rule.scale * factor for factor in STAGE_2_SCALES)
        choices = dataclasses.replace(choices, scales=scales, thresholds=THRESHOLDS)
    run = make_run(settings, machine, output, checkpoint, groups, dev, choices)
    record = dataclasses.asdict(settings) | {
        "stage": "links" if only_links else "ssa", "model": model, "teacher": teacher,
        "links": list(links), "evidence": evidence, "rule": dataclasses.asdict(rule), "form": form,
        "choose_threshold": threshold is None, "data": [corpus.sha256 for corpus in corpora],
    }  # fmt: skip
    run.start(as_json(record), resume=resume)
    run.go(objective, stream(settings, corpora, checkpoint, run.trainer.step), show)


def masking_for(settings: Settings, tokenizer: Tokenizer, corpora: Sequence[Corpus]) -> Masking:
    """How to mask, by pieces that ``corpora`` have."""
    if tokenizer.mask is None:
        advice = "take another model or, in stage 2, --mask-rate 0"
        raise ModelError(f"the tokenizer of this model has no mask piece; {advice}")
    vocabulary = np.unique(np.concatenate([corpus.vocabulary for corpus in corpora]))
    return Masking(
        rate=settings.mask_rate, mask=tokenizer.mask, vocabulary=torch.from_numpy(vocabulary)
    )


def place(network: CrossAlign, machine: Machine) -> CrossAlign:
    """``network`` on its device, ready to be trained."""
    network.recompute = machine.recompute
    return network.to(choose_device(machine.device))


def load_teacher(name: str, student: Checkpoint) -> Checkpoint:
    """The model called ``name``, which must cut words as the ``student`` does."""
    teacher = load(name)
    if teacher.tokenizer.content != student.tokenizer.content:
        raise ModelError(f"teacher {name!r}: expected the tokenizer of the model, found another")
    return teacher


def open_one(
    path: str, settings: Settings, machine: Machine, checkpoint: Checkpoint,
    links: str | None = None, hold_out: int = 0,
) -> Corpus:  # fmt: skip
    """A corpus, cut into pieces."""
    machine.cache.mkdir(parents=True, exist_ok=True)
    preparation = Preparation(
        max_pieces=min(settings.max_pieces, checkpoint.network.config.max_positions),
        hold_out=hold_out, augmentation=settings.augmentation,
    )  # fmt: skip
    return open_corpus(path, checkpoint.tokenizer, machine.cache, preparation, links)


def held_out(path: str, links: str) -> DevSet:
    """The pairs and links that `Preparation.hold_out` leaves out of a corpus, up to a number."""
    numbered = enumerate(linked_pairs(path, links, lambda _: None), 1)
    rows = itertools.islice((row for k, row in numbered if k % HELD_OUT == 0), MAX_HELD_OUT)
    pairs, gold = tuple(zip(*rows, strict=True)) or ((), ())
    if not pairs:
        expected = f"expected at least {HELD_OUT} pairs to hold some out, or --dev"
        raise InputError(path, 0, f"{expected}, found fewer")
    return DevSet(f"{Path(path).stem} held out", pairs, gold)


def trained_parts(network: CrossAlign, settings: Settings) -> Groups:
    """Parameters of the cross layers, and of all else that learns, each with its learning rate.

    Everything else is frozen here.
    """
    network.requires_grad_(False)
    split = network.config.num_self_layers
    learning: list[tuple[str, nn.Module, float]] = [
        (f"layers.{k}", layer, settings.rate if k >= split else settings.self_rate)
        for k, layer in enumerate(network.layers)
        if k >= split - settings.tune_self
    ]
    if settings.tune_embeddings:
        lowest = {"pieces": network.pieces, "positions": network.positions, "norm": network.norm}
        learning += [(name, part, settings.self_rate) for name, part in lowest.items()]
    groups: dict[float, dict[str, nn.Parameter]] = {}
    for name, part, rate in learning:
        for key, value in part.requires_grad_(True).named_parameters():
            groups.setdefault(rate, {})[f"{name}.{key}"] = value
    if not groups:
        raise ModelError("no layer would train: give the model cross layers, or set --tune-self")
    return [(group, rate) for rate, group in groups.items()]


def make_run(
    settings: Settings, machine: Machine, output: Path, checkpoint: Checkpoint, groups: Groups,
    dev: Sequence[DevSet], choices: Choices,
) -> Run:  # fmt: skip
    """A run over ``groups`` of parameters, not yet started."""
    schedule = Schedule(
        steps=settings.steps, warmup=settings.warmup, seed=settings.seed,
        threads=machine.threads, shard_pieces=machine.shard_pieces,
        bf16=settings.precision == "bf16",
    )  # fmt: skip
    trainer = Trainer(groups, schedule)
    return Run(output, checkpoint, trainer, dev, choices, settings.every, settings.patience)


def stream(
    settings: Settings, corpora: Sequence[Corpus], checkpoint: Checkpoint, start: int
) -> Iterator[Examples]:
    """Batches of pairs as pieces, from step ``start`` on."""
    power = 1 / settings.temperature
    weights = settings.weights or [len(corpus) ** power for corpus in corpora]
    sampler = Sampler(corpora, weights, budget=settings.batch_pieces, seed=settings.seed)
    for batch in sampler.batches(start):
        yield [corpora[owner].example(number, checkpoint.tokenizer) for owner, number in batch]


def as_json(record: dict[str, Any]) -> dict[str, Any]:
    """``record`` as it comes back from JSON."""
    content: dict[str, Any] = json.loads(json.dumps(record))
    return content

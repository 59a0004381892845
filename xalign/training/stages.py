"""The two stages of training: TLM (`train_tlm`) and alignment (`finetune`)."""

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from xalign.aligning.devices import choose_device, usable_cores
from xalign.model.config import ExtractionRule
from xalign.model.cross_align import (
    CrossAlign,
    TLMHead,
    init_as_identity,
    init_randomly,
)
from xalign.training.corpora import Corpus, open_corpus
from xalign.training.events import Show
from xalign.training.examples import join
from xalign.training.loop import Batching, Trainer, join_processes
from xalign.training.objectives import (
    Examples,
    Objective,
    binary_objective,
    frozen_copy,
    links_objective,
    ssa_objective,
    tlm_objective,
)
from xalign.training.run import Run
from xalign.training.sampling import Sampler
from xalign.training.settings import (
    FinetuneSettings,
    Machine,
    Schedule,
    TrainSettings,
)
from xalign.training.setup import (
    BINARY_RATES,
    SSA_RATES,
    STAGE_1_SCALES,
    TLM_RATES,
    Groups,
    Rates,
    depth_of,
    held_out,
    load_teacher,
    loss_of,
    masking_for,
    open_linked,
    preparation_for,
    rates_of,
    stage_2_choices,
    student_of,
    trained_parts,
)
from xalign.training.tuning import Choices, DevSet, open_dev_sets
from xalign.weights.checkpoint import Checkpoint, load

CPU_SHARD_PIECES, GPU_SHARD_PIECES = 2048, 16384
"""Pieces that a thread, or a device, takes at once."""


def train_tlm(
    settings: TrainSettings, machine: Machine, output: Path, *, resume: bool, show: Show
) -> None:
    """Stage 1 (eq. 11): from an encoder to a network with cross-attention layers in ``output``.

    Without an ``align_layer``, the cross-attention layer that links best on the development sets is
    chosen.
    """
    start, text, schedule = settings.start, settings.text, settings.schedule
    rates = rates_of(schedule, TLM_RATES)
    depth = depth_of(start)
    device = join_processes(choose_device(machine.device))
    checkpoint = load(start.model, depth, None if start.init_cross == "copy" else schedule.seed)
    if start.init_cross == "identity":
        init_as_identity(checkpoint.network, torch.Generator().manual_seed(schedule.seed))
    checkpoint = dataclasses.replace(checkpoint, rule=ExtractionRule(method="words"))
    network = place(checkpoint.network, machine, device)
    head = TLMHead(network.config)
    init_randomly(head, torch.Generator().manual_seed(schedule.seed))
    head.to(device)
    preparation = preparation_for(settings, checkpoint)
    corpora = [
        open_corpus(files, checkpoint.tokenizer, machine.cache, preparation, show=show)
        for files in text.corpora
    ]
    masking = masking_for(rates.mask_rate, checkpoint.tokenizer, corpora)
    objective = tlm_objective(network, head, masking=masking, negatives=start.negatives)
    groups = trained_parts(network, schedule, rates)
    groups.append(({f"head.{name}": value for name, value in head.named_parameters()}, rates.lr))
    unit = 1 / math.sqrt(network.config.width)
    layers: tuple[int, ...] = (depth.align_layer,)
    if start.align_layer is None and depth.num_cross_layers:
        layers = tuple(range(depth.num_self_layers + 1, depth.num_layers + 1))
    choices = Choices(layers, tuple(unit * scale for scale in STAGE_1_SCALES))
    dev = open_dev_sets(text.dev)
    run = make_run(schedule, machine, device, output, checkpoint, groups, dev, choices)
    run.start(record_of(settings, rates, "train", corpora, device), resume=resume)
    run.go(objective, stream(settings, corpora, checkpoint, run.trainer.step), show)


def finetune(
    settings: FinetuneSettings, machine: Machine, output: Path, *, resume: bool, show: Show
) -> None:
    """Stage 2: train the layers up to the alignment layer on links of words.

    The links are a teacher's, read off by its own rule (eq. 12), or given ones, or both, see
    `Labels`. Without a ``threshold``, it is chosen on the development sets, together with the scale
    of softmaxes. Without such sets, a part of the given links is held out to validate on.

    Errors: `ModelError`, `InputError`, `TrainingError`.
    """
    labels, text, schedule = settings.labels, settings.text, settings.schedule
    device = join_processes(choose_device(machine.device))
    started = load(settings.model)
    loss = loss_of(settings, started)
    rates = rates_of(schedule, BINARY_RATES if loss == "binary" else SSA_RATES)
    student = student_of(settings, started, loss)
    network = place(student.network, machine, device)
    corpora = open_linked(settings, machine, student, show)
    masking = None
    if rates.mask_rate:
        masking = masking_for(rates.mask_rate, student.tokenizer, corpora)
    needs_teacher = labels.evidence > 0 or not all(corpus.has_links for corpus in corpora)
    guide = load_teacher(labels.teacher, started) if labels.teacher else started
    teacher = frozen_copy(guide.network).to(device) if needs_teacher else None
    objective: Objective
    if loss == "binary":
        objective = binary_objective(
            network,
            teacher,
            teacher_rule=guide.rule,
            rule=student.rule,
            doubt=labels.doubt,
            masking=masking,
        )
    elif teacher is None:
        objective = links_objective(network, rule=student.rule, loss=loss, masking=masking)
    else:
        objective = ssa_objective(
            network,
            teacher,
            teacher_rule=guide.rule,
            rule=student.rule,
            loss=loss,
            masking=masking,
            evidence=labels.evidence,
        )
    groups = trained_parts(network, schedule, rates)
    dev = open_dev_sets(text.dev) or held_out(settings)
    choices = stage_2_choices(student, loss, labels.threshold, dev)
    run = make_run(schedule, machine, device, output, student, groups, dev, choices)
    run.start(record_of(settings, rates, "finetune", corpora, device), resume=resume)
    run.go(objective, stream(settings, corpora, student, run.trainer.step), show)


def place(network: CrossAlign, machine: Machine, device: torch.device) -> CrossAlign:
    """``network`` on its device, ready to be trained."""
    network.recompute = machine.recompute
    return network.to(device)


def make_run(
    schedule: Schedule,
    machine: Machine,
    device: torch.device,
    output: Path,
    checkpoint: Checkpoint,
    groups: Groups,
    dev: Sequence[DevSet],
    choices: Choices,
) -> Run:
    """A run over ``groups`` of parameters, not yet started.

    On a CPU a batch is cut into two shards or more, whatever the number of threads.
    """
    is_cpu = device.type == "cpu"
    pieces = min(CPU_SHARD_PIECES, max(1, schedule.batch_pieces // 2))
    batching = Batching(
        shard_pieces=pieces if is_cpu else GPU_SHARD_PIECES,
        threads=machine.threads or (usable_cores() if is_cpu else 1),
        bf16=precision_on(device, schedule) == "bf16",
    )
    trainer = Trainer(groups, schedule, batching)
    return Run(output, checkpoint, trainer, dev, choices)


def precision_on(device: torch.device, schedule: Schedule) -> str:
    """The precision of training; ``auto`` is bf16 on a GPU that has it."""
    if schedule.precision != "auto":
        return schedule.precision
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def stream(
    settings: TrainSettings | FinetuneSettings,
    corpora: Sequence[Corpus],
    checkpoint: Checkpoint,
    start: int,
) -> Iterator[Examples]:
    """Batches of examples, from step ``start`` on."""
    text, schedule = settings.text, settings.schedule
    power = 1 / text.temperature
    weights = text.weight or [len(corpus) ** power for corpus in corpora]
    sampler = Sampler(
        corpora,
        weights,
        budget=schedule.batch_pieces,
        seed=schedule.seed,
        join=schedule.join,
        max_pieces=min(text.max_pieces, checkpoint.network.config.max_positions),
    )
    for batch in sampler.batches(start):
        yield [
            join([corpora[owner].example(number, checkpoint.tokenizer) for owner, number in places])
            for places in batch
        ]


def record_of(
    settings: TrainSettings | FinetuneSettings,
    rates: Rates,
    command: str,
    corpora: Sequence[Corpus],
    device: torch.device,
) -> dict[str, Any]:
    """All that affects the result of a run, in the types that JSON reads back."""
    record = dataclasses.asdict(settings)
    record["schedule"] |= dataclasses.asdict(rates)
    record["schedule"]["precision"] = precision_on(device, settings.schedule)
    record |= {"command": command, "data": [corpus.sha256 for corpus in corpora]}
    return cast(dict[str, Any], json.loads(json.dumps(record)))

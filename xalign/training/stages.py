"""The two stages, put together: TLM (`train_tlm`) and alignment (`finetune`)."""

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from xalign.aligning.devices import choose_device, usable_cores
from xalign.errors import InputError, ModelError
from xalign.model.config import Depth, ExtractionRule
from xalign.model.cross_align import (
    SIMILARITY_SCALE,
    CrossAlign,
    TLMHead,
    init_as_identity,
    init_randomly,
    with_link_head,
)
from xalign.training.corpora import Corpus, Preparation, join, linked_pairs, open_corpus
from xalign.training.loop import Batching, Trainer, join_processes
from xalign.training.losses import Loss
from xalign.training.masking import Masking
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
    NO_FILE,
    FinetuneSettings,
    Machine,
    Schedule,
    Start,
    TrainSettings,
)
from xalign.training.tuning import THRESHOLDS, Choices, DevSet, open_dev_set
from xalign.weights.backbones import training_depth
from xalign.weights.checkpoint import Checkpoint, load
from xalign.weights.tokenizer import Tokenizer

Show = Callable[[dict[str, Any]], None]
Groups = list[tuple[dict[str, nn.Parameter], float]]

STAGE_1_SCALES = (1.0, 2.0, 4.0, 6.0, 8.0)
"""Scales to try after stage 1, where none was trained with, in units of 1 / sqrt(width)."""
DEFAULT_THRESHOLDS = {"binary": 0.5, "words": 0.475, "pieces": 0.475, "paper": 0.15}
"""Thresholds of a model that no development sets chose one for, by its loss."""
STAGE_2_SCALES = (1.0, 1.5, 2.0, 3.0)
"""Scales to try after stage 2, in units of that in training."""
HELD_OUT, MAX_HELD_OUT = 10, 500
"""Of given links without development sets, every N-th pair validates, up to a number."""
LINK_CHANNELS = 24
"""Channels of a new link head."""
CPU_SHARD_PIECES, GPU_SHARD_PIECES = 2048, 16384
"""Pieces that a thread, or a device, takes at once."""


def train_tlm(
    settings: TrainSettings, machine: Machine, output: Path, *, resume: bool, show: Show
) -> None:
    """Stage 1 (eq. 11): from an encoder to a network with cross-attention layers in ``output``.

    Without an ``align_layer``, that of the cross-attention layers is chosen which links best on the
    development sets.
    """
    start, text, schedule = settings.start, settings.text, settings.schedule
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
        open_corpus(path, checkpoint.tokenizer, machine.cache, preparation) for path in text.input
    ]
    masking = masking_for(schedule.mask_rate, checkpoint.tokenizer, corpora)
    objective = tlm_objective(network, head, masking=masking, negatives=start.negatives)
    groups = trained_parts(network, schedule)
    groups.append(({f"head.{name}": value for name, value in head.named_parameters()}, schedule.lr))
    unit = 1 / math.sqrt(network.config.width)
    layers: tuple[int, ...] = (depth.align_layer,)
    if start.align_layer is None and depth.num_cross_layers:
        layers = tuple(range(depth.num_self_layers + 1, depth.num_layers + 1))
    choices = Choices(layers, tuple(unit * scale for scale in STAGE_1_SCALES))
    dev = [open_dev_set(path) for path in text.dev]
    run = make_run(schedule, machine, device, output, checkpoint, groups, dev, choices)
    run.start(record_of(settings, "train", corpora, device), resume=resume)
    run.go(objective, stream(settings, corpora, checkpoint, run.trainer.step), show)


def finetune(
    settings: FinetuneSettings, machine: Machine, output: Path, *, resume: bool, show: Show
) -> None:
    """Stage 2: learn links of words, up to the alignment layer.

    They are a teacher's, read off by its own rule (eq. 12), or given ones, or both, see `Labels`.
    Without a ``threshold``, it is chosen on the development sets, and the scale of softmaxes with
    it. Given links without such sets are validated on a part that is held out.

    Errors: `ModelError`, `InputError`, `TrainingError`.
    """
    labels, text, schedule = settings.labels, settings.text, settings.schedule
    device = join_processes(choose_device(machine.device))
    started = load(settings.model)
    loss = loss_of(settings, started)
    student = student_of(settings, started, loss)
    network = place(student.network, machine, device)
    corpora = open_linked(settings, machine, student)
    masking = None
    if schedule.mask_rate:
        masking = masking_for(schedule.mask_rate, student.tokenizer, corpora)
    needs_teacher = labels.evidence > 0 or not all(corpus.has_links for corpus in corpora)
    guide = load_teacher(labels.teacher, started) if labels.teacher else started
    teacher = frozen_copy(guide.network).to(device) if needs_teacher else None
    objective: Objective
    if loss == "binary":
        objective = binary_objective(
            network, teacher, teacher_rule=guide.rule, rule=student.rule, doubt=labels.doubt,
            masking=masking,
        )  # fmt: skip
    elif teacher is None:
        objective = links_objective(network, rule=student.rule, loss=loss, masking=masking)
    else:
        objective = ssa_objective(
            network, teacher, teacher_rule=guide.rule, rule=student.rule, loss=loss,
            masking=masking, evidence=labels.evidence,
        )  # fmt: skip
    groups = trained_parts(network, schedule)
    dev = [open_dev_set(path) for path in text.dev] or held_out(settings)
    choices = stage_2_choices(student, loss, labels.threshold)
    run = make_run(schedule, machine, device, output, student, groups, dev, choices)
    run.start(record_of(settings, "finetune", corpora, device), resume=resume)
    run.go(objective, stream(settings, corpora, student, run.trainer.step), show)


def depth_of(start: Start) -> Depth:
    """The depth of the network that ``start`` asks for; see `training_depth`."""
    usual = training_depth(start.model)
    m = usual.num_self_layers if start.self_layers is None else start.self_layers
    n = usual.num_cross_layers if start.cross_layers is None else start.cross_layers
    first = m + min(1, n)
    c = first if start.align_layer is None else start.align_layer
    return Depth(num_self_layers=m, num_cross_layers=n, align_layer=c)


def loss_of(settings: FinetuneSettings, started: Checkpoint) -> Loss:
    """The loss that ``settings`` ask for; ``auto`` is binary for given links and trained heads."""
    labels = settings.labels
    only_links = bool(labels.links) and not labels.evidence
    loss = labels.loss
    if loss == "auto":
        loss = "binary" if started.network.link_head or only_links else "words"
    if loss == "binary" and labels.evidence:
        raise ModelError("--evidence is for softmaxes; add --loss words, or leave it out")
    is_mixed = only_links and NO_FILE in labels.links
    if is_mixed and loss != "binary":
        raise ModelError(f"given links beside '{NO_FILE}' are learnt by --loss binary")
    return loss


def student_of(settings: FinetuneSettings, started: Checkpoint, loss: Loss) -> Checkpoint:
    """The model to be trained: ``started`` up to its alignment layer, to be read as it learns."""
    labels, before = settings.labels, started.rule
    network = started.network.pruned()
    if loss == "binary" and network.link_head is None:
        generator = torch.Generator().manual_seed(settings.schedule.seed)
        network = with_link_head(network, LINK_CHANNELS, generator)
    window = min(settings.text.max_pieces, network.config.max_positions)
    window = max(network.config.window, window)
    network.config = dataclasses.replace(network.config, window=window)
    scale = SIMILARITY_SCALE / math.sqrt(network.config.width)
    if loss == "binary" and before.method in ("words", "binary"):
        scale = before.scale  # the head starts from what both softmaxes say
    rule = ExtractionRule(
        method="pieces" if loss == "paper" else "binary" if loss == "binary" else "words",
        average=labels.average,
        null_word=labels.null_word,
        scale=scale if labels.scale is None else labels.scale,
        threshold=DEFAULT_THRESHOLDS[loss] if labels.threshold is None else labels.threshold,
    )
    return Checkpoint(network, started.tokenizer, rule)


def stage_2_choices(student: Checkpoint, loss: Loss, threshold: float | None) -> Choices:
    """Ways to read the new model that validation chooses among."""
    layers = (student.network.config.align_layer,)
    if threshold is not None:
        return Choices(layers, (student.rule.scale,), (threshold,))
    factors = (1.0,) if loss == "binary" else STAGE_2_SCALES
    return Choices(layers, tuple(student.rule.scale * factor for factor in factors), THRESHOLDS)


def open_linked(settings: FinetuneSettings, machine: Machine, student: Checkpoint) -> list[Corpus]:
    """The corpora with the links and the label thresholds that each of them has."""
    text, labels = settings.text, settings.labels
    found = []
    given = labels.links or (NO_FILE,) * len(text.input)
    least: Sequence[float | None] = labels.label_threshold or (None,) * len(text.input)
    for path, links, label_threshold in zip(text.input, given, least, strict=True):
        has_links = links != NO_FILE
        hold_out = HELD_OUT if has_links and not text.dev else 0
        preparation = preparation_for(settings, student, hold_out)
        corpus = open_corpus(
            path, student.tokenizer, machine.cache, preparation, links if has_links else None
        )
        found.append(dataclasses.replace(corpus, label_threshold=label_threshold))
    return found


def held_out(settings: FinetuneSettings) -> list[DevSet]:
    """A part of each corpus with given links, which `Preparation.hold_out` leaves out."""
    found = []
    for path, links in zip(settings.text.input, settings.labels.links, strict=False):
        if links == NO_FILE:
            continue
        numbered = enumerate(linked_pairs(path, links, lambda _: None), 1)
        rows = itertools.islice((row for k, row in numbered if k % HELD_OUT == 0), MAX_HELD_OUT)
        pairs, gold = tuple(zip(*rows, strict=True)) or ((), ())
        if not pairs:
            expected = f"expected at least {HELD_OUT} pairs to hold some out, or --dev"
            raise InputError(path, 0, f"{expected}, found fewer")
        found.append(DevSet(f"{Path(path).stem} held out", pairs, gold))
    return found


def masking_for(rate: float, tokenizer: Tokenizer, corpora: Sequence[Corpus]) -> Masking:
    """How to mask, by pieces that ``corpora`` have."""
    if tokenizer.mask is None:
        advice = "take another model or, in stage 2, --mask-rate 0"
        raise ModelError(f"the tokenizer of this model has no mask piece; {advice}")
    vocabulary = np.unique(np.concatenate([corpus.vocabulary for corpus in corpora]))
    return Masking(rate=rate, mask=tokenizer.mask, vocabulary=torch.from_numpy(vocabulary))


def place(network: CrossAlign, machine: Machine, device: torch.device) -> CrossAlign:
    """``network`` on its device, ready to be trained."""
    network.recompute = machine.recompute
    return network.to(device)


def load_teacher(name: str, student: Checkpoint) -> Checkpoint:
    """The model called ``name``, which must cut words as the ``student`` does."""
    teacher = load(name)
    if teacher.tokenizer.content != student.tokenizer.content:
        raise ModelError(f"teacher {name!r}: expected the tokenizer of the model, found another")
    return teacher


def preparation_for(
    settings: TrainSettings | FinetuneSettings, checkpoint: Checkpoint, hold_out: int = 0
) -> Preparation:
    """How corpora are changed and cut for a model."""
    return Preparation(
        max_pieces=min(settings.text.max_pieces, checkpoint.network.config.max_positions),
        hold_out=hold_out,
        augmentation=settings.augmentation,
        seed=settings.schedule.seed,
    )


def trained_parts(network: CrossAlign, schedule: Schedule) -> Groups:
    """Parameters of the parts that learn, each with its learning rate; all else is frozen here."""
    network.requires_grad_(False)
    split = network.config.num_self_layers
    learning: list[tuple[str, nn.Module, float]] = [
        (f"layers.{k}", layer, schedule.lr if k >= split else schedule.self_lr)
        for k, layer in enumerate(network.layers)
        if k >= split - schedule.tune_self
    ]
    if schedule.tune_embeddings:
        lowest = {"pieces": network.pieces, "positions": network.positions, "norm": network.norm}
        learning += [(name, part, schedule.self_lr) for name, part in lowest.items()]
    if network.link_head is not None:
        learning.append(("link_head", network.link_head, schedule.head_lr))
    groups: dict[float, dict[str, nn.Parameter]] = {}
    for name, part, rate in learning:
        for key, value in part.requires_grad_(True).named_parameters():
            groups.setdefault(rate, {})[f"{name}.{key}"] = value
    if not groups:
        raise ModelError("no layer would train: give the model cross layers, or set --tune-self")
    return [(group, rate) for rate, group in groups.items()]


def make_run(
    schedule: Schedule, machine: Machine, device: torch.device, output: Path,
    checkpoint: Checkpoint, groups: Groups, dev: Sequence[DevSet], choices: Choices,
) -> Run:  # fmt: skip
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
    settings: TrainSettings | FinetuneSettings, corpora: Sequence[Corpus],
    checkpoint: Checkpoint, start: int,
) -> Iterator[Examples]:  # fmt: skip
    """Batches of examples, from step ``start`` on."""
    text, schedule = settings.text, settings.schedule
    power = 1 / text.temperature
    weights = text.weight or [len(corpus) ** power for corpus in corpora]
    sampler = Sampler(
        corpora, weights, budget=schedule.batch_pieces, seed=schedule.seed, join=schedule.join,
        max_pieces=text.max_pieces,
    )  # fmt: skip
    for batch in sampler.batches(start):
        yield [
            join([corpora[owner].example(number, checkpoint.tokenizer) for owner, number in places])
            for places in batch
        ]


def record_of(
    settings: TrainSettings | FinetuneSettings, command: str, corpora: Sequence[Corpus],
    device: torch.device,
) -> dict[str, Any]:  # fmt: skip
    """All that has a part in the result of a run, as it comes back from JSON."""
    record = dataclasses.asdict(settings)
    record["schedule"]["precision"] = precision_on(device, settings.schedule)
    record |= {"command": command, "data": [corpus.sha256 for corpus in corpora]}
    return cast(dict[str, Any], json.loads(json.dumps(record)))

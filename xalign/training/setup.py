"""The parts that a stage is put together from: network, rates, labels, corpora."""

import dataclasses
import itertools
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from xalign.alignment import GoldAlignment
from xalign.errors import InputError, ModelError
from xalign.io.files import names
from xalign.links.probabilities import calibrated
from xalign.model.config import Depth, ExtractionRule
from xalign.model.cross_align import (
    SIMILARITY_SCALE,
    CrossAlign,
    with_link_head,
)
from xalign.training.augment import GivenLinks
from xalign.training.corpora import (
    Corpus,
    Preparation,
    open_corpus,
)
from xalign.training.events import Show
from xalign.training.given_links import linked_pairs, open_sources
from xalign.training.losses import Loss
from xalign.training.masking import Masking
from xalign.training.settings import (
    NO_FILE,
    FinetuneSettings,
    Machine,
    Schedule,
    Start,
    TrainSettings,
)
from xalign.training.tuning import THRESHOLDS, Choices, DevSet
from xalign.weights.checkpoint import Checkpoint, load
from xalign.weights.foreign import training_depth
from xalign.weights.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

Groups = list[tuple[dict[str, nn.Parameter], float]]
STAGE_1_SCALES = (1.0, 2.0, 4.0, 6.0, 8.0)
"""Scales to try after stage 1, which trains without one, in units of 1 / sqrt(width)."""
DEFAULT_THRESHOLDS = {"binary": 0.5, "words": 0.475, "pieces": 0.475, "paper": 0.15}
"""Thresholds of models without development sets, by loss."""
LEAST_LINKS = 500
"""With fewer gold links to validate on, threshold, scale and calibration stay as they are."""
STAGE_2_SCALES = (1.0, 1.5, 2.0, 3.0)
"""Scales to try after stage 2, in units of the one in training."""
HELD_OUT, MAX_HELD_OUT = 10, 500
"""Without development sets, every N-th pair with given links validates, up to a number."""
LINK_CHANNELS = 24
"""Channels of a new link head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Learning rates and the share of masked pieces, as in `Schedule`."""

    lr: float
    self_lr: float
    mask_rate: float


TLM_RATES = Rates(lr=3e-4, self_lr=1e-4, mask_rate=0.15)
SSA_RATES = Rates(lr=1.5e-4, self_lr=1.5e-4, mask_rate=0.3)
BINARY_RATES = Rates(lr=5e-5, self_lr=5e-5, mask_rate=0.1)
"""Rates that suit each kind of loss (docs/experiments.md)."""


def rates_of(schedule: Schedule, usual: Rates) -> Rates:
    """The rates that ``schedule`` gives, and the ``usual`` ones for the rest."""
    names = [field.name for field in dataclasses.fields(Rates)]
    given = {name: getattr(schedule, name) for name in names}
    return dataclasses.replace(usual, **{k: v for k, v in given.items() if v is not None})


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
    """The model to be trained: ``started`` up to its alignment layer, with the rule it learns."""
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
        threshold=before.threshold,
        calibration=before.calibration,
        pair_weights=before.pair_weights,
    )
    curve = started.curve
    if rule != before:  # what it knows of its probabilities is of another rule
        rule = dataclasses.replace(rule, threshold=DEFAULT_THRESHOLDS[loss], calibration=())
        curve = ()
    if labels.threshold is not None:
        rule = dataclasses.replace(rule, threshold=labels.threshold)
    return Checkpoint(network, started.tokenizer, rule, curve)


def stage_2_choices(
    student: Checkpoint, loss: Loss, threshold: float | None, dev: Sequence[DevSet]
) -> Choices:
    """Ways to read links off the new model, for validation on ``dev`` to choose from."""
    layers = (student.network.config.align_layer,)
    links = sum(len(gold.sure) for each in dev for gold in each.gold)
    if dev and links < LEAST_LINKS:
        if threshold is None:
            logger.warning(
                "%d gold links are too few to choose a threshold by (%d are needed): it is %s",
                links,
                LEAST_LINKS,
                shown_threshold(student.rule),
            )
        thresholds = (student.rule.threshold,)
        return Choices(layers, (student.rule.scale,), thresholds, calibrate=False)
    if threshold is not None:
        return Choices(layers, (student.rule.scale,), (threshold,))
    factors = (1.0,) if loss == "binary" else STAGE_2_SCALES
    return Choices(layers, tuple(student.rule.scale * factor for factor in factors), THRESHOLDS)


def shown_threshold(rule: ExtractionRule) -> str:
    """The threshold of a rule and, where it is another number, the probability that it is.

    >>> shown_threshold(ExtractionRule(threshold=0.5, calibration=((0.0, 0.0), (1.0, 0.8))))
    '0.5 (a probability of 0.400)'
    """
    if not rule.calibration:
        return f"{rule.threshold}"
    (probability,) = calibrated(np.array([rule.threshold], dtype=np.float32), rule.calibration)
    return f"{rule.threshold} (a probability of {probability:.3f})"


def open_linked(
    settings: FinetuneSettings, machine: Machine, student: Checkpoint, show: Show
) -> list[Corpus]:
    """The corpora, each with its links and its label threshold."""
    text, labels = settings.text, settings.labels
    found = []
    given = labels.links or (NO_FILE,) * len(text.corpora)
    least: Sequence[float | None] = labels.label_threshold or (None,) * len(text.corpora)
    for files, links, label_threshold in zip(text.corpora, given, least, strict=True):
        has_links = links != NO_FILE
        hold_out = HELD_OUT if has_links and not text.dev else 0
        preparation = preparation_for(settings, student, hold_out)
        corpus = open_corpus(
            files, student.tokenizer, machine.cache, preparation, links if has_links else None, show
        )
        found.append(dataclasses.replace(corpus, label_threshold=label_threshold))
    return found


def held_out(settings: FinetuneSettings) -> list[DevSet]:
    """A part of each corpus with given links, which `Preparation.hold_out` leaves out."""
    found = []
    corpora = settings.text.corpora
    titles = names([files[0] for files in corpora])
    for files, name, links in zip(corpora, titles, settings.labels.links, strict=False):
        if links == NO_FILE:
            continue
        with open_sources(files) as sources:
            numbered = enumerate(linked_pairs(sources, links, lambda _: None), 1)
            kept = (row for number, row in numbered if number % HELD_OUT == 0)
            rows = list(itertools.islice(kept, MAX_HELD_OUT))
        if not rows:
            expected = f"expected at least {HELD_OUT} pairs to hold some out, or --dev"
            raise InputError(files[0], 0, f"{expected}, found fewer")
        gold = tuple(as_gold(given) for _, given in rows)
        found.append(DevSet(f"{name} held out", tuple(pair for pair, _ in rows), gold))
    return found


def as_gold(given: GivenLinks) -> GoldAlignment:
    """Links to validate on: those with a probability over 0.5 are sure, the others possible."""
    return GoldAlignment(frozenset(k for k, p in given.items() if p > 0.5), frozenset(given))


def masking_for(rate: float, tokenizer: Tokenizer, corpora: Sequence[Corpus]) -> Masking:
    """Masking at ``rate``, with the pieces that ``corpora`` have as its vocabulary."""
    if tokenizer.mask is None:
        advice = "take another model or, in stage 2, --mask-rate 0"
        raise ModelError(f"the tokenizer of this model has no mask piece; {advice}")
    vocabulary = np.unique(np.concatenate([corpus.vocabulary for corpus in corpora]))
    return Masking(rate=rate, mask=tokenizer.mask, vocabulary=torch.from_numpy(vocabulary))


def load_teacher(name: str, student: Checkpoint) -> Checkpoint:
    """The model called ``name``, which must cut words as the ``student`` does."""
    teacher = load(name)
    if teacher.tokenizer.content != student.tokenizer.content:
        raise ModelError(f"teacher {name!r}: expected the tokenizer of the model, found another")
    return teacher


def preparation_for(
    settings: TrainSettings | FinetuneSettings, checkpoint: Checkpoint, hold_out: int = 0
) -> Preparation:
    """Preparation of corpora for a model."""
    return Preparation(
        max_pieces=min(settings.text.max_pieces, checkpoint.network.config.max_positions),
        hold_out=hold_out,
        augmentation=settings.augmentation,
        seed=settings.schedule.seed,
    )


def trained_parts(network: CrossAlign, schedule: Schedule, rates: Rates) -> Groups:
    """Freeze all but the parts that learn; return their parameters with learning rates."""
    network.requires_grad_(False)
    split = network.config.num_self_layers
    learning: list[tuple[str, nn.Module, float]] = [
        (f"layers.{k}", layer, rates.lr if k >= split else rates.self_lr)
        for k, layer in enumerate(network.layers)
        if k >= split - schedule.tune_self
    ]
    if schedule.tune_embeddings:
        lowest = {"pieces": network.pieces, "positions": network.positions, "norm": network.norm}
        learning += [(name, part, rates.self_lr) for name, part in lowest.items()]
    if network.link_head is not None:
        learning.append(("link_head", network.link_head, schedule.head_lr))
    groups: dict[float, dict[str, nn.Parameter]] = {}
    for name, part, rate in learning:
        for key, value in part.requires_grad_(True).named_parameters():
            groups.setdefault(rate, {})[f"{name}.{key}"] = value
    if not groups:
        raise ModelError("no layer would train: give the model cross layers, or set --tune-self")
    return [(group, rate) for rate, group in groups.items()]

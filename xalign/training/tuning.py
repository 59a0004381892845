"""Choice of threshold, scale and alignment layer: those with the best AER on development sets.

One pass over the sets gives the probability of every word pair at every layer and scale asked for;
the AER at any threshold then follows from counting those above it.
"""

import copy
import dataclasses
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xalign.aligning.batching import map_in_order
from xalign.alignment import GoldAlignment, SentencePair
from xalign.errors import InputError
from xalign.io.files import MAX_LINE_BYTES, SUFFIXES, Source, names, stem
from xalign.io.gold import read_gold
from xalign.io.pairs import read_pairs
from xalign.model.config import ExtractionRule
from xalign.model.cross_align import CrossAlign
from xalign.model.extraction import word_tables
from xalign.model.packing import pack_pairs
from xalign.training.examples import Example
from xalign.weights.checkpoint import Checkpoint, CurvePoint

THRESHOLDS = tuple(k / 40 for k in range(2, 35))
BATCH_PIECES = 2048
BIN_EDGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.001)
"""Edges of bins of probabilities that are calibrated together: finer where most links are."""
LEAST_RISE = 1e-3
"""Least rise of a calibration from one bin to the next."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DevSet:
    """Pairs with gold links to validate on."""

    name: str
    pairs: tuple[SentencePair, ...]
    gold: tuple[GoldAlignment, ...]


def open_dev_sets(paths: Sequence[str]) -> list[DevSet]:
    """The development sets at ``paths``, each under a name of its own."""
    return [open_dev_set(path, name) for path, name in zip(paths, names(paths), strict=True)]


def open_dev_set(path: str, name: str | None = None) -> DevSet:
    """The pairs at ``path`` and the gold links beside it, in a file with the suffix ``.talp``.

    Its ``name`` is by default that of the file, without folders and endings.
    """
    plain = Path(path).with_suffix("") if Path(path).suffix in SUFFIXES else Path(path)
    gold_path = plain.with_suffix(".talp")
    if Path(path).exists() and not gold_path.exists():
        raise InputError(path, 0, f"its gold links are expected in {gold_path}, which is not there")
    gold = read_gold(Source(str(gold_path)), str(gold_path)).alignments
    pairs = tuple(read_pairs(Source(path, MAX_LINE_BYTES), path))
    if all(pair.is_empty for pair in pairs):
        raise InputError(path, 0, "expected pairs to validate on, found none")
    if len(pairs) != len(gold):
        expected = f"expected {len(pairs)} lines, as many as {path} has"
        raise InputError(str(gold_path), 0, f"{expected}, found {len(gold)}")
    return DevSet(name or stem(path), pairs, gold)


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices of `tune`: alignment layers, and scales and thresholds of a rule.

    With ``calibrate``, the rule also gets a new calibration, and the model a new curve.
    """

    layers: tuple[int, ...]
    scales: tuple[float, ...]
    thresholds: tuple[float, ...] = THRESHOLDS
    calibrate: bool = True


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best choice: its checkpoint, and the AER (from 0 to 1) of each set."""

    checkpoint: Checkpoint
    rates: dict[str, float]

    @property
    def mean(self) -> float:
        """Mean AER over the sets."""
        return sum(self.rates.values()) / len(self.rates)


def tune(checkpoint: Checkpoint, sets: Sequence[DevSet], choices: Choices, threads: int) -> Tuned:
    """Read links off in every way that ``choices`` names, and keep the best by mean AER."""
    ways = list(itertools.product(choices.layers, choices.scales))
    found = [error_table(checkpoint, dev, ways, choices.thresholds, threads) for dev in sets]
    rates = np.stack([table for table, _ in found])  # (sets, ways, thresholds)
    means = rates.mean(0)  # (ways, thresholds)
    best, at = np.unravel_index(means.argmin(), means.shape)
    layer, scale = ways[best]
    rule = dataclasses.replace(checkpoint.rule, scale=scale, threshold=choices.thresholds[at])
    chosen = with_align_layer(checkpoint.network, layer)
    named = {dev.name: float(rates[k, best, at]) for k, dev in enumerate(sets)}
    if not choices.calibrate:
        return Tuned(Checkpoint(chosen, checkpoint.tokenizer, rule, checkpoint.curve), named)
    points = () if rule.method == "argmax" else calibration([bins[best] for _, bins in found])
    rule = dataclasses.replace(rule, calibration=points)
    curve = []
    for number in choices.layers:
        rows = [k for k, way in enumerate(ways) if way[0] == number]
        row = min(rows, key=lambda k: float(means[k].min()))
        curve += [
            CurvePoint(layer=number, scale=ways[row][1], threshold=threshold, aer=float(aer))
            for threshold, aer in zip(choices.thresholds, means[row], strict=True)
        ]
    return Tuned(Checkpoint(chosen, checkpoint.tokenizer, rule, tuple(curve)), named)


def with_align_layer(network: CrossAlign, layer: int) -> CrossAlign:
    """``network`` that reads links off ``layer``; weights are shared."""
    other = copy.copy(network)
    other.config = dataclasses.replace(network.config, align_layer=layer)
    return other


def calibration(bins: Sequence[NDArray[np.float64]]) -> tuple[tuple[float, float], ...]:
    """Points of a rule's calibration, from the `reliability` of every set; all count equally.

    Neighbouring bins are merged if the more probable one is right less often (isotonic regression).
    """
    mean = np.mean([found / max(found[0].sum(), 1) for found in bins], axis=0)  # (3, bins)
    pooled: list[NDArray[np.float64]] = []
    for column in mean.T[mean[0] > 0]:
        while pooled and column[2] / column[0] < pooled[-1][2] / pooled[-1][0] + LEAST_RISE:
            column = column + pooled.pop()
        pooled.append(column)
    points = [(0.0, 0.0)]
    for share, scores, right in pooled:
        often = max(float(right / share), points[-1][1] + LEAST_RISE)
        points.append((min(round(float(scores / share), 4), 1.0), often))
    if points[-1][0] < 1:
        points.append((1.0, points[-1][1] + LEAST_RISE))
    highest = max(1.0, points[-1][1])
    return tuple((given, round(often / highest, 5)) for given, often in points)


def reliability(scores: NDArray[np.float32], gains: NDArray[np.int64]) -> NDArray[np.float64]:
    """Number and sum of scores, and number of possible links, per bin of `BIN_EDGES`: (3, bins)."""
    values = np.ones_like(scores), scores, (gains > 0).astype(float)
    return np.stack([np.histogram(scores, BIN_EDGES, weights=value)[0] for value in values])


def error_table(
    checkpoint: Checkpoint,
    dev: DevSet,
    ways: Sequence[tuple[int, float]],
    thresholds: Sequence[float],
    threads: int,
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """AER on one set, for each of ``ways`` (layer, scale) and thresholds: (ways, thresholds); and
    the `reliability` of each way."""
    network = checkpoint.network
    limit = network.config.max_positions
    kept: list[tuple[Example, GoldAlignment]] = []
    for pair, gold in zip(dev.pairs, dev.gold, strict=True):
        example = Example(
            checkpoint.tokenizer.encode(pair.src), checkpoint.tokenizer.encode(pair.tgt)
        )
        if not pair.is_empty and max(len(example.src), len(example.tgt)) <= limit:
            kept.append((example, gold))
    if not kept:
        expected = f"expected a pair of at most {limit} pieces a side to validate on, found none"
        raise InputError(dev.name, 0, expected)
    if len(kept) < len(dev.pairs):
        logger.warning(
            "%s: %d pairs are empty or over %d pieces, and are left out of validation",
            dev.name,
            len(dev.pairs) - len(kept),
            limit,
        )
    num_sure = sum(len(gold.sure) for _, gold in kept)
    found = list(
        map_in_order(
            kept,
            lambda items: link_gains(network, checkpoint.rule, ways, thresholds[0], items),
            size=lambda item: item[0].num_pieces,
            budget=BATCH_PIECES,
            threads=threads,
            length=lambda item: max(len(item[0].src), len(item[0].tgt)),
        )
    )
    table = np.empty((len(ways), len(thresholds)))
    bins = []
    for row in range(len(ways)):
        scores = np.concatenate([pair[row].scores for pair in found])
        gains = np.concatenate([pair[row].gains for pair in found])
        bins.append(reliability(scores, gains))
        for column, threshold in enumerate(thresholds):
            linked = scores > threshold
            whole = linked.sum() + num_sure
            table[row, column] = 1 - gains[linked].sum() / whole if whole else 0.0
    return table, bins


class Gains(NamedTuple):
    """Scores of K links (K,), and how much each adds to |A and S| + |A and P|: 0, 1 or 2."""

    scores: NDArray[np.float32]
    gains: NDArray[np.int64]


@torch.inference_mode()
def link_gains(
    network: CrossAlign,
    rule: ExtractionRule,
    ways: Sequence[tuple[int, float]],
    lowest: float,
    items: Sequence[tuple[Example, GoldAlignment]],
) -> list[list[Gains]]:
    """Links that score over ``lowest``, for every pair and each of ``ways`` (layer, scale)."""
    batch = pack_pairs([(example.src, example.tgt) for example, _ in items])
    batch = batch.to(network.norm.weight.device)
    last = max(layer for layer, _ in ways)
    states = list(itertools.islice(network.layer_states(batch), last + 1))
    results: list[list[Gains]] = [[] for _ in items]
    for layer, scale in ways:
        src, tgt = batch.unpack(states[layer]).tensor_split(2)  # each (B, L, D)
        way = dataclasses.replace(rule, scale=scale)
        tables = word_tables((src, tgt), batch, way, network.link_head)
        scores = tables.scores(rule)  # (B, S, T)
        rows = (scores > lowest).nonzero()  # (K, 3)
        values = scores[rows.unbind(1)].float().cpu().numpy()
        places = rows.cpu().numpy()
        ends = np.searchsorted(places[:, 0], np.arange(len(items) + 1))
        for k, (_, gold) in enumerate(items):
            mine = slice(ends[k], ends[k + 1])
            links = [(i, j) for _, i, j in places[mine].tolist()]
            gains = [(link in gold.sure) + (link in gold.possible) for link in links]
            results[k].append(Gains(values[mine], np.array(gains, dtype=np.int64)))
    return results

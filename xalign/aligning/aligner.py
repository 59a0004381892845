"""`Aligner`: sentence pairs in, alignments out, in order, in batches, on any device."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from xalign.aligning.batching import map_in_order, plan
from xalign.aligning.devices import choose_devices, choose_precision, usable_cores
from xalign.aligning.networks import network_on
from xalign.aligning.windows import Evidence, cut, merge, num_windows
from xalign.alignment import Alignment, SentencePair, split_words
from xalign.errors import DeviceError
from xalign.links.probabilities import NEGLIGIBLE, WordProbabilities, calibrated, uncalibrated
from xalign.model.config import Precision
from xalign.model.cross_align import CrossAlign
from xalign.model.extraction import batch_similarity, linked_words, probabilities, word_tables
from xalign.model.packing import PairBatch, PieceSentence, pack_pairs
from xalign.weights.backbones import separate
from xalign.weights.checkpoint import Checkpoint, load

Item = TypeVar("Item")
Result = TypeVar("Result")
PiecePair = tuple[PieceSentence, PieceSentence]

CPU_BATCH_PIECES, GPU_BATCH_PIECES = 1024, 16384
GPU_THREADS = 2
"""One readies a batch while the other waits for results."""


@dataclass(slots=True)
class Counts:
    """What has gone through an aligner since it was made.

    ``pairs`` were read, ``empty`` of them with a side without words, ``windowed`` with a side that
    is cut into windows; ``done`` are aligned.
    """

    pairs: int = 0
    empty: int = 0
    windowed: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Parts of both sides of a long pair, and where in them they start."""

    src: PieceSentence
    tgt: PieceSentence
    src_start: int
    tgt_start: int

    @property
    def num_pieces(self) -> int:
        """Pieces of both sides."""
        return len(self.src) + len(self.tgt)


class Aligner:
    """Links words of sentence pairs; see `from_pretrained`.

    On a CPU, the same pair gets the same links in any batch, order, and number of threads.
    ``counts`` tells what has gone through, over all calls.

    >>> aligner = Aligner.from_pretrained()
    >>> print(aligner.align_pair("das Haus ist klein", "the house is small"))
    0-0 1-1 2-2 3-3
    """

    def __init__(
        self, checkpoint: Checkpoint, *, devices: Sequence[torch.device], threads: int,
        batch_pieces: int, precision: str = "fp32", compiled: bool = False,
    ) -> None:  # fmt: skip
        networks = [network_on(device, checkpoint, precision, compiled) for device in devices]
        self.network = networks[0]
        self.tokenizer, self.rule = checkpoint.tokenizer, checkpoint.rule
        self.threads, self.batch_pieces = threads * len(networks), batch_pieces
        self.where = f"{','.join(map(str, devices))} ({precision})"
        self.counts = Counts()
        self._lock = threading.Lock()
        self._limit = self.network.config.max_positions
        self._free: SimpleQueue[CrossAlign] = SimpleQueue()  # each thread takes a network
        for network in networks * threads:
            self._free.put(network)

    @classmethod
    def from_pretrained(
        cls, model: str = "default", *, layer: int | None = None, threshold: float | None = None,
        device: str = "auto", precision: Precision = "auto", threads: int | None = None,
        batch_pieces: int | None = None, compiled: bool = False,
    ) -> "Aligner":  # fmt: skip
        """Aligner of a model: the one xalign comes with (``default``), or a folder or hub name.

        ``threshold`` replaces that of the rule (an argmax becomes eq. 10); it is of probabilities
        as `probabilities` gives them. ``layer`` reads links off another layer of an encoder that
        was never trained to align. ``device`` is ``auto``, ``cpu``, ``cuda``, ``cuda:N``, several
        with commas between, or ``all`` GPUs. ``precision`` is that of the layers' matrix products:
        ``fp32``, ``int8`` (CPU), ``bf16``, ``fp16``, or what `choose_precision` finds. ``threads``
        (CPU) is by default the number of usable cores. ``batch_pieces`` is how many pieces are
        aligned at once, in each thread; on a GPU, less where memory does not suffice. With
        ``compiled``, layers go through `torch.compile` first, once for batches of all sizes; it
        needs a C++ compiler.

        Errors: `ModelError`, `DeviceError`.
        """
        devices = choose_devices(device)
        checkpoint = load(model, None if layer is None else separate(layer))
        if threshold is not None:
            rule = checkpoint.rule
            method = "pieces" if rule.method == "argmax" else rule.method
            threshold = uncalibrated(threshold, rule.calibration)
            checkpoint = replace(checkpoint, rule=replace(rule, method=method, threshold=threshold))
        is_gpu = devices[0].type != "cpu"
        default_pieces = GPU_BATCH_PIECES if is_gpu else CPU_BATCH_PIECES
        return cls(
            checkpoint, devices=devices, precision=choose_precision(precision, devices[0]),
            threads=GPU_THREADS if is_gpu else threads or usable_cores(),
            batch_pieces=batch_pieces or default_pieces, compiled=compiled,
        )  # fmt: skip

    def align(self, pairs: Iterable[SentencePair]) -> Iterator[Alignment]:
        """Alignments of a stream of any length, in its order; an empty side gives no links."""
        return self._map(pairs, self._links, WordProbabilities.alignment)

    def probabilities(self, pairs: Iterable[SentencePair]) -> Iterator[WordProbabilities]:
        """The same stream's word pairs with their probabilities, linked or not.

        >>> aligner = Aligner.from_pretrained(precision="fp32")
        >>> found = next(aligner.probabilities([SentencePair.from_text("das Haus", "the house")]))
        >>> print(found.alignment(), found.matrix().shape, round(found.score, 1))
        0-0 1-1 (2, 2) 1.0
        """
        return self._map(pairs, self._word_probabilities, self._calibrated)

    def _map(
        self, pairs: Iterable[SentencePair], run: Callable[[list[PiecePair]], list[Result]],
        convert: Callable[[WordProbabilities], Result],
    ) -> Iterator[Result]:  # fmt: skip
        """Results of ``run`` on batches of pairs, and of ``convert`` for long and empty ones.

        Every thread runs whole batches on one core: faster than sharing each matrix product, and
        no sum is ever cut differently.
        """
        yield from map_in_order(
            map(self._encode, pairs), lambda batch: self._run_batch(batch, run, convert),
            size=num_pieces, length=longer_side, budget=self.batch_pieces, threads=self.threads,
        )  # fmt: skip

    def align_pair(self, src: str | Sequence[str], tgt: str | Sequence[str]) -> Alignment:
        """Alignment of one pair, given as text with spaces between words, or as words."""
        pair = SentencePair(as_words(src), as_words(tgt))
        return next(self.align([pair]))

    def _encode(self, pair: SentencePair) -> PiecePair | None:
        self.counts.pairs += 1
        if pair.is_empty:
            self.counts.empty += 1
            return None
        encoded = self.tokenizer.encode(pair.src), self.tokenizer.encode(pair.tgt)
        self.counts.windowed += self._is_long(encoded)
        return encoded

    def _is_long(self, pair: PiecePair) -> bool:
        return max(map(len, pair)) > self._limit

    def _run_batch(
        self, pairs: list[PiecePair | None], run: Callable[[list[PiecePair]], list[Result]],
        convert: Callable[[WordProbabilities], Result],
    ) -> list[Result]:  # fmt: skip
        """Results of pairs of like size; None is an empty pair."""
        whole = [pair for pair in pairs if pair is not None and not self._is_long(pair)]
        found = iter(self._fitting(run, whole, num_pieces) if whole else [])
        results = []
        for pair in pairs:
            if pair is None:
                results.append(convert(WordProbabilities.nothing((0, 0))))
            elif self._is_long(pair):
                results.append(convert(self._long(pair)))
            else:
                results.append(next(found))
        with self._lock:
            self.counts.done += len(pairs)
        return results

    def _fitting(
        self, run: Callable[[list[Item]], list[Result]], items: list[Item],
        size: Callable[[Item], int],
    ) -> list[Result]:  # fmt: skip
        """Results of ``run`` for all items; in halves when memory does not suffice."""
        pieces = sum(map(size, items))
        if len(items) == 1 or pieces <= self.batch_pieces:
            try:
                return run(items)
            except torch.OutOfMemoryError as error:
                if len(items) == 1:
                    raise DeviceError(
                        f"a pair of {pieces} pieces does not fit the memory of {self.where}; "
                        "use --device cpu"
                    ) from error
                self.batch_pieces = min(self.batch_pieces, pieces // 2)
        half = len(items) // 2
        return self._fitting(run, items[:half], size) + self._fitting(run, items[half:], size)

    @torch.inference_mode()
    def _links(self, pairs: list[PiecePair]) -> list[Alignment]:
        """Alignments of pairs in one pass and one copy back."""
        scores, batch = self._similarities(pairs)
        rows = linked_words(scores, batch.words, self.rule).nonzero().cpu().numpy()
        ends = np.searchsorted(rows[:, 0], np.arange(len(pairs) + 1))
        links = list(zip(*rows[:, 1:].T.tolist(), strict=True))
        return [Alignment(frozenset(links[a:b])) for a, b in itertools.pairwise(ends)]

    @torch.inference_mode()
    def _word_probabilities(self, pairs: list[PiecePair]) -> list[WordProbabilities]:
        """Word pairs of pairs with their probabilities, in one pass and two copies back."""
        scores, batch = self._similarities(pairs)
        linked, *tables = word_tables(scores, batch.words, self.rule)
        table = torch.stack([*tables, linked.to(tables[0].dtype)])  # (4, B, S, T)
        rows = (table > NEGLIGIBLE).any(0).nonzero()  # (K, 3)
        b, i, j = rows.unbind(1)
        link, forward, backward, is_link = table[:, b, i, j].cpu().numpy()  # each (K,)
        link, is_link = calibrated(link, self.rule.calibration), is_link > 0
        batch_places, src, tgt = rows.cpu().numpy().T
        ends = np.searchsorted(batch_places, np.arange(len(pairs) + 1))
        found = []
        for pair, (start, end) in zip(pairs, itertools.pairwise(ends), strict=True):
            k = slice(start, end)
            columns = src[k], tgt[k], link[k], forward[k], backward[k], is_link[k]
            found.append(WordProbabilities(*columns, (pair[0].num_words, pair[1].num_words)))
        return found

    def _calibrated(self, found: WordProbabilities) -> WordProbabilities:
        """The same word pairs, with probabilities of links by the rule's calibration."""
        return replace(found, link=calibrated(found.link, self.rule.calibration))

    def _similarities(self, pairs: list[PiecePair]) -> tuple[Tensor, PairBatch]:
        """Similarities (B, L, L) of the pieces of pairs, by a network that is free."""
        network = self._free.get()
        try:
            batch = pack_pairs(pairs).to(network.norm.weight.device)
            return batch_similarity(network(batch), batch, self.rule), batch
        finally:
            self._free.put(network)

    def _long(self, pair: PiecePair) -> WordProbabilities:
        """Word pairs of a pair of which a side is longer than the encoder's limit."""
        lengths = [len(side) - 2 for side in pair]
        count = num_windows(max(lengths), self._limit - 2)
        src_cuts, tgt_cuts = (cut(length, count) for length in lengths)
        windows = [Window(self._window(pair[0], a), self._window(pair[1], b), a[0], b[0])
                   for a, b in zip(src_cuts, tgt_cuts, strict=True)]  # fmt: skip
        evidence: list[Evidence] = []
        for places in plan([window.num_pieces for window in windows], self.batch_pieces):
            chosen = [windows[k] for k in places]
            evidence += self._fitting(self._evidence, chosen, lambda window: window.num_pieces)
        src_words, tgt_words = (np.array(side.words[1:-1]) for side in pair)
        return merge(evidence, src_cuts, tgt_cuts, src_words, tgt_words, self.rule)

    def _window(self, side: PieceSentence, span: tuple[int, int]) -> PieceSentence:
        """Pieces of a sentence from one place to another, as a sentence of their own."""
        inner = slice(span[0] + 1, span[1] + 1)
        ids = [self.tokenizer.bos, *side.ids[inner], self.tokenizer.eos]
        return PieceSentence(ids, [-1, *side.words[inner], -1])

    @torch.inference_mode()
    def _evidence(self, windows: list[Window]) -> list[Evidence]:
        """Probable piece pairs of every window, at their places in the whole sentences."""
        scores, batch = self._similarities([(window.src, window.tgt) for window in windows])
        forward, backward = probabilities(scores, self.rule.scale)
        src_owned, tgt_owned = (batch.words >= 0).tensor_split(2)
        owned = src_owned[:, :, None] & tgt_owned[:, None]  # (B, L, L)
        likely = ((forward > NEGLIGIBLE) | (backward > NEGLIGIBLE)) & owned
        if self.rule.null_word and self.rule.method == "argmax":
            likely &= (forward >= forward[:, :, :1]) & (backward >= backward[:, :1])
        found = []
        for k, window in enumerate(windows):
            i, j = likely[k].nonzero(as_tuple=True)
            columns = (
                i + (window.src_start - 1),
                j + (window.tgt_start - 1),
                forward[k, i, j],
                backward[k, i, j],
            )
            found.append(Evidence(*(column.cpu().numpy() for column in columns)))
        return found


def num_pieces(pair: PiecePair | None) -> int:
    """Pieces of both sides of a pair."""
    return len(pair[0]) + len(pair[1]) if pair else 0


def longer_side(pair: PiecePair | None) -> int:
    """Pieces of the longer side of a pair, to which attention pads the other."""
    return max(map(len, pair)) if pair else 0


def as_words(sentence: str | Sequence[str]) -> tuple[str, ...]:
    """Words of a sentence given as text or as words."""
    return split_words(sentence) if isinstance(sentence, str) else tuple(sentence)

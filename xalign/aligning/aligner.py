"""`Aligner`: sentence pairs in, alignments out, in order, in batches, on any device."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

import torch

from xalign.aligning.batching import FIRST_WINDOW, map_in_order
from xalign.aligning.devices import (
    choose_devices,
    choose_precision,
    gpu_batch_pieces,
    usable_cores,
    wait_for,
)
from xalign.aligning.memory import HEAP
from xalign.aligning.networks import checkpoint_of, network_on
from xalign.aligning.readings import longer_side, num_pieces, reading_of
from xalign.aligning.records import records
from xalign.aligning.settings import AlignerSettings
from xalign.aligning.windows import PiecePair, Reading
from xalign.alignment import Alignment, SentencePair
from xalign.errors import DeviceError
from xalign.io.items import as_pairs
from xalign.links.probabilities import WordProbabilities, calibrated
from xalign.model.config import Precision
from xalign.model.cross_align import CrossAlign
from xalign.model.extraction import word_tables
from xalign.model.packing import pack_pairs
from xalign.weights.checkpoint import Checkpoint

Pairs = Iterable[Any]
"""Sentence pairs, in one of the forms that `as_pairs` takes."""
CPU_BATCH_PIECES = 1024
NAMED_FAILURES = 5
"""Number of pairs without results that are named; all are counted."""
Result = TypeVar("Result")
Found = WordProbabilities | None
"""Word pairs of a window; None if the network's results are not numbers."""
logger = logging.getLogger(__name__)
GPU_THREADS = 2
"""One thread prepares a batch while the other waits for results."""


@dataclass(slots=True)
class Counts:
    """Numbers of pairs that have gone through an aligner since it was made.

    ``pairs`` were read; ``empty`` of them have a side without words, ``windowed`` have a side that
    is cut into windows, and ``done`` are aligned. ``failed`` of these have no links, because the
    network's results for them were not numbers. ``halved`` is how many times a batch had to be
    halved for want of memory.
    """

    pairs: int = 0
    empty: int = 0
    windowed: int = 0
    done: int = 0
    failed: int = 0
    halved: int = 0

    def add(self, more: "Counts") -> None:
        """Add other counts to these."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(more, name))

    def since(self, before: "Counts") -> "Counts":
        """The differences between these counts and those ``before``."""
        return Counts(*(getattr(self, name) - getattr(before, name) for name in self.__slots__))


class Aligner:
    """Links words of sentence pairs; see `from_pretrained`.

    On a CPU, the same pair gets the same links in any batch, order, and number of threads. Where a
    precision below fp32 does not suffice for a pair, it is aligned in fp32. ``counts`` has the
    numbers of pairs over all calls.

    >>> aligner = Aligner.from_pretrained()
    >>> print(aligner.align_pair("das Haus ist klein", "the house is small"))
    0-0 1-1 2-2 3-3
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        devices: Sequence[torch.device],
        threads: int,
        batch_pieces: int,
        precision: str = "fp32",
        compiled: bool = False,
        reload: Callable[[], Checkpoint] | None = None,
    ) -> None:
        """Make an aligner of a ``checkpoint``.

        Each of the ``devices`` aligns in ``threads`` threads, each of which takes batches of
        ``batch_pieces`` pieces. For pairs that need fp32, ``reload`` returns the model again; the
        checkpoint that was given is then used up.
        """
        takes = reload is not None and len(devices) == 1
        networks = [
            network_on(device, checkpoint, precision, compiled, takes=takes) for device in devices
        ]
        self.network = networks[0]
        self.tokenizer, self.rule = checkpoint.tokenizer, checkpoint.rule
        self.threads, self.batch_pieces = threads * len(networks), batch_pieces
        self.where = self.machine = f"{','.join(map(str, devices))} ({precision})"
        self.counts, self.first_window = Counts(), FIRST_WINDOW
        self.device, self.precision = devices[0], precision
        self._reload = reload or (lambda: checkpoint)
        self._exact: CrossAlign | None = None
        self._lock = threading.Lock()
        self._free: SimpleQueue[CrossAlign] = SimpleQueue()  # each thread takes a network
        for network in networks * threads:
            self._free.put(network)

    @classmethod
    def from_pretrained(
        cls,
        model: str = "default",
        *,
        layer: int | None = None,
        threshold: float | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        batch_pieces: int | None = None,
        compiled: bool = False,
    ) -> "Aligner":
        """Aligner of a model.

        - ``model``: ``default``, the one that xalign comes with, or a folder or hub name.
        - ``layer``: reads links off another layer of an encoder that was never trained to align.
        - ``threshold``: replaces that of the model's rule (an argmax becomes eq. 10); it applies
          to the probabilities that `Aligner.probabilities` returns.
        - ``device``: ``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, several separated by commas,
          or ``all`` GPUs.
        - ``precision`` of the layers' matrix products: ``fp32``, ``int8`` (CPU), ``bf16``,
          ``fp16``, or ``auto``.
        - ``threads`` (CPU): by default the number of usable cores.
        - ``batch_pieces``: pieces that each thread aligns at once, by default 1,024 on a CPU; on
          a GPU by the memory that is free, and fewer where it does not suffice.
        - ``compiled``: `torch.compile` compiles the layers first, once for batches of all sizes;
          it needs a C++ compiler.

        Errors: `ModelError`, `DeviceError`.
        """
        settings = AlignerSettings(
            model=model,
            layer=layer,
            threshold=threshold,
            device=device,
            precision=precision,
            threads=threads,
            batch_pieces=batch_pieces,
            compiled=compiled,
        )
        return cls.from_settings(settings)

    @classmethod
    def from_settings(cls, settings: AlignerSettings) -> "Aligner":
        """Aligner of the model that ``settings`` name.

        Errors: `ModelError`, `DeviceError`.
        """
        choose_devices(settings.device)  # before a model is loaded for one that is not there
        return cls.from_checkpoint(checkpoint_of(settings), settings)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, settings: AlignerSettings) -> "Aligner":
        """Aligner of a ``checkpoint`` of `checkpoint_of`, on the machine that ``settings`` name.

        It takes the weights, so that the checkpoint serves one aligner.

        Errors: `DeviceError`.
        """
        devices = choose_devices(settings.device)
        HEAP.tidy()
        is_gpu = devices[0].type != "cpu"
        threads = GPU_THREADS if is_gpu else settings.threads or usable_cores()
        default_pieces = gpu_batch_pieces(devices, threads) if is_gpu else CPU_BATCH_PIECES
        aligner = cls(
            checkpoint,
            devices=devices,
            precision=choose_precision(settings.precision, devices[0]),
            threads=threads,
            batch_pieces=settings.batch_pieces or default_pieces,
            compiled=settings.compiled,
            reload=partial(checkpoint_of, settings),
        )
        HEAP.tidy()
        return aligner

    def align(
        self, pairs: Pairs, *, src: str | None = None, tgt: str | None = None
    ) -> Iterator[Alignment]:
        """Alignments of a stream of pairs, in its order; a pair with an empty side has no links.

        A pair is a `SentencePair`, or two sentences as text or as words. It may also be a row of a
        data set; then ``src`` and ``tgt`` name its columns, see `xalign.io.items.as_pairs`.
        Words that are blank are never linked, nor is a side that is ``<range>``. A side without any
        letter or digit is only linked to words without them.

        Errors: `InputError` at a pair that is none of these.

        >>> aligner = Aligner.from_pretrained()
        >>> rows = [{"de": "das Haus", "en": "the house"}]
        >>> [str(alignment) for alignment in aligner.align(rows, src="de", tgt="en")]
        ['0-0 1-1']
        """
        read = self._read(as_pairs(pairs, src, tgt), only_links=True)
        return (found.alignment() for found in read)

    def align_batch(
        self, pairs: Pairs, *, src: str | None = None, tgt: str | None = None
    ) -> list[Alignment]:
        """Alignments of all pairs at once, for services; several threads may call it at a time.

        Arguments and errors are those of `align`.
        """
        return list(self.align(pairs, src=src, tgt=tgt))

    def align_pair(self, src: str | Sequence[str], tgt: str | Sequence[str]) -> Alignment:
        """Alignment of one pair, given as text with spaces between words, or as words."""
        return next(self.align([SentencePair(src, tgt)]))

    def probabilities(
        self, pairs: Pairs, *, src: str | None = None, tgt: str | None = None
    ) -> Iterator[WordProbabilities]:
        """Probabilities of the word pairs of every pair of a stream, linked or not.

        Arguments and errors are those of `align`.

        >>> aligner = Aligner.from_pretrained(precision="fp32")
        >>> found = next(aligner.probabilities([SentencePair.from_text("das Haus", "the house")]))
        >>> print(found.alignment(), found.matrix().shape, round(found.score, 1))
        0-0 1-1 (2, 2) 1.0
        """
        for found in self._read(as_pairs(pairs, src, tgt), only_links=False):
            link = calibrated(found.link, self.rule.calibration)
            yield replace(found, link=link, pair_weights=self.rule.pair_weights)

    def run(self, task: "Task[Result]", pairs: Iterable[SentencePair]) -> Iterable[Result]:
        """Results of ``task`` for every pair; a `Pool` runs it in other processes."""
        return task(self, pairs)

    def _read(
        self, pairs: Iterable[SentencePair], *, only_links: bool
    ) -> Iterator[WordProbabilities]:
        """Word pairs of every pair: words to pieces, pieces to batches, batches through a network.

        Every thread runs whole batches on one core. This is faster than sharing each matrix
        product, and every sum is always split in the same way.
        """
        readings = map(self._encode, pairs)
        return map_in_order(
            readings,
            partial(self._read_batch, only_links=only_links),
            size=num_pieces,
            length=longer_side,
            budget=self.batch_pieces,
            threads=self.threads,
            first=self.first_window,
        )

    def _encode(self, pair: SentencePair) -> Reading:
        reading = reading_of(pair, self.tokenizer, self.network.config.max_pieces)
        with self._lock:
            self.counts.pairs += 1
            reading.number = self.counts.pairs
            self.counts.empty += reading.window is None
            self.counts.windowed += reading.is_long and reading.window is not None
        return reading

    def _read_batch(self, readings: list[Reading], *, only_links: bool) -> list[WordProbabilities]:
        """Read pairs of similar size, window by window; only long pairs have several windows."""
        while waiting := [reading for reading in readings if reading.window]:
            is_enough = only_links and not any(reading.is_long for reading in waiting)
            found = self._read_windows([reading.pieces for reading in waiting], is_enough)
            for reading, words in zip(waiting, found, strict=True):
                reading.take(words)
        with self._lock:
            self.counts.done += len(readings)
            for reading in readings:
                if reading.has_failed:
                    self._report(reading.number)
        HEAP.tidy_seldom()
        threshold = None if self.rule.method == "argmax" else self.rule.threshold
        return [reading.result(threshold) for reading in readings]

    def _report(self, number: int) -> None:
        """Count a pair that has failed, and name the first ones."""
        self.counts.failed += 1
        if self.counts.failed <= NAMED_FAILURES:
            logger.warning(
                "pair %d: the network's results are not numbers; it gets no links", number
            )

    def _read_windows(self, windows: list[PiecePair], only_links: bool) -> list[Found]:
        """Word pairs of every window, read in two halves when memory does not suffice."""
        pieces = sum(len(src) + len(tgt) for src, tgt in windows)
        if len(windows) == 1 or pieces <= self.batch_pieces:
            try:
                return self._run_network(windows, only_links)
            except torch.OutOfMemoryError as error:
                if len(windows) == 1:
                    raise DeviceError(
                        f"a pair of {pieces} pieces does not fit the memory of {self.where}; "
                        "use --device cpu"
                    ) from error
                with self._lock:
                    self.batch_pieces = min(self.batch_pieces, pieces // 2)
                    self.counts.halved += 1
        half = len(windows) // 2
        first = self._read_windows(windows[:half], only_links)
        return first + self._read_windows(windows[half:], only_links)

    def _run_network(self, windows: list[PiecePair], only_links: bool) -> list[Found]:
        """Word pairs of every window, in one pass through a network that is free.

        Windows whose results are not numbers go through a network in fp32; None if that fails too.
        """
        network = self._free.get()
        try:
            found = self._results(network, windows, only_links)
        finally:
            self._free.put(network)
        failed = [k for k, words in enumerate(found) if words is None]
        if failed and self.precision != "fp32":
            again = self._results(self._exact_network(), [windows[k] for k in failed], only_links)
            for k, words in zip(failed, again, strict=True):
                found[k] = words
        return found

    @torch.inference_mode()
    def _results(
        self, network: CrossAlign, windows: list[PiecePair], only_links: bool
    ) -> list[Found]:
        batch = pack_pairs(windows).to(network.norm.weight.device)
        states, similarity = network.read(batch)
        tables = word_tables(states, batch, self.rule, network.link_head)
        wait_for(batch.ids.device)
        found = records(tables, windows, only_links=only_links)
        if similarity is not None and not only_links:
            pairs = zip(found, similarity.tolist(), strict=True)
            found = [replace(words, similarity=value) for words, value in pairs]
        is_sound = tables.is_sound
        if similarity is not None:
            is_sound = is_sound & similarity.isfinite()
        return [
            words if sound else None for words, sound in zip(found, is_sound.tolist(), strict=True)
        ]

    def _exact_network(self) -> CrossAlign:
        """The network in fp32, loaded when it is first needed."""
        with self._lock:
            if self._exact is None:
                self._exact = network_on(self.device, self._reload(), "fp32", compiled=False)
            return self._exact


Task = Callable[[Aligner, Iterable[SentencePair]], Iterable[Result]]
"""Gives one result for each pair, in order."""

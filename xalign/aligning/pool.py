"""Several processes of one machine that align one stream, each with a model of its own.

One process prepares batches slower than a GPU computes them, and threads of one process wait for
each other. Blocks of the stream go to worker processes; their results come back in its order.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, Generic

from xalign.aligning.aligner import GPU_THREADS, Aligner, Counts, Pairs, Result, Task
from xalign.aligning.batching import LAST_WINDOW, stream_windows
from xalign.aligning.devices import (
    choose_devices,
    choose_precision,
    gpu_batch_pieces,
    usable_cores,
)
from xalign.aligning.memory import prepare_process
from xalign.aligning.settings import AlignerSettings
from xalign.alignment import Alignment, SentencePair
from xalign.errors import EngineError, XalignError
from xalign.io.items import as_pairs
from xalign.links.probabilities import WordProbabilities

AHEAD = 2
"""Blocks that are read for each worker before their results are taken."""
CPU_BLOCK = 256
"""Most pairs of a block on a CPU: a few seconds' work, and enough pairs of a length for batches."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Share:
    """What the workers of a pool have in common: settings, devices, and how many there are yet."""

    settings: AlignerSettings
    devices: tuple[str, ...]
    count: Any
    """A shared integer: the number of workers that have started."""


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """Results of a block, what its pairs added to the counts, and warnings meanwhile."""

    results: list[Result]
    counts: Counts
    warnings: list[str]


class Kept(logging.Handler):
    """Keeps warnings, for the process that reads the results."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.messages.append(record.getMessage())

    def take(self) -> list[str]:
        """The messages since the last call."""
        taken, self.messages = self.messages, []
        return taken


@dataclass(slots=True)
class Worker:
    """What one process of a pool keeps; its aligner is loaded for its first block."""

    settings: AlignerSettings | None = None
    aligner: Aligner | None = None
    warnings: Kept = field(default_factory=Kept)


WORKER = Worker()


def start_worker(share: Share, parent: Connection) -> None:
    """Begin as a worker process, which ends as soon as ``parent`` is closed or lost."""
    for name in ("xalign", "py.warnings"):
        logging.getLogger(name).addHandler(WORKER.warnings)
        logging.getLogger(name).propagate = False
    logging.captureWarnings(True)

    def end_with_parent() -> None:
        with contextlib.suppress(OSError, EOFError):
            parent.recv_bytes()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    prepare_process(share.settings.model)
    with share.count.get_lock():
        number = share.count.value
        share.count.value += 1
    device = share.devices[number % len(share.devices)]
    WORKER.settings = replace(share.settings, device=device)


def run_block(
    task: Task[Result], sides: list[tuple[tuple[str, ...], tuple[str, ...]]], counts: Counts
) -> Done[Result]:
    """Results of ``task`` for the pairs of a block, which come after those of ``counts``."""
    if WORKER.aligner is None:
        assert WORKER.settings is not None, "start_worker comes first"
        WORKER.aligner = Aligner.from_settings(WORKER.settings)
        WORKER.aligner.first_window = LAST_WINDOW
    aligner = WORKER.aligner
    aligner.counts = replace(counts)
    results = list(task(aligner, (SentencePair(src, tgt) for src, tgt in sides)))
    return Done(results, aligner.counts.since(counts), WORKER.warnings.take())


class Pool:
    """Aligns streams in ``workers`` processes; used like an `Aligner`, and closed at the end.

    Without ``threads``, the cores are divided among the workers; several devices are given to them
    in turn. Links are those of an `Aligner` with the same settings: on a CPU to the last bit.

    Errors: `DeviceError` at once, `ModelError` with the first results, and `EngineError` when a
    worker is lost.
    """

    def __init__(self, settings: AlignerSettings, workers: int) -> None:
        devices = choose_devices(settings.device)
        self.precision = choose_precision(settings.precision, devices[0])
        names = tuple(map(str, devices))
        self.where = f"{','.join(names)} ({self.precision}, {workers} processes)"
        self.counts, self.workers = Counts(), workers
        self.block = CPU_BLOCK if devices[0].type == "cpu" else LAST_WINDOW
        self._warned: set[str] = set()
        threads = settings.threads or max(1, usable_cores() // workers)
        pieces = settings.batch_pieces
        if pieces is None and devices[0].type == "cuda":
            pieces = gpu_batch_pieces(devices, GPU_THREADS * -(-workers // len(devices)))
        share = replace(settings, threads=threads, batch_pieces=pieces)
        context = multiprocessing.get_context("spawn")
        ending, self._open = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            workers,
            context,
            start_worker,
            (Share(share, names, context.Value("i", 0)), ending),
        )

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes, whatever they do."""
        self._open.close()
        self._executor.shutdown(cancel_futures=True)

    def align(
        self, pairs: Pairs, *, src: str | None = None, tgt: str | None = None
    ) -> Iterator[Alignment]:
        """Alignments of a stream of pairs, see `Aligner.align`."""
        return self.run(alignments, as_pairs(pairs, src, tgt))

    def probabilities(
        self, pairs: Pairs, *, src: str | None = None, tgt: str | None = None
    ) -> Iterator[WordProbabilities]:
        """Probabilities of the word pairs of every pair, see `Aligner.probabilities`."""
        return self.run(probabilities, as_pairs(pairs, src, tgt))

    def run(self, task: Task[Result], pairs: Iterable[SentencePair]) -> Iterator[Result]:
        """Results of ``task``, a function that workers can import, for every pair, in order.

        An `XalignError` of the stream is raised after the results of all pairs before it.
        """
        waiting: deque[Future[Done[Result]]] = deque()
        stopped: XalignError | None = None
        blocks = stream_windows(pairs, num_words, last=self.block)
        try:
            while stopped is None:
                try:
                    block = next(blocks, None)
                except XalignError as error:
                    block, stopped = None, error
                if block is None:
                    break
                waiting.append(self._submit(task, block))
                if len(waiting) > AHEAD * self.workers:
                    yield from self._take(waiting.popleft())
            while waiting:
                yield from self._take(waiting.popleft())
        except BrokenProcessPool as error:
            raise EngineError(
                "a worker process was killed, perhaps for want of memory; use fewer --workers"
            ) from error
        finally:
            for future in waiting:
                future.cancel()
        if stopped is not None:
            raise stopped

    def _submit(self, task: Task[Result], block: list[SentencePair]) -> Future[Done[Result]]:
        counts = replace(self.counts)
        self.counts.pairs += len(block)
        with without_interrupts():  # workers start here, and end with this process alone
            return self._executor.submit(run_block, task, [(p.src, p.tgt) for p in block], counts)

    def _take(self, future: Future[Done[Result]]) -> list[Result]:
        done = future.result()
        self.counts.add(replace(done.counts, pairs=0))  # they are counted when they are read
        for message in done.warnings:
            if message not in self._warned:  # workers say the same of a model
                self._warned.add(message)
                logger.warning("%s", message)
        return done.results


def alignments(aligner: Aligner, pairs: Iterable[SentencePair]) -> Iterator[Alignment]:
    """The task of `Pool.align`."""
    return aligner.align(pairs)


def probabilities(aligner: Aligner, pairs: Iterable[SentencePair]) -> Iterator[WordProbabilities]:
    """The task of `Pool.probabilities`."""
    return aligner.probabilities(pairs)


def num_words(pair: SentencePair) -> int:
    """Number of words of both sides."""
    return len(pair.src) + len(pair.tgt)


@contextlib.contextmanager
def without_interrupts() -> Iterator[None]:
    """Hold back Ctrl-C; processes that start meanwhile never get it."""
    if not hasattr(signal, "pthread_sigmask"):  # not on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

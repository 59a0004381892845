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
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import Any, Generic

from xalign.aligning.aligner import GPU_THREADS, Aligner, Counts, Pairs, Result, Task
from xalign.aligning.batching import LAST_WINDOW, ahead, stream_windows
from xalign.aligning.devices import (
    choose_devices,
    choose_precision,
    gpu_batch_pieces,
    usable_cores,
)
from xalign.aligning.memory import prepare_process
from xalign.aligning.settings import AlignerSettings
from xalign.alignment import Alignment, SentencePair
from xalign.errors import EngineError
from xalign.io.items import as_pairs
from xalign.links.probabilities import WordProbabilities

AHEAD = 2
"""Blocks that are read for each worker before their results are taken."""
CPU_BLOCK = 256
"""Most pairs of a block on a CPU: a few seconds' work, and enough pairs of a length for batches."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """The answer of a worker for a block of pairs.

    It has one result for each pair, the counts of these pairs, and the warnings of this time; or
    the error that stopped the worker.
    """

    results: list[Result]
    counts: Counts
    warnings: list[str]
    error: Exception | None = None


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


def work(connection: Connection, settings: AlignerSettings) -> None:
    """Be a worker process: answer each task and block with a `Done`, while the parent lives."""
    kept = Kept()
    for name in ("xalign", "py.warnings"):
        logging.getLogger(name).addHandler(kept)
        logging.getLogger(name).propagate = False
    logging.captureWarnings(True)
    threading.Thread(target=end_with_parent, daemon=True).start()
    prepare_process(settings.model)
    aligner: Aligner | None = None
    while True:
        try:
            task, sides, counts = connection.recv()
        except (EOFError, OSError):  # the parent has closed its end
            return
        results, added, failed = [], Counts(), None
        try:
            aligner = aligner or Aligner.from_settings(settings)
            aligner.first_window, aligner.counts = LAST_WINDOW, replace(counts)
            results = list(task(aligner, (SentencePair(src, tgt) for src, tgt in sides)))
            added = aligner.counts.since(counts)
        except Exception as error:  # it is raised again in the parent
            failed = error
        connection.send_bytes(as_bytes(Done(results, added, kept.take(), failed)))


def as_bytes(done: Done[Any]) -> Any:
    """A message for the parent; an error that cannot travel becomes an `EngineError`."""
    try:
        return ForkingPickler.dumps(done)
    except Exception:
        error = EngineError(f"a worker process failed: {done.error!r}")
        return ForkingPickler.dumps(replace(done, results=[], error=error))


def end_with_parent() -> None:
    """End this process as soon as its parent has ended, even if that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process, and the parent's end of the pipe to it."""

    process: SpawnProcess
    connection: Connection

    def lost(self) -> EngineError:
        """The error of a worker that ended before its time."""
        self.process.join(5)
        code = self.process.exitcode or 0
        if code < 0:
            name = signal.Signals(-code).name
            return EngineError(
                f"a worker process was ended by {name}, perhaps for want of memory; "
                "use fewer --workers"
            )
        return EngineError(f"a worker process ended with exit code {code}; see its messages above")


class Pool:
    """Aligns streams in ``workers`` processes; used like an `Aligner`, and closed at the end.

    Without ``threads``, the cores are divided among the workers, and so are several devices. Links
    are those of an `Aligner` with the same settings: on a CPU to the last bit. Every worker has a
    pipe of its own, and a thread here that waits for it, so that a lost worker is an error at once.

    Errors: `DeviceError` at once, `ModelError` with the first results, and `EngineError` when a
    worker is lost.
    """

    def __init__(self, settings: AlignerSettings, workers: int) -> None:
        devices = choose_devices(settings.device)
        self.precision = choose_precision(settings.precision, devices[0])
        self.device = devices[0]
        names = list(map(str, devices))
        self.machine = f"{','.join(names)} ({self.precision})"
        self.where = f"{','.join(names)} ({self.precision}, {workers} processes)"
        self.counts, self.workers = Counts(), workers
        self.block = CPU_BLOCK if self.device.type == "cpu" else LAST_WINDOW
        self._warned: set[str] = set()
        threads = settings.threads or max(1, usable_cores() // workers)
        pieces = settings.batch_pieces
        if pieces is None and self.device.type == "cuda":
            pieces = gpu_batch_pieces(devices, GPU_THREADS * -(-workers // len(devices)))
        shared = replace(settings, threads=threads, batch_pieces=pieces)
        self._threads = ThreadPoolExecutor(workers)
        self._free: SimpleQueue[Worker] = SimpleQueue()  # each task takes a worker
        self._all: list[Worker] = []
        try:
            for number in range(workers):
                own = names[number::workers] or [names[number % len(names)]]
                self._all.append(started(replace(shared, device=",".join(own))))
                self._free.put(self._all[-1])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes, whatever they do."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._all:
            worker.process.kill()
        self._threads.shutdown()
        for worker in self._all:
            worker.process.join()
            worker.connection.close()

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

        def submit(block: list[SentencePair]) -> Future[Done[Result]]:
            counts = replace(self.counts)
            self.counts.pairs += len(block)
            waiting.append(self._threads.submit(self._ask, task, block, counts))
            return waiting[-1]

        def take(future: Future[Done[Result]]) -> list[Result]:
            waiting.popleft()
            return self._take(future)

        blocks = stream_windows(pairs, num_words, last=self.block)
        try:
            yield from chain.from_iterable(map(take, ahead(blocks, submit, AHEAD * self.workers)))
        finally:
            for future in waiting:
                future.cancel()

    def _ask(self, task: Task[Result], block: list[SentencePair], counts: Counts) -> Done[Result]:
        """Give a block to a worker that is free, and wait for what it gives back."""
        worker = self._free.get()
        try:
            worker.connection.send((task, [(pair.src, pair.tgt) for pair in block], counts))
            done: Done[Result] = worker.connection.recv()
        except (EOFError, OSError) as error:
            raise worker.lost() from error
        finally:
            self._free.put(worker)  # also a lost one, which then fails at once
        return done

    def _take(self, future: Future[Done[Result]]) -> list[Result]:
        done = future.result()
        for message in done.warnings:
            if message not in self._warned:  # workers say the same of a model
                self._warned.add(message)
                logger.warning("%s", message)
        if done.error is not None:
            raise done.error
        self.counts.add(replace(done.counts, pairs=0))  # they are counted when they are read
        return done.results


def started(settings: AlignerSettings) -> Worker:
    """A new worker process."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=work, args=(there, settings), daemon=True)
    try:
        with without_interrupts():  # it ends with this process alone, not by Ctrl-C
            process.start()
    except OSError as error:
        raise EngineError(
            f"a worker process cannot be started: {error.strerror}; use fewer --workers"
        ) from error
    there.close()
    return Worker(process, here)


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
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it would be started with the first process, and undo this
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Batches of similar size over a stream of any length, with results in the stream's order."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, starmap
from typing import TypeVar

import torch

from xalign.errors import XalignError

Item = TypeVar("Item")
Result = TypeVar("Result")

FIRST_WINDOW, LAST_WINDOW = 128, 4096
"""Items sorted together: few at the start, for early results, then more, for similar sizes."""
LEAST_SHARE = 128
"""Size of a batch below which a window is not divided among threads."""
WINDOW_SIZE = 1_000_000
"""Sum of sizes at which a window ends in any case, so that long items fit into memory too."""


def stream_windows(
    items: Iterable[Item],
    size: Callable[[Item], int],
    first: int = FIRST_WINDOW,
    last: int = LAST_WINDOW,
) -> Iterator[list[Item]]:
    """Cut a stream into lists of growing length, from ``first`` up to ``last`` items, or to
    `WINDOW_SIZE`.
    """
    window: list[Item] = []
    length, total = first, 0
    try:
        for item in items:
            window.append(item)
            total += size(item)
            if len(window) >= length or total >= WINDOW_SIZE:
                yield window
                window, total = [], 0
                length = min(2 * length, last)
    except XalignError:
        if window:  # keep the items before the error
            yield window
        raise
    if window:
        yield window


def plan(
    sizes: Sequence[int], budget: int, likeness: Sequence[int] | None = None
) -> list[list[int]]:
    """Batches of similar items, as places in ``sizes``, that sum to at most ``budget`` each.

    An item that exceeds the budget is a batch of its own. Items are similar if their ``likeness``
    (by default, their size) is similar; the largest come first.

    >>> plan([3, 9, 2, 4], budget=9)
    [[1], [3, 0, 2]]
    """
    batches: list[list[int]] = []
    room = 0
    key = (likeness or sizes).__getitem__
    for place in sorted(range(len(sizes)), key=key, reverse=True):
        if not batches or sizes[place] > room:
            batches.append([])
            room = budget
        batches[-1].append(place)
        room -= sizes[place]
    return batches


class OneCore:
    """Counts streams that run with one core for each thread, and restores torch's setting.

    A worker's setting holds for all later threads of the process, so the last stream to end, not
    the first, restores what was before the first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams, self._before = 0, 1

    def start(self) -> None:
        """A stream starts."""
        with self._lock:
            if self._streams == 0:
                self._before = torch.get_num_threads()
            self._streams += 1

    def end(self) -> None:
        """A stream ends, and its threads have ended."""
        with self._lock:
            self._streams -= 1
            if self._streams == 0:
                torch.set_num_threads(self._before)


ONE_CORE = OneCore()


def map_in_order(
    items: Iterable[Item],
    run: Callable[[list[Item]], list[Result]],
    *,
    size: Callable[[Item], int],
    budget: int,
    threads: int,
    length: Callable[[Item], int] | None = None,
    first: int = FIRST_WINDOW,
) -> Iterator[Result]:
    """Results of ``run`` for every item of a stream, in its order.

    ``run`` gets batches of similar ``length`` (by default, size), of at most ``budget`` in all, in
    one of ``threads`` threads. Each thread computes on one core: this is faster than sharing every
    matrix product among cores, and every sum is always split in the same way. While one window of
    the stream is processed, the next one is read. Memory holds two windows, however long the
    stream. An `XalignError` of the stream is raised after the results of all items before it.
    """
    executor = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def submit(window: list[Item]) -> tuple[int, list[list[int]], list[Future[list[Result]]]]:
        sizes = list(map(size, window))
        share = max(LEAST_SHARE, -(-sum(sizes) // threads))  # few items, for all threads
        batches = plan(sizes, min(budget, share), list(map(length or size, window)))
        futures = [executor.submit(run, [window[place] for place in batch]) for batch in batches]
        return len(window), batches, futures

    ONE_CORE.start()
    try:
        submitted = ahead(stream_windows(items, size, first), submit, 1)
        yield from chain.from_iterable(starmap(in_order, submitted))
    finally:
        executor.shutdown(cancel_futures=True)
        ONE_CORE.end()


def ahead(windows: Iterator[Item], submit: Callable[[Item], Result], most: int) -> Iterator[Result]:
    """Submit each window of a stream, and yield the results of ``submit`` in its order.

    Up to ``most`` results wait while the next windows are read. An `XalignError` of the stream is
    raised after the results of all windows before it.
    """
    waiting: deque[Result] = deque()
    stopped: XalignError | None = None
    while stopped is None:
        try:
            window = next(windows, None)
        except XalignError as error:
            window, stopped = None, error
        if window is None:
            break
        waiting.append(submit(window))
        if len(waiting) > most:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()
    if stopped is not None:
        raise stopped


def in_order(
    count: int, batches: list[list[int]], futures: list[Future[list[Result]]]
) -> Iterator[Result]:
    """The ``count`` results of one window, in the order of its items."""
    results: dict[int, Result] = {}
    for batch, future in zip(batches, futures, strict=True):
        results.update(zip(batch, future.result(), strict=True))
    return (results[place] for place in range(count))

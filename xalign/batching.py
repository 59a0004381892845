"""Work in batches of like size over a stream of any length, with results in the stream's order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

FIRST_WINDOW, LAST_WINDOW = 128, 4096
"""Items looked at together: few at the start, for early results, then more, for like sizes."""


def stream_windows(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Cut a stream into lists of growing length, up to `LAST_WINDOW`."""
    iterator, length = iter(items), FIRST_WINDOW
    while window := list(islice(iterator, length)):
        yield window
        length = min(2 * length, LAST_WINDOW)


def plan(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """Places in ``sizes``, in batches of like size that sum to at most ``budget`` each.

    An item of its own size over the budget is a batch of its own; the largest come first.

    >>> plan([3, 9, 2, 4], budget=9)
    [[1], [3, 0, 2]]
    """
    batches: list[list[int]] = []
    room = 0
    for place in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
        if not batches or sizes[place] > room:
            batches.append([])
            room = budget
        batches[-1].append(place)
        room -= sizes[place]
    return batches


def map_in_order(
    items: Iterable[Item],
    run: Callable[[list[Item]], list[Result]],
    *,
    size: Callable[[Item], int],
    budget: int,
    threads: int,
) -> Iterator[Result]:
    """Results of ``run`` for every item of a stream, in its order.

    ``run`` gets batches of at most ``budget`` in all, in one of ``threads`` threads, each of which
    computes on one core: faster than sharing every matrix product among cores, and no sum is ever
    cut differently. While one window of the stream is worked on, the next one is read. Memory holds
    two windows, however long the stream.
    """
    executor = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque[tuple[int, list[list[int]], list[Future[list[Result]]]]] = deque()
    try:
        for window in stream_windows(items):
            batches = plan([size(item) for item in window], budget)
            futures = [
                executor.submit(run, [window[place] for place in batch]) for batch in batches
            ]
            waiting.append((len(window), batches, futures))
            if len(waiting) > 1:
                yield from in_order(*waiting.popleft())
        while waiting:
            yield from in_order(*waiting.popleft())
    finally:
        executor.shutdown(cancel_futures=True)


def in_order(
    count: int, batches: list[list[int]], futures: list[Future[list[Result]]]
) -> Iterator[Result]:
    """The ``count`` results of one window, each at its item's place."""
    results: dict[int, Result] = {}
    for batch, future in zip(batches, futures, strict=True):
        results.update(zip(batch, future.result(), strict=True))
    return (results[place] for place in range(count))

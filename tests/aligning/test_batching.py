"""Batches and the order of results."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.aligning import batching
from xalign.aligning.batching import map_in_order, plan, stream_windows


@given(st.lists(st.integers(0, 50)), st.integers(1, 100))
def test_a_plan_has_every_item_once_and_keeps_the_budget(sizes: list[int], budget: int) -> None:
    batches = plan(sizes, budget)
    assert sorted(place for batch in batches for place in batch) == list(range(len(sizes)))
    assert all(len(batch) == 1 or sum(sizes[k] for k in batch) <= budget for batch in batches)
    in_turn = [sizes[k] for batch in batches for k in batch]
    assert in_turn == sorted(sizes, reverse=True)


def test_windows_grow_up_to_a_limit() -> None:
    lengths = [len(window) for window in stream_windows(range(20_000), lambda _: 1)]
    assert lengths == [128, 256, 512, 1024, 2048, 4096, 4096, 4096, 20_000 - 16_256]


def test_windows_of_long_items_are_short() -> None:
    lengths = [len(window) for window in stream_windows(range(10), lambda _: 400_000)]
    assert lengths == [3, 3, 3, 1]


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_stream(threads: int) -> None:
    def double(items: list[int]) -> list[int]:
        time.sleep(0.0001 * (len(items) % 3))
        return [2 * item for item in items]

    stream = [(7919 * k) % 101 for k in range(3000)]
    results = map_in_order(stream, double, size=lambda item: item, budget=500, threads=threads)
    assert list(results) == [2 * item for item in stream]


def test_no_more_than_two_windows_wait_while_one_is_read() -> None:
    read = 0

    def stream() -> Iterator[int]:
        nonlocal read
        for k in range(100_000):
            read += 1
            yield k

    results = map_in_order(stream(), lambda items: items, size=lambda _: 1, budget=64, threads=1)
    for done, _ in enumerate(results):
        assert read - done <= 3 * batching.LAST_WINDOW
        if done == 30_000:
            break
    results.close()  # type: ignore[attr-defined]


def test_an_error_in_a_batch_reaches_the_reader_and_ends_the_threads() -> None:
    def fail(items: list[int]) -> list[int]:
        raise ValueError("bad batch")

    before = threading.active_count()
    with pytest.raises(ValueError, match="bad batch"):
        list(map_in_order(range(1000), fail, size=lambda _: 1, budget=10, threads=2))
    assert threading.active_count() == before


def test_a_reader_that_stops_early_ends_the_threads() -> None:
    before = threading.active_count()
    results = map_in_order(range(1000), lambda items: items, size=lambda _: 1, budget=10, threads=2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before

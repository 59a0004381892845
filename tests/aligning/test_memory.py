"""Memory of a process that aligns for hours."""

import subprocess
import sys

import numpy as np
import pytest

from xalign.aligning.memory import SHELF_BYTES, Heap, Shelf


def test_free_memory_is_returned_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, trims = [100.0], list[int]()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    heap = Heap()
    monkeypatch.setattr(heap, "_trim", trims.append)
    for now[0] in (100.5, 101.0, 101.5, 102.0, 102.1):
        heap.tidy_seldom()
    assert trims == [0, 0]
    monkeypatch.setattr("sys.platform", "darwin")
    Heap().tidy()  # another system has no such function


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone keeps such memory")
def test_gaps_in_the_heap_are_returned() -> None:
    program = """
import re
from pathlib import Path
from xalign.aligning.memory import Heap

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000

heap = Heap()
blocks = [bytearray(100_000) for _ in range(2000)]
del blocks[::2]
blocks.append(bytearray(10))
before = resident()
heap.tidy()
print(before - resident())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 80


def test_the_shelf_keeps_values_and_starts_a_new_block_when_one_is_full() -> None:
    shelf = Shelf()
    kept = [shelf.keep(np.full((3, 1000), k, dtype=np.int64)) for k in range(100)]
    assert all((array == k).all() and array.shape == (3, 1000) for k, array in enumerate(kept))
    large = np.zeros(SHELF_BYTES, dtype=np.uint8)
    assert shelf.keep(large) is large
    assert shelf.keep(np.zeros((4, 0), dtype=np.float32)).shape == (4, 0)

"""Memory of a process that aligns for hours, and what it does while torch is imported."""

import ctypes
import gc
import mmap
import sys
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xalign.weights.embedded import begin_loading, forget_pages

SHELF_BYTES = 1 << 20
TIDY_SECONDS = 1.0
"""Seconds between two times that free memory is returned, which takes a hundredth of one."""
SELDOM = 100_000
"""New objects between two garbage collections, instead of 700."""


def prepare_process(model: str) -> None:
    """Prepare a process that streams pairs through a ``model``, best before torch is imported.

    What the model needs and torch does not is read in the background. Python seldom collects
    garbage: a stream makes no cycles, and looking through all pairs in memory takes longer than
    reading them.
    """
    gc.set_threshold(SELDOM)
    begin_loading(model)


class Heap:
    """The memory that glibc keeps for the process although it is free.

    Batches of many sizes leave gaps in it, so that it grows slowly as long as a stream goes on.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._trim = getattr(libc, "malloc_trim", None)
        self._last = time.monotonic()

    def tidy(self) -> None:
        """Return free memory to the system, and pages of the encoder's file."""
        self._last = time.monotonic()
        if self._trim is not None:
            self._trim(0)
        forget_pages()

    def tidy_seldom(self) -> None:
        """The same, at most once every `TIDY_SECONDS`."""
        if time.monotonic() - self._last >= TIDY_SECONDS:
            self.tidy()


HEAP = Heap()


class Shelf(threading.local):
    """Keeps small results outside of the heap, where each would keep a gap open for a while."""

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        """Take a new block; the old one lives as long as what is kept in it."""
        self._block = mmap.mmap(-1, SHELF_BYTES)
        self._used = 0

    def keep(self, array: NDArray[Any]) -> NDArray[Any]:
        """A copy of ``array``; the array itself if it is large."""
        size = -(-array.nbytes // 8) * 8
        if size > SHELF_BYTES // 4:
            return array
        if self._used + size > SHELF_BYTES:
            self._renew()
        kept = np.frombuffer(self._block, array.dtype, array.size, self._used).reshape(array.shape)
        self._used += size
        kept[...] = array
        return kept


SHELF = Shelf()

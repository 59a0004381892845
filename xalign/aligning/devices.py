"""Choice of the device, precision, threads and memory to compute with."""

import ctypes
import gc
import logging
import mmap
import os
import re
import sys
import threading
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xalign.errors import DeviceError

M_ARENA_MAX = -8
"""Option of mallopt for the number of heaps, from glibc's malloc.h."""
logger = logging.getLogger(__name__)

SHELF_BYTES = 1 << 20
TIDY_SECONDS = 1.0
"""Seconds between two times that free memory is returned, which takes a hundredth of one."""
SELDOM = 100_000
"""New objects between two garbage collections, instead of 700."""

DTYPES = {
    "fp32": torch.float32,
    "int8": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
"""Data types of the states between layers, by precision."""


def usable_cores() -> int:
    """Number of cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def prepare_memory() -> None:
    """Prepare the memory of a process that streams; call it before its threads start.

    All threads share one heap. By default, glibc gives every thread its own, and these keep growing
    as batches of many sizes come and go. Python seldom collects garbage: a stream makes no cycles,
    and looking through all pairs in memory takes longer than reading them.
    """
    gc.set_threshold(SELDOM)
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_ARENA_MAX, 1)


class Heap:
    """The memory that glibc keeps for the process although it is free.

    Batches of many sizes leave gaps in it, so that it grows slowly as long as a stream goes on.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._trim = getattr(libc, "malloc_trim", None)
        self._last = time.monotonic()

    def tidy(self) -> None:
        """Return free memory to the system, at most once every `TIDY_SECONDS`."""
        now = time.monotonic()
        if self._trim is not None and now - self._last >= TIDY_SECONDS:
            self._last = now
            self._trim(0)


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


def choose_device(name: str) -> torch.device:
    """The device called ``name``: ``cpu``, ``cuda``, ``cuda:N``, ``mps`` (a GPU of Apple's).

    ``auto`` is a GPU of NVIDIA's if there is one, else the CPU.

    Errors: `DeviceError` when there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise DeviceError(f"expected the device auto, cpu, cuda, cuda:N or mps, found {name!r}")
    if name == "mps" and not torch.backends.mps.is_available():
        found = "this machine, or this torch, has no GPU of Apple's"
        raise DeviceError(f"device mps: {found}; use --device cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        found = f"this machine, or this torch, has {count} GPUs"
        raise DeviceError(f"device {name}: {found}; use --device cpu")
    return device


def choose_devices(names: str) -> list[torch.device]:
    """The devices called ``names``, separated by commas; ``all`` is every GPU, or else the CPU.

    Errors: `DeviceError` when there is no such device.
    """
    if names == "all":
        count = torch.cuda.device_count()
        if count == 0:
            logger.warning("--device all: this machine, or this torch, has no GPU; using the CPU")
            return [torch.device("cpu")]
        return [torch.device("cuda", k) for k in range(count)]
    devices = [choose_device(name) for name in names.split(",")]
    if len({device.type for device in devices}) > 1:
        raise DeviceError(f"devices {names}: expected devices of one kind; use --shard for others")
    return devices


def has_fast_int8() -> bool:
    """Whether this processor and this torch multiply 8-bit integers much faster than floats."""
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    engines: list[str] = torch.backends.quantized.supported_engines
    return bool(found.get("avx2")) and "onednn" in engines


def choose_precision(name: str, device: torch.device) -> str:
    """The precision of matrix products on ``device`` that ``name`` asks for.

    ``auto`` is ``int8`` on a CPU where it is fast, else ``fp32``; on a GPU it is ``bf16``, or
    ``fp16`` where the GPU has no bf16, and ``fp32`` on a GPU of Apple's.

    Errors: `DeviceError` when there is no such precision on the device.
    """
    is_cpu = device.type == "cpu"
    if name == "auto" and is_cpu:
        return "int8" if has_fast_int8() else "fp32"
    if name == "auto" and device.type == "mps":
        return "fp32"
    if name == "auto":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if name not in DTYPES:
        raise DeviceError(f"expected the precision auto, {', '.join(DTYPES)}, found {name!r}")
    if name == "int8" and not is_cpu:
        raise DeviceError(f"precision int8 is for CPUs, not {device}; use --precision bf16")
    if name == "int8" and not has_fast_int8():
        raise DeviceError("precision int8 needs a processor with AVX2; use --precision fp32")
    return name

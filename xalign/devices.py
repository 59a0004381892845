"""Which device, how many threads and how many heaps to compute with."""

import ctypes
import os
import re
import sys

import torch

from xalign.errors import DeviceError

M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


def usable_cores() -> int:
    """Cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def use_one_heap() -> None:
    """Let all threads share one heap, to be called before they start.

    glibc gives every thread a heap of its own, and these grow for ever as batches of many sizes
    come and go; elsewhere this does nothing.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_ARENA_MAX, 1)


def choose_device(name: str) -> torch.device:
    """The device called ``name``: ``cpu``, ``cuda``, ``cuda:N``; ``auto`` is a GPU if there is one.

    Errors: `DeviceError` when there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise DeviceError(f"expected the device auto, cpu, cuda or cuda:N, found {name!r}")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        found = f"this machine, or this torch, has {count} GPUs"
        raise DeviceError(f"device {name}: {found}; use --device cpu")
    return device

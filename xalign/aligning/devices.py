"""Choice of the device, precision and threads to compute with."""

import functools
import logging
import os
from collections.abc import Sequence

import torch

from xalign.aligning.settings import DEVICE
from xalign.errors import DeviceError

logger = logging.getLogger(__name__)

GPU_PIECES, GPU_PIECE_BYTES = (16_384, 65_536), 65_536
"""The least and the most pieces of a batch on a GPU, and the memory that each may take there."""
GPU_SHARE = 0.6
"""Share of a GPU's free memory for batches; weights and libraries take the rest."""
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


def choose_device(name: str) -> torch.device:
    """The device called ``name``: ``cpu``, ``cuda``, ``cuda:N``, ``mps`` (a GPU of Apple's).

    ``auto`` is a GPU of NVIDIA's if there is one, else the CPU.

    Errors: `DeviceError` when there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not DEVICE.fullmatch(name):
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
            tell_once("--device all: this machine, or this torch, has no GPU; using the CPU")
            return [torch.device("cpu")]
        return [torch.device("cuda", k) for k in range(count)]
    devices = [choose_device(name) for name in names.split(",")]
    if len({device.type for device in devices}) > 1:
        raise DeviceError(f"devices {names}: expected devices of one kind; use --shard for others")
    return devices


@functools.cache
def tell_once(message: str) -> None:
    """Log a warning that was not logged before."""
    logger.warning("%s", message)


def gpu_batch_pieces(devices: Sequence[torch.device], threads: int) -> int:
    """Pieces to align at once on GPUs, for each of their ``threads``, by the memory that is free.

    An estimate: a batch that does not fit after all is halved.
    """
    pieces = int(GPU_SHARE * free_memory(devices)) // (threads * GPU_PIECE_BYTES)
    return max(GPU_PIECES[0], min(pieces, GPU_PIECES[1]))


def free_memory(devices: Sequence[torch.device]) -> int:
    """Free bytes of the GPU that has the fewest; 0 without a GPU of NVIDIA's."""
    free = [torch.cuda.mem_get_info(device)[0] for device in devices if device.type == "cuda"]
    return min(free, default=0)


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done what this thread asked of it; the thread sleeps meanwhile.

    A copy to the CPU waits too, but in a busy loop, which takes a core from other processes.
    """
    if device.type == "cuda":
        done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        done.record(torch.cuda.current_stream(device))
        done.synchronize()


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

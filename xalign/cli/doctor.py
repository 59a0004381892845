"""`xalign doctor`: what this installation has, and what it would use."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import typer

import xalign
from xalign.errors import XalignError
from xalign.weights.names import DEFAULT_NAME, OFFLINE, hub_cache, is_offline

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "sentencepiece", "numpy", "typer")
OPTIONAL = {
    "sacremoses": ("--tokenize moses", "xalign[tokenize]"),
    "icu": ("--tokenize icu", "xalign[tokenize]"),
    "waitress": ("xalign serve", "xalign[serve]"),
    "ray": ("--engine ray", "xalign[ray]"),
    "matplotlib": ("metrics.png of a run", "xalign[plot]"),
}
"""Packages that are not needed, what they are for, and how to get them."""
SIZE, SECONDS = 1024, 1.0
"""Side of the matrices, and time, of the measurement."""


def doctor() -> None:
    """Show versions, devices, precision, speed, the model, optional parts and caches.

    \b
    xalign doctor

    It opens no connection. Paste its output into a report of a problem.
    """
    for title, lines in (
        ("xalign", versions()),
        ("machine", machine()),
        ("model", model()),
        ("optional", optional()),
        ("caches", caches()),
        ("network", network()),
    ):
        for number, line in enumerate(lines):
            typer.echo(f"{'' if number else title:<10}{line}")


def versions() -> Iterator[str]:
    """Versions of xalign and of what it needs."""
    import importlib.metadata

    yield f"{xalign.__version__} in {Path(xalign.__file__).parent}"
    yield f"Python {platform.python_version()} ({sys.executable})"
    yield ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)


def machine() -> Iterator[str]:
    """The system, its devices, the precision that would be used and why, and its speed."""
    from xalign.aligning.devices import choose_device, choose_precision, usable_cores

    yield f"{platform.system()} {platform.release()} on {platform.machine()}"
    yield f"{usable_cores()} usable cores of {os.cpu_count()}"
    yield from gpus()
    device = choose_device("auto")
    precision = choose_precision("auto", device)
    yield f"would use {device} in {precision}: {reason(device.type, precision)}"
    yield f"{matrix_rate() / 1e9:.0f} billion operations per second on one core (fp32)"


def gpus() -> Iterator[str]:
    """GPUs that torch can use."""
    import torch

    count = torch.cuda.device_count()
    if count:
        names = ", ".join(torch.cuda.get_device_name(k) for k in range(count))
        yield f"{count} GPUs: {names} (--device all uses all of them)"
    elif torch.backends.mps.is_available():
        yield "a GPU of Apple's (--device mps)"
    elif torch.version.cuda is None:
        yield "no GPU: this torch was built without CUDA"
    else:
        yield "no GPU"


def reason(kind: str, precision: str) -> str:
    """The reason for a precision on a kind of device."""
    if kind != "cpu":
        return "the fastest that this GPU has"
    if precision == "int8":
        return "this processor has AVX2, which multiplies 8-bit integers fast"
    return "this processor has no AVX2 for fast 8-bit integers"


def matrix_rate() -> float:
    """Operations per second of matrix products in fp32 on one core, measured for a second."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        a = torch.ones(SIZE, SIZE)
        a @ a
        count, started = 0, time.perf_counter()
        while (taken := time.perf_counter() - started) < SECONDS:
            a @ a
            count += 1
        return 2 * SIZE**3 * count / taken
    finally:
        torch.set_num_threads(before)


def model() -> Iterator[str]:
    """The default model, its licence, and whether it aligns."""
    from xalign.weights.checkpoint import DEFAULT

    size = sum(path.stat().st_size for path in DEFAULT.iterdir())
    yield f"{DEFAULT_NAME} in {DEFAULT} ({size / 1e6:.0f} MB), Apache-2.0"
    yield "it started from multilingual-e5-small (MIT); its README.md lists the training data"
    started = time.perf_counter()
    try:
        links = xalign.Aligner.from_pretrained().align_pair("das Haus", "the house")
        taken = time.perf_counter() - started
        yield f"'das Haus ||| the house' gives '{links}' in {taken:.1f} s with loading"
    except XalignError as error:
        yield f"does not align: {error}"


def optional() -> Iterator[str]:
    """Optional parts, and how to get those that are missing."""
    import importlib.util

    for name, (purpose, extra) in OPTIONAL.items():
        is_there = importlib.util.find_spec(name) is not None
        yield f"{purpose}: {'present' if is_there else f'missing; pip install {extra!r}'}"


def caches() -> Iterator[str]:
    """Folders that grow with use."""
    from xalign.training.settings import default_cache

    for name, folder in (("cut corpora", default_cache()), ("encoders of the hub", hub_cache())):
        files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
        size = sum(path.stat().st_size for path in files)
        yield f"{name}: {folder} ({size / 1e6:,.0f} MB)"


def network() -> Iterator[str]:
    """Whether the environment allows to fetch encoders."""
    values = [f"{name}={os.environ[name]}" for name in OFFLINE if name in os.environ]
    shown = f" ({', '.join(values)})" if values else ""
    allowed = "nothing is ever fetched" if is_offline() else "only encoders named by -m are fetched"
    yield f"{allowed}{shown}"

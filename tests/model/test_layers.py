"""A layer against that of transformers, and against itself where it overwrites."""

import inspect

import pytest
import torch
import transformers
from torch import Tensor, nn
from transformers.models.bert import modeling_bert

from tests.conftest import sentence, tiny_config, tiny_network
from xalign.model.layers import Layer
from xalign.model.packing import pack_pairs
from xalign.weights.foreign import BERT_NAMES, BERT_QUERY_KEY_VALUE

PAIRS = [
    (sentence(5, 6, 7), sentence(8, 9)),
    (sentence(10), sentence(11, 12, 13, 14, 15)),
    (sentence(*range(5, 25)), sentence(*range(30, 48))),
]


@pytest.mark.skipif(
    "is_cross_attention" not in inspect.signature(modeling_bert.BertAttention).parameters,
    reason="this version of transformers has cross-attention in another class",
)
@torch.no_grad()
def test_a_cross_layer_equals_the_cross_attention_of_transformers() -> None:
    network = tiny_network()
    layer, batch = network.layers[-1], pack_pairs(PAIRS)
    assert isinstance(layer, Layer)
    config = transformers.BertConfig(
        hidden_size=32, num_attention_heads=4, intermediate_size=48, layer_norm_eps=1e-12
    )
    theirs = nn.ModuleDict(
        {
            "attention": modeling_bert.BertAttention(config, is_cross_attention=True),
            "intermediate": modeling_bert.BertIntermediate(config),
            "output": modeling_bert.BertOutput(config),
        }
    ).eval()
    weights: dict[str, Tensor] = {}
    for part in ("weight", "bias"):
        joint = getattr(layer.query_key_value, part).chunk(3)
        names = BERT_QUERY_KEY_VALUE
        weights |= {f"{name}.{part}": data for name, data in zip(names, joint, strict=True)}
        for our, their in BERT_NAMES.items():
            weights[f"{their}.{part}"] = getattr(getattr(layer, our), part)
    theirs.load_state_dict(weights)
    states = torch.randn(len(batch.ids), 32, generator=torch.Generator().manual_seed(0))
    ours = batch.unpack(layer(states, batch)).tensor_split(2)
    sides, masks = batch.unpack(states).tensor_split(2), batch.mask.tensor_split(2)
    for k in range(2):
        hidden = torch.zeros(3, 1, 1, masks[0].shape[1]).masked_fill(
            ~masks[1 - k][:, None, None], torch.finfo(torch.float).min
        )
        attended, _ = theirs["attention"](
            sides[k], encoder_hidden_states=sides[1 - k], encoder_attention_mask=hidden
        )
        expected = theirs["output"](theirs["intermediate"](attended), attended)
        torch.testing.assert_close(ours[k][masks[k]], expected[masks[k]])


@torch.no_grad()
@pytest.mark.parametrize("is_cross", [False, True])
def test_a_layer_that_overwrites_finds_the_same_states(is_cross: bool) -> None:
    batch = pack_pairs(PAIRS)
    plain, other = (
        Layer(tiny_config(), is_cross=is_cross, overwrites=overwrites)
        for overwrites in (False, True)
    )
    other.load_state_dict(plain.state_dict())
    states = torch.randn(len(batch.ids), 32, generator=torch.Generator().manual_seed(0))
    expected = plain(states.clone(), batch)
    torch.testing.assert_close(other(states.clone(), batch), expected)

"""The network against loops over single positions, and what must not change its states."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.conftest import ROOT, sentence, tiny_config, tiny_network
from xalign.model.cross_align import SIMILARITY_SCALE, CrossAlign, init_as_identity
from xalign.model.layers import Layer
from xalign.model.packing import pack_pairs
from xalign.model.pieces import PieceSentence
from xalign.model.quantized import linear

PAIRS = [
    (sentence(5, 6, 7), sentence(8, 9)),
    (sentence(10), sentence(11, 12, 13, 14, 15)),
    (sentence(*range(5, 25)), sentence(*range(30, 48))),
]


def attend_naively(layer: Layer, x: Tensor, memory: Tensor) -> Tensor:
    """Attention of states x (S, D) to memory (T, D) position by position, head by head: (S, D)."""
    width = x.shape[1]
    projection = linear(layer, "query_key_value")
    weight, bias = projection.weight, projection.bias
    query, key, value = (
        states @ weight[k * width : (k + 1) * width].T + bias[k * width : (k + 1) * width]
        for k, states in enumerate((x, memory, memory))
    )
    size = width // layer.num_heads
    rows = []
    for position in range(len(x)):
        heads = []
        for start in range(0, width, size):
            head = slice(start, start + size)
            scores = [float(query[position, head] @ k[head]) / math.sqrt(size) for k in key]
            weights = [math.exp(score - max(scores)) for score in scores]
            heads.append(
                sum(w / sum(weights) * v[head] for w, v in zip(weights, value, strict=True))
            )
        rows.append(torch.cat(heads))
    return torch.stack(rows)


def layer_naively(layer: Layer, x: Tensor, memory: Tensor) -> Tensor:
    """One layer on states (S, D) that attend to (T, D): (S, D)."""
    x = layer.attention_norm(x + layer.attention_out(attend_naively(layer, x, memory)))
    inner = layer.ffn_in(x)
    inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
    return layer.ffn_norm(x + layer.ffn_out(inner))  # type: ignore[no-any-return]


@torch.no_grad()
def test_states_equal_those_of_loops_over_positions() -> None:
    network = tiny_network(tiny_config(num_cross_layers=2))
    src, tgt = network(batch := pack_pairs(PAIRS))
    for k, pair in enumerate(PAIRS):
        x, y = (
            network.norm(
                network.pieces(torch.tensor(side.ids)) + network.positions.weight[: len(side)]
            )
            for side in pair
        )
        for layer in network.layers:
            assert isinstance(layer, Layer)
            if layer.is_cross:  # both read the layer below
                x, y = layer_naively(layer, x, y), layer_naively(layer, y, x)
            else:
                x, y = layer_naively(layer, x, x), layer_naively(layer, y, y)
        torch.testing.assert_close(src[k, batch.mask[k]], x)
        torch.testing.assert_close(tgt[k, batch.mask[k + len(PAIRS)]], y)


@torch.no_grad()
def test_swapping_the_sides_swaps_the_states_exactly() -> None:
    network = tiny_network()
    src, tgt = network(batch := pack_pairs(PAIRS))
    other_src, other_tgt = network(pack_pairs([(tgt, src) for src, tgt in PAIRS]))
    src_mask, tgt_mask = batch.mask.tensor_split(2)
    assert torch.equal(src[src_mask], other_tgt[src_mask])
    assert torch.equal(tgt[tgt_mask], other_src[tgt_mask])


@torch.no_grad()
@pytest.mark.parametrize("pair", PAIRS)
def test_company_and_padding_never_change_a_state(
    pair: tuple[PieceSentence, PieceSentence],
) -> None:
    network = tiny_network()
    company = [*PAIRS, (sentence(*range(5, 60)), sentence(7))]
    together = network(batch := pack_pairs(company))
    alone = network(single := pack_pairs([pair]))
    place = company.index(pair)
    for side, offset in enumerate((0, len(company))):
        ours = together[side][place, batch.mask[place + offset]]
        assert torch.equal(ours, alone[side][0, single.mask[side]])


@torch.no_grad()
def test_layers_above_the_alignment_layer_are_not_needed() -> None:
    network = tiny_network(tiny_config(num_cross_layers=2))
    config = replace(network.config, align_layer=2)
    lower = CrossAlign(config)
    lower.load_state_dict(network.state_dict())
    before = lower(pack_pairs(PAIRS))
    pruned = lower.pruned()
    assert (len(pruned.layers), len(lower.layers)) == (2, 4)
    assert (pruned.config.num_self_layers, pruned.config.num_cross_layers) == (2, 0)
    assert torch.equal(before[0], pruned(pack_pairs(PAIRS))[0])


@torch.no_grad()
@pytest.mark.parametrize("num_self_layers", [0, 2])
def test_cross_layers_that_start_as_the_identity_pass_states_on(num_self_layers: int) -> None:
    sizes = {"num_self_layers": num_self_layers, "align_layer": num_self_layers}
    network = CrossAlign(replace(tiny_config(num_cross_layers=2), **sizes))
    *_, before = network.layer_states(pack_pairs(PAIRS))
    init_as_identity(network, torch.Generator().manual_seed(1))
    states = list(network.layer_states(pack_pairs(PAIRS)))
    for above in states[num_self_layers + 1 :]:
        torch.testing.assert_close(above, states[num_self_layers])
    assert not torch.allclose(before, states[-1])


@torch.no_grad()
def test_attention_that_starts_with_the_identity_is_the_similarity_of_links() -> None:
    network = CrossAlign(replace(tiny_config(), num_heads=1))
    init_as_identity(network, torch.Generator().manual_seed(1))
    width, projection = network.config.width, network.layers[-1].get_submodule("query_key_value")
    x, y = torch.randn(2, 7, width)
    query, key, value = projection(x).split(width, dim=-1)
    other = projection(y).split(width, dim=-1)[1]
    scale = SIMILARITY_SCALE / math.sqrt(width)
    torch.testing.assert_close(query @ other.T / math.sqrt(width), scale * x @ y.T)
    torch.testing.assert_close(query, key)
    torch.testing.assert_close(value @ value.T, x @ x.T)


def test_a_network_without_memory_needs_no_compiler() -> None:
    program = """
import sys
import torch
from tests.conftest import tiny_config
from xalign.model.cross_align import CrossAlign
with torch.device("meta"):
    CrossAlign(tiny_config())
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "False\n"

"""Faster projections against the plain ones that they stand for."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from tests.conftest import tiny_network
from xalign.aligning.devices import has_fast_int8
from xalign.model.packing import pack_pairs
from xalign.model.pieces import PieceSentence
from xalign.model.quantized import (
    GELU_SHARE,
    InPlaceLinear,
    Int8Linear,
    exact_steps,
    with_fast_projections,
)

needs_int8 = pytest.mark.skipif(
    not has_fast_int8(), reason="this processor has no fast 8-bit integers"
)


def linear(inputs: int, outputs: int) -> nn.Linear:
    """A projection, the same at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Linear(inputs, outputs)


@needs_int8
@pytest.mark.parametrize("share", [1 / 2, GELU_SHARE])
@torch.inference_mode()
def test_products_are_those_of_rounded_rows_and_weights(share: float) -> None:
    steps, below = exact_steps(), int(share * exact_steps())
    layer, x = linear(64, 48), torch.randn(33, 64, generator=torch.Generator().manual_seed(2))
    if share == GELU_SHARE:
        x = nn.functional.gelu(4 * x)
    for row, found in zip(x, Int8Linear(layer, below=share)(x.clone()), strict=True):
        scale = max(float(row.max()) / (steps - 1 - below), float(-row.min()) / below)
        rounded = scale * (row / scale).round()
        weights = layer.weight.abs().amax(1, keepdim=True) / 127
        expected = (weights * (layer.weight / weights).round()) @ rounded + layer.bias
        torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
        assert float((rounded - row).abs().max()) <= scale / 2 + 1e-6


EXTREME_ROWS = """
import sys
import torch
from torch import nn
from xalign.model.quantized import Int8Linear, exact_steps
assert exact_steps() in map(int, sys.argv[1].split(","))
with torch.inference_mode():
    layer = nn.Linear(64, 48)
    layer.bias.zero_()
    layer.weight[...] = torch.tensor([1.0, -1.0]).repeat_interleave(24)[:, None]
    x = torch.cat([torch.full((1, 64), 127.0), torch.full((1, 64), -128.0)])
    torch.testing.assert_close(Int8Linear(layer)(x.clone()), x @ layer.weight.t())
"""


@needs_int8
@pytest.mark.slow
@pytest.mark.parametrize(
    ("isa", "steps"), [("", "128,256"), ("AVX2", "128"), ("AVX512_CORE", "128")]
)
def test_the_largest_sums_are_exact_on_every_processor(isa: str, steps: str) -> None:
    limits = {"ONEDNN_MAX_CPU_ISA": isa} if isa else {}
    command = [sys.executable, "-c", EXTREME_ROWS, steps]
    subprocess.run(command, env={**os.environ, **limits}, check=True)


@needs_int8
@torch.inference_mode()
def test_a_row_of_zeros_gives_the_bias() -> None:
    layer = linear(32, 16)
    assert torch.equal(Int8Linear(layer)(torch.zeros(20, 32)), layer.bias.expand(20, 16))


@needs_int8
@torch.inference_mode()
def test_a_row_does_not_depend_on_the_others() -> None:
    layer, x = Int8Linear(linear(64, 48)), torch.randn(100, 64)
    louder = torch.cat([1000 * x[:50], x[50:]])
    found = layer(x.clone())
    assert torch.equal(layer(louder)[50:], found[50:])
    assert torch.equal(layer(x[50:66].clone()), found[50:66])


@needs_int8
@torch.inference_mode()
def test_a_wide_input_does_not_cost_the_others_their_steps() -> None:
    layer, norm = linear(64, 48), nn.LayerNorm(64)
    norm.weight[5] = 100
    layer.weight[:, 5] /= 100  # as encoders have it
    x = norm(torch.randn(50, 64, generator=torch.Generator().manual_seed(3)))
    errors = [
        float((found(x.clone()) - layer(x)).abs().mean())
        for found in (Int8Linear(layer), Int8Linear(layer, norm=norm))
    ]
    assert errors[1] < errors[0] / 4


def test_a_bias_added_afterwards_is_the_same_layer() -> None:
    layer, x = linear(64, 48), torch.randn(20, 64)
    torch.testing.assert_close(InPlaceLinear(layer)(x), layer(x))


@pytest.mark.parametrize("in_int8", [False, pytest.param(True, marks=needs_int8)])
@torch.inference_mode()
def test_states_are_those_of_the_plain_network(in_int8: bool) -> None:
    network, side = tiny_network(), PieceSentence([0, *range(10, 20), 2], [-1, *range(10), -1])
    batch = pack_pairs([(side, side)] * 3)
    states = zip(
        network(batch), with_fast_projections(network, in_int8=in_int8)(batch), strict=True
    )
    for plain, found in states:
        torch.testing.assert_close(found, plain, atol=0.05 if in_int8 else 1e-5, rtol=0)


@pytest.mark.parametrize("in_int8", [False, pytest.param(True, marks=needs_int8)])
def test_the_network_that_was_given_stays_as_it_is(in_int8: bool) -> None:
    network, kind = tiny_network(), Int8Linear if in_int8 else InPlaceLinear
    faster = with_fast_projections(network, in_int8=in_int8)
    assert not [part for part in network.modules() if isinstance(part, kind)]
    assert len([part for part in faster.modules() if isinstance(part, kind)]) == 12
    assert faster.layers[0].get_submodule("ffn_norm") is network.layers[0].get_submodule("ffn_norm")

"""Faster projections for a network that aligns on a CPU: in fp32, and in 8-bit integers.

Shapes: N pieces end to end, I inputs and O outputs of a projection.
"""

import copy
import functools

import torch
from torch import Tensor, nn

from xalign.model.cross_align import CrossAlign
from xalign.model.layers import Layer, Projections

LEAST_SCALE = 1e-12
"""Scale of a row that is all zeros."""
NORM_SPREAD = 3
"""Number of standard deviations that cover nearly all outputs of a norm."""
STEPS, FEWER_STEPS = 256, 128
"""Steps of an input row, see `exact_steps`."""
PROJECTIONS = ("query_key_value", "attention_out", "ffn_in", "ffn_out")
"""Those of a layer."""
GELU_SHARE = 1 / 8
"""Share of the steps that is below 0 for outputs of GELU, which are never below -0.17."""


def int8_products(rows: Tensor, zero: int, weight: Tensor, scales: Tensor, zeros: Tensor) -> Tensor:
    """Products (N, O) of rows (N, I) less ``zero`` and a packed weight (O, I), times its scales."""
    result: Tensor = torch.ops.onednn.qlinear_pointwise(
        rows, 1.0, zero, weight, scales, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return result


@functools.cache
def exact_steps() -> int:
    """Steps of a row whose sums of products are exact on this processor.

    They are the 256 of 8 bits with VNNI. Without it, two products are summed in 16 bits, which is
    exact for 128: 2 x 127 x 127 is less than 2^15. Links are as good with both, and with 256 more
    often those of fp32.
    """
    rows = torch.full((16, 64), STEPS - 1, dtype=torch.uint8)
    weight = torch.full((16, 64), 127, dtype=torch.int8)
    packed, scales = torch.ops.onednn.qlinear_prepack(weight, None), torch.ones(16)
    products = int8_products(rows, 0, packed, scales, torch.zeros(16, dtype=torch.int64))
    return STEPS if bool((products == (STEPS - 1) * 127 * 64).all()) else FEWER_STEPS


class InPlaceLinear(nn.Module):
    """A ``linear`` layer that adds its bias to finished products.

    torch's own layer writes the bias first and adds products to it, which takes longer.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight.detach().float().t(), linear.bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, O) of inputs (N, I)."""
        return torch.mm(x, self.weight).add_(self.bias)  # (N, O)


class Int8Linear(nn.Module):
    """A ``linear`` layer in 8-bit integers: fp32 (N, I) to fp32 (N, O).

    Every input row has its own scale, computed from its values; every output has one, computed
    beforehand. Products are summed as integers, without rounding, so that a row's result depends on
    nothing else in the batch. A row has `exact_steps`, a share of which is ``below`` 0.

    Inputs that a ``norm`` spreads wider than the others are first divided by that excess, and the
    layer's weights are multiplied by it, so that a few wide inputs do not cost the others
    precision. Inputs that do not come from a ``norm`` are overwritten.
    """

    def __init__(
        self, linear: nn.Linear, *, below: float = 1 / 2, norm: nn.LayerNorm | None = None
    ) -> None:
        super().__init__()
        weight = linear.weight.detach().to(torch.float32, copy=True)  # (O, I)
        self.bias, self.narrowing = linear.bias.detach().float(), None
        if norm is not None:
            widths, centres = norm.weight.detach().float().abs(), norm.bias.detach().float().abs()
            spread = NORM_SPREAD * widths + centres  # (I,)
            spread = (spread / spread.median()).clamp_(min=1)
            weight *= spread
            self.narrowing = 1 / spread
        highest = torch.maximum(weight.amax(1), -weight.amin(1))  # (O,)
        self.scales = highest.clamp_(min=LEAST_SCALE).div_(127)  # (O,)
        self.steps = exact_steps()
        self.below = int(below * self.steps)
        shift = 128 if self.steps == STEPS else 0
        self.zero_step = torch.full((weight.shape[1],), float(self.below - shift))  # (I,)
        self.zeros = torch.zeros(len(weight), dtype=torch.int64)  # (O,)
        rounded = weight.div_(self.scales[:, None]).round_().to(torch.int8)  # (O, I)
        self.weight = torch.ops.onednn.qlinear_prepack(rounded, None)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, O) of inputs (N, I)."""
        if self.narrowing is not None:
            x = x * self.narrowing
        lowest, highest = x.amin(1, keepdim=True), x.amax(1, keepdim=True)  # (N, 1)
        scale = torch.maximum(lowest / -self.below, highest / (self.steps - 1 - self.below))
        scale.clamp_(min=LEAST_SCALE)
        steps = torch.addcmul(self.zero_step, x, 1 / scale, out=x).round_()  # (N, I)
        rows = steps.to(torch.int8).view(torch.uint8)  # to int8, as torch does that fast
        if self.steps == STEPS:
            rows = rows.bitwise_xor_(128)  # adds 128
        products = int8_products(rows, self.below, self.weight, self.scales, self.zeros)  # (N, O)
        return torch.addcmul(self.bias, products, scale, out=products)  # (N, O)


def with_fast_projections(network: CrossAlign, *, in_int8: bool, takes: bool = False) -> CrossAlign:
    """The same network for a CPU in fp32, with faster projections; all else is shared.

    What is shared becomes fp32 in ``network`` too. Projections compute in fp32 or, with
    ``in_int8``, in 8-bit integers, and cannot learn. If it ``takes`` those of ``network``, which
    then has none, less memory is needed.
    """
    lower, layers, below = copy.copy(network), [], network.norm
    for layer in network.layers:
        assert isinstance(layer, Layer)
        projections = int8_projections(layer, below) if in_int8 else fp32_projections(layer)
        fast = Layer(
            network.config, is_cross=layer.is_cross, projections=projections, overwrites=True
        )
        fast.attention_norm, fast.ffn_norm = layer.attention_norm, layer.ffn_norm
        layers.append(fast)
        if takes:
            for name in PROJECTIONS:
                delattr(layer, name)
        below = layer.ffn_norm
    lower._modules = network._modules | {"layers": nn.ModuleList(layers)}
    return lower.float()


def fp32_projections(layer: Layer) -> Projections:
    """Projections of ``layer`` in fp32."""
    return Projections(*(InPlaceLinear(linear(layer, name)) for name in PROJECTIONS))


def int8_projections(layer: Layer, below: nn.LayerNorm) -> Projections:
    """Projections of ``layer`` in 8-bit integers; its inputs come from the norm ``below``."""
    return Projections(
        query_key_value=Int8Linear(linear(layer, "query_key_value"), norm=below),
        attention_out=Int8Linear(linear(layer, "attention_out")),
        ffn_in=Int8Linear(linear(layer, "ffn_in"), norm=layer.attention_norm),
        ffn_out=Int8Linear(linear(layer, "ffn_out"), below=GELU_SHARE),
    )


def linear(layer: Layer, name: str) -> nn.Linear:
    """The projection ``name`` of a layer that learns."""
    part = layer.get_submodule(name)
    assert isinstance(part, nn.Linear)
    return part

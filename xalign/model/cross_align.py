"""The whole network: m self-attention layers, then n cross-attention layers (section 3.1).

Shapes: B pairs, N pieces of all 2B sentences end to end, L longest sentence, D width.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from xalign.model.config import CrossAlignConfig
from xalign.model.layers import Layer
from xalign.model.link_head import LinkHead, init_link_head
from xalign.model.packing import PairBatch
from xalign.model.pair_head import PairHead

INIT_STD = 0.02
"""Spread of random weights, as in BERT."""
SIMILARITY_SCALE = 4.0
"""Factor of dot products at which softmaxes are neither flat nor saturated, times sqrt(width)."""


def embedding(rows: int, width: int) -> nn.Embedding:
    """Vectors (rows, width) of random numbers.

    A network that is built without memory gets none: to draw them, torch would import its compiler,
    which takes a second.
    """
    weight = torch.empty(rows, width)
    if not weight.is_meta:
        nn.init.normal_(weight)
    return nn.Embedding(rows, width, _weight=weight)


class CrossAlign(nn.Module):
    """Encodes both sentences of a pair, first apart, then each in view of the other.

    ``pieces`` maps piece ids (N,) to embeddings (N, D); by default a plain `nn.Embedding`. To
    align, only layers up to the alignment layer are run, and `pruned` keeps no others. A
    ``link_head``, if there is one, judges word pairs from the states of the alignment layer; a
    ``pair_head`` compares whole sentences by those of `sentence_layer`. With
    ``recompute``, activations are computed again for gradients instead of kept.
    """

    recompute = False
    link_head: LinkHead | None
    pair_head: PairHead | None

    def __init__(self, config: CrossAlignConfig, pieces: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        self.pieces = pieces or embedding(config.vocab_size, config.width)
        self.positions = embedding(config.max_positions, config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        m, n = config.num_self_layers, config.num_cross_layers
        self.layers = nn.ModuleList(Layer(config, is_cross=layer >= m) for layer in range(m + n))
        head = LinkHead(config.width, config.link_channels) if config.has_link_head else None
        self.register_module("link_head", head)
        pair_head = PairHead(config.width, config.pair_size) if config.pair_size else None
        self.register_module("pair_head", pair_head)

    def layer_states(self, batch: PairBatch) -> Iterator[Tensor]:
        """States (N, D) of layer 0 (embeddings), then of every layer in order."""
        x = self.norm(self.pieces(batch.ids) + self.positions(batch.positions))  # (N, D)
        yield x
        for layer in self.layers:
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(layer, x, batch, use_reentrant=False)  # (N, D)
            else:
                x = layer(x, batch)  # (N, D)
            yield x

    def forward(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """States of the alignment layer: of the sources (B, L, D), and of the targets (B, L, D)."""
        return self.read(batch)[0]

    def read(self, batch: PairBatch) -> tuple[tuple[Tensor, Tensor], Tensor | None]:
        """States as by `forward`, and the similarity (B,) of each pair by the pair head, if any."""
        similarity = None
        for layer, x in enumerate(self.layer_states(batch)):
            if layer == self.config.sentence_layer and self.pair_head is not None:
                similarity = self.pair_head(x, batch)  # (B,)
            if layer == self.config.align_layer:
                src, tgt = batch.unpack(x).tensor_split(2)  # each (B, L, D)
                return (src, tgt), similarity
        raise AssertionError("the alignment layer is one of the layers")

    def pruned(self) -> "CrossAlign":
        """The same network without the layers above the alignment layer; weights are shared."""
        lower, kept = copy.copy(self), self.config.align_layer
        lower._modules = {**self._modules, "layers": self.layers[:kept]}
        num_self = min(self.config.num_self_layers, kept)
        lower.config = replace(
            self.config, num_self_layers=num_self, num_cross_layers=kept - num_self
        )
        return lower


class TLMHead(nn.Module):
    """Prepares states for the prediction of masked pieces (eq. 11): dense, GELU, norm, as in BERT.

    The decoder has the piece embeddings as its weights, and a ``bias`` (V,) of its own.
    """

    def __init__(self, config: CrossAlignConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.width, config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, x: Tensor) -> Tensor:
        """Map states of masked pieces (K, D) to vectors (K, D) like the embeddings of pieces."""
        return self.norm(F.gelu(self.dense(x)))  # type: ignore[no-any-return]


def init_as_identity(network: CrossAlign, generator: torch.Generator) -> None:
    """Let every cross-attention layer start as the identity that attends to the translation.

    Queries and keys start as the same rotation of the states, so that attention starts as the
    similarity that links are read off: every piece attends to its likely translation. Both outputs
    start at 0, and the norms as the last norm below. The network thus starts with the states of
    its self-attention layers, and learns to add the translation.
    """
    width, split = network.config.width, network.config.num_self_layers
    below = network.layers[split - 1].get_submodule("ffn_norm") if split else network.norm
    sharpness = SIMILARITY_SCALE**0.5 * network.config.num_heads**0.25
    for layer in network.layers[split:]:
        rotations = (random_rotation(width, generator) for _ in range(2))
        alike, value = (rotation.to(network.norm.weight) for rotation in rotations)
        projection = layer.get_submodule("query_key_value")
        projection.load_state_dict(
            {
                "weight": torch.cat([sharpness * alike, sharpness * alike, value]),
                "bias": torch.zeros(3 * width),
            }
        )
        for name in ("attention_out", "ffn_out"):
            for weights in layer.get_submodule(name).parameters():
                nn.init.zeros_(weights)
        for name in ("attention_norm", "ffn_norm"):
            layer.get_submodule(name).load_state_dict(below.state_dict())


def with_link_head(network: CrossAlign, channels: int, generator: torch.Generator) -> CrossAlign:
    """The same network with a new link head; all other weights are shared."""
    other = copy.copy(network)
    other.config = replace(network.config, link_channels=channels)
    head = LinkHead(network.config.width, channels)
    init_link_head(head, generator)
    other._modules = {**network._modules, "link_head": head.to(network.norm.weight.device)}
    return other


def random_rotation(width: int, generator: torch.Generator) -> Tensor:
    """A random matrix (width, width) that keeps every dot product."""
    return torch.linalg.qr(torch.randn(width, width, generator=generator))[0]  # type: ignore[no-any-return]


def init_randomly(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights of the projections in ``module`` anew; biases become 0."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=INIT_STD, generator=generator)
            nn.init.zeros_(part.bias)

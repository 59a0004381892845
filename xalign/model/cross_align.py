"""The whole network: m self-attention layers, then n cross-attention layers (section 3.1).

Shapes: B pairs, N pieces of all 2B sentences end to end, L longest sentence, D width.
"""

from collections.abc import Iterator
from itertools import islice

from torch import Tensor, nn

from xalign.model.config import CrossAlignConfig
from xalign.model.layers import Layer
from xalign.model.packing import PairBatch


class CrossAlign(nn.Module):
    """Encodes both sentences of a pair, first apart, then each in view of the other.

    ``pieces`` maps piece ids (N,) to embeddings (N, D); by default a plain `nn.Embedding`. To
    align, only layers up to the alignment layer are run; after `prune`, only they are kept.
    """

    def __init__(self, config: CrossAlignConfig, pieces: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        self.pieces = pieces or nn.Embedding(config.vocab_size, config.width)
        self.positions = nn.Embedding(config.max_positions, config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        m, n = config.num_self_layers, config.num_cross_layers
        self.layers = nn.ModuleList(Layer(config, is_cross=layer >= m) for layer in range(m + n))

    def layer_states(self, batch: PairBatch) -> Iterator[Tensor]:
        """States (N, D) of layer 0 (embeddings), then of every layer, from below."""
        x = self.norm(self.pieces(batch.ids) + self.positions(batch.positions))  # (N, D)
        yield x
        for layer in self.layers:
            x = layer(x, batch)  # (N, D)
            yield x

    def forward(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """States of the alignment layer: of the sources (B, L, D), and of the targets (B, L, D)."""
        x = next(islice(self.layer_states(batch), self.config.align_layer, None))  # (N, D)
        src, tgt = batch.unpack(x).tensor_split(2)  # each (B, L, D)
        return src, tgt

    def prune(self) -> "CrossAlign":
        """Drop the layers above the alignment layer, which links do not depend on."""
        self.layers = self.layers[: self.config.align_layer]
        return self

"""A transformer layer, post-norm as in BERT, with attention to a sentence or its translation.

Shapes: N pieces of 2B sentences end to end, L longest sentence, D width, H heads, F feed-forward.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xalign.model.config import CrossAlignConfig
from xalign.model.packing import PairBatch, swap_sides


@dataclass(frozen=True, slots=True)
class Projections:
    """The matrix products of a layer: modules from (N, inputs) to (N, outputs)."""

    query_key_value: nn.Module
    attention_out: nn.Module
    ffn_in: nn.Module
    ffn_out: nn.Module


class Layer(nn.Module):
    """Attention and feed-forward, each followed by a residual and a norm (eq. 1-3, and 4-9).

    A self-attention layer takes queries, keys and values from the same sentence; a cross-attention
    layer takes keys and values from the translation instead. Both sides of every pair go through at
    once and read the states of the layer below, so that swapping the sides swaps the results.

    By default the ``projections`` are linear layers that learn. A layer that ``overwrites`` cannot
    learn: results overwrite inputs that are no longer needed, because on a CPU new memory takes
    longer than arithmetic.
    """

    def __init__(
        self,
        config: CrossAlignConfig,
        *,
        is_cross: bool,
        projections: Projections | None = None,
        overwrites: bool = False,
    ) -> None:
        super().__init__()
        self.is_cross, self.num_heads = is_cross, config.num_heads
        parts = projections or linear_projections(config)
        self.query_key_value, self.attention_out = parts.query_key_value, parts.attention_out
        self.attention_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.ffn_in, self.ffn_out = parts.ffn_in, parts.ffn_out
        self.ffn_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.add = Tensor.add_ if overwrites else Tensor.add
        self.gelu = torch.ops.aten.gelu_ if overwrites else F.gelu

    def forward(self, x: Tensor, batch: PairBatch) -> Tensor:
        """Map the states of all pieces (N, D) to new states (N, D), in the type of the weights."""
        x = x.to(self.attention_norm.weight.dtype)
        x = self.attention_norm(self.add(self.attention_out(self.attend(x, batch)), x))  # (N, D)
        inner = self.gelu(self.ffn_in(x))  # (N, F)
        return self.ffn_norm(self.add(self.ffn_out(inner), x))  # type: ignore[no-any-return]

    def attend(self, x: Tensor, batch: PairBatch) -> Tensor:
        """Values that pieces (N, D) gather from their sentence or its translation: (N, D)."""
        laid_out = batch.unpack(self.query_key_value(x))  # (2B, L, 3D)
        heads = laid_out.view(*laid_out.shape[:2], 3, self.num_heads, -1)  # (2B, L, 3, H, D/H)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (2B, H, L, D/H)
        mask = batch.mask[:, None, None]  # (2B, 1, 1, L)
        if self.is_cross:
            key, value, mask = swap_sides(key), swap_sides(value), swap_sides(mask)
        gathered = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return batch.pack(gathered.transpose(1, 2).flatten(2))  # (N, D)


def linear_projections(config: CrossAlignConfig) -> Projections:
    """Linear projections that learn."""
    return Projections(
        query_key_value=nn.Linear(config.width, 3 * config.width),
        attention_out=nn.Linear(config.width, config.width),
        ffn_in=nn.Linear(config.width, config.ffn_width),
        ffn_out=nn.Linear(config.ffn_width, config.width),
    )

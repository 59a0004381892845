"""A transformer layer, post-norm as in BERT, that attends in a sentence or to its translation.

Shapes: N pieces of 2B sentences end to end, L longest sentence, D width, H heads.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from xalign.model.config import CrossAlignConfig
from xalign.model.packing import PairBatch, swap_sides


class Layer(nn.Module):
    """Attention and feed-forward, each followed by a residual and a norm (eq. 1-3, and 4-9).

    A self-attention layer takes queries, keys and values from the same sentence; a cross-attention
    layer takes keys and values from the translation instead. Both sides of every pair go through at
    once and read the states of the layer below, so that swapping the sides swaps the results.
    """

    def __init__(self, config: CrossAlignConfig, *, is_cross: bool) -> None:
        super().__init__()
        self.is_cross = is_cross
        self.num_heads = config.num_heads
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.attention_out = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.ffn_in = nn.Linear(config.width, config.ffn_width)
        self.ffn_out = nn.Linear(config.ffn_width, config.width)
        self.ffn_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)

    def forward(self, x: Tensor, batch: PairBatch) -> Tensor:
        """States of all pieces (N, D) to the next layer's (N, D), in the type of its weights."""
        x = x.to(self.attention_norm.weight.dtype)
        x = self.attention_norm(self.attention_out(self.attend(x, batch)) + x)  # (N, D)
        return self.ffn_norm(self.ffn_out(F.gelu(self.ffn_in(x))) + x)  # type: ignore[no-any-return]

    def attend(self, x: Tensor, batch: PairBatch) -> Tensor:
        """What every piece (N, D) gathers from its own sentence or its translation: (N, D)."""
        laid_out = batch.unpack(self.query_key_value(x))  # (2B, L, 3D)
        heads = laid_out.view(*laid_out.shape[:2], 3, self.num_heads, -1)  # (2B, L, 3, H, D/H)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (2B, H, L, D/H)
        mask = batch.mask[:, None, None]  # (2B, 1, 1, L)
        if self.is_cross:
            key, value, mask = swap_sides(key), swap_sides(value), swap_sides(mask)
        gathered = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return batch.pack(gathered.transpose(1, 2).flatten(2))  # (N, D)

"""The pair head: how alike the two sentences of a pair are as wholes.

Softmaxes (eq. 10) show which words prefer each other, but in a short sentence some word is always
preferred. Vectors of sentences are compared across all pairs. Shapes: B pairs, N pieces of all 2B
sentences end to end, D width, K size of the vectors.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from xalign.model.packing import PairBatch


class PairHead(nn.Module):
    """Cosine of the vectors of both sentences of each pair.

    A vector is the mean over the pieces of a sentence of a projection of their states. The states
    are those of the last self-attention layer: above it, each sentence has seen the other one.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, size)

    def forward(self, x: Tensor, batch: PairBatch) -> Tensor:
        """Cosines (B,) of the pairs in ``batch``, whose pieces have the states ``x`` (N, D)."""
        vectors = self.project(x.float())  # (N, K)
        src, tgt = F.normalize(sentence_means(vectors, batch), dim=1).tensor_split(2)  # (B, K)
        return (src * tgt).sum(1)


def sentence_means(x: Tensor, batch: PairBatch) -> Tensor:
    """Mean of ``x`` (N, K) over the pieces of each sentence: (2B, K).

    Pieces are added one after the other, so that the rest of the batch never changes a sum.
    """
    count, longest = batch.mask.shape
    owners = batch.slots // longest  # (N,)
    owners[int(batch.mask.sum()) :] = count  # those that round N up
    sums = x.new_zeros(count + 1, x.shape[1]).index_add(0, owners, x)[:count]  # (2B, K)
    return sums / batch.mask.sum(1)[:, None]

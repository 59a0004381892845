"""The link head: a binary classifier that judges every word pair by itself.

It adds to eq. 10, which shows only whether two words prefer each other to all others. Shapes: B
pairs, S source words, T target words, D width, C channels, F features of a word pair.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_PROBABILITY = 1e-4
"""Added to probabilities before their logarithm is taken."""
NUM_FEATURES = 6
FIRST_BIAS = 2.0
"""Bias at the start: even odds for two words that give each other a probability of 0.37."""


class WordPairs(NamedTuple):
    """Inputs of a link head for the words of B pairs.

    ``forward`` and ``backward`` (B, S, T) are the probabilities that words give to words of the
    other side; ``src`` (B, S, D) and ``tgt`` (B, T, D) are the states of words, and ``scale`` is
    the factor of their dot products. ``mask`` (B, S, T) is True where both words exist.
    """

    forward: Tensor
    backward: Tensor
    src: Tensor
    tgt: Tensor
    mask: Tensor
    scale: float


class LinkHead(nn.Module):
    """Logits of links from `WordPairs`; swapping the sides transposes them.

    The logit of a word pair is the sum of both log-probabilities, a score of each word for having
    any link, and the output of two small convolutions over the word pairs around it, a learnt form
    of grow-diag.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.evidence = nn.Parameter(torch.tensor(1.0))
        self.word = nn.Linear(width, 1)
        self.inner = SymmetricConv(NUM_FEATURES, channels)
        self.middle = SymmetricConv(channels, channels)
        self.outer = nn.Linear(channels, 1, bias=False)

    def forward(self, words: WordPairs) -> Tensor:
        """Logits (B, S, T) of all word pairs; those outside ``words.mask`` have no meaning."""
        forward, backward = (
            torch.log(p + LEAST_PROBABILITY) for p in (words.forward, words.backward)
        )  # each (B, S, T)
        products = words.src @ words.tgt.transpose(1, 2) * words.scale  # (B, S, T)
        logits: Tensor = self.evidence * (forward + backward)
        logits += self.word(words.src) + self.word(words.tgt).transpose(1, 2)
        features = [
            (forward + backward) / 8,
            (forward - backward).abs() / 8,
            products.clamp(-20, 20) / 10,
            logits / 6,
            from_diagonal(words.mask),
            logits.sigmoid(),
        ]
        keep = words.mask[:, None].to(logits.dtype)  # (B, 1, S, T)
        x = torch.stack(features, 1) * keep  # (B, F, S, T)
        x = F.gelu(self.inner(x)) * keep  # (B, C, S, T)
        x = F.gelu(self.middle(x)) * keep  # (B, C, S, T)
        around: Tensor = self.outer(x.movedim(1, 3))[..., 0]  # (B, S, T)
        return around + logits


class SymmetricConv(nn.Module):
    """A 3x3 convolution whose output is transposed when its input is."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Tables (B, I, S, T) to tables (B, O, S, T)."""
        weight = (self.weight + self.weight.transpose(2, 3)) / 2  # (O, I, 3, 3)
        if x.device.type == "cpu":
            return convolve(x, weight) + self.bias[:, None, None]
        return F.conv2d(x, weight, self.bias, padding=1)


def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve tables (B, I, S, T) with 3x3 kernels ``weight`` (O, I, 3, 3): (B, O, S, T).

    It is nine matrix products, one for each neighbour: a library's convolution sums in an order
    that depends on the size of the batch, this one does not.
    """
    rows, columns = x.shape[2:]
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))  # (B, S + 2, T + 2, I)
    total = x.new_zeros(())
    for a in range(3):
        for b in range(3):
            neighbour = padded[:, a : a + rows, b : b + columns].flatten(0, 2)  # (B * S * T, I)
            product = neighbour @ weight[:, :, a, b].T  # (B * S * T, O)
            total = product.add_(total)
    return total.view(len(x), rows, columns, -1).permute(0, 3, 1, 2)  # (B, O, S, T)


def from_diagonal(mask: Tensor) -> Tensor:
    """Difference of the relative places of both words, from 0 to 1: (B, S, T) like ``mask``."""
    lengths = mask.any(2).sum(1), mask.any(1).sum(1)  # each (B,)
    src, tgt = (
        torch.arange(size, device=mask.device) / length.clamp(min=1)[:, None]
        for size, length in zip(mask.shape[1:], lengths, strict=True)
    )  # (B, S), (B, T)
    return (src[:, :, None] - tgt[:, None]).abs()


def init_link_head(head: LinkHead, generator: torch.Generator) -> None:
    """Let ``head`` start from both log-probabilities and a bias; all other terms start at 0."""
    for weights in head.parameters():
        nn.init.zeros_(weights)
    nn.init.ones_(head.evidence)
    nn.init.constant_(head.word.bias, FIRST_BIAS / 2)
    for part in (head.inner, head.middle):
        nn.init.kaiming_uniform_(part.weight, generator=generator)

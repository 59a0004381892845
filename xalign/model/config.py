"""The sizes of a network and the rule that reads links off it."""

import itertools
from dataclasses import dataclass
from typing import Literal

from xalign.errors import ModelError

Average = Literal["geometric", "arithmetic"]
Precision = Literal["auto", "fp32", "int8", "bf16", "fp16"]
"""Numbers that matrix products are computed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """m self-attention layers, n cross-attention layers, and the layer c that links are read off.

    Layers are counted from 1; layer 0 is the embeddings.
    """

    num_self_layers: int
    num_cross_layers: int = 0
    align_layer: int

    @property
    def num_layers(self) -> int:
        """m + n."""
        return self.num_self_layers + self.num_cross_layers


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossAlignConfig:
    """Sizes of `xalign.model.cross_align.CrossAlign`; for the layers see `Depth`."""

    vocab_size: int
    width: int
    num_heads: int
    ffn_width: int
    max_positions: int
    num_self_layers: int
    num_cross_layers: int
    align_layer: int
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        sizes = (self.vocab_size, self.width, self.num_heads, self.ffn_width, self.max_positions)
        if min(sizes) < 1 or min(self.num_self_layers, self.num_cross_layers) < 0:
            raise ModelError("expected sizes of at least 1, and numbers of layers of at least 0")
        if self.width % self.num_heads:
            found = f"width {self.width} and {self.num_heads} heads"
            raise ModelError(f"expected a width that the number of heads divides, found {found}")
        depth = self.num_self_layers + self.num_cross_layers
        if not 0 <= self.align_layer <= depth:
            raise ModelError(f"expected an align_layer from 0 to {depth}, found {self.align_layer}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionRule:
    """How links are read off a similarity matrix.

    ``words``: word pairs whose probability, the ``average`` of what each word gives to the pieces
    of the other, exceeds ``threshold``. ``pieces``: piece pairs whose two softmax probabilities
    both exceed it (eq. 10). ``argmax``: piece pairs that are each other's most similar piece.
    Similarities are multiplied by ``scale`` before a softmax. With ``null_word``, the first special
    piece competes for links.

    ``calibration`` are points on the line from what the rule calls probable to how often such a
    link is right, from 0 to 1, both rising; ``threshold`` is of the former.
    """

    method: Literal["words", "pieces", "argmax"] = "argmax"
    threshold: float = 0.15
    scale: float = 1.0
    null_word: bool = False
    average: Average = "geometric"
    calibration: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "calibration", tuple(map(tuple, self.calibration)))
        if self.method not in (methods := ("words", "pieces", "argmax")):
            expected = f"expected an extraction method of {', '.join(methods)}"
            raise ModelError(f"{expected}, found {self.method!r}")
        if self.average not in (averages := ("geometric", "arithmetic")):
            raise ModelError(f"expected an average of {averages}, found {self.average!r}")
        if not 0 <= self.threshold < 1:
            raise ModelError(f"expected a threshold from 0 to below 1, found {self.threshold}")
        if self.calibration and not is_rising(self.calibration):
            raise ModelError(
                "expected a calibration of rising pairs, from [0, 0] to [1, at most 1]"
            )


def is_rising(points: tuple[tuple[float, float], ...]) -> bool:
    """Whether points rise in both coordinates, from the origin to 1 of the first."""
    if any(len(point) != 2 for point in points) or points[0] != (0, 0):
        return False
    rises = all(a < c and b < d for (a, b), (c, d) in itertools.pairwise(points))
    return rises and points[-1][0] == 1 and points[-1][1] <= 1

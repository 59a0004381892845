"""The sizes of a network and the rule that reads links off it."""

import itertools
from dataclasses import dataclass
from typing import Literal, get_args

from xalign.errors import ModelError

Average = Literal["geometric", "arithmetic"]
Method = Literal["words", "pieces", "argmax", "binary"]
Precision = Literal["auto", "fp32", "int8", "bf16", "fp16"]
"""Precision of matrix products."""


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
        """Number of all layers, m + n."""
        return self.num_self_layers + self.num_cross_layers


MAX_SIZES = {
    "vocab_size": 10_000_000,
    "width": 16_384,
    "num_heads": 1024,
    "ffn_width": 131_072,
    "max_positions": 1_000_000,
    "num_self_layers": 256,
    "num_cross_layers": 256,
    "link_channels": 1024,
    "pair_size": 4096,
}
"""Sizes that no useful network exceeds."""
MIN_WINDOW = 16
"""Number of pieces of the shortest window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossAlignConfig:
    """Sizes of `xalign.model.cross_align.CrossAlign`; for the layers see `Depth`.

    ``window`` is the largest number of pieces of a side that are aligned at once, 0 for
    ``max_positions``; longer sides are cut. With ``link_channels``, the network has a link head
    with that number of channels, see `xalign.model.link_head.LinkHead`; with ``pair_size``, a pair
    head with vectors of that size, see `xalign.model.pair_head.PairHead`.
    """

    vocab_size: int
    width: int
    num_heads: int
    ffn_width: int
    max_positions: int
    num_self_layers: int
    num_cross_layers: int
    align_layer: int
    layer_norm_eps: float = 1e-12
    window: int = 0
    link_channels: int = 0
    pair_size: int = 0

    @property
    def max_pieces(self) -> int:
        """Largest number of pieces of a side that are aligned at once, special ones included."""
        return self.window or self.max_positions

    @property
    def sentence_layer(self) -> int:
        """The last layer up to the alignment layer at which a sentence has not seen the other."""
        return min(self.num_self_layers, self.align_layer)

    @property
    def has_link_head(self) -> bool:
        """Whether the network has a link head, which judges word pairs one by one."""
        return self.link_channels > 0

    def __post_init__(self) -> None:
        for name, most in MAX_SIZES.items():
            if (found := getattr(self, name)) > most:
                raise ModelError(f"expected {name} of at most {most:,}, found {found}")
        if not 0 < self.layer_norm_eps < 1:
            expected = "expected layer_norm_eps between 0 and 1"
            raise ModelError(f"{expected}, found {self.layer_norm_eps}")
        sizes = (self.vocab_size, self.width, self.num_heads, self.ffn_width, self.max_positions)
        if min(sizes) < 1 or min(self.num_self_layers, self.num_cross_layers) < 0:
            raise ModelError("expected sizes of at least 1, and numbers of layers of at least 0")
        if self.width % self.num_heads:
            found = f"width {self.width} and {self.num_heads} heads"
            raise ModelError(f"expected a width that the number of heads divides, found {found}")
        depth = self.num_self_layers + self.num_cross_layers
        if not 0 <= self.align_layer <= depth:
            raise ModelError(f"expected an align_layer from 0 to {depth}, found {self.align_layer}")
        if self.window and not MIN_WINDOW <= self.window <= self.max_positions:
            expected = f"expected a window from {MIN_WINDOW} to {self.max_positions} pieces, or 0"
            raise ModelError(f"{expected}, found {self.window}")
        for name in ("link_channels", "pair_size"):
            if (found := getattr(self, name)) < 0:
                raise ModelError(f"expected {name} of at least 0, found {found}")


PAIR_WEIGHTS = 7
"""Number of weights of a pair score."""
MAX_SCALE = 1e6
"""Factor of similarities at which softmaxes have long been saturated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionRule:
    """Rule by which links are read off a network.

    ``binary``: word pairs whose probability, given by the network's link head, exceeds
    ``threshold``. ``words``: word pairs whose probability, the ``average`` of what each word gives
    to the other, exceeds it. ``pieces``: piece pairs whose two softmax probabilities both exceed it
    (eq. 10). ``argmax``: piece pairs that are each other's most similar piece.
    Similarities are multiplied by ``scale`` before a softmax. With ``null_word``, the first special
    piece competes for links.

    ``calibration`` has points (probability by the rule, share of such links that are right), both
    rising from 0 to at most 1; ``threshold`` is a probability by the rule. ``pair_weights`` are
    those of `xalign.links.probabilities.pair_score`, for a network with a pair head.
    """

    method: Method = "argmax"
    threshold: float = 0.15
    scale: float = 1.0
    null_word: bool = False
    average: Average = "geometric"
    calibration: tuple[tuple[float, float], ...] = ()
    pair_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not is_list_of_points(self.calibration):
            raise ModelError("expected a calibration of pairs of numbers")
        object.__setattr__(self, "calibration", tuple(map(tuple, self.calibration)))
        weights = self.pair_weights
        if not isinstance(weights, list | tuple) or len(weights) not in (0, PAIR_WEIGHTS):
            raise ModelError(f"expected {PAIR_WEIGHTS} pair_weights, or none, found {weights}")
        if not all(isinstance(w, int | float) and -MAX_SCALE < w < MAX_SCALE for w in weights):
            raise ModelError(f"expected numbers as pair_weights, found {weights}")
        object.__setattr__(self, "pair_weights", tuple(weights))
        if not 0 < self.scale < MAX_SCALE:
            raise ModelError(f"expected a scale over 0 and below {MAX_SCALE:g}, found {self.scale}")
        if self.method not in (methods := get_args(Method)):
            expected = f"expected an extraction method of {', '.join(methods)}"
            raise ModelError(f"{expected}, found {self.method!r}")
        if self.average not in (averages := get_args(Average)):
            raise ModelError(f"expected an average of {averages}, found {self.average!r}")
        if not 0 <= self.threshold < 1:
            raise ModelError(f"expected a threshold from 0 to below 1, found {self.threshold}")
        if self.calibration and not is_rising(self.calibration):
            raise ModelError(
                "expected a calibration of rising pairs, from [0, 0] to [1, at most 1]"
            )


def is_list_of_points(points: object) -> bool:
    """Whether ``points`` is a list of pairs of numbers."""
    return isinstance(points, list | tuple) and all(
        isinstance(point, list | tuple)
        and len(point) == 2
        and all(isinstance(value, int | float) for value in point)
        for point in points
    )


def is_rising(points: tuple[tuple[float, float], ...]) -> bool:
    """Whether points rise in both coordinates, from (0, 0) to 1 in the first."""
    if points[0] != (0, 0):
        return False
    rises = all(a < c and b < d for (a, b), (c, d) in itertools.pairwise(points))
    return rises and points[-1][0] == 1 and points[-1][1] <= 1

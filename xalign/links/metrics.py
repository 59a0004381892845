"""Alignment error rate, precision, recall, F1, their confidence, and a signature to cite them by.

A are the links of an output, S the sure and P the possible gold links (P contains S). Counts are
summed over the corpus before any ratio is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xalign.alignment import Alignment, GoldAlignment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 1
"""Seed of every resampling, so that a figure can be repeated."""
CHUNK = 1000
"""Resamplings made at once."""


def ratio(part: float, whole: float) -> float:
    """``part / whole``; 0 where ``whole`` is 0."""
    return part / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of links over one pair or a corpus; add scores to sum the counts.

    >>> pair = Score(links=2, sure=2, possible=3, links_sure=1, links_possible=2)
    >>> pair.aer, (pair + pair).links
    (0.25, 4)
    """

    links: int = 0
    sure: int = 0
    possible: int = 0
    links_sure: int = 0
    links_possible: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(*(a + b for a, b in zip(self.counts, other.counts, strict=True)))

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """The counts |A|, |S|, |P|, |A and S|, |A and P|."""
        return self.links, self.sure, self.possible, self.links_sure, self.links_possible

    @property
    def aer(self) -> float:
        """1 - (|A and S| + |A and P|) / (|A| + |S|) (eq. 13); 0 where there is nothing to link."""
        whole = self.links + self.sure
        return 1 - (self.links_sure + self.links_possible) / whole if whole else 0.0

    @property
    def precision(self) -> float:
        """|A and P| / |A|."""
        return ratio(self.links_possible, self.links)

    @property
    def recall(self) -> float:
        """|A and S| / |S|."""
        return ratio(self.links_sure, self.sure)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return ratio(2 * self.precision * self.recall, self.precision + self.recall)


def score_pair(alignment: Alignment, gold: GoldAlignment) -> Score:
    """Counts of one pair."""
    links = alignment.links
    return Score(
        len(links),
        len(gold.sure),
        len(gold.possible),
        len(links & gold.sure),
        len(links & gold.possible),
    )


def padded(
    found: Sequence[Alignment],
    gold: Sequence[GoldAlignment],
    *,
    found_is_open: bool,
    gold_is_open: bool,
) -> tuple[list[Alignment], list[GoldAlignment]]:
    """Alignments and gold links, the shorter one padded by pairs without links at its end.

    It is padded only where more pairs may follow (is open), as in a NAACL file.
    """
    missing = len(gold) - len(found)
    return (
        [*found, *([Alignment()] * missing if found_is_open else [])],
        [*gold, *([GoldAlignment()] * -missing if gold_is_open else [])],
    )


def interval(pairs: Sequence[Score], samples: int) -> tuple[float, float]:
    """95% interval of AER by the bootstrap: pairs are drawn with replacement ``samples`` times.

    ``pairs`` are the scores of single pairs; the bounds are percentiles.
    """
    import numpy as np

    generator = np.random.default_rng(SEED)
    counts = as_array(pairs)  # (pairs, 5)
    shares = np.full(len(pairs), 1 / len(pairs))
    sums = [
        generator.multinomial(len(pairs), shares, size) @ counts for size in chunks(samples)
    ]  # (size, 5) each
    low, high = np.quantile(error_rates(np.concatenate(sums)), [0.025, 0.975])
    return float(low), float(high)


def p_value(pairs: Sequence[Score], other: Sequence[Score], samples: int) -> float:
    """p-value of the difference in AER between two outputs of the same pairs.

    Approximate randomisation: in each sample, the two results of every pair are swapped with
    probability 1/2. The test is two-sided, with 1 added to both counts.
    """
    import numpy as np

    generator = np.random.default_rng(SEED)
    ours, theirs = as_array(pairs), as_array(other)  # (pairs, 5)
    moved = np.concatenate(
        [generator.integers(0, 2, (size, len(pairs))) @ (theirs - ours) for size in chunks(samples)]
    )  # (samples, 5)
    apart = np.abs(error_rates(ours.sum(0) + moved) - error_rates(theirs.sum(0) - moved))
    found = abs(error_rates(ours.sum(0)) - error_rates(theirs.sum(0)))
    return float((np.sum(apart >= found - 1e-12) + 1) / (samples + 1))


def chunks(samples: int) -> list[int]:
    """Sizes of parts of ``samples`` that fit into memory."""
    return [CHUNK] * (samples // CHUNK) + [samples % CHUNK] * (samples % CHUNK > 0)


def as_array(pairs: Sequence[Score]) -> "NDArray[np.int64]":
    """Counts of single pairs as rows."""
    import numpy as np

    return np.array([pair.counts for pair in pairs], dtype=np.int64).reshape(-1, 5)


def error_rates(counts: "NDArray[np.int64]") -> Any:
    """AER of each row of summed counts (..., 5), as `Score.aer`."""
    import numpy as np

    links, sure, _, links_sure, links_possible = np.moveaxis(counts, -1, 0)
    whole = links + sure
    return np.where(whole, 1 - (links_sure + links_possible) / np.maximum(whole, 1), 0.0)


def worst(pairs: Sequence[Score], number: int) -> list[int]:
    """Places of the ``number`` pairs with the most wrong and missing links, worst first."""

    def mistakes(place: int) -> int:
        pair = pairs[place]
        return pair.links - pair.links_possible + pair.sure - pair.links_sure

    order = sorted(range(len(pairs)), key=lambda place: (-mistakes(place), place))
    return [place for place in order[:number] if mistakes(place)]

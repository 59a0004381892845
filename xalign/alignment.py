"""The values that xalign is about: a sentence pair, its alignment, its gold alignment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Link = tuple[int, int]
"""Source word ``i`` and target word ``j``, both counted from 0."""
Span = tuple[int, int, int, int, float]
"""First and last (exclusive) characters of linked words in both texts, and their probability."""
Direction = Literal["forward", "reverse", "both"]
"""One link for each target word, one for each source word, or all links."""


def split_words(text: str) -> tuple[str, ...]:
    """Words of ``text``, separated by ASCII spaces and TABs, as in fast_align.

    No other white space splits, so that indices agree with those of other tools.

    >>> split_words(" das  Haus ")
    ('das', 'Haus')
    >>> split_words("12\\u00a0000 Leute")  # a no-break space is part of its word
    ('12\\xa0000', 'Leute')
    """
    return tuple(filter(None, text.replace("\t", " ").split(" ")))


@dataclass(frozen=True, slots=True)
class SentencePair:
    """Words of a source sentence and of its translation; either side may be empty."""

    src: tuple[str, ...]
    tgt: tuple[str, ...]

    @classmethod
    def from_text(cls, src: str, tgt: str) -> "SentencePair":
        """Pair of two sentences whose words are separated by spaces.

        >>> SentencePair.from_text("das Haus", "the house").tgt
        ('the', 'house')
        """
        return cls(split_words(src), split_words(tgt))

    @property
    def is_empty(self) -> bool:
        """Whether a side has no word, so that nothing can be linked."""
        return not self.src or not self.tgt


@dataclass(frozen=True, slots=True)
class Alignment:
    """All links of a sentence pair; printed in Pharaoh format, sorted.

    >>> print(Alignment(frozenset({(1, 0), (0, 1)})))
    0-1 1-0
    """

    links: frozenset[Link] = frozenset()

    def __iter__(self) -> Iterator[Link]:
        return iter(sorted(self.links))

    def __len__(self) -> int:
        return len(self.links)

    def __contains__(self, link: object) -> bool:
        return link in self.links

    def __str__(self) -> str:
        return " ".join(f"{i}-{j}" for i, j in self)


@dataclass(frozen=True, slots=True)
class ScoredAlignment:
    """Links of a sentence pair with the probability of each; printed as ``i-j:p``, sorted.

    >>> scored = ScoredAlignment({(1, 0): 0.5, (0, 1): 0.875})
    >>> print(scored)
    0-1:0.875 1-0:0.5
    >>> print(scored.above(0.5))
    0-1
    """

    probabilities: Mapping[Link, float]

    def __str__(self) -> str:
        return " ".join(f"{i}-{j}:{p}" for (i, j), p in sorted(self.probabilities.items()))

    @property
    def alignment(self) -> Alignment:
        """The links alone."""
        return Alignment(frozenset(self.probabilities))

    def above(self, threshold: float) -> Alignment:
        """The links that are more probable than ``threshold``."""
        links = self.probabilities.items()
        return Alignment(frozenset(link for link, p in links if p > threshold))


@dataclass(frozen=True, slots=True)
class GoldAlignment:
    """Links made by people: ``sure`` ones, and ``possible`` ones, which contain the sure ones."""

    sure: frozenset[Link] = frozenset()
    possible: frozenset[Link] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "possible", self.possible | self.sure)

"""The values that xalign is about: a sentence pair, its alignment, its gold alignment."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xalign.errors import XalignError

Link = tuple[int, int]
"""Source word ``i`` and target word ``j``, both counted from 0."""
Span = tuple[int, int, int, int, float]
"""First and last (exclusive) characters of linked words in both texts, and their probability."""
MAX_SHOWN = 400
"""Most words of a side in a picture without words."""
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
    """Words of a sentence and of its translation; either side may be empty.

    A side given as text is split into words at spaces.

    >>> SentencePair("das Haus", ["the", "house"])
    SentencePair(src=('das', 'Haus'), tgt=('the', 'house'))
    """

    src: tuple[str, ...]
    tgt: tuple[str, ...]

    if TYPE_CHECKING:  # any of these is made into a tuple

        def __init__(self, src: str | Iterable[str], tgt: str | Iterable[str]) -> None: ...

    def __post_init__(self) -> None:
        if type(self.src) is not tuple:
            object.__setattr__(self, "src", as_words(self.src))
        if type(self.tgt) is not tuple:
            object.__setattr__(self, "tgt", as_words(self.tgt))

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


def as_words(sentence: str | Iterable[str]) -> tuple[str, ...]:
    """Words of a sentence given as text or as words."""
    return split_words(sentence) if isinstance(sentence, str) else tuple(sentence)


@dataclass(frozen=True, slots=True, repr=False)
class Alignment:
    """All links of a sentence pair; printed in Pharaoh format, sorted.

    >>> alignment = Alignment(frozenset({(1, 0), (0, 1)}))
    >>> print(alignment)
    0-1 1-0
    >>> alignment
    Alignment.from_text('0-1 1-0')
    """

    links: frozenset[Link] = frozenset()

    def __post_init__(self) -> None:
        if isinstance(self.links, str):
            raise XalignError(f"for links as text use Alignment.from_text({self.links[:40]!r})")

    @classmethod
    def from_text(cls, text: str) -> "Alignment":
        """Alignment of a line in Pharaoh format.

        Errors: `XalignError` at the first word that is not a link.

        >>> sorted(Alignment.from_text("1-0 0-1").links)
        [(0, 1), (1, 0)]
        """
        return cls(frozenset(map(parse_link, text.split())))

    def to_text(self) -> str:
        """The links in Pharaoh format, sorted, as `print` shows them."""
        return str(self)

    def __iter__(self) -> Iterator[Link]:
        return iter(sorted(self.links))

    def __len__(self) -> int:
        return len(self.links)

    def __contains__(self, link: object) -> bool:
        return link in self.links

    def __str__(self) -> str:
        return " ".join(f"{i}-{j}" for i, j in self)

    def __repr__(self) -> str:
        return f"Alignment.from_text({str(self)!r})"

    def _repr_html_(self) -> str:
        """A grid for notebooks; numbers stand for words, which only `xalign.show` knows."""
        from xalign.drawing import svg
        from xalign.drawing.picture import Picture, numbered

        src, tgt = (1 + max((link[side] for link in self.links), default=-1) for side in (0, 1))
        if max(src, tgt) > MAX_SHOWN:
            return f"<code>{self}</code>"
        return svg.draw(Picture(numbered(src), numbered(tgt), self.links))


LINK = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)


def parse_link(text: str) -> Link:
    """A link as ``3-4``.

    Errors: `XalignError`.
    """
    found = LINK.fullmatch(text)
    if not found:
        raise XalignError(f"expected a link such as 3-4, found {text[:40]!r}")
    return int(found[1]), int(found[2])


@dataclass(frozen=True, slots=True, repr=False)
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

    def __repr__(self) -> str:
        return f"ScoredAlignment({dict(sorted(self.probabilities.items()))!r})"

    @property
    def alignment(self) -> Alignment:
        """The links alone."""
        return Alignment(frozenset(self.probabilities))

    def above(self, threshold: float) -> Alignment:
        """The links that are more probable than ``threshold``."""
        links = self.probabilities.items()
        return Alignment(frozenset(link for link, p in links if p > threshold))


@dataclass(frozen=True, slots=True, repr=False)
class GoldAlignment:
    """Links made by people: ``sure`` ones, and ``possible`` ones, which contain the sure ones.

    Printed in the format talp: ``i-j`` is sure, ``ipj`` only possible.

    >>> print(GoldAlignment(frozenset({(0, 0)}), frozenset({(1, 2)})))
    0-0 1p2
    """

    sure: frozenset[Link] = frozenset()
    possible: frozenset[Link] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "possible", self.possible | self.sure)

    def __str__(self) -> str:
        marks = {True: "-", False: "p"}
        return " ".join(f"{i}{marks[(i, j) in self.sure]}{j}" for i, j in sorted(self.possible))

    def __repr__(self) -> str:
        only_possible = sorted(self.possible - self.sure)
        return f"GoldAlignment(sure={sorted(self.sure)}, possible={only_possible})"

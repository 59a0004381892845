"""Labels carried over by links: BIO tags of spans, and inline tags in the text.

Each case that cannot be carried over unchanged is resolved by a rule, and counted.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from xalign.alignment import ScoredAlignment

Scheme = Literal["bio", "io", "bioes", "bilou"]
OUTSIDE = "O"


@dataclass(slots=True)
class Resolved:
    """Counts of labels carried over, and of cases that a rule resolved.

    ``contested``: target words linked to two spans or tags; the more probable one was chosen.
    ``split``: spans whose target words are not adjacent, of which the longest part was kept, and
    elements likewise. ``lost``: labels without a linked target word. ``empty``: elements that stand
    around nothing, as none of their words has a link.
    """

    contested: int = 0
    split: int = 0
    lost: int = 0
    carried: int = 0
    empty: int = 0

    def __str__(self) -> str:
        empty = f", {self.empty} around nothing" if self.empty else ""
        return (
            f"{self.carried} carried over, {self.contested} words contested, "
            f"{self.split} split, {self.lost} lost{empty}"
        )


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """Words from ``start`` up to ``stop`` (exclusive) with one label."""

    label: str
    start: int
    stop: int


def read_bio(tags: Sequence[str]) -> list[LabelledSpan]:
    """Spans of tags in any of the schemes BIO, IO, BIOES and BILOU.

    ``B-`` and ``I-`` begin and continue a span, ``E-`` or ``L-`` ends it, and ``S-`` or ``U-`` is a
    span of one word. A tag that continues nothing begins a span.

    Errors: `ValueError` at a word that is not such a tag.

    >>> read_bio(["B-PER", "I-PER", "O"]) == read_bio(["B-PER", "L-PER", "O"])
    True
    >>> read_bio(["U-PER", "I-PER"])
    [LabelledSpan(label='PER', start=0, stop=1), LabelledSpan(label='PER', start=1, stop=2)]
    """
    spans: list[LabelledSpan] = []
    is_open = False
    for place, tag in enumerate(tags):
        if tag == OUTSIDE:
            is_open = False
            continue
        kind, dash, label = tag.partition("-")
        if kind not in "BIESLU" or len(kind) != 1 or not dash or not label:
            raise ValueError(f"expected O, B-label or I-label, found {tag!r}")
        last = spans[-1] if spans else None
        if kind in "IEL" and is_open and last and last.label == label:
            spans[-1] = LabelledSpan(label, last.start, place + 1)
        else:
            spans.append(LabelledSpan(label, place, place + 1))
        is_open = kind in "BI"
    return spans


SCHEMES: dict[str, tuple[str, str, str, str]] = {
    "bio": ("B", "I", "I", "B"),
    "io": ("I", "I", "I", "I"),
    "bioes": ("B", "I", "E", "S"),
    "bilou": ("B", "I", "L", "U"),
}
"""Letters of the first, a middle, the last and the only word of a span."""


def write_bio(spans: Sequence[LabelledSpan], length: int, scheme: Scheme = "bio") -> list[str]:
    """Tags of ``length`` words; the inverse of `read_bio`, but for spans side by side in IO.

    >>> write_bio([LabelledSpan("PER", 0, 2)], 3, "bilou")
    ['B-PER', 'L-PER', 'O']
    """
    first, middle, last, only = SCHEMES[scheme]
    tags = [OUTSIDE] * length
    for span in spans:
        size = span.stop - span.start
        letters = only if size == 1 else first + middle * (size - 2) + last
        tags[span.start : span.stop] = [f"{letter}-{span.label}" for letter in letters]
    return tags


def project_spans(
    spans: Sequence[LabelledSpan], links: ScoredAlignment, length: int, resolved: Resolved
) -> list[LabelledSpan]:
    """Spans of the source as spans of a target of ``length`` words.

    A target word belongs to the span with the highest sum of link probabilities; among equal spans,
    to the first. Words between its words that have no link belong to a span too. If other words
    split a span, its longest part is kept; among equal parts, the first.

    >>> links = ScoredAlignment({(0, 1): 0.9, (1, 3): 0.9})
    >>> project_spans([LabelledSpan("PER", 0, 2)], links, 4, Resolved())
    [LabelledSpan(label='PER', start=1, stop=4)]
    """
    owner = {i: k for k, span in enumerate(spans) for i in range(span.start, span.stop)}
    claims: list[Counter[int]] = [Counter() for _ in range(length)]
    is_linked = [False] * length
    for (i, j), p in links.probabilities.items():
        is_linked[j] = True
        if i in owner:
            claims[j][owner[i]] += p  # type: ignore[assignment]
    owners = [min(claim, key=lambda k: (-claim[k], k)) if claim else None for claim in claims]
    resolved.contested += sum(len(claim) > 1 for claim in claims)
    linked = ((j, owner) for j, owner in enumerate(owners) if is_linked[j])
    found = []
    for span, runs in zip(spans, runs_of(linked, len(spans)), strict=True):
        if not runs:
            resolved.lost += 1
            continue
        resolved.carried += 1
        resolved.split += len(runs) > 1
        best = max(runs, key=lambda run: run[-1] - run[0])
        found.append(LabelledSpan(span.label, best[0], best[-1] + 1))
    return sorted(found, key=lambda span: span.start)


def runs_of(linked: Iterable[tuple[int, int | None]], count: int) -> list[list[list[int]]]:
    """The words of each of ``count`` owners, in parts that words of others separate.

    ``linked`` are the words that have links, in order, each with its owner, if it has one.

    >>> runs_of([(0, 1), (2, 1), (3, None), (4, 1), (6, 0)], 2)
    [[[6]], [[0, 2], [4]]]
    """
    found: list[list[list[int]]] = [[] for _ in range(count)]
    before: int | None = None
    for word, owner in linked:
        if owner is not None:
            if owner != before:
                found[owner].append([])
            found[owner][-1].append(word)
        before = owner
    return found

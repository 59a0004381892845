"""Markup of the source, carried over to the target by links of words.

Elements stay a tree: every tag of the source stands in the result once, elements that contained
each other still do, and siblings never nest. Without its tags, the result is the target.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from xalign.alignment import ScoredAlignment
from xalign.links.markup import CharSpan, Element, Markup, find_words
from xalign.links.projection import Resolved, runs_of

Interval = tuple[int, int]


@dataclass(slots=True)
class Placed:
    """An element, the target words (first, last exclusive) that it is around, and its children.

    Around no word, it stands before word ``around[0]``, or right after the one before (``clings``).
    """

    element: Element
    around: Interval
    clings: bool = False
    children: list["Placed"] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether it is around no word."""
        return self.around[0] == self.around[1]


def project_markup(
    markup: Markup,
    src_spans: Sequence[CharSpan],
    target: str,
    tgt_spans: Sequence[CharSpan],
    links: ScoredAlignment,
    resolved: Resolved,
) -> str:
    """The text ``target`` with the elements of ``markup``.

    ``src_spans`` and ``tgt_spans`` are the characters of the words that ``links`` count, in the
    plain text of ``markup`` and in ``target``.

    - An element is around the target words that are linked to its words. A target word belongs to
      its most probable source word. Words between them that have no link are inside too. If other
      words split them, the longest part is kept.
    - An element around all words of the one that contains it stays around all.
    - An element whose words have no link is around the words without links between those of its
      neighbours; if there are none, it is around nothing.
    - Single and empty tags stand next to the nearest word on either side that has a link, in their
      order.

    >>> from xalign.links.markup import read_markup
    >>> links = ScoredAlignment({(0, 0): 0.9, (1, 1): 0.9})
    >>> markup = read_markup("<b>das</b> Haus")
    >>> spans = [(0, 3), (4, 8)], [(0, 3), (4, 9)]
    >>> project_markup(markup, spans[0], "the house", spans[1], links, Resolved())
    '<b>the</b> house'
    """
    find_words(markup, src_spans)
    images = best_sources(markup, links, len(tgt_spans), resolved)
    placed = place(Placed(markup.root, (0, len(tgt_spans))), images, resolved)
    resolved.carried += markup.num_tags
    return render(placed, target, tgt_spans)


def best_sources(
    markup: Markup, links: ScoredAlignment, length: int, resolved: Resolved
) -> list[int | None]:
    """The most probable source word of each target word; counts those that elements contest."""
    best: list[tuple[float, int] | None] = [None] * length
    paths: dict[int, tuple[int, ...]] = {}
    claims: list[set[tuple[int, ...]]] = [set() for _ in range(length)]
    for (i, j), p in sorted(links.probabilities.items()):
        before = best[j]
        if inside := path(markup.root, i, paths):
            claims[j].add(inside)
        if before is None or p > before[0]:
            best[j] = p, i
    resolved.contested += sum(len(claim) > 1 for claim in claims)
    return [found and found[1] for found in best]


def path(root: Element, word: int, known: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
    """Identities of the elements around a source word, outermost first."""
    if word not in known:
        found, element = [], root
        while inner := next((c for c in element.children if c.words[0] <= word < c.words[1]), None):
            found.append(id(inner))
            element = inner
        known[word] = tuple(found)
    return known[word]


def place(parent: Placed, images: Sequence[int | None], resolved: Resolved) -> Placed:
    """Place the children of ``parent``, and theirs, within the target words that it is around.

    ``images`` is the source word of each target word, if it has one.
    """
    low, high = parent.around
    inside = Inside(parent, images)
    children = parent.element.children
    full = [child for child in children if child.words[0] < child.words[1]]
    found: dict[int, Interval] = {}
    for child, runs in zip(full, inside.runs(full), strict=True):
        if child.words == inside.whole:
            found[id(child)] = low, high
        elif runs:
            resolved.split += len(runs) > 1
            best = max(runs, key=len)  # the first of equal ones
            found[id(child)] = best[0], best[-1] + 1
    taken = sorted(
        (around, number)
        for number, child in enumerate(children)
        if (around := found.get(id(child)))
    )
    for number, child in enumerate(children):
        if id(child) in found or child.words[0] == child.words[1]:
            continue
        if free := inside.free_words(child, taken):
            found[id(child)] = free
            insort(taken, (free, number))
    at = low
    for number, child in enumerate(children):
        if id(child) not in found:
            at = outside(max(at, inside.gap(child)), at, number, taken)
            resolved.empty += child.words[0] < child.words[1]
        around = found.get(id(child), (at, at))
        placed = Placed(child, around, clings(child) and low < at)
        if placed.is_empty and inside.last_empty == at:
            placed.clings = placed.clings and inside.last_clings  # the order is kept
        if placed.is_empty:
            inside.last_empty, inside.last_clings = at, placed.clings
        parent.children.append(place(placed, images, resolved))
    return parent


def clings(child: Element) -> bool:
    """Whether a tag within text stands at the word before it alone, as of a footnote."""
    return child.touches == (True, False) and not child.separates


class Inside:
    """The target words that an element is around, with the source word of each, if it has one.

    ``whole`` are the first and last (exclusive) source words of the element. ``last_empty`` is
    where its last child around nothing stands, and ``last_clings`` whether that clings.
    """

    def __init__(self, parent: Placed, images: Sequence[int | None]) -> None:
        self.around, self.whole = parent.around, parent.element.words
        low, high = self.around
        self.linked = [(j, i) for j in range(low, high) if (i := images[j]) is not None]
        own = [(i, j) for j, i in self.linked if self.whole[0] <= i < self.whole[1]]
        self.first: dict[int, int] = {}
        self.last: dict[int, int] = {}
        for i, j in own:
            self.first.setdefault(i, j)
            self.last[i] = j
        self.sources = sorted(self.first)
        self.targets = [j for j, _ in self.linked]
        self.last_empty: int | None = None
        self.last_clings = False

    def runs(self, children: Sequence[Element]) -> list[list[list[int]]]:
        """Target words of each child, in parts that words with other links separate."""
        starts = [child.words[0] for child in children]

        def owner(i: int) -> int | None:
            k = bisect_right(starts, i) - 1
            return k if k >= 0 and i < children[k].words[1] else None

        return runs_of(((j, owner(i)) for j, i in self.linked), len(children))

    def neighbours(self, child: Element) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """The nearest linked words before and after ``child``, if there are any.

        For the word before: its distance, and the target position right after it. For the word
        after: its distance, and its first target position.
        """
        first, last = child.words
        k, m = bisect_left(self.sources, first), bisect_left(self.sources, last)
        before = after = None
        if k > 0:
            i = self.sources[k - 1]
            before = first - 1 - i, self.last[i] + 1
        if m < len(self.sources):
            i = self.sources[m]
            after = i - last, self.first[i]
        return before, after

    def free_words(self, child: Element, taken: Sequence[tuple[Interval, int]]) -> Interval | None:
        """Target words without links between the neighbours of ``child``, if there are any."""
        before, after = self.neighbours(child)
        is_first, is_last = child.words[0] == self.whole[0], child.words[1] == self.whole[1]
        has_before = is_first if before is None else before[0] == 0
        has_after = is_last if after is None else after[0] == 0
        start = before[1] if before else self.around[0]
        stop = after[1] if after else self.around[1]
        if not (has_before and has_after) or start >= stop:
            return None  # a neighbour itself has no link, or nothing is between them
        k = bisect_left(self.targets, start)
        if k < len(self.targets) and self.targets[k] < stop:
            return None
        m = bisect_left(taken, ((stop, stop), -1))
        return None if m and taken[m - 1][0][1] > start else (start, stop)

    def gap(self, child: Element) -> int:
        """The target word before which a ``child`` around nothing stands."""
        before, after = self.neighbours(child)
        if before is None and after is None:
            return self.around[0] if child.words[0] == self.whole[0] else self.around[1]
        if before is None or after is None:
            return (before or after or (0, 0))[1]
        is_nearer = before[0] < after[0] or (before[0] == after[0] and clings(child))
        return before[1] if is_nearer else after[1]


def outside(at: int, lowest: int, number: int, taken: Sequence[tuple[Interval, int]]) -> int:
    """``at``, moved out of the words that a sibling of child ``number`` is around.

    It is not moved below ``lowest``, so that the order of tags is kept.
    """
    k = bisect_left(taken, ((at, -1), -1)) - 1
    if k < 0:
        return at
    (start, stop), sibling = taken[k]
    if not start < at < stop:
        return at
    return start if sibling > number and start >= lowest else stop


def render(root: Placed, target: str, spans: Sequence[CharSpan]) -> str:
    """The text ``target`` with the tags of all elements where they were placed."""
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(target)]
    parts: list[str] = []
    at = 0  # characters of the target that are written

    def write_until(position: int) -> None:
        nonlocal at
        parts.append(target[at:position])
        at = max(at, position)

    def visit(placed: Placed) -> None:
        low, high = placed.around
        order = sorted(
            range(len(placed.children)),
            key=lambda k: (
                placed.children[k].around[0],
                not placed.children[k].clings,
                not placed.children[k].is_empty,
                k,
            ),
        )
        for k in order:
            child = placed.children[k]
            first = child.around[0]
            is_last = child.is_empty and first == high and first > low
            is_before = not (is_last or child.clings or first == len(spans))
            write_until(starts[first] if is_before else ends[first])
            parts.append(child.element.opening)
            visit(child)
            if not child.is_empty:
                write_until(ends[child.around[1]])
            parts.append(child.element.closing)

    visit(root)
    write_until(len(target))
    return "".join(parts)

"""Markup of the source, carried over to the target by links of words.

Elements stay a tree: every tag of the source stands in the result once, elements that contained
each other still do, and siblings never nest. Without its tags, the result is the target.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from xalign.alignment import ScoredAlignment
from xalign.links.markup import CharSpan, Element, Markup, find_words
from xalign.links.projection import Resolved

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
    for (i, j), p in sorted(links.probabilities.items()):
        before = best[j]
        if before and path(markup.root, i, paths) != path(markup.root, before[1], paths):
            resolved.contested += 1
        if before is None or p > before[0]:
            best[j] = p, i
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
    inside = [(j, images[j]) for j in range(low, high)]
    whole = parent.element.words
    full = [child for child in parent.element.children if child.words[0] < child.words[1]]
    found: dict[int, Interval] = {}
    for child in full:
        if child.words == whole:
            found[id(child)] = low, high
        elif runs := runs_of(child, inside):
            resolved.split += len(runs) > 1
            best = max(runs, key=len)  # the first of equal ones
            found[id(child)] = best[0], best[-1] + 1
    for child in full:
        if id(child) not in found and (free := free_words(child, whole, inside, found.values())):
            found[id(child)] = free
    at = low
    for child in parent.element.children:
        if id(child) not in found:
            at = outside_siblings(
                max(at, gap(child, whole, inside, (low, high))), child, parent, found
            )
            resolved.empty += child.words[0] < child.words[1]
        around = found.get(id(child), (at, at))
        placed = Placed(child, around, clings(child) and low < at)
        if any(other.is_empty and other.around[0] == at for other in parent.children):
            placed.clings = placed.clings and parent.children[-1].clings  # the order is kept
        parent.children.append(place(placed, images, resolved))
    return parent


def clings(child: Element) -> bool:
    """Whether a tag within text stands at the word before it alone, as of a footnote."""
    return child.touches == (True, False) and not child.separates


def runs_of(child: Element, inside: Sequence[tuple[int, int | None]]) -> list[list[int]]:
    """Target words of ``child``, in parts that words with other links separate."""
    runs: list[list[int]] = []
    is_cut = True
    for j, i in inside:
        if i is None:
            continue
        if child.words[0] <= i < child.words[1]:
            if is_cut:
                runs.append([])
            runs[-1].append(j)
            is_cut = False
        else:
            is_cut = True
    return runs


def neighbours(
    child: Element, whole: Interval, inside: Sequence[tuple[int, int | None]]
) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """The nearest linked words before and after ``child`` within ``whole``.

    Each is given by its distance in source words, and by the target word after its last one (of
    the one before), or its first target word (of the one after).
    """
    first, last = child.words
    before = max(
        ((i, j + 1) for j, i in inside if i is not None and whole[0] <= i < first), default=None
    )
    after = min(((i, j) for j, i in inside if i is not None and last <= i < whole[1]), default=None)
    return (
        before and (first - 1 - before[0], before[1]),
        after and (after[0] - last, after[1]),
    )


def free_words(
    child: Element,
    whole: Interval,
    inside: Sequence[tuple[int, int | None]],
    taken: Collection[Interval],
) -> Interval | None:
    """Target words without links between the neighbours of ``child``, if there are any."""
    before, after = neighbours(child, whole, inside)
    is_first, is_last = child.words[0] == whole[0], child.words[1] == whole[1]
    has_before = is_first if before is None else before[0] == 0
    has_after = is_last if after is None else after[0] == 0
    if not inside or not (has_before and has_after):
        return None  # a neighbour itself has no link
    start = before[1] if before else inside[0][0]
    stop = after[1] if after else inside[-1][0] + 1
    if start >= stop or any(i is not None for j, i in inside if start <= j < stop):
        return None
    is_taken = any(a < stop and start < b for a, b in taken)
    return None if is_taken else (start, stop)


def gap(
    child: Element, whole: Interval, inside: Sequence[tuple[int, int | None]], around: Interval
) -> int:
    """The target word before which a ``child`` around nothing stands."""
    before, after = neighbours(child, whole, inside)
    if before is None and after is None:
        return around[0] if child.words[0] == whole[0] else around[1]
    if before is None or after is None:
        return (before or after or (0, 0))[1]
    is_before_nearer = before[0] < after[0] or (before[0] == after[0] and clings(child))
    return before[1] if is_before_nearer else after[1]


def outside_siblings(at: int, child: Element, parent: Placed, found: dict[int, Interval]) -> int:
    """``at``, moved out of the words that a sibling of ``child`` is around."""
    is_later = False
    for sibling in parent.element.children:
        is_later = is_later or sibling is child
        start, stop = found.get(id(sibling), (at, at))
        if start < at < stop:
            return start if is_later and start >= lowest(child, parent, found) else stop
    return at


def lowest(child: Element, parent: Placed, found: dict[int, Interval]) -> int:
    """The least place of ``child`` that keeps the order of tags around nothing."""
    done = [placed.around[0] for placed in parent.children if placed.is_empty]
    return max(done, default=parent.around[0])


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

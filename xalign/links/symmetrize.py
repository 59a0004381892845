"""Links of two directions joined into one alignment, as atools and Moses' symal do."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Literal

from xalign.alignment import Alignment, Link

Method = Literal["intersect", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and"]
Order = Literal["atools", "moses"]

STEPS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))
"""Offsets from a link to its neighbours, diagonal ones last."""


class Growing:
    """Links to which more are added, and the words that have a link."""

    def __init__(self, links: Iterable[Link]) -> None:
        self.links: set[Link] = set()
        self.rows: set[int] = set()
        self.columns: set[int] = set()
        for link in links:
            self.add(link)

    def add(self, link: Link) -> None:
        """Add one link."""
        self.links.add(link)
        self.rows.add(link[0])
        self.columns.add(link[1])

    def lacks_one(self, link: Link) -> bool:
        """Whether at least one of the two words has no link."""
        return link[0] not in self.rows or link[1] not in self.columns

    def lacks_both(self, link: Link) -> bool:
        """Whether neither of the two words has a link."""
        return link[0] not in self.rows and link[1] not in self.columns

    def near(self, link: Link) -> bool:
        """Whether a neighbour is linked."""
        return any(near in self.links for near in neighbours(link))


def neighbours(link: Link) -> Iterator[Link]:
    """The eight links around one, in the order of `STEPS`."""
    i, j = link
    return ((i + di, j + dj) for di, dj in STEPS)


def symmetrize(
    forward: Alignment, reverse: Alignment, method: Method, order: Order = "atools"
) -> Alignment:
    """Join the alignments of two directions into one.

    ``intersect`` and ``union`` are those of the links. ``grow-diag`` starts from the intersection
    and adds links of the union that have a neighbour, and a word without a link, until there are no
    more. ``-final`` then adds links of either direction with a word without a link, ``-final-and``
    those with two such words. The result depends on the order in which links are added: ``order``
    is that of atools (fast_align), or that of Moses' symal.

    >>> forward = Alignment(frozenset({(0, 0), (1, 1), (2, 1)}))
    >>> print(symmetrize(forward, Alignment(frozenset({(0, 0), (1, 1)})), "grow-diag"))
    0-0 1-1 2-1
    """
    both = forward.links & reverse.links
    if method == "intersect":
        return Alignment(both)
    either = forward.links | reverse.links
    if method == "union":
        return Alignment(either)
    growing = Growing(both)
    if order == "atools":
        grow_as_atools(growing, either)
        ways, key = (forward, reverse), by_source
    else:
        grow_as_symal(growing, either)
        ways, key = (reverse, forward), by_target
    if method != "grow-diag":
        wanted = growing.lacks_one if method == "grow-diag-final" else growing.lacks_both
        for way in ways:
            for link in sorted(way.links, key=key):
                if wanted(link):
                    growing.add(link)
    return Alignment(frozenset(growing.links))


def by_source(link: Link) -> Link:
    """Key that orders links by source word first."""
    return link


def by_target(link: Link) -> Link:
    """Key that orders links by target word first."""
    return link[1], link[0]


def grow_as_atools(growing: Growing, either: frozenset[Link]) -> None:
    """Go through the missing links, by source word, in rounds, until one adds none.

    Only a neighbour of a new link can be added later than in its first round: those ahead are
    looked at again in the same round, those behind in the next one.
    """
    missing = either - growing.links
    behind: Iterable[Link] = missing
    while ahead := sorted(behind):
        behind = set()
        while ahead:
            link = heappop(ahead)
            if link in growing.links or not (growing.lacks_one(link) and growing.near(link)):
                continue
            growing.add(link)
            for near in neighbours(link):
                if near in missing and near > link:
                    heappush(ahead, near)
                elif near in missing:
                    behind.add(near)


def grow_as_symal(growing: Growing, either: frozenset[Link]) -> None:
    """Go through the links and new ones ahead, by target word, in rounds, until one adds none.

    What a link does not add in its first round, it never adds.
    """
    behind = [by_target(link) for link in growing.links]
    while ahead := sorted(behind):
        behind = []
        while ahead:
            turned = heappop(ahead)
            for near in neighbours(turned):
                link = by_target(near)
                if link in either and growing.lacks_one(link):
                    growing.add(link)
                    if near > turned:
                        heappush(ahead, near)
                    else:
                        behind.append(near)


def invert(alignment: Alignment) -> Alignment:
    """The alignment with source and target exchanged."""
    return Alignment(frozenset((j, i) for i, j in alignment.links))

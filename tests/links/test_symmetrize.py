"""Joining of directions, against loops over whole matrices that do it step by step."""

import random
import time
from collections.abc import Iterator

import pytest

from xalign.alignment import Alignment, Link
from xalign.links.symmetrize import Method, Order, invert, symmetrize

METHODS: list[Method] = [
    "intersect",
    "union",
    "grow-diag",
    "grow-diag-final",
    "grow-diag-final-and",
]


def random_pairs(count: int) -> Iterator[tuple[Alignment, Alignment]]:
    """Two directions of made-up alignments, dense and sparse."""
    draw = random.Random(5)
    for _ in range(count):
        height, width = draw.randint(1, 7), draw.randint(1, 7)
        share = draw.choice([0.1, 0.3, 0.6])
        yield tuple(  # type: ignore[misc]
            Alignment(
                frozenset(
                    (i, j) for i in range(height) for j in range(width) if draw.random() < share
                )
            )
            for _ in range(2)
        )


def by_brute_force(
    forward: Alignment, reverse: Alignment, method: Method, order: Order
) -> set[Link]:
    """The same on a matrix of truth values, with every question asked anew by looking at all of it.

    For symal's order the matrix is turned over: rows are target words, as in that program.
    """
    one, other = set(forward.links), set(reverse.links)
    if order == "moses":
        one, other = ({(j, i) for i, j in way} for way in (other, one))
    found = one & other
    if method == "union":
        found = one | other
    if method.startswith("grow"):
        size = 1 + max([0, *(max(link) for link in one | other)])
        cells = [(i, j) for i in range(size) for j in range(size)]

        def row(i: int) -> bool:
            return any((i, k) in found for k in range(size))

        def column(j: int) -> bool:
            return any((k, j) in found for k in range(size))

        def around(i: int, j: int) -> list[Link]:
            ways = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]
            return [(i + di, j + dj) for di, dj in ways]

        before = -1
        while len(found) > before:
            before = len(found)
            for cell in cells:
                if order == "atools" and cell in (one | other) - found:
                    if not (row(cell[0]) and column(cell[1])) and set(around(*cell)) & found:
                        found.add(cell)
                elif order == "moses" and cell in found:
                    for near in around(*cell):
                        if near in one | other and not (row(near[0]) and column(near[1])):
                            found.add(near)
        if method != "grow-diag":
            for way in (one, other):
                for cell in cells:
                    free = [not row(cell[0]), not column(cell[1])]
                    if cell in way and (all(free) if method.endswith("and") else any(free)):
                        found.add(cell)
    return {(j, i) for i, j in found} if order == "moses" else found


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("order", ["atools", "moses"])
def test_every_method_equals_brute_force(order: Order, count: int) -> None:
    for forward, reverse in random_pairs(count):
        for method in METHODS:
            expected = by_brute_force(forward, reverse, method, order)
            assert symmetrize(forward, reverse, method, order).links == expected


@pytest.mark.parametrize("order", ["atools", "moses"])
@pytest.mark.parametrize("start", [0, 15_999])
def test_a_long_chain_takes_linear_time(order: Order, start: int) -> None:
    chain = Alignment(frozenset((i, 15_999 - i) for i in range(16_000)))
    both = Alignment(frozenset({(start, 15_999 - start)}))
    started = time.perf_counter()
    assert symmetrize(chain, both, "grow-diag", order) == chain
    assert time.perf_counter() - started < 5


def test_the_orders_differ() -> None:
    found = [
        {str(symmetrize(*pair, "grow-diag", order)) for order in ("atools", "moses")}
        for pair in random_pairs(500)
    ]
    assert max(map(len, found)) == 2


def test_every_method_lies_between_intersection_and_union() -> None:
    for forward, reverse in random_pairs(300):
        for method in METHODS:
            links = symmetrize(forward, reverse, method).links
            assert forward.links & reverse.links <= links <= forward.links | reverse.links


def test_inverting_twice_changes_nothing() -> None:
    for alignment, _ in random_pairs(50):
        assert invert(invert(alignment)) == alignment

"""Gold alignments: talp lines, NAACL/WPT lines and XL-WA tables, counted from 0 or from 1.

============  =======================================  =============================
format        a line                                   counted from
============  =======================================  =============================
talp          ``0-0 1p2 1?3`` (sure ``-``, else        0 or 1, found by `find_base`
              possible), one line per pair
NAACL/WPT     ``sentence i j [S|P] [confidence]``,     1; a 0 stands for the null word
              one line per link
XL-WA         ``source TAB target TAB links``          0
============  =======================================  =============================
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from xalign.alignment import GoldAlignment, Link
from xalign.errors import InputError

LINK = re.compile(r"(\d{1,9})([-p?])(\d{1,9})", re.ASCII)
NAACL = re.compile(r"(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})(?:\s+([SP]))?(?:\s+[\d.eE+-]+)?", re.ASCII)

MAX_GAP = 1000
"""Largest number of sentences in a NAACL file for each one that has links."""

Marked = tuple[int, int, bool]
"""A link as written, in the base of its file, and whether it is sure."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold file: an alignment for each pair, counted from 0, and how it was written.

    ``base`` is 0 or 1; ``base_from`` says how it is known: ``found``, ``given`` or ``format``.
    """

    alignments: tuple[GoldAlignment, ...]
    format: str
    base: int
    base_from: str


def read_gold(lines: Iterable[bytes], path: str, base: int | None = None) -> Gold:
    """Read a gold file, and detect its format and index base (``base`` forces the base).

    >>> gold = read_gold([b"1-1 2p3"], "test.talp")
    >>> gold.base, sorted(gold.alignments[0].sure), sorted(gold.alignments[0].possible)
    (1, [(0, 0)], [(0, 0), (1, 2)])
    """
    texts = [line.decode(errors="backslashreplace").strip(" \r") for line in lines]
    first = next((text for text in texts if text), "")
    if NAACL.fullmatch(first):
        return gold_from(collect_naacl(texts, path), "naacl", 1, base)
    if first.count("\t") == 2:
        links = [text.split("\t") for text in texts]
        return gold_from(
            [parse_table(row, path, k) for k, row in enumerate(links, 1)], "xl-wa", 0, base
        )
    marked = [parse_talp(text, path, number) for number, text in enumerate(texts, 1)]
    return gold_from(marked, "talp", None, base)


def gold_from(
    marked: Sequence[Sequence[Marked]], format: str, known: int | None, forced: int | None
) -> Gold:
    """`Gold` of links as written; the base is forced, else known from the format, else found."""
    if forced is not None:
        base, base_from = forced, "given"
    elif known is not None:
        base, base_from = known, "format"
    else:
        base, base_from = find_base(marked), "found"
    alignments = tuple(GoldAlignment(shift(m, base, True), shift(m, base, False)) for m in marked)
    return Gold(alignments, format, base, base_from)


def find_base(marked: Iterable[Sequence[Marked]]) -> int:
    """Return 0 if any link has index 0, else 1: in a whole file, some first word is linked."""
    return 0 if any(0 in (i, j) for links in marked for i, j, _ in links) else 1


def shift(links: Iterable[Marked], base: int, sure: bool) -> frozenset[Link]:
    """Links of one kind counted from 0; those of the null word (below ``base``) are left out."""
    return frozenset(
        (i - base, j - base) for i, j, is_sure in links if is_sure is sure and min(i, j) >= base
    )


def parse_talp(text: str, path: str, number: int) -> list[Marked]:
    """Links of one line such as ``1-1 2p3``."""
    links = []
    for word in text.split():
        found = LINK.fullmatch(word)
        if not found:
            expected = "expected a link such as 3-4 (sure) or 3p4 (possible)"
            raise InputError(path, number, f"{expected}, found {word[:40]!r}")
        links.append((int(found[1]), int(found[3]), found[2] == "-"))
    return links


def stream_talp(
    open_lines: Callable[[], Iterable[bytes]], path: str, base: int | None = None
) -> Iterator[GoldAlignment]:
    """Alignments of talp or Pharaoh lines, in a file of any length, which is read twice.

    ``open_lines`` opens the file anew. The first reading finds the index base, and stops once it
    is known.

    >>> [sorted(gold.sure) for gold in stream_talp(lambda: [b"1-1 2-3", b""], "links.talp")]
    [[(0, 0), (1, 2)], []]
    """

    def marked() -> Iterator[list[Marked]]:
        for number, line in enumerate(open_lines(), 1):
            yield parse_talp(line.decode(errors="backslashreplace"), path, number)

    base = find_base(marked()) if base is None else base
    for links in marked():
        yield GoldAlignment(shift(links, base, True), shift(links, base, False))


def parse_table(row: Sequence[str], path: str, number: int) -> list[Marked]:
    """Links of one row ``source, target, links``; a blank line has none."""
    if len(row) == 3:
        return parse_talp(row[2], path, number)
    if row == [""]:
        return []
    raise InputError(
        path, number, f"expected source TAB target TAB links, found {len(row)} columns"
    )


def collect_naacl(texts: Iterable[str], path: str) -> list[list[Marked]]:
    """Links of NAACL/WPT lines, collected by sentence number; a missing number has no links."""
    sentences: dict[int, list[Marked]] = {}
    for number, text in enumerate(texts, 1):
        if not text:
            continue
        found = NAACL.fullmatch(text)
        if not found or found[1].strip("0") == "":
            expected = "expected 'sentence i j [S|P] [confidence]', sentences numbered from 1"
            raise InputError(path, number, f"{expected}, found {text[:40]!r}")
        links = sentences.setdefault(int(found[1]), [])
        links.append((int(found[2]), int(found[3]), found[4] != "P"))
    last = max(sentences)
    if last > MAX_GAP * (len(sentences) + 1):
        raise InputError(path, 0, f"expected sentences numbered from 1, found {last} among few")
    return [sentences.get(number, []) for number in range(1, last + 1)]

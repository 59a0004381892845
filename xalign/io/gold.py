"""Gold alignments in many formats, counted from 0 or from 1.

============  =======================================  =============================
format        a line                                   counted from
============  =======================================  =============================
talp          ``0-0 1p2 1?3`` (sure ``-``, else        0 or 1, found by `find_base`
              possible), one line per pair; also
              ``1-1P``, ``1-1/S``, ``1-1:0.9``
NAACL/WPT     ``sentence i j [S|P] [confidence]``,     1; a 0 stands for the null word
              one line per link
XL-WA         ``source TAB target TAB links``          0
Blinker       ``i j``, one line per link; a blank      1; a 0 stands for the null word
              line ends a pair
CzEnAli       XML; each ``<s>`` has ``<sure>`` and     1
              ``<possible>`` links
Clear         JSON; ``records`` of ``source`` and      1
              ``target`` tokens, named by verse and
              word; a pair is a verse with links
============  =======================================  =============================
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from xalign.alignment import GoldAlignment, Link
from xalign.errors import InputError
from xalign.io.json_text import parse_json

LINK = re.compile(
    r"(\d{1,9})([-p?])(\d{1,9})(?:/?([SP])|:(\d{0,9}\.?\d{1,20}))?", re.ASCII | re.IGNORECASE
)
BLINKER = re.compile(r"(\d{1,9})\s+(\d{1,9})", re.ASCII)
XML_PAIR = re.compile(r"<s\b[^>]*?(?:/>|>(.*?)</s>)", re.DOTALL)
XML_LINKS = re.compile(r"<(sure|possible)\b[^>/]*>(.*?)</\1>", re.DOTALL)
CLEAR_TOKEN = re.compile(r"[a-z]?(\d{8})(\d{3})\d?", re.ASCII)
"""A token of a Bible: book, chapter and verse (8 digits), the word, and perhaps a part of it."""
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

    @property
    def is_open(self) -> bool:
        """Whether more pairs, without links, may follow."""
        return self.format == "naacl"


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
    if BLINKER.fullmatch(first):
        return gold_from(collect_blinker(texts, path), "blinker", 1, base)
    if first.startswith("<"):
        return gold_from(collect_xml("\n".join(texts), path), "czenali", 1, base)
    if first.startswith("{"):
        return gold_from(collect_clear("\n".join(texts), path), "clear", 1, base)
    if first.count("\t") == 2 and not LINK.fullmatch(first.partition("\t")[0].partition(" ")[0]):
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
        links.append((int(found[1]), int(found[3]), is_sure(*found.group(2, 4, 5))))
    return links


def is_sure(separator: str, mark: str | None, probability: str | None) -> bool:
    """Whether a link is sure, by its separator, its mark, or a probability of at least a half."""
    if mark:
        return mark in "Ss"
    return separator == "-" and (probability is None or float(probability) >= 0.5)


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
        seen = f"found sentence {last}, but only {len(sentences)} with links"
        raise InputError(path, 0, f"expected sentences numbered from 1, {seen}")
    return [sentences.get(number, []) for number in range(1, last + 1)]


def collect_blinker(texts: Iterable[str], path: str) -> list[list[Marked]]:
    """Links of lines ``i j``; a blank line ends a pair."""
    pairs: list[list[Marked]] = [[]]
    for number, text in enumerate(texts, 1):
        if not text:
            pairs.append([])
            continue
        found = BLINKER.fullmatch(text)
        if not found:
            raise InputError(path, number, f"expected a link as 'i j', found {text[:40]!r}")
        pairs[-1].append((int(found[1]), int(found[2]), True))
    return pairs if pairs[-1] else pairs[:-1]


def collect_xml(text: str, path: str) -> list[list[Marked]]:
    """Links of every ``<s>`` of XML as in CzEnAli."""
    pairs = []
    for inside in XML_PAIR.findall(text):
        marked: list[Marked] = []
        for kind, links in XML_LINKS.findall(inside):
            marked += [(i, j, kind == "sure") for i, j, _ in parse_talp(links, path, 0)]
        pairs.append(marked)
    if not pairs:
        raise InputError(path, 0, "expected XML with <s>, <sure> and <possible>, found no <s>")
    return pairs


def collect_clear(text: str, path: str) -> list[list[Marked]]:
    """Links of the records of a file of JSON as of Clear-Bible, by verse, in order of verses."""
    verses: dict[str, list[Marked]] = {}
    try:
        for record in parse_json(text)["records"]:
            for source in map(clear_token, record["source"]):
                for target in map(clear_token, record["target"]):
                    if source[0] == target[0]:
                        links = verses.setdefault(source[0], [])
                        links.append((source[1], target[1], True))
    except (ValueError, KeyError, TypeError) as error:
        expected = "expected JSON with records of source and target tokens such as 40005003001"
        raise InputError(path, 0, f"{expected}: {error}") from error
    return [links for _, links in sorted(verses.items())]


def clear_token(text: str) -> tuple[str, int]:
    """The verse and the word of a token.

    Errors: `ValueError` when it is not such a token.

    >>> clear_token("n40005003001")
    ('40005003', 1)
    """
    found = CLEAR_TOKEN.fullmatch(text)
    if not found:
        raise ValueError(f"found the token {text!r}")
    return found[1], int(found[2])

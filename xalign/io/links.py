"""Links in any format that `xalign align` writes, found by the content of the file."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat, zip_longest
from typing import TypeVar

from xalign.alignment import Link, ScoredAlignment, SentencePair
from xalign.io.files import missing
from xalign.io.formats import READERS, Format, scored_link, words_of
from xalign.io.pharaoh import LINKS, parse_link, parse_links

Other = TypeVar("Other")

NAACL_LINE = re.compile(rb"\d+[ \t]+\d+[ \t]+\d+(?:[ \t].*)?")
NO_LINKS = ScoredAlignment({})
AFTER_TEXT = b" ||| "
"""In lines of links, what comes before the last one of these is text, as in atools."""


@dataclass(frozen=True, slots=True)
class FoundLinks:
    """Links of all pairs of a file, in order, and its format.

    A file in the format naacl does not say how many pairs follow its last link (``is_open``).
    """

    path: str
    format: Format
    pairs: Iterator[ScoredAlignment]

    @property
    def is_open(self) -> bool:
        """Whether more pairs, without links, may follow."""
        return self.format == "naacl"

    @property
    def has_probabilities(self) -> bool:
        """Whether the format has a probability for every link."""
        return self.format in ("scored", "jsonl", "naacl")

    def beside(self, others: Iterable[Other], path: str) -> Iterator[tuple[Other, ScoredAlignment]]:
        """Each of ``others``, which are at ``path``, with its links.

        Errors: `InputError` when there are more of one than of the other.
        """
        number = 0
        links = chain(self.pairs, repeat(NO_LINKS)) if self.is_open else self.pairs
        for number, other in enumerate(others, 1):
            found = next(links, None)
            if found is None:
                raise missing(self.path, number, path)
            yield other, found
        if next(self.pairs, None) is not None:
            raise missing(path, number + 1, self.path)


def two_by_two(
    one: FoundLinks, other: FoundLinks
) -> Iterator[tuple[ScoredAlignment, ScoredAlignment]]:
    """The links of two files, pair by pair.

    Errors: `InputError` when there are more of one than of the other.
    """
    for number, (left, right) in enumerate(zip_longest(one.pairs, other.pairs), 1):
        if left is None and not one.is_open:
            raise missing(one.path, number, other.path)
        if right is None and not other.is_open:
            raise missing(other.path, number, one.path)
        yield left or NO_LINKS, right or NO_LINKS


def find_links(lines: Iterable[bytes], path: str) -> FoundLinks:
    """Links of ``lines`` in any format; the first line that is not blank tells which.

    Errors: `InputError` at a line that is not in that format, while the pairs are read.

    >>> found = find_links([b"", b"0-0:0.75 1-1:0.5"], "out.align")
    >>> found.format, [str(links) for links in found.pairs]
    ('scored', ['', '0-0:0.75 1-1:0.5'])
    """
    stream = iter(lines)
    blank = 0
    first = None
    for line in stream:
        if line.strip(b" \r"):
            first = line
            break
        blank += 1
    format = "pharaoh" if first is None else format_of(first)
    again = chain(repeat(b"", blank), [] if first is None else [first], stream)
    if format in ("pharaoh", "scored"):
        return FoundLinks(path, format, read_any_links(again, path))
    return FoundLinks(path, format, (found.links for found in READERS[format](again, path)))


def first_words(lines: Iterable[bytes], path: str) -> SentencePair:
    """The first pair of a file whose format has words; one without words if it has none.

    Errors: `InputError` at a line before it that is not in the file's format.
    """
    stream = iter(lines)
    first = next((line for line in stream if line.strip()), b"")
    format = format_of(first)
    if format in ("giza", "jsonl", "tsv"):
        for found in READERS[format](chain([first], stream), path):
            if found.pair.src and found.pair.tgt:
                return found.pair
    return SentencePair((), ())


def format_of(line: bytes) -> Format:
    """The format that a line is in."""
    if line.startswith(b"{"):
        return "jsonl"
    if line.startswith(b"# Sentence pair"):
        return "giza"
    columns = line.split(b"\t")
    is_table = len(columns) == 3 and bool(LINKS.fullmatch(columns[2]))
    if is_table and not (columns[0].strip() and LINKS.fullmatch(columns[0])):
        return "tsv"
    if NAACL_LINE.fullmatch(line):
        return "naacl"
    return "scored" if b":" in line.rpartition(AFTER_TEXT)[2] else "pharaoh"


def read_any_links(lines: Iterable[bytes], path: str) -> Iterator[ScoredAlignment]:
    """Links with or without their probabilities (then 1), one line per pair.

    Errors: `InputError` at the first word that is neither ``i-j`` nor ``i-j:p``.
    """
    for number, line in enumerate(lines, 1):
        line = line.rpartition(AFTER_TEXT)[2]
        if LINKS.fullmatch(line):
            yield ScoredAlignment(dict.fromkeys(parse_links(line, path, number), 1.0))
        else:
            yield ScoredAlignment(dict(any_link(word, path, number) for word in words_of(line)))


def any_link(word: str, path: str, number: int) -> tuple[Link, float]:
    """Parse a link, which has the probability 1 if it has none."""
    if ":" in word:
        return scored_link(word, path, number)
    return parse_link(word.encode(), path, number), 1.0

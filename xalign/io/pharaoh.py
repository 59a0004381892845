"""Alignments as lines of Pharaoh format: ``0-0 1-2``, sorted, counted from 0."""

import re
from collections.abc import Iterable, Iterator

from xalign import alignment
from xalign.alignment import Alignment, Link
from xalign.errors import InputError, XalignError
from xalign.io.files import side_by_side

POSSIBLE = re.compile(rb"\d+p\d+")
LINKS = re.compile(rb"\s*(?:\d{1,9}-\d{1,9}(?!\S)\s*)*")


def read_alignments(lines: Iterable[bytes], path: str) -> Iterator[Alignment]:
    """Alignments of lines of links ``i-j``, counted from 0; a blank line has no links.

    Errors: `InputError` at the first word that is not a link.

    >>> [str(alignment) for alignment in read_alignments([b"1-0 0-1"], "out.align")]
    ['0-1 1-0']
    """
    for number, line in enumerate(lines, 1):
        yield Alignment(parse_links(line, path, number))


def read_links_after_text(lines: Iterable[bytes], path: str) -> Iterator[Alignment]:
    """Like `read_alignments`, for the text after the last `` ||| `` of each line, as in atools."""
    return read_alignments((line.rpartition(b" ||| ")[2] for line in lines), path)


def read_two_alignments(
    lines: Iterable[bytes], other_lines: Iterable[bytes], path: str, other_path: str
) -> Iterator[tuple[Alignment, Alignment]]:
    """Alignments of two files side by side, read by `read_links_after_text`.

    Errors: `InputError` after the last common line when one file is longer.
    """
    sides = read_links_after_text(lines, path), read_links_after_text(other_lines, other_path)
    return side_by_side(*sides, path, other_path)


def parse_links(line: bytes, path: str, number: int) -> frozenset[Link]:
    """The links of a line; they are parsed one by one only to find an error."""
    if LINKS.fullmatch(line):
        numbers = map(int, line.replace(b"-", b" ").split())
        return frozenset(zip(numbers, numbers, strict=True))
    return frozenset(parse_link(word, path, number) for word in line.split())


def parse_link(word: bytes, path: str, number: int) -> tuple[int, int]:
    """Parse a link."""
    try:
        return alignment.parse_link(word.decode(errors="backslashreplace"))
    except XalignError as error:
        advice = ""
        if POSSIBLE.fullmatch(word):
            advice = "; that is a possible link of gold links (talp): give this file with --gold"
        raise InputError(path, number, f"{error}{advice}") from error


def pharaoh(alignment: Alignment) -> bytes:
    """The line of ``alignment``, with its end; the inverse of `read_alignments`.

    >>> pharaoh(Alignment(frozenset({(2, 1), (0, 0)})))
    b'0-0 2-1\\n'
    """
    return f"{alignment}\n".encode("ascii")

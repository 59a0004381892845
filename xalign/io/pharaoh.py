"""Alignments as lines of Pharaoh format: ``0-0 1-2``, sorted, counted from 0."""

import re
from collections.abc import Iterable, Iterator

from xalign.alignment import Alignment
from xalign.errors import InputError

LINK = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)


def read_alignments(lines: Iterable[bytes], path: str) -> Iterator[Alignment]:
    """One alignment a line, of links ``i-j`` counted from 0; a blank line has no links.

    Errors: `InputError` at the first word that is not a link.

    >>> [str(alignment) for alignment in read_alignments([b"1-0 0-1"], "out.align")]
    ['0-1 1-0']
    """
    for number, line in enumerate(lines, 1):
        yield Alignment(frozenset(parse_link(word, path, number) for word in line.split()))


def parse_link(word: bytes, path: str, number: int) -> tuple[int, int]:
    """The link that ``word`` writes down."""
    text = word.decode(errors="backslashreplace")
    found = LINK.fullmatch(text)
    if not found:
        raise InputError(path, number, f"expected a link such as 3-4, found {text[:40]!r}")
    return int(found[1]), int(found[2])


def pharaoh(alignment: Alignment) -> bytes:
    """The line of ``alignment``, with its end; the inverse of `read_alignments`.

    >>> pharaoh(Alignment(frozenset({(2, 1), (0, 0)})))
    b'0-0 2-1\\n'
    """
    return f"{alignment}\n".encode("ascii")

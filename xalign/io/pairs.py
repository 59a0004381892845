"""Lines of text to sentence pairs: ``src ||| tgt``, TAB, or two files side by side."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, TypeVar

from xalign.alignment import SentencePair
from xalign.errors import InputError
from xalign.io.files import LongLine, side_by_side

Pair = TypeVar("Pair")
Make = Callable[[str, str], Pair]
"""Function that makes a pair of the text of both sides."""
MAX_WORDS = 50_000
"""Most words of a side."""
WORD = re.compile(r"[^ \t]+")
SEPARATOR = re.compile(r"\t|(?<![^ ])\|\|\|(?![^ \t])")
"""A TAB, or ``|||`` as a word of its own; the first one in a line splits it, as in fast_align."""

OnBad = Callable[[InputError], None]
Columns = tuple[int, int]
"""Columns of source and target in lines of TAB-separated columns, counted from 1."""


def stop(error: InputError) -> NoReturn:
    """Raise the error of a bad line, as ``on_bad`` does by default."""
    raise error


def decode(line: bytes, path: str, number: int) -> str:
    """Text of a line.

    Errors: `InputError` when it is not UTF-8, or longer than its reader allows.
    """
    if isinstance(line, LongLine):
        raise InputError(path, number, line.message, line)
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        found = line[error.start : error.start + 4]
        message = (
            f"expected UTF-8, found {found!r} at byte {error.start}; convert the "
            "file first, for example with iconv -f latin1 -t utf-8"
        )
        raise InputError(path, number, message, line) from error


def read_pairs(
    lines: Iterable[bytes], path: str, on_bad: OnBad = stop, first: int = 1
) -> Iterator[SentencePair]:
    """Pairs of lines ``src ||| tgt`` or ``src TAB tgt``, in order, counted from ``first``.

    A blank line is an empty pair. A line without a separator, or not in UTF-8, is given to
    ``on_bad`` as an `InputError` (by default raised), and becomes an empty pair.

    >>> list(read_pairs([b"das Haus ||| the house"], "corpus.txt"))
    [SentencePair(src=('das', 'Haus'), tgt=('the', 'house'))]
    """
    return read_as(SentencePair.from_text, lines, path, on_bad, first)


def read_as(
    make: Make[Pair],
    lines: Iterable[bytes],
    path: str,
    on_bad: OnBad = stop,
    first: int = 1,
    columns: Columns | None = None,
) -> Iterator[Pair]:
    """Like `read_pairs`, with ``make`` applied to the text of both sides ("" in a bad line).

    With ``columns``, a line is TAB-separated columns, and these two are the sides.
    """
    for number, line in enumerate(lines, first):
        try:
            text = decode(line, path, number)
            sides = pick_columns(text, columns) if columns else split_pair(text)
            if sides is None:
                raise InputError(path, number, expected_pair(text, columns), line)
            for side in sides:
                check_length(side, path, number, line)
        except InputError as error:
            on_bad(error)
            sides = "", ""
        yield make(*sides)


def check_length(side: str, path: str, number: int, line: bytes = b"") -> None:
    """Raise `InputError` if a side has more than `MAX_WORDS` words."""
    if len(side) >= 2 * MAX_WORDS and (found := len(WORD.findall(side))) > MAX_WORDS:
        expected = f"expected at most {MAX_WORDS:,} words a side"
        raise InputError(path, number, f"{expected}, found {found:,}", line)


def split_pair(text: str) -> tuple[str, str] | None:
    """Both sides of a line; None without a separator. A blank line has two empty ones.

    A space on either side of ``|||`` belongs to it.

    >>> split_pair("das Haus ||| the  house "), split_pair("ja\\tyes")
    (('das Haus', 'the  house '), ('ja', 'yes'))
    """
    if separator := SEPARATOR.search(text):
        src, tgt = text[: separator.start()], text[separator.end() :]
        return (
            (src, tgt) if separator[0] == "\t" else (src.removesuffix(" "), tgt.removeprefix(" "))
        )
    return None if text.strip(" ") else ("", "")


def pick_columns(text: str, columns: Columns) -> tuple[str, str] | None:
    """The two ``columns`` of a line; None if it has fewer. A blank line has two empty ones."""
    found = text.split("\t")
    if len(found) >= max(columns):
        return found[columns[0] - 1], found[columns[1] - 1]
    return None if text.strip(" \t") else ("", "")


def parse_columns(text: str) -> Columns:
    """Columns as ``1,2``, counted from 1.

    Errors: `ValueError` when ``text`` is not of this form.

    >>> parse_columns("2,1")
    (2, 1)
    """
    found = re.fullmatch(r"([1-9]\d{0,3}),([1-9]\d{0,3})", text, re.ASCII)
    if not found or found[1] == found[2]:
        raise ValueError(f"expected two columns such as 1,2, counted from 1, found {text!r}")
    return int(found[1]), int(found[2])


def expected_pair(text: str, columns: Columns | None = None) -> str:
    """Error message for a line without two sides."""
    start = text if len(text) <= 40 else text[:40] + "…"
    if columns:
        found = text.count("\t") + 1
        return f"expected {max(columns)} columns separated by TABs, found {found} in {start!r}"
    if "|||" in text:
        return f"expected spaces around '|||', as in 'das Haus ||| the house', found {start!r}"
    return f"expected 'source ||| target' or 'source TAB target', found {start!r}"


def read_two_files(
    src_lines: Iterable[bytes],
    tgt_lines: Iterable[bytes],
    src_path: str,
    tgt_path: str,
    on_bad: OnBad = stop,
    first: int = 1,
) -> Iterator[SentencePair]:
    """Pairs of the lines of two files side by side, counted from ``first``.

    ``on_bad`` is called at most once for a line. Errors are those of `read_two_as`.
    """
    paths = src_path, tgt_path
    return read_two_as(SentencePair.from_text, src_lines, tgt_lines, *paths, on_bad, first)


def read_two_as(
    make: Make[Pair],
    src_lines: Iterable[bytes],
    tgt_lines: Iterable[bytes],
    src_path: str,
    tgt_path: str,
    on_bad: OnBad = stop,
    first: int = 1,
) -> Iterator[Pair]:
    """Like `read_two_files`, with ``make`` applied to the text of both sides.

    Errors: `InputError` after the last common line when one file is longer, whatever ``on_bad``
    does: from there on no line is known to belong to another.
    """
    advice = "; source and target need the same number of lines"
    lines = side_by_side(src_lines, tgt_lines, src_path, tgt_path, first, advice)
    for number, (src_line, tgt_line) in enumerate(lines, first):
        try:
            sides = decode(src_line, src_path, number), decode(tgt_line, tgt_path, number)
            check_length(sides[0], src_path, number)
            check_length(sides[1], tgt_path, number)
        except InputError as error:
            error.raw = src_line + b"\t" + tgt_line
            on_bad(error)
            sides = "", ""
        yield make(*sides)

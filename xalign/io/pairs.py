"""Lines of text to sentence pairs: ``src ||| tgt``, TAB, or two files side by side."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, TypeVar

from xalign.alignment import SentencePair
from xalign.errors import InputError
from xalign.io.files import side_by_side

Pair = TypeVar("Pair")
Make = Callable[[str, str], Pair]
"""Function that makes a pair of the text of both sides."""
SEPARATOR = re.compile(r"\t|(?<![^ ])\|\|\|(?![^ \t])")
"""A TAB, or ``|||`` as a word of its own; the first one in a line splits it, as in fast_align."""

OnBad = Callable[[InputError], None]


def stop(error: InputError) -> NoReturn:
    """Raise the error of a bad line, as ``on_bad`` does by default."""
    raise error


def decode(line: bytes, path: str, number: int, on_bad: OnBad) -> str | None:
    """Text of a line in UTF-8; None, after ``on_bad``, when it is not UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        found = line[error.start : error.start + 4]
        on_bad(
            InputError(
                path,
                number,
                f"expected UTF-8, found {found!r} at byte {error.start}; convert the "
                "file first, for example with iconv -f latin1 -t utf-8",
            )
        )
        return None


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
    make: Make[Pair], lines: Iterable[bytes], path: str, on_bad: OnBad = stop, first: int = 1
) -> Iterator[Pair]:
    """Like `read_pairs`, with ``make`` applied to the text of both sides ("" in a bad line)."""
    for number, line in enumerate(lines, first):
        text = decode(line, path, number, on_bad)
        src, tgt = ("", "") if text is None else split_pair(text, path, number, on_bad)
        yield make(src, tgt)


def split_pair(text: str, path: str, number: int, on_bad: OnBad) -> tuple[str, str]:
    """Both sides of a line; two empty ones, after ``on_bad``, without a separator."""
    if separator := SEPARATOR.search(text):
        return text[: separator.start()], text[separator.end() :]
    if text.strip(" "):
        on_bad(InputError(path, number, expected_separator(text)))
    return "", ""


def expected_separator(text: str) -> str:
    """Error message for a line without a separator."""
    start = text if len(text) <= 40 else text[:40] + "…"
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
        src = decode(src_line, src_path, number, on_bad)
        tgt = None if src is None else decode(tgt_line, tgt_path, number, on_bad)
        yield make("", "") if src is None or tgt is None else make(src, tgt)

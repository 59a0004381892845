"""Lines of text to sentence pairs: ``src ||| tgt``, TAB, or two files side by side."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import NoReturn

from xalign.alignment import SentencePair
from xalign.errors import InputError

EMPTY = SentencePair((), ())
SEPARATOR = re.compile(r"\t|(?<![^ ])\|\|\|(?![^ \t])")
"""A TAB, or ``|||`` as a word of its own; the first one in a line splits it, as in fast_align."""

OnBad = Callable[[InputError], None]


def stop(error: InputError) -> NoReturn:
    """What to do with a bad line when nothing else was said: raise its error."""
    raise error


def decode(line: bytes, path: str, number: int, on_bad: OnBad) -> str | None:
    """Text of a line in UTF-8; None, after ``on_bad``, when it is not UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        found = line[error.start : error.start + 4]
        on_bad(
            InputError(
                path, number, f"expected UTF-8, found {found!r} at byte {error.start}; convert the "
                "file first, for example with iconv -f latin1 -t utf-8",
            )
        )  # fmt: skip
        return None


def read_pairs(
    lines: Iterable[bytes], path: str, on_bad: OnBad = stop, first: int = 1
) -> Iterator[SentencePair]:
    """One pair a line, in order, of ``src ||| tgt`` or ``src TAB tgt``.

    The ``first`` line has that number.

    A blank line is an empty pair. A line without a separator, or not in UTF-8, is given to
    ``on_bad`` as an `InputError` (by default raised), and becomes an empty pair.

    >>> list(read_pairs([b"das Haus ||| the house"], "corpus.txt"))
    [SentencePair(src=('das', 'Haus'), tgt=('the', 'house'))]
    """
    for number, line in enumerate(lines, first):
        text = decode(line, path, number, on_bad)
        yield EMPTY if text is None else parse_pair(text, path, number, on_bad)


def parse_pair(text: str, path: str, number: int, on_bad: OnBad) -> SentencePair:
    """The pair on one line, or an empty pair after ``on_bad``."""
    if separator := SEPARATOR.search(text):
        return SentencePair.from_text(text[: separator.start()], text[separator.end() :])
    if text.strip(" "):
        on_bad(InputError(path, number, expected_separator(text)))
    return EMPTY


def expected_separator(text: str) -> str:
    """What to tell about a line without a separator."""
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
    """One pair for each line of two files side by side; ``on_bad`` is told once of a line.

    The ``first`` line has that number.

    Errors: `InputError` after the last common line when one file is longer, whatever ``on_bad``
    does: from there on no line is known to belong to another.
    """
    for number, (src_line, tgt_line) in enumerate(zip_longest(src_lines, tgt_lines), first):
        if src_line is None or tgt_line is None:
            short, long = (src_path, tgt_path) if src_line is None else (tgt_path, src_path)
            raise InputError(
                short, number, f"expected a line for line {number} of {long}, found the end; "
                "source and target need the same number of lines",
            )  # fmt: skip
        src = decode(src_line, src_path, number, on_bad)
        tgt = None if src is None else decode(tgt_line, tgt_path, number, on_bad)
        yield EMPTY if src is None or tgt is None else SentencePair.from_text(src, tgt)

"""Pairs of a corpus, each with the links that are given for it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import chain

from xalign.alignment import SentencePair
from xalign.errors import InputError
from xalign.io.files import MAX_LINE_BYTES, Source, side_by_side
from xalign.io.gold import stream_talp
from xalign.io.links import find_links, format_of
from xalign.io.pairs import read_as, read_two_as
from xalign.links.notices import Watched
from xalign.training.augment import UNKNOWN, GivenLinks
from xalign.training.settings import Files

logger = logging.getLogger(__name__)


@contextmanager
def open_sources(files: Files) -> Iterator[list[Source]]:
    """The files of a corpus, open within the block."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Source(path, MAX_LINE_BYTES))) for path in files]


def linked_pairs(
    sources: Sequence[Source], links: str | None, on_bad: Callable[[InputError], None]
) -> Iterator[tuple[SentencePair, GivenLinks]]:
    """Pairs of a corpus, each with its links in the file ``links``, if there is one.

    Errors: `InputError` at a link of words that a pair does not have, or when lines are missing.
    """
    path = sources[0].name
    watched = Watched(
        SentencePair.from_text,
        lambda notice: logger.warning("%s: %s", path, notice),
        one_file=len(sources) == 1,
        advice={},
    )
    if len(sources) == 1:
        pairs = read_as(watched, sources[0], path, on_bad)
    else:
        src, tgt = sources
        pairs = read_two_as(watched, src, tgt, src.name, tgt.name, on_bad)
    if links is None:
        yield from ((pair, {}) for pair in pairs)
        return
    for number, (pair, given) in enumerate(with_given_links(pairs, path, links), 1):
        for i, j in given:
            if not pair.is_empty and (i >= len(pair.src) or j >= len(pair.tgt)):
                sizes = f"{len(pair.src)} and {len(pair.tgt)} words in {path}"
                raise InputError(links, number, f"expected links of {sizes}, found {i}-{j}")
        yield pair, given


def with_given_links(
    pairs: Iterator[SentencePair], path: str, links: str
) -> Iterator[tuple[SentencePair, GivenLinks]]:
    """The ``pairs`` at ``path``, each with its links to learn in the file ``links``.

    Links are talp, or in any format of `xalign align`.

    Errors: `InputError` when there are more of one than of the other.
    """
    with closing(Source(links)) as source:
        lines = iter(source)
        first = next((line for line in lines if line.strip()), b"")
        format = format_of(first)
        marks = (line.split()[3:4] for line in chain([first], lines))
        if format == "naacl" and [b"P"] in marks:
            advice = "write these links as talp, such as 3p4, one line per pair"
            raise InputError(links, 0, f"possible links (P) are read in talp alone; {advice}")
    if format != "pharaoh":
        found = find_links(Source(links), links)
        yield from ((pair, one.probabilities) for pair, one in found.beside(pairs, path))
        return
    for pair, gold in side_by_side(pairs, stream_talp(lambda: Source(links), links), path, links):
        yield pair, dict.fromkeys(gold.possible, UNKNOWN) | dict.fromkeys(gold.sure, 1.0)

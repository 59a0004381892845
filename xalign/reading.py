"""Files of pairs, gold links and alignments, as values; and the score of alignments."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from xalign.alignment import Alignment, GoldAlignment, SentencePair
from xalign.errors import XalignError
from xalign.io import gold, links, pairs
from xalign.io.files import MAX_LINE_BYTES, Source
from xalign.links.metrics import Score, padded, score_pair

PathLike = str | Path


def read_pairs(path: PathLike) -> Iterator[SentencePair]:
    """Sentence pairs of a file of lines ``source ||| target`` or ``source TAB target``.

    Files that end in .gz, .xz, .zst or .bz2 are decompressed.

    Errors: `InputError` at the first line that cannot be read.
    """
    source = Source(str(path), MAX_LINE_BYTES)
    return pairs.read_pairs(source, source.name)


def read_gold(path: PathLike, base: int | None = None) -> list[GoldAlignment]:
    """Gold links of a file: talp, NAACL/WPT or XL-WA; ``base`` is the first index, if known.

    Errors: `InputError` at the first line that cannot be read.
    """
    source = Source(str(path))
    return list(gold.read_gold(source, source.name, base).alignments)


def read_alignments(path: PathLike) -> Iterator[Alignment]:
    """Alignments of a file in any format that `xalign align` writes, found by its content.

    Errors: `InputError` at the first line that cannot be read.
    """
    source = Source(str(path))
    return (found.alignment for found in links.find_links(source, source.name).pairs)


def score(
    gold: PathLike | Iterable[GoldAlignment], hypothesis: PathLike | Iterable[Alignment]
) -> Score:
    """Score of alignments against gold links, both in memory or in files, pair by pair.

    Errors: `XalignError` when they are not of the same pairs, or are exchanged.

    >>> gold = [GoldAlignment(frozenset({(0, 0), (1, 1)}))]
    >>> score(gold, [Alignment.from_text("0-0 1-1")]).aer
    0.0
    """
    references, gold_is_open = gold_of(gold)
    found, found_is_open = alignments_of(hypothesis)
    for kind, name, values in (
        (GoldAlignment, "gold", references),
        (Alignment, "hypothesis", found),
    ):
        for number, value in enumerate(values, 1):
            if not isinstance(value, kind):
                expected = f"expected a {kind.__name__}, found {value!r}"
                raise XalignError(f"{name}, pair {number}: {expected}; usage: score(gold, links)")
    found, references = padded(
        found, references, found_is_open=found_is_open, gold_is_open=gold_is_open
    )
    if len(references) != len(found):
        raise XalignError(
            f"expected as many alignments as gold has pairs, {len(references)}, found {len(found)}"
        )
    return sum(map(score_pair, found, references), Score())


def gold_of(given: PathLike | Iterable[GoldAlignment]) -> tuple[list[GoldAlignment], bool]:
    """Gold links in memory or in a file, and whether more pairs may follow."""
    if not isinstance(given, PathLike):
        return list(given), False
    source = Source(str(given))
    found = gold.read_gold(source, source.name)
    return list(found.alignments), found.is_open


def alignments_of(given: PathLike | Iterable[Alignment]) -> tuple[list[Alignment], bool]:
    """Alignments in memory or in a file, and whether more pairs may follow."""
    if not isinstance(given, PathLike):
        return list(given), False
    source = Source(str(given))
    found = links.find_links(source, source.name)
    return [one.alignment for one in found.pairs], found.is_open

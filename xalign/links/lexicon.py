"""Lexical translation tables: how often a word is linked to each of its translations.

The format is that of Moses' ``lex.f2e`` and ``lex.e2f`` and Marian's ``lex.s2t`` and ``lex.t2s``: a
line is ``translation word probability``, with seven decimals. A word without a link is linked to
``NULL``.
"""

import heapq
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from typing import IO

from xalign.alignment import Alignment, SentencePair
from xalign.io.formats import NULL

MAX_ENTRIES = 2_000_000
"""Word pairs counted in memory (a few hundred megabytes) before they go to disk, sorted."""

WordPair = tuple[str, str]


def word_links(pair: SentencePair, alignment: Alignment) -> Iterator[WordPair]:
    """Pairs of linked words; a word without a link is paired with ``NULL``.

    Errors: `IndexError` when a link names a word that is not there.

    >>> pair = SentencePair(("das", "Haus"), ("house",))
    >>> sorted(word_links(pair, Alignment(frozenset({(1, 0)}))))
    [('Haus', 'house'), ('das', 'NULL')]
    """
    src, tgt = set(range(len(pair.src))), set(range(len(pair.tgt)))
    for i, j in alignment.links:
        yield pair.src[i], pair.tgt[j]
        src.discard(i)
        tgt.discard(j)
    for i in src:
        yield pair.src[i], NULL
    for j in tgt:
        yield NULL, pair.tgt[j]


class PairCounts:
    """Counts word pairs in bounded memory; at its end, the context removes its files."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self.max_entries = max_entries
        self._counts: Counter[WordPair] = Counter()
        self._runs: list[IO[str]] = []
        self._files = ExitStack()

    def __enter__(self) -> "PairCounts":
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def add(self, pairs: Iterable[WordPair]) -> None:
        """Count pairs."""
        self._counts.update(pairs)
        if len(self._counts) >= self.max_entries:
            self._spill()

    def _spill(self) -> None:
        for is_reverse in (False, True):  # one run by the first word, one by the second
            file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115
            run = self._files.enter_context(file)
            for (one, other), count in in_order(self._counts, is_reverse=is_reverse):
                run.write(f"{one}\t{other}\t{count}\n")
            self._runs.append(run)
        self._counts.clear()

    def table(
        self, *, is_reverse: bool, top: int | None = None
    ) -> Iterator[tuple[str, str, float]]:
        """Entries (other word, word, probability) of every first word, in order.

        If reversed, of every second word. For each word, at most ``top`` entries are given: the
        most probable first, and equal ones by word.
        """
        runs = [read_run(run) for run in self._runs[is_reverse::2]]
        merged = heapq.merge(*runs, in_order(self._counts, is_reverse=is_reverse))
        for given, entries in groupby(merged, key=lambda entry: entry[0][0]):
            counts = [
                (sum(count for _, count in same), other)
                for other, same in groupby(entries, key=lambda entry: entry[0][1])
            ]
            total = sum(count for count, _ in counts)
            counts.sort(key=lambda entry: (-entry[0], entry[1]))
            for count, other in counts[:top]:
                yield other, given, count / total


def in_order(counts: Counter[WordPair], *, is_reverse: bool) -> Iterator[tuple[WordPair, int]]:
    """Counted pairs, sorted; their words are swapped if reversed."""
    if not is_reverse:
        return iter(sorted(counts.items()))
    turned = (((tgt, src), count) for (src, tgt), count in counts.items())
    return iter(sorted(turned, key=itemgetter(0)))


def read_run(run: IO[str]) -> Iterator[tuple[WordPair, int]]:
    """Counted pairs of a file, from its start."""
    run.seek(0)
    for line in run:
        one, other, count = line.removesuffix("\n").split("\t")
        yield (one, other), int(count)


def table_line(other: str, given: str, probability: float) -> bytes:
    """A line of a table."""
    return f"{other} {given} {probability:.7f}\n".encode()

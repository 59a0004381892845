"""Lexical tables, against counting everything at once."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.alignment import Alignment, SentencePair
from xalign.links.lexicon import PairCounts, table_line, word_links

SIDE = st.lists(st.sampled_from(["a", "b", "ä", "c", "NULL"]), max_size=4).map(tuple)


@st.composite
def aligned(draw: st.DrawFn) -> tuple[SentencePair, Alignment]:
    pair = SentencePair(draw(SIDE), draw(SIDE))
    cells = [(i, j) for i in range(len(pair.src)) for j in range(len(pair.tgt))]
    return pair, Alignment(frozenset(draw(st.sets(st.sampled_from(cells))) if cells else ()))


@pytest.mark.parametrize("max_entries", [1, 3, 1000])
@given(corpus=st.lists(aligned(), max_size=6))
def test_tables_are_relative_frequencies_on_disk_or_not(
    max_entries: int, corpus: list[tuple[SentencePair, Alignment]]
) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    with PairCounts(max_entries) as tables:
        for pair, alignment in corpus:
            tables.add(word_links(pair, alignment))
            for i, word in enumerate(pair.src):
                mine = [pair.tgt[j] for k, j in alignment.links if k == i]
                counts.update((word, other) for other in mine or ["NULL"])
            for j, word in enumerate(pair.tgt):
                if not any(k == j for _, k in alignment.links):
                    counts["NULL", word] += 1
        for is_reverse in (False, True):
            found = list(tables.table(is_reverse=is_reverse))
            total: Counter[str] = Counter()
            for words, count in counts.items():
                total[words[is_reverse]] += count
            expected = {
                (w[not is_reverse], w[is_reverse]): n / total[w[is_reverse]]
                for w, n in counts.items()
            }
            assert {(other, given): p for other, given, p in found} == pytest.approx(expected)
            assert len(found) == len(expected)
            assert found == sorted(found, key=lambda entry: (entry[1], -entry[2], entry[0]))
            best = list(tables.table(is_reverse=is_reverse, top=1))
            assert [given for _, given, _ in best] == sorted(total)
            assert set(best) <= set(found)


def test_a_line_is_translation_word_and_seven_decimals() -> None:
    line = table_line("house", "Haus", 2 / 3)
    assert line == b"house Haus 0.6666667\n"

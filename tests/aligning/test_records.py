"""Records of word pairs against the tables that they were taken from."""

import numpy as np
import pytest
import torch

from xalign.aligning.records import records
from xalign.links.probabilities import NEGLIGIBLE
from xalign.model.extraction import WordTables
from xalign.model.pieces import PieceSentence

SIZES = [(2, 3), (4, 1), (3, 4)]


def sentence(words: int) -> PieceSentence:
    """A sentence of words of one piece each."""
    return PieceSentence([0, *range(words), 1], [-1, *range(words), -1])


def tables() -> WordTables:
    """Random tables (B, S, T) of three pairs, 0 beyond their words; some values are negligible."""
    generator = torch.Generator().manual_seed(1)
    shape = len(SIZES), 4, 4
    link, forward, backward = (torch.rand(shape, generator=generator) for _ in range(3))
    for table in (link, forward, backward):
        table[torch.rand(shape, generator=generator) < 0.3] = NEGLIGIBLE / 2
        for pair, (src, tgt) in enumerate(SIZES):
            table[pair, src:] = 0
            table[pair, :, tgt:] = 0
    return WordTables(link, forward, backward, link > 0.5)


@pytest.mark.parametrize("only_links", [False, True])
def test_records_have_the_word_pairs_that_are_not_negligible(only_links: bool) -> None:
    given = tables()
    windows = [(sentence(src), sentence(tgt)) for src, tgt in SIZES]
    found = records(given, windows, only_links=only_links)
    for pair, ((src, tgt), words) in enumerate(zip(SIZES, found, strict=True)):
        assert words.shape == (src, tgt)
        values = [table[pair, :src, :tgt].numpy() for table in given]
        kept = values[3]
        if not only_links:
            kept = kept | (np.stack(values[:3]) > NEGLIGIBLE).any(0)
        places = np.argwhere(kept)
        assert np.array_equal(np.stack([words.src, words.tgt], 1), places)
        columns = [words.link, words.forward, words.backward, words.linked]
        for column, value in zip(columns, values, strict=True):
            assert np.array_equal(column, value[kept])

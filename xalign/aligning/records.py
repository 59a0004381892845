"""Word pairs of windows, taken from the network's tables to the CPU as compact records."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from xalign.aligning.memory import SHELF
from xalign.aligning.windows import PiecePair
from xalign.links.probabilities import NEGLIGIBLE, WordProbabilities
from xalign.model.extraction import WordTables


def records(
    tables: WordTables, windows: Sequence[PiecePair], *, only_links: bool
) -> list[WordProbabilities]:
    """Word pairs of each window in ``tables``, without negligible ones; copies to the CPU twice.

    With ``only_links``, linked word pairs alone.
    """
    if only_links:
        rows = tables.linked.nonzero()  # (K, 3)
    else:
        likely = [table > NEGLIGIBLE for table in (tables.link, tables.forward, tables.backward)]
        rows = (likely[0] | likely[1] | likely[2] | tables.linked).nonzero()  # (K, 3)
    places = rows.unbind(1)
    values = torch.stack([table[places].float() for table in tables]).clamp_(0, 1)  # (4, K)
    link, forward, backward, linked = SHELF.keep(values.cpu().numpy())  # each (K,)
    owners, src, tgt = SHELF.keep(rows.T.contiguous().cpu().numpy())
    ends = np.searchsorted(owners, np.arange(len(windows) + 1))
    found = []
    for pair, (start, end) in zip(windows, itertools.pairwise(ends), strict=True):
        k = slice(start, end)
        columns = src[k], tgt[k], link[k], forward[k], backward[k], linked[k] > 0
        found.append(WordProbabilities(*columns, (pair[0].num_words, pair[1].num_words)))
    return found

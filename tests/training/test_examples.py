"""Pairs that are joined."""

import numpy as np

from tests.conftest import tiny_tokenizer
from xalign.training.examples import Example, join


def test_joined_pairs_stand_end_to_end_with_their_links() -> None:
    tokenizer = tiny_tokenizer()
    sides = [(("ab", "c"), ("d",)), (("e",), ("fg", "h")), (("i",), ("j",))]
    links = [np.array([[1, 0, 1]], np.float32), None, np.array([[0, 0, 0.5]], np.float32)]
    parts = [
        Example(tokenizer.encode(src), tokenizer.encode(tgt), given)
        for (src, tgt), given in zip(sides, links, strict=True)
    ]
    joined, whole = join(parts), [sum((pair[k] for pair in sides), ()) for k in (0, 1)]
    for found, words in zip((joined.src, joined.tgt), whole, strict=True):
        expected = tokenizer.encode(words)
        assert (list(found.ids), list(found.words)) == (list(expected.ids), list(expected.words))
    assert joined.links is not None
    assert joined.links.tolist() == [[1, 0, 1], [3, 3, 0.5]]
    assert joined.parts == tuple(parts)
    assert join(parts[:1]) is parts[0]

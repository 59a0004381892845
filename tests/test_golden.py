"""The shipped model on 20 hand-linked pairs in each of six languages: links and error rates."""

from pathlib import Path

import pytest

from xalign import Aligner
from xalign.io.files import Source
from xalign.io.gold import read_gold
from xalign.io.pairs import read_pairs
from xalign.io.pharaoh import pharaoh
from xalign.reading import score

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = {
    "de": (2.76, 181),
    "fr": (1.22, 166),
    "zh": (4.09, 170),
    "ja": (6.29, 174),
    "ar": (3.42, 161),
    "hi": (1.24, 168),
}
"""AER in % and number of links, in fp32; other figures are of another model or another reading."""


@pytest.mark.parametrize("language", EXPECTED)
def test_the_shipped_model_links_what_it_linked_before(
    language: str, default_aligner: Aligner
) -> None:
    path = str(GOLDEN / f"{language}-en.txt")
    gold = read_gold(Source(path.replace(".txt", ".talp")), path).alignments
    found = list(default_aligner.align(read_pairs(Source(path), path)))
    total = score(gold, found)
    assert (round(100 * total.aer, 2), total.links) == EXPECTED[language]
    expected = (GOLDEN / f"{language}-en.align").read_bytes()
    assert b"".join(map(pharaoh, found)) == expected

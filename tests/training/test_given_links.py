"""Pairs with the links that are given for them, in any format."""

from pathlib import Path

import pytest

from xalign.alignment import ScoredAlignment, SentencePair
from xalign.errors import InputError
from xalign.io.formats import WRITERS, AlignedPair, Format
from xalign.training.augment import UNKNOWN, GivenLinks
from xalign.training.given_links import linked_pairs, open_sources
from xalign.training.settings import Files

LINES = "a b ||| c d e\nf ||| g\n ||| \nh i ||| j k\n"


def given(files: Files, links: str | None) -> list[tuple[str, GivenLinks]]:
    """Source text and links of every pair; a bad line is an error."""

    def stop(error: InputError) -> None:
        raise error

    with open_sources(files) as sources:
        return [
            (" ".join(pair.src), dict(found)) for pair, found in linked_pairs(sources, links, stop)
        ]


def written(folder: Path, links: str) -> tuple[str, str]:
    """Paths of the pairs and of their links."""
    (folder / "pairs.txt").write_text(LINES)
    (folder / "pairs.links").write_text(links)
    return str(folder / "pairs.txt"), str(folder / "pairs.links")


@pytest.mark.parametrize("format", ["jsonl", "naacl", "giza", "tsv", "scored"])
def test_links_may_be_in_any_format_of_align(format: Format, tmp_path: Path) -> None:
    found = [{(0, 2): 0.5, (1, 0): 1.0}, {(0, 0): 0.75}, {}, {}]
    pairs = [SentencePair.from_text(*line.split(" ||| ")) for line in LINES.splitlines()]
    rows = [
        AlignedPair(pair, ScoredAlignment(links)) for pair, links in zip(pairs, found, strict=True)
    ]
    text = "".join(WRITERS[format](number, row) for number, row in enumerate(rows, 1))
    if format in ("giza", "tsv"):  # without probabilities
        found = [dict.fromkeys(links, 1.0) for links in found]
    pairs_path, links_path = written(tmp_path, text)
    assert [links for _, links in given((pairs_path,), links_path)] == found


def test_possible_links_are_read_in_talp_alone(tmp_path: Path) -> None:
    pairs, links = written(tmp_path, "0-0 1p2\n\n\n\n")
    assert given((pairs,), links)[0][1] == {(0, 0): 1.0, (1, 2): UNKNOWN}
    pairs, links = written(tmp_path, "1 1 1 S\n1 2 3 P\n")
    with pytest.raises(InputError, match=r"possible links \(P\) are read in talp alone"):
        given((pairs,), links)


def test_sides_may_be_in_two_files(tmp_path: Path) -> None:
    sides = list(zip(*(line.split(" ||| ") for line in LINES.splitlines()), strict=True))
    files = tuple(str(tmp_path / name) for name in ("src", "tgt"))
    for path, lines in zip(files, sides, strict=True):
        Path(path).write_text("\n".join(lines) + "\n")
    pairs, links = written(tmp_path, "0-0\n0-0\n\n\n")
    assert given(files, links) == given((pairs,), links)
    assert given(files, None) == [(text, {}) for text in ("a b", "f", "", "h i")]

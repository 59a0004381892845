"""Corpora as arrays, and pairs that are joined."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import tiny_tokenizer
from xalign.errors import InputError
from xalign.training.augment import UNKNOWN
from xalign.training.corpora import Corpus, Preparation, open_corpus
from xalign.training.settings import Augmentation

LINES = "ab c ||| d\n\nno separator\nab ||| ef gh\n" + "long " * 50 + "||| a\n"


PREPARATION = Preparation(max_pieces=64)


def small(tmp_path: Path, text: str = LINES, name: str = "corpus.txt") -> Corpus:
    """A corpus of a few lines."""
    (tmp_path / name).write_text(text)
    return open_corpus((str(tmp_path / name),), tiny_tokenizer(), tmp_path / "cache", PREPARATION)


def test_a_corpus_gives_back_the_pieces_of_its_pairs(tmp_path: Path) -> None:
    corpus, tokenizer = small(tmp_path), tiny_tokenizer()
    assert (len(corpus), corpus.skipped) == (2, 3)
    expected = [("ab c", "d"), ("ab", "ef gh")]
    for number, sides in enumerate(expected):
        example = corpus.example(number, tokenizer)
        for found, text in zip((example.src, example.tgt), sides, strict=True):
            side = tokenizer.encode(text.split())
            assert (list(found.ids), list(found.words)) == (list(side.ids), list(side.words))
    assert corpus.lengths(np.array([1, 0])).tolist() == [[4, 6], [5, 3]]
    letters = sorted({5 + ord(letter) % 90 for letter in "abcdefgh"})
    assert corpus.vocabulary.tolist() == letters


def test_a_corpus_is_cut_once_and_again_when_its_content_changes(tmp_path: Path) -> None:
    small(tmp_path)
    folders = set((tmp_path / "cache").iterdir())
    small(tmp_path, name="copy.txt")
    assert set((tmp_path / "cache").iterdir()) == folders
    assert len(small(tmp_path, LINES + "a ||| b\n")) == 3
    assert len(set((tmp_path / "cache").iterdir())) == 2


def test_an_interrupted_cut_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numpy.save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        small(tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("text", ["", "no separator\n", " ||| a\n"])
def test_a_corpus_without_pairs_is_an_error(tmp_path: Path, text: str) -> None:
    for _ in range(2):  # cut, then found in the cache
        with pytest.raises(
            InputError, match=r"corpus\.txt: expected pairs to train on, found none"
        ):
            small(tmp_path, text)


def test_a_missing_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: cannot be read"):
        open_corpus((str(tmp_path / "none.txt"),), tiny_tokenizer(), tmp_path, PREPARATION)


LINKED = "a b ||| c d e\nf ||| g\n ||| \nh i ||| j k\n"


def linked(tmp_path: Path, links: str, **changes: Any) -> Corpus:
    """A corpus of a few lines with links."""
    (tmp_path / "pairs.txt").write_text(LINKED)
    (tmp_path / "pairs.talp").write_text(links)
    preparation = Preparation(**{"max_pieces": 64, **changes})
    files = str(tmp_path / "pairs.txt"), str(tmp_path / "pairs.talp")
    return open_corpus((files[0],), tiny_tokenizer(), tmp_path / "cache", preparation, files[1])


def given(corpus: Corpus) -> list[list[list[float]]]:
    """Rows of links of every pair."""
    tokenizer = tiny_tokenizer()
    examples = [corpus.example(k, tokenizer) for k in range(len(corpus))]
    return [[] if one.links is None else one.links.tolist() for one in examples]


def test_links_stay_with_their_pairs_in_either_index_base(tmp_path: Path) -> None:
    expected = [[[0, 0, 1], [1, 2, UNKNOWN]], [[0, 0, 1]], []]
    assert given(linked(tmp_path, "0-0 1p2\n0-0\n0-0\n\n")) == expected
    assert given(linked(tmp_path, "1-1 2p3\n1-1\n1-1\n\n")) == expected


def test_links_may_come_with_probabilities(tmp_path: Path) -> None:
    corpus = linked(tmp_path, "\n0-0:0.25 \n\n0-1:1 1-0\n")
    assert given(corpus) == [[], [[0, 0, 0.25]], [[0, 1, 1], [1, 0, 1]]]


def test_a_corpus_may_be_two_files(tmp_path: Path) -> None:
    one = linked(tmp_path, "0-0 1p2\n0-0\n\n\n")
    sides = list(zip(*(line.split(" ||| ") for line in LINKED.splitlines()), strict=True))
    files = tuple(str(tmp_path / f"text.{name}") for name in ("src", "tgt"))
    for path, lines in zip(files, sides, strict=True):
        Path(path).write_text("\n".join(lines) + "\n")
    links = str(tmp_path / "pairs.talp")
    cache, preparation = tmp_path / "cache", Preparation(max_pieces=64)
    two = open_corpus(files, tiny_tokenizer(), cache, preparation, links)
    assert (two.ids.tolist(), given(two)) == (one.ids.tolist(), given(one))
    assert two.sha256 != one.sha256
    Path(files[1]).write_text("c d e\n")
    with pytest.raises(InputError, match=r"text\.tgt:2: expected a line .* same number of lines"):
        open_corpus(files, tiny_tokenizer(), cache, preparation, links)


def test_two_sides_are_never_taken_for_pairs_and_links(tmp_path: Path) -> None:
    pairs, links = str(tmp_path / "pairs"), str(tmp_path / "links")
    Path(pairs).write_text("a ||| b\n")
    Path(links).write_text("0-0\n")
    cache, preparation = tmp_path / "cache", Preparation(max_pieces=64)
    one = open_corpus((pairs,), tiny_tokenizer(), cache, preparation, links)
    two = open_corpus((pairs, links), tiny_tokenizer(), cache, preparation)
    assert len(one.ids) < len(two.ids)


def test_without_a_file_of_links_none_are_given(tmp_path: Path) -> None:
    assert small(tmp_path).example(0, tiny_tokenizer()).links is None


def test_held_out_lines_and_cut_words_take_their_links_along(tmp_path: Path) -> None:
    held = linked(tmp_path, "0-0\n0-0\n\n1-1 0-1\n", hold_out=2)
    assert given(held) == [[[0, 0, 1]]]
    (tmp_path / "end.txt").write_text("a . ||| b .\n")
    (tmp_path / "end.talp").write_text("0-0 1-1\n")
    shorter = Preparation(max_pieces=64, augmentation=Augmentation(drop_final=1.0))
    files = str(tmp_path / "end.txt"), str(tmp_path / "end.talp")
    corpus = open_corpus((files[0],), tiny_tokenizer(), tmp_path / "cache", shorter, files[1])
    assert given(corpus) == [[[0, 0, 1]]]
    assert len(corpus.example(0, tiny_tokenizer()).src) == 3


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (
            "0-0\n0-0\n\n",
            r"pairs\.talp:4: expected a line for line 4 of .*pairs\.txt, found the end",
        ),
        ("0-0\n0-0\n\n\n\n", r"pairs\.txt:5: expected a line for line 5 of .*pairs\.talp"),
        ("0-0\n0-1\n\n\n", r"pairs\.talp:2: expected links of 1 and 1 words in .*, found 0-1"),
        ("0-0\n0:1\n\n\n", r"pairs\.talp:2: expected a link such as 3-4"),
    ],
)
def test_links_that_do_not_fit_are_named(tmp_path: Path, links: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        linked(tmp_path, links)
    assert list((tmp_path / "cache").iterdir()) == []

"""Corpora as arrays, and the stream of batches."""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import EXAMPLES, tiny_tokenizer
from xalign.errors import InputError
from xalign.training import data
from xalign.training.augment import Augmentation
from xalign.training.data import Corpus, Preparation, Sampler, open_corpus, scattered_order

LINES = "ab c ||| d\n\nno separator\nab ||| ef gh\n" + "long " * 50 + "||| a\n"


PREPARATION = Preparation(max_pieces=64)


def small(tmp_path: Path, text: str = LINES, name: str = "corpus.txt") -> Corpus:
    """A corpus of a few lines."""
    (tmp_path / name).write_text(text)
    return open_corpus(str(tmp_path / name), tiny_tokenizer(), tmp_path / "cache", PREPARATION)


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
        open_corpus(str(tmp_path / "none.txt"), tiny_tokenizer(), tmp_path, PREPARATION)


def examples(tmp_path: Path) -> Corpus:
    """The hundred example pairs."""
    return open_corpus(
        str(EXAMPLES / "de-en.txt"), tiny_tokenizer(), tmp_path, Preparation(max_pieces=512)
    )


def test_batches_keep_the_budget_and_hold_pairs_of_like_length(tmp_path: Path) -> None:
    corpus = examples(tmp_path)
    for batch in islice(Sampler([corpus], [1], budget=1500, seed=1).batches(), 50):
        lengths = corpus.lengths(np.array([number for _, number in batch]))
        assert lengths.sum() <= 1500
        assert lengths.max() - lengths.max(1).min() <= 12


def test_every_pair_comes_once_before_any_comes_again(tmp_path: Path) -> None:
    corpus = examples(tmp_path)
    batches = Sampler([corpus], [1], budget=10**9, seed=1).batches()
    counts = Counter(number for _, number in next(batches))
    assert len(counts) == len(corpus)
    assert set(counts.values()) == {data.WINDOW // 100, data.WINDOW // 100 + 1}


def test_the_stream_is_the_same_from_any_start_and_differs_by_seed(tmp_path: Path) -> None:
    sampler = Sampler([examples(tmp_path)], [1], budget=2000, seed=3)
    batches = list(islice(sampler.batches(), 300))
    assert list(islice(sampler.batches(250), 50)) == batches[250:]
    assert next(Sampler([examples(tmp_path)], [1], budget=2000, seed=4).batches()) != batches[0]


def test_corpora_are_drawn_from_by_weight(tmp_path: Path) -> None:
    corpora = [examples(tmp_path), small(tmp_path)]
    batches = islice(Sampler(corpora, [1, 3], budget=2000, seed=1).batches(), 400)
    owners = Counter(owner for batch in batches for owner, _ in batch)
    assert 0.7 < owners[1] / owners.total() < 0.8


@pytest.mark.parametrize("size", [1, 2, 3, 10, 97, 1000])
def test_the_scattered_order_visits_everything_once(size: int) -> None:
    stride, offset = scattered_order(size, 1, 0)
    assert sorted((k * stride + offset) % size for k in range(size)) == list(range(size))


LINKED = "a b ||| c d e\nf ||| g\n ||| \nh i ||| j k\n"


def linked(tmp_path: Path, links: str, **changes: Any) -> Corpus:
    """A corpus of a few lines with links."""
    (tmp_path / "pairs.txt").write_text(LINKED)
    (tmp_path / "pairs.talp").write_text(links)
    preparation = Preparation(**{"max_pieces": 64, **changes})
    files = str(tmp_path / "pairs.txt"), str(tmp_path / "pairs.talp")
    return open_corpus(files[0], tiny_tokenizer(), tmp_path / "cache", preparation, files[1])


def given(corpus: Corpus) -> list[list[list[int]]]:
    """Rows of links of every pair."""
    tokenizer = tiny_tokenizer()
    return [corpus.example(k, tokenizer).links.tolist() for k in range(len(corpus))]


def test_links_stay_with_their_pairs_in_either_index_base(tmp_path: Path) -> None:
    expected = [[[0, 0, 1], [1, 2, 0]], [[0, 0, 1]], []]
    assert given(linked(tmp_path, "0-0 1p2\n0-0\n0-0\n\n")) == expected
    assert given(linked(tmp_path, "1-1 2p3\n1-1\n1-1\n\n")) == expected


def test_held_out_lines_and_cut_words_take_their_links_along(tmp_path: Path) -> None:
    held = linked(tmp_path, "0-0\n0-0\n\n1-1 0-1\n", hold_out=2)
    assert given(held) == [[[0, 0, 1]]]
    (tmp_path / "end.txt").write_text("a . ||| b .\n")
    (tmp_path / "end.talp").write_text("0-0 1-1\n")
    shorter = Preparation(max_pieces=64, augmentation=Augmentation(drop_final=1.0))
    files = str(tmp_path / "end.txt"), str(tmp_path / "end.talp")
    corpus = open_corpus(files[0], tiny_tokenizer(), tmp_path / "cache", shorter, files[1])
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

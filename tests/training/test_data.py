"""Corpora as arrays, and the stream of batches."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import EXAMPLES, tiny_tokenizer
from xalign.errors import InputError
from xalign.training import data
from xalign.training.data import Corpus, Sampler, open_corpus, scattered_order

LINES = "ab c ||| d\n\nno separator\nab ||| ef gh\n" + "long " * 50 + "||| a\n"


def small(tmp_path: Path, text: str = LINES, name: str = "corpus.txt") -> Corpus:
    """A corpus of a few lines."""
    (tmp_path / name).write_text(text)
    return open_corpus(str(tmp_path / name), tiny_tokenizer(), tmp_path / "cache", 64)


def test_a_corpus_gives_back_the_pieces_of_its_pairs(tmp_path: Path) -> None:
    corpus, tokenizer = small(tmp_path), tiny_tokenizer()
    assert (len(corpus), corpus.skipped) == (2, 3)
    expected = [("ab c", "d"), ("ab", "ef gh")]
    for number, sides in enumerate(expected):
        for found, text in zip(corpus.pair(number, tokenizer), sides, strict=True):
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
        open_corpus(str(tmp_path / "none.txt"), tiny_tokenizer(), tmp_path, 64)


def examples(tmp_path: Path) -> Corpus:
    """The hundred example pairs."""
    return open_corpus(str(EXAMPLES / "de-en.txt"), tiny_tokenizer(), tmp_path, 512)


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

"""The stream of batches from several corpora."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import EXAMPLES, tiny_tokenizer
from xalign.training.corpora import Corpus, Preparation, open_corpus
from xalign.training.sampling import MAX_JOINED, WINDOW, Sampler, scattered_order


def small(tmp_path: Path) -> Corpus:
    """A corpus of two pairs."""
    path = tmp_path / "small.txt"
    path.write_text("ab c ||| d\nab ||| ef gh\n")
    return open_corpus((str(path),), tiny_tokenizer(), tmp_path, Preparation(max_pieces=64))


def examples(tmp_path: Path) -> Corpus:
    """The hundred example pairs."""
    return open_corpus(
        (str(EXAMPLES / "de-en.txt"),), tiny_tokenizer(), tmp_path, Preparation(max_pieces=512)
    )


def test_batches_keep_the_budget_and_hold_pairs_of_like_length(tmp_path: Path) -> None:
    corpus = examples(tmp_path)
    for batch in islice(Sampler([corpus], [1], budget=1500, seed=1).batches(), 50):
        lengths = corpus.lengths(np.array([number for [(_, number)] in batch]))
        assert lengths.sum() <= 1500
        assert lengths.max() - lengths.max(1).min() <= 12


def test_every_pair_comes_once_before_any_comes_again(tmp_path: Path) -> None:
    corpus = examples(tmp_path)
    batches = Sampler([corpus], [1], budget=10**9, seed=1).batches()
    counts = Counter(number for [(_, number)] in next(batches))
    assert len(counts) == len(corpus)
    assert set(counts.values()) == {WINDOW // 100, WINDOW // 100 + 1}


def test_the_stream_is_the_same_from_any_start_and_differs_by_seed(tmp_path: Path) -> None:
    sampler = Sampler([examples(tmp_path)], [1], budget=2000, seed=3)
    batches = list(islice(sampler.batches(), 300))
    assert list(islice(sampler.batches(250), 50)) == batches[250:]
    assert next(Sampler([examples(tmp_path)], [1], budget=2000, seed=4).batches()) != batches[0]


def test_corpora_are_drawn_from_by_weight(tmp_path: Path) -> None:
    corpora = [examples(tmp_path), small(tmp_path)]
    batches = islice(Sampler(corpora, [1, 3], budget=2000, seed=1).batches(), 400)
    owners = Counter(owner for batch in batches for [(owner, _)] in batch)
    assert 0.7 < owners[1] / owners.total() < 0.8


@pytest.mark.parametrize("size", [1, 2, 3, 10, 97, 1000])
def test_the_scattered_order_visits_everything_once(size: int) -> None:
    stride, offset = scattered_order(size, 1, 0)
    assert sorted((k * stride + offset) % size for k in range(size)) == list(range(size))


def test_a_share_of_examples_are_several_pairs_within_the_limit(tmp_path: Path) -> None:
    corpus = examples(tmp_path)
    sampler = Sampler([corpus], [1], budget=3000, seed=1, join=0.4, max_pieces=200)
    seen: list[int] = []
    for batch in islice(sampler.batches(), 100):
        total = 0
        for places in batch:
            sizes = corpus.lengths(np.array([number for _, number in places])) - 2
            assert len(places) == 1 or sizes.sum(0).max() <= 198
            total += int(sizes.sum()) + 4
            seen.append(len(places))
        assert total <= 3000
    assert 1 < max(seen) <= MAX_JOINED
    assert 0.3 < np.mean([size > 1 for size in seen]) < 0.5
    plain = Sampler([corpus], [1], budget=3000, seed=1)
    assert {len(places) for batch in islice(plain.batches(), 20) for places in batch} == {1}

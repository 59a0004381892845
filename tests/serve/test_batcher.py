"""Pairs of many requests, aligned together."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import tiny_aligner, varied_pairs
from xalign.alignment import SentencePair
from xalign.links.probabilities import WordProbabilities
from xalign.serve.batcher import Batcher, BusyError, TooManyError

PAIR = SentencePair("a", "b")


def test_requests_get_their_own_pairs() -> None:
    aligner = tiny_aligner()
    pairs = varied_pairs(60)
    expected = [words.alignment() for words in tiny_aligner().probabilities(pairs)]
    with (
        Batcher(lambda given: list(aligner.probabilities(given))) as batcher,
        ThreadPoolExecutor(8) as pool,
    ):
        found = pool.map(batcher.align, [pairs[k : k + 3] for k in range(0, 60, 3)])
        assert [words.alignment() for batch in found for words in batch] == expected


def test_requests_that_wait_are_aligned_together_and_too_many_are_refused() -> None:
    sizes: list[int] = []
    go = threading.Event()

    def run(pairs: Sequence[SentencePair]) -> list[WordProbabilities]:
        go.wait()
        sizes.append(len(pairs))
        return [WordProbabilities.nothing((1, 1))] * len(pairs)

    with Batcher(run, max_pairs=5) as batcher, ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher.align, [PAIR])
        while batcher._waiting:  # until it is taken
            time.sleep(0.001)
        rest = [pool.submit(batcher.align, [PAIR, PAIR]) for _ in range(2)]
        while len(batcher._waiting) < 2:
            time.sleep(0.001)
        with pytest.raises(BusyError):
            batcher.align([PAIR])
        with pytest.raises(TooManyError, match="expected at most 5 pairs, found 6"):
            batcher.align([PAIR] * 6)
        go.set()
        assert [len(future.result()) for future in (first, *rest)] == [1, 2, 2]
    assert sizes == [1, 4]


def test_an_error_reaches_the_request_and_the_service_goes_on() -> None:
    def run(pairs: Sequence[SentencePair]) -> list[WordProbabilities]:
        if not pairs:
            raise ValueError("nothing")
        return [WordProbabilities.nothing((1, 1))]

    with Batcher(run) as batcher:
        with pytest.raises(ValueError, match="nothing"):
            batcher.align([])
        assert len(batcher.align([PAIR])) == 1
    with pytest.raises(BusyError):
        batcher.align([PAIR])  # it has ended

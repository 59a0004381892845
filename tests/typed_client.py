"""A small program of a user, for mypy: everything public has types."""

from collections.abc import Iterator
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import xalign
from xalign import Aligner, Alignment, GoldAlignment, Score, SentencePair, WordProbabilities


def align(path: str, gold_path: str) -> Score:
    """Align a file and score it."""
    aligner = Aligner.from_pretrained(device="cpu", precision="fp32", threshold=0.5)
    pairs = xalign.read_pairs(path)
    assert_type(pairs, Iterator[SentencePair])
    alignments = list(aligner.align(pairs))
    assert_type(alignments, list[Alignment])
    assert_type(aligner.align_batch([("das Haus", ["the", "house"])]), list[Alignment])
    for found in aligner.probabilities([{"de": "ja", "en": "yes"}], src="de", tgt="en"):
        assert_type(found, WordProbabilities)
        assert_type(found.matrix(), NDArray[np.float32])
        assert_type(found.score, float)
    assert_type(alignments[0].to_text(), str)
    gold = xalign.read_gold(gold_path)
    assert_type(gold, list[GoldAlignment])
    return xalign.score(gold, alignments)


def words(text: str) -> tuple[str, ...]:
    """Words of a source sentence."""
    try:
        return SentencePair(text, ["the", "house"]).src
    except xalign.XalignError as error:
        raise SystemExit(str(error)) from error

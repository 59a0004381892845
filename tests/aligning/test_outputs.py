"""Results of aligning, as they are written."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import tiny_aligner
from xalign.aligning.outputs import ResultWriter, align_segmented
from xalign.aligning.settings import Wanted
from xalign.errors import InputError
from xalign.io.outputs import Outputs
from xalign.links.probabilities import WordProbabilities
from xalign.links.segmentation import Segmented, segmenter


def pair(src: str, tgt: str) -> Segmented:
    """A pair of words as they are."""
    return segmenter(None, "words", None)(src, tgt)


def first_words() -> WordProbabilities:
    """The first words of both sides are linked, with probability 0.5."""
    place, p = np.zeros(1, dtype=np.int64), np.full(1, 0.5, np.float32)
    return WordProbabilities(place, place, p, p, p, p > 0, (1, 1))


def test_pairs_are_numbered_from_1() -> None:
    out = io.BytesIO()
    with ResultWriter(Wanted(format="naacl"), out, Outputs()) as writer:
        for _ in range(2):
            writer.write(pair("ja", "yes"), first_words())
    assert out.getvalue() == b"1 1 1 S 0.5\n2 1 1 S 0.5\n"


def test_scores_appear_when_all_pairs_are_written(tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    with (
        Outputs() as outputs,
        ResultWriter(Wanted(scores=str(scores)), io.BytesIO(), outputs) as writer,
    ):
        writer.write(pair("ja", "yes"), first_words())
        assert not scores.exists()
    assert scores.read_text() == "0.500000\n"


def test_results_before_an_error_of_the_stream_are_not_lost() -> None:
    def stream() -> Iterator[Segmented]:
        yield pair("ab", "ab")
        raise InputError("corpus", 2, "damaged")

    results = align_segmented(tiny_aligner(), stream())
    segmented, _ = next(results)
    assert segmented == pair("ab", "ab")
    with pytest.raises(InputError, match="corpus:2: damaged"):
        next(results)

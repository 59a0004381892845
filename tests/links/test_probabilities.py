"""Word pairs and what follows from their probabilities."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import default_with, example_pairs
from xalign import Aligner, SentencePair
from xalign.alignment import Alignment
from xalign.links.probabilities import WordProbabilities, pair_features, pair_score
from xalign.model.config import ExtractionRule
from xalign.weights.checkpoint import load


def table(rows: list[list[float]], threshold: float = 0.3) -> WordProbabilities:
    """Probabilities of a whole matrix, the same in all three readings."""
    link = np.array(rows, dtype=np.float32)
    src, tgt = np.indices(link.shape).reshape(2, -1)
    flat = link.ravel()
    return WordProbabilities(src, tgt, flat, flat, flat, flat > threshold, link.shape)


def test_forward_keeps_one_source_word_and_reverse_one_target_word() -> None:
    found = table([[0.9, 0.4, 0.1], [0.5, 0.4, 0.2]])
    assert str(found.alignment()) == "0-0 0-1 1-0 1-1"
    assert str(found.alignment("forward")) == "0-0 0-1"  # of equals the first
    assert str(found.alignment("reverse")) == "0-0 1-0"


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=5)
)
def test_directions_by_looking_at_every_row_and_column(rows: list[list[float]]) -> None:
    found = table(rows)
    links = [
        (i, j)
        for i, row in enumerate(rows)
        for j, p in enumerate(row)
        if np.float32(p) > np.float32(0.3)
    ]
    forward = {
        max((link for link in links if link[1] == j), key=lambda k: rows[k[0]][k[1]])
        for _, j in links
    }
    reverse = {
        max((link for link in links if link[0] == i), key=lambda k: rows[k[0]][k[1]])
        for i, _ in links
    }
    assert found.alignment("forward").links == forward
    assert found.alignment("reverse").links == reverse
    assert found.scored().alignment == found.alignment() == Alignment(frozenset(links))
    assert np.array_equal(found.matrix(), np.array(rows, dtype=np.float32))


def test_the_score_is_the_mean_of_what_words_give_at_most() -> None:
    assert table([[0.75, 0.25], [0.5, 0.25]]).score == pytest.approx((0.625 + 0.5) / 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [
        ExtractionRule(method="words", threshold=0.4, scale=0.2, average="arithmetic"),
        ExtractionRule(method="words", threshold=0.4, scale=0.2),
        ExtractionRule(method="pieces", threshold=0.2, scale=0.2),
        ExtractionRule(),
    ],
    ids=["arithmetic", "geometric", "pieces", "argmax"],
)
def test_links_are_those_of_the_short_way_in_windows_too(rule: ExtractionRule) -> None:
    some = example_pairs()[:40]
    joined = [sum((getattr(pair, side) for pair in some), ()) for side in ("src", "tgt")]
    pairs = [*some, SentencePair(*joined), SentencePair((), ("a",))]
    for window in (512, 16):
        aligner = default_with(rule=rule, window=window)
        expected = list(aligner.align(pairs))
        found = list(aligner.probabilities(pairs))
        assert [one.alignment() for one in found] == expected
        assert sum(map(len, expected)) > 0
        shapes = [(len(pair.src), len(pair.tgt)) for pair in pairs[:-1]]
        assert [one.shape for one in found[:-1]] == shapes
    assert found[-1].score == 0
    assert str(found[-1].scored()) == ""


@pytest.mark.slow
def test_translations_score_higher_than_other_sentences() -> None:
    aligner = Aligner.from_pretrained(device="cpu")
    pairs = [pair for pair in example_pairs() if not pair.is_empty]
    others = [SentencePair(a.src, b.tgt) for a, b in zip(pairs, pairs[1:] + pairs[:1], strict=True)]
    right, wrong = ([one.score for one in aligner.probabilities(side)] for side in (pairs, others))
    assert np.mean(np.array(right)[:, None] > np.array(wrong)) > 0.9
    assert all(0 <= score <= 1 for score in right + wrong)


@pytest.mark.slow
def test_numbers_do_not_depend_on_company() -> None:
    aligner = Aligner.from_pretrained(device="cpu", batch_pieces=300)
    pairs = example_pairs()
    together = list(aligner.probabilities(pairs))
    for pair, found in zip(pairs[:5], together, strict=False):
        alone = next(aligner.probabilities([pair]))
        assert alone.score == found.score
        assert np.array_equal(alone.matrix(), found.matrix())


POINTS = ((0.0, 0.0), (0.5, 0.2), (1.0, 0.9))


@pytest.mark.slow
def test_calibration_changes_numbers_and_the_unit_of_thresholds_but_no_links() -> None:
    raw = load().rule
    assert raw.calibration
    pairs = example_pairs()
    for window in (256, 16):
        with_points = default_with(rule=replace(raw, calibration=POINTS), window=window)
        without = default_with(rule=replace(raw, calibration=()), window=window)
        found, plain = list(with_points.probabilities(pairs)), without.probabilities(pairs)
        for one, other in zip(found, plain, strict=True):
            assert one.alignment() == other.alignment()
            assert one.score == other.score
            assert np.allclose(np.interp(other.link, (0, 0.5, 1), (0, 0.2, 0.9)), one.link)
        assert [one.alignment() for one in found] == list(without.align(pairs))


@pytest.mark.slow
def test_a_threshold_is_of_calibrated_probabilities() -> None:
    aligner = Aligner.from_pretrained(device="cpu", precision="fp32", threshold=0.7)
    pairs = example_pairs()
    links = list(aligner.align(pairs))
    for found, alignment in zip(aligner.probabilities(pairs), links, strict=True):
        assert found.alignment() == alignment
        assert set(found.scored().above(0.7)) == set(alignment)


def test_a_pair_score_is_a_logistic_regression_of_both_values_and_the_length() -> None:
    features = pair_features(0.8, 0.5, 4)
    assert features == (0.8, 0.5, 0.4, 0.25, 0.5, 0.25, 1.0)
    weights = (1.0, 2.0, -1.0, 0.5, 0.0, 4.0, -2.0)
    logit = 0.8 + 1.0 - 0.4 + 0.125 + 1.0 - 2.0
    assert pair_score(0.8, 0.5, 4, weights) == pytest.approx(1 / (1 + math.exp(-logit)))
    assert pair_score(0.8, 0.5, 4, (0, 0, 0, 0, 0, 0, 1e5)) == pytest.approx(1)
    assert pair_score(0.8, 0.5, 4, (0, 0, 0, 0, 0, 0, -1e5)) == pytest.approx(0, abs=1e-9)


def test_the_score_is_that_of_the_pair_head_if_there_is_one() -> None:
    place, p = np.zeros(1, dtype=np.int64), np.full(1, 0.5, np.float32)
    found = WordProbabilities(place, place, p, p, p, p > 0, (1, 1))
    assert found.score == found.preference == 0.5
    weights = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, math.log(3))
    assert replace(found, similarity=0.1).score == 0.5
    assert replace(found, pair_weights=weights).score == 0.5
    assert replace(found, similarity=0.1, pair_weights=weights).score == pytest.approx(0.75)
    empty = WordProbabilities.nothing((0, 3))
    assert replace(empty, similarity=0.1, pair_weights=weights).score == 0

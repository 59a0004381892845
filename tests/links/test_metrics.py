"""Scores against counting by hand, by brute force, and against published figures."""

import itertools
import random

import pytest

from tests.conftest import GOLD_TEST, needs_gold_test
from xalign.alignment import Alignment, GoldAlignment
from xalign.cli.report import as_records, open_gold, open_scored
from xalign.links.metrics import Score, chunks, interval, p_value, score_pair, worst
from xalign.reading import score


def links(*pairs: tuple[int, int]) -> frozenset[tuple[int, int]]:
    """A set of links."""
    return frozenset(pairs)


def test_a_worked_example() -> None:
    gold = GoldAlignment(links((0, 0), (1, 1), (2, 2)), links((2, 3)))
    found = score_pair(Alignment(links((0, 0), (2, 3), (5, 5))), gold)
    assert found == Score(links=3, sure=3, possible=4, links_sure=1, links_possible=2)
    assert found.aer == pytest.approx(1 - (1 + 2) / (3 + 3))
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(1 / 3)
    assert found.f1 == pytest.approx(2 * (2 / 9) / (2 / 3 + 1 / 3))


def random_corpus(seed: int, pairs: int) -> tuple[list[Alignment], list[GoldAlignment]]:
    """Outputs and gold of pairs of 4 by 4 words."""
    draw = random.Random(seed)
    cells = list(itertools.product(range(4), range(4)))

    def some(share: float) -> frozenset[tuple[int, int]]:
        return frozenset(cell for cell in cells if draw.random() < share)

    outputs = [Alignment(some(0.3)) for _ in range(pairs)]
    return outputs, [GoldAlignment(some(0.2), some(0.2)) for _ in range(pairs)]


def test_sums_are_taken_before_ratios() -> None:
    outputs, gold = random_corpus(0, 50)
    a = s = sure = possible = 0
    for output, reference in zip(outputs, gold, strict=True):
        for link in itertools.product(range(4), range(4)):
            in_a, in_s = link in output.links, link in reference.sure
            in_p = in_s or link in reference.possible
            a, s = a + in_a, s + in_s
            sure, possible = sure + (in_a and in_s), possible + (in_a and in_p)
    assert score(gold, outputs).aer == pytest.approx(1 - (sure + possible) / (a + s))


def test_nothing_to_link_and_no_links_is_no_error() -> None:
    assert score([GoldAlignment()], [Alignment()]).aer == 0
    empty = score([GoldAlignment(links((0, 0)))], [Alignment()])
    assert (empty.aer, empty.precision, empty.recall, empty.f1) == (1, 0, 0, 0)


def pair_scores(seed: int, pairs: int = 60) -> list[Score]:
    """Scores of single pairs of a random corpus."""
    return list(map(score_pair, *random_corpus(seed, pairs)))


def test_the_interval_holds_the_rate_and_narrows_with_more_pairs() -> None:
    few, many = pair_scores(1, 40), pair_scores(1, 40) * 25
    rate = sum(few, Score()).aer
    low, high = interval(few, 1000)
    assert low < rate < high
    inner_low, inner_high = interval(many, 1000)
    assert low < inner_low < rate < inner_high < high


def test_p_is_small_only_for_a_real_difference() -> None:
    outputs, gold = random_corpus(2, 60)
    scores = list(map(score_pair, outputs, gold))
    better = [
        score_pair(Alignment(output.links & g.possible), g)
        for output, g in zip(outputs, gold, strict=True)
    ]
    assert p_value(scores, better, 999) == pytest.approx(0.001)
    assert p_value(scores, scores, 999) == 1
    others, _ = random_corpus(3, 60)
    assert p_value(scores, list(map(score_pair, others, gold)), 999) > 0.05


def test_p_is_the_share_of_all_swaps_that_part_the_rates_as_far() -> None:
    ours, theirs = pair_scores(4, 8), pair_scores(5, 8)

    def apart(swaps: tuple[int, ...]) -> float:
        pairs = [(b, a) if swap else (a, b) for swap, a, b in zip(swaps, ours, theirs, strict=True)]
        left, right = zip(*pairs, strict=True)
        difference: float = sum(left, Score()).aer - sum(right, Score()).aer
        return abs(difference)

    found = apart((0,) * 8)
    exact = (
        sum(apart(swaps) >= found - 1e-12 for swaps in itertools.product((0, 1), repeat=8)) / 256
    )
    assert p_value(ours, theirs, 20_000) == pytest.approx(exact, abs=0.02)


def test_scores_are_added_count_by_count() -> None:
    assert (Score(5, 4, 6, 3, 4) + Score(1, 1, 2, 0, 1)).counts == (6, 5, 8, 3, 5)


def test_samples_are_the_same_each_time_and_all_are_drawn() -> None:
    pairs = [Score(k, 4, 4, k // 2, k // 2) for k in range(1, 9)]
    others = [Score(k, 4, 4, k // 3, k // 3) for k in range(1, 9)]
    assert interval(pairs, 1500) == interval(pairs, 1500)
    assert p_value(pairs, others, 1500) == p_value(pairs, others, 1500)
    for samples in (1, 999, 1000, 1001, 2500):
        assert sum(chunks(samples)) == samples
        assert 0 < min(chunks(samples)) <= max(chunks(samples)) <= 1000


def test_the_worst_pairs_have_the_most_mistakes() -> None:
    gold = GoldAlignment(links((0, 0), (1, 1)))
    perfect, one_wrong, all_wrong = (
        score_pair(Alignment(found), gold)
        for found in (gold.sure, links((0, 0), (1, 1), (2, 2)), links((3, 3)))
    )
    assert worst([one_wrong, perfect, all_wrong, one_wrong], 3) == [2, 0, 3]
    assert worst([perfect], 5) == []


@needs_gold_test
@pytest.mark.parametrize(
    ("name", "aer", "base"),
    [
        ("deen", 13.53, 1),
        ("enfr", 3.36, 1),
        ("roen", 20.88, 1),
        ("zhen", 10.08, 1),
        ("jaen", 35.40, 0),
    ],
)
def test_published_outputs_score_as_published(name: str, aer: float, base: int) -> None:
    gold_path = str(GOLD_TEST / f"{name}.talp")
    gold = open_gold(gold_path, None)
    output = open_scored(str(GOLD_TEST / f"{name}.cross-align.out"), gold, gold_path)
    assert gold.base == base
    (record,) = as_records([output], gold, samples=0, num_worst=0, texts=())
    assert round(100 * record["aer"], 2) == aer


def test_samples_with_nothing_to_link_have_the_rate_of_the_score() -> None:
    assert interval([Score()] * 3, 100) == (0, 0)
    right = Score(1, 1, 1, 1, 1)
    assert interval([Score()] * 3 + [right], 200) == (0, 0)

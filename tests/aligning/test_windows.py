"""Windows over long sides, and their merging."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.aligning.windows import Evidence, cut, merge, num_windows
from xalign.model.config import ExtractionRule


@given(st.integers(1, 20_000), st.integers(16, 600))
def test_windows_cover_a_side_overlap_by_half_and_keep_the_limit(length: int, limit: int) -> None:
    count = num_windows(length, limit)
    windows = cut(length, count)
    assert len(windows) == count
    assert windows[0][0] == 0
    assert windows[-1][1] == length
    assert all(0 < end - start <= limit for start, end in windows)
    for (_, end), (start, _) in zip(windows, windows[2:], strict=False):
        assert start in (end - 1, end)  # every other window meets


@given(st.integers(1, 30), st.integers(2, 50))
def test_a_short_side_beside_a_long_one_is_never_left_out(length: int, count: int) -> None:
    windows = cut(length, count)
    assert all(start < end for start, end in windows)
    assert set(range(length)) == {place for window in windows for place in range(*window)}


def evidence(*rows: tuple[int, int, float, float]) -> Evidence:
    """Evidence of one window, a row ``src, tgt, forward, backward`` for each piece pair."""
    src, tgt, forward, backward = (np.array(column) for column in zip(*rows, strict=True))
    return Evidence(src, tgt, forward.astype(np.float32), backward.astype(np.float32))


CUTS = [(0, 6), (3, 9), (6, 12)]
WORDS = np.arange(12)
THRESHOLD = ExtractionRule(method="pieces", threshold=0.4)
POOLED = ExtractionRule(method="words", threshold=0.4)
ADDED = ExtractionRule(method="words", threshold=0.4, average="arithmetic")


def merged(rule: ExtractionRule, *windows: Evidence) -> list[tuple[int, int]]:
    """Merged links."""
    return list(merge(windows, CUTS, CUTS, WORDS, WORDS, rule).alignment())


def test_probabilities_are_averaged_over_the_windows_that_see_both_pieces() -> None:
    windows = (
        evidence((0, 0, 0.9, 0.9), (4, 4, 0.9, 0.9), (5, 4, 0.7, 0.9)),
        evidence((4, 4, 0.1, 0.9), (8, 8, 0.5, 0.5)),
        evidence((8, 8, 0.2, 0.9), (11, 11, 0.5, 0.5)),
    )
    # (0, 0) and (11, 11) are seen once; the rest twice: (4, 4) 0.5, (5, 4) 0.35, (8, 8) 0.35
    assert merged(THRESHOLD, *windows) == [(0, 0), (4, 4), (11, 11)]


def test_what_both_directions_give_is_averaged_as_the_rule_says() -> None:
    window = evidence((0, 0, 0.9, 0.1), (2, 2, 0.6, 0.6))
    assert merged(POOLED, window) == [(2, 2)]  # 0.3 and 0.6
    assert merged(ADDED, window) == [(0, 0), (2, 2)]  # 0.5 and 0.6


def test_the_most_probable_piece_on_average_is_linked() -> None:
    windows = (
        evidence((4, 4, 0.6, 0.6), (4, 5, 0.4, 0.4)),
        evidence((4, 4, 0.1, 0.1), (4, 5, 0.8, 0.8)),
        evidence((9, 9, 0.2, 0.2), (10, 9, 0.3, 0.3)),
    )
    assert merged(ExtractionRule(), *windows) == [(4, 5), (10, 9)]


@pytest.mark.parametrize("rule", [THRESHOLD, ExtractionRule(), POOLED, ADDED])
def test_the_order_of_windows_changes_nothing(rule: ExtractionRule) -> None:
    random = np.random.default_rng(0)
    windows = []
    for start, end in CUTS:
        places = random.integers(start, end, (2, 30))
        keys = np.unique(places[0] * 12 + places[1])
        p, q = random.random((2, len(keys)), dtype=np.float32)
        windows.append(Evidence(keys // 12, keys % 12, p, q))
    links = merged(rule, *windows)
    assert links == merged(rule, *windows[::-1]) != []

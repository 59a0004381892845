"""Windows over long pairs, and their merging."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.aligning.windows import Reading, Window, merge
from xalign.links.probabilities import WordProbabilities
from xalign.model.pieces import PieceSentence

MAX_PIECES = 42


def sentence(sizes: list[int]) -> PieceSentence:
    """A sentence of words of so many pieces; every third word has a piece before it that is none.

    The pieces of word k have the number 100 + k.
    """
    ids, words = [0], [-1]
    for number, size in enumerate(sizes):
        if number % 3 == 0:
            ids.append(1)
            words.append(-1)
        ids += [100 + number] * size
        words += [number] * size
    return PieceSentence([*ids, 2], [*words, -1])


def found_at(links: list[tuple[int, int]], shape: tuple[int, int]) -> WordProbabilities:
    """Word pairs that are all linked, with probability 0.75."""
    src, tgt = np.array(sorted(links), dtype=np.int64).reshape(-1, 2).T
    p = np.full(len(src), 0.75, np.float32)
    return WordProbabilities(src, tgt, p, p, p, p > 0, shape)


def windows(reading: Reading, truth: set[tuple[int, int]]) -> Iterator[Window]:
    """All windows of a reading that finds the links of ``truth``."""
    while window := reading.window:
        (a, b), (c, d) = window.src, window.tgt
        src, tgt = reading.pieces
        assert max(len(src), len(tgt)) <= MAX_PIECES
        assert (src.num_words, tgt.num_words) == (b - a, d - c)
        assert all(i == 100 + a + w for i, w in zip(src.ids, src.words, strict=True) if w >= 0)
        assert {i for i, w in zip(src.ids, src.words, strict=True) if w < 0} <= {0, 1, 2}
        for side in (src, tgt):
            assert (side.ids[0], side.words[0]) == (0, -1)
            assert (side.ids[-1], side.words[-1]) == (2, -1)
        links = [(i - a, j - c) for i, j in truth if a <= i < b and c <= j < d]
        reading.take(found_at(links, (b - a, d - c)))
        yield window


SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=120)


@given(SIZES, SIZES, st.integers(0, 5))
def test_windows_cover_both_sides_in_order_without_gaps(
    src: list[int], tgt: list[int], seed: int
) -> None:
    draw = random.Random(seed)
    truth = {(draw.randrange(len(src)), draw.randrange(len(tgt))) for _ in range(60)}
    reading = Reading((sentence(src), sentence(tgt)), MAX_PIECES)
    cuts = list(windows(reading, truth))
    for spans, length in (([w.src for w in cuts], len(src)), ([w.tgt for w in cuts], len(tgt))):
        assert (spans[0][0], spans[-1][1]) == (0, length)
        for (start, end), (next_start, next_end) in itertools.pairwise(spans):
            assert start <= next_start <= end <= next_end
    assert len(cuts) <= 2 + (sum(src) + sum(tgt) + len(src) + len(tgt)) // 6


def plain(num_words: int, size: int = 1) -> PieceSentence:
    """A sentence of ``num_words`` words of ``size`` pieces."""
    words = [word for word in range(num_words) for _ in range(size)]
    return PieceSentence([0, *(100 + word for word in words), 2], [-1, *words, -1])


def cuts(
    src: PieceSentence, tgt: PieceSentence, room: int, truth: set[tuple[int, int]] | None = None
) -> list[tuple[int, int, int, int]]:
    """Windows with ``room`` pieces a side, as source start and end, target start and end."""
    reading = Reading((src, tgt), room + 2)
    found = []
    while window := reading.window:
        (a, b), (c, d) = window.src, window.tgt
        links = [(i - a, j - c) for i, j in truth or () if a <= i < b and c <= j < d]
        reading.take(found_at(links, (b - a, d - c)))
        found.append((a, b, c, d))
    return found


def test_without_links_the_rest_of_both_sides_is_cut_in_proportion() -> None:
    # Two thirds of 40 pieces are 26 words.
    same = [(0, 40), (26, 66), (52, 92), (78, 100)]
    assert cuts(plain(100), plain(100), 40) == [(a, b, a, b) for a, b in same]
    # The shorter side has its share of the window, times 1.25: 50 = 1.25 * 100 * 100 / 250; and it
    # moves by its share of 66 words.
    expected = [(0, 100, 0, 50), (66, 166, 26, 76), (132, 232, 52, 100), (198, 250, 79, 100)]
    assert cuts(plain(250), plain(100), 100) == expected
    swapped = [(c, d, a, b) for a, b, c, d in expected]
    assert cuts(plain(100), plain(250), 100) == swapped
    # It has 32 pieces at least, and once it ends in a window it ends in all that follow.
    short = [(0, 100, 0, 32), (66, 166, 8, 40), (132, 232, 18, 40), (198, 250, 32, 40)]
    assert [cut[:2] for cut in cuts(plain(250), plain(40), 100)] == [cut[:2] for cut in short]
    assert cuts(plain(250), plain(40), 100)[0] == short[0]


def test_a_pair_is_long_from_one_piece_over_the_window_on() -> None:
    assert cuts(plain(40), plain(40), 40) == [(0, 40, 0, 40)]
    assert not Reading((plain(40), plain(40)), 42).is_long
    assert len(cuts(plain(41), plain(40), 40)) == 2


def test_the_next_window_starts_at_the_median_of_three_links_about_two_thirds_on() -> None:
    links = {(5, 5), (26, 20), (27, 21), (28, 22), (39, 39)}
    assert cuts(plain(100), plain(100), 40, links)[1] == (27, 67, 21, 61)
    assert cuts(plain(100), plain(100), 40, links - {(27, 21)})[1] == (26, 66, 26, 66)


def test_each_side_advances_by_a_quarter_of_the_window_at_least() -> None:
    links = {(39, 5), (39, 6), (39, 7)}
    assert cuts(plain(100), plain(100), 40, links)[1] == (39, 73, 10, 50)


@pytest.mark.parametrize("size", [40, 60])
def test_words_that_fill_a_window_are_read_one_by_one(size: int) -> None:
    expected = [(k, k + 1, k, k + 1) for k in range(5)]
    assert cuts(plain(5, size), plain(5, size), 40) == expected


@pytest.mark.parametrize("drift", [1.0, 1.6, 0.6])
def test_windows_follow_a_translation_that_drifts(drift: float) -> None:
    """The first half of the translation is longer, or shorter, than its share."""
    half = 150
    truth = {(i, int(i * drift)) for i in range(half)}
    truth |= {(half + i, int(half * drift) + i) for i in range(half)}
    length = int(half * drift) + half
    reading = Reading((sentence([1] * 2 * half), sentence([1] * length)), MAX_PIECES)
    assert len(list(windows(reading, truth))) > 5
    assert not reading.result(0.8).linked.any()
    assert set(reading.result(None).alignment()) == set(reading.result(0.5).alignment())
    found = set(reading.result(0.5).alignment())
    assert len(found) >= 0.97 * len(truth)


def test_a_pair_that_fits_is_read_whole_and_an_empty_one_not_at_all() -> None:
    pair = sentence([1, 2]), sentence([3])
    reading = Reading(pair, MAX_PIECES)
    assert (reading.pieces, reading.is_long) == (pair, False)
    reading.take(words := found_at([(0, 0)], (2, 1)))
    assert reading.window is None
    assert reading.result(0.5) is words
    empty = Reading((sentence([]), sentence([1])), MAX_PIECES)
    assert empty.window is None
    assert (len(empty.result(0.5).alignment()), empty.result(0.5).shape) == (0, (0, 1))


def test_probabilities_are_averaged_over_the_windows_that_see_both_words() -> None:
    first, second = Window((0, 6), (0, 6)), Window((3, 9), (3, 9))
    found = [(first, found_at([(0, 0), (4, 4)], (6, 6))), (second, found_at([(5, 5)], (6, 6)))]
    words = merge(found, (9, 9), 0.5)
    assert np.argwhere(words.matrix()).tolist() == [[0, 0], [4, 4], [8, 8]]
    assert words.link.tolist() == [0.75, 0.375, 0.75]
    assert list(words.alignment()) == [(0, 0), (8, 8)]
    by_vote = merge(found, (9, 9), None)  # half of the windows suffice
    assert list(by_vote.alignment()) == [(0, 0), (4, 4), (8, 8)]


def test_what_a_word_gives_to_words_of_several_windows_is_1_in_all() -> None:
    first, second = Window((0, 2), (0, 2)), Window((1, 3), (1, 3))

    def given(links: list[tuple[int, int]], p: float) -> WordProbabilities:
        found = found_at(links, (2, 2))
        values = np.full(len(links), p, np.float32)
        return replace(found, forward=values, backward=values * np.float32(0.5))

    found = [(first, given([(1, 0), (0, 1)], 1.0)), (second, given([(0, 1), (1, 0)], 0.5))]
    words = merge(found, (3, 3), 0.5)
    assert list(zip(words.src, words.tgt, strict=True)) == [(0, 1), (1, 0), (1, 2), (2, 1)]
    # Word 1 gives 1 in the first window, and 0.5 in the second.
    assert words.forward.tolist() == pytest.approx([1.0, 2 / 3, 1 / 3, 0.5])
    assert words.backward.tolist() == [0.5, 0.5, 0.25, 0.25]
    assert {values.dtype for values in (words.link, words.forward)} == {np.dtype(np.float32)}
    swapped = merge(
        [(w, replace(f, forward=f.backward, backward=f.forward)) for w, f in found], (3, 3), 0.5
    )
    assert swapped.backward.tolist() == pytest.approx([2 / 3, 1.0, 0.5, 1 / 3])


def test_the_similarity_of_a_long_pair_is_the_mean_of_its_windows() -> None:
    cut = Window((0, 1), (0, 1))
    plain_words = found_at([(0, 0)], (1, 1))
    found = [(cut, replace(plain_words, similarity=value)) for value in (0.25, 0.5, 0.75)]
    assert merge(found, (1, 1), 0.5).similarity == 0.5
    assert merge([(cut, plain_words)], (1, 1), 0.5).similarity is None


def test_a_probability_at_the_threshold_is_no_link() -> None:
    found = [(Window((0, 1), (0, 1)), found_at([(0, 0)], (1, 1)))]
    assert not merge(found, (1, 1), 0.75).linked.any()
    assert merge(found, (1, 1), 0.7).linked.all()


def test_a_sign_is_linked_to_signs_alone_and_words_are_counted_with_blank_ones() -> None:
    places = (np.array([1, 3]), 4), (np.array([0, 2]), 3)
    signs = np.array([True, False]), np.array([True, True])
    reading = Reading((plain(2), plain(2)), MAX_PIECES, places, signs)
    reading.take(found_at([(0, 1), (1, 0), (1, 1)], (2, 2)))
    words = reading.result(0.5)
    assert list(words.alignment()) == [(1, 2)]
    assert words.shape == (4, 3)


@given(st.integers(0, 1000))
def test_merged_probabilities_stay_probabilities(seed: int) -> None:
    draw = np.random.default_rng(seed)
    cuts = [Window((0, 8), (0, 6)), Window((5, 12), (4, 12)), Window((9, 16), (4, 13))]
    found = []
    for window in cuts:
        shape = window.src[1] - window.src[0], window.tgt[1] - window.tgt[0]
        src, tgt = (draw.random(shape) < 0.5).nonzero()
        p, q, r = draw.random((3, len(src)), dtype=np.float32)
        found.append((window, WordProbabilities(src, tgt, p, q, r, p > 0.5, shape)))
    words = merge(found, (16, 13), 0.5)
    for values in (words.link, words.forward, words.backward):
        assert ((values >= 0) & (values <= 1)).all()


@given(st.integers(0, 1000), st.integers(1, 6))
def test_no_word_gives_more_than_1_over_all_windows(seed: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    starts = np.sort(draw.integers(0, 12, (2, count)), axis=1)
    ends = np.maximum.accumulate(starts + draw.integers(1, 8, (2, count)), axis=1)
    cuts = [
        Window((a, b), (c, d))
        for (a, c), (b, d) in zip(starts.T.tolist(), ends.T.tolist(), strict=True)
    ]
    found = []
    for window in cuts:
        shape = window.src[1] - window.src[0], window.tgt[1] - window.tgt[0]
        table = draw.random(shape, dtype=np.float32) + 1e-3
        src, tgt = table.nonzero()
        forward, backward = table / table.sum(1, keepdims=True), table / table.sum(0)
        p = (forward + backward) / 2
        columns = (each.flatten().astype(np.float32) for each in (p, forward, backward))
        link, given, back = columns
        found.append((window, WordProbabilities(src, tgt, link, given, back, link > 0.5, shape)))
    shape = int(ends[0].max()), int(ends[1].max())
    words = merge(found, shape, 0.5)
    assert np.bincount(words.src, words.forward).max() <= 1 + 1e-5
    assert np.bincount(words.tgt, words.backward).max() <= 1 + 1e-5
    for values in (words.link, words.forward, words.backward):
        assert ((values >= 0) & (values <= 1)).all()


def test_a_reading_that_fails_has_no_links_and_keeps_its_shape() -> None:
    reading = Reading((sentence([1] * 100), sentence([1] * 90)), MAX_PIECES)
    assert reading.window is not None
    reading.take(found_at([(0, 0)], (40, 40)))
    reading.take(None)
    assert reading.has_failed
    assert (reading.result(0.5).shape, len(reading.result(0.5).src)) == ((100, 90), 0)
    places = (np.array([0, 2]), 3), (np.array([0]), 1)
    blank = Reading((sentence([1, 1]), sentence([1])), MAX_PIECES, places)
    blank.take(None)
    assert blank.result(0.5).shape == (3, 1)

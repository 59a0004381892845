"""Pairs to show: links of files and of models, counts, pictures."""

import numpy as np

from xalign.alignment import GoldAlignment, ScoredAlignment, SentencePair
from xalign.links.probabilities import WordProbabilities
from xalign.links.segmentation import segmenter
from xalign.view.pairs import Found, ViewedPair

PAIR = SentencePair("das Haus", "the house")
SCORED = ScoredAlignment({(0, 0): 0.9, (1, 1): 0.6})


def test_links_of_a_file_have_probabilities_only_if_the_format_has() -> None:
    assert Found.from_links(SCORED, has_probabilities=True).probabilities == {
        (0, 0): 0.9,
        (1, 1): 0.6,
    }
    assert Found.from_links(SCORED, has_probabilities=False) == Found(frozenset({(0, 0), (1, 1)}))


def test_word_pairs_of_a_model_are_kept_if_they_are_linked_or_likely() -> None:
    link = np.array([0.9, 0.004, 0.02, 0.003], dtype=np.float32)
    places = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    linked = np.array([True, True, False, False])
    found = Found.from_words(WordProbabilities(*places, link, link, link, linked, (2, 2)))
    assert found.links == {(0, 0), (0, 1)}
    assert found.probabilities == {(0, 0): 0.9, (0, 1): 0.004, (1, 0): 0.02}


def test_links_of_words_become_those_of_subwords() -> None:
    pair = segmenter("bpe", "pieces", None, "ascii")("al@@ te Haus", "old house")
    found = Found(frozenset({(0, 0)}), {(0, 0): 0.9, (1, 1): 0.2}).placed(pair)
    assert found.links == {(0, 0), (1, 0)}
    assert found.probabilities == {(0, 0): 0.9, (1, 0): 0.9, (2, 1): 0.2}


def test_counts_and_picture_are_those_of_the_aligner_beside_gold() -> None:
    gold = GoldAlignment(frozenset({(0, 0)}), frozenset({(1, 1)}))
    pair = ViewedPair(1, PAIR, (Found(), Found(frozenset({(0, 0), (1, 0)}))), gold)
    assert pair.counts(1).counts == (2, 1, 2, 1, 1)
    assert pair.picture(1).kind((1, 0)) == "wrong"
    assert pair.picture(0).kind((0, 0)) == "missed"


def test_without_gold_links_are_only_counted() -> None:
    pair = ViewedPair(1, PAIR, (Found(frozenset({(0, 0)})),))
    assert pair.counts().counts == (1, 0, 0, 0, 0)
    assert pair.picture().kind((0, 0)) == "linked"

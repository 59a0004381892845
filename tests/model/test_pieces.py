"""The pieces of a sentence."""

from xalign.model.pieces import PieceSentence


def test_words_are_counted_by_the_last_one_that_has_pieces() -> None:
    sentence = PieceSentence([0, 7, 8, 9, 2], [-1, 0, 0, 1, -1])
    assert (len(sentence), sentence.num_words) == (5, 2)
    assert PieceSentence([0, 2], [-1, -1]).num_words == PieceSentence([], []).num_words == 0

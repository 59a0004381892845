"""Extraction against nested loops."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from xalign.errors import ModelError
from xalign.model.config import Average, ExtractionRule
from xalign.model.extraction import (
    WordTables,
    batch_similarity,
    competing,
    mutual_argmax,
    similarity,
    softmax_tables,
    word_pairs,
    word_states,
    word_tables,
)
from xalign.model.link_head import LinkHead, init_link_head
from xalign.model.packing import PairBatch, pack_pairs
from xalign.model.pieces import PieceSentence


def random_scores(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Scores (3, 5, 7) of which some pieces do not compete, and the masks (3, 5), (3, 7)."""
    generator = torch.Generator().manual_seed(seed)
    src, tgt = torch.randn(3, 5, 8, generator=generator), torch.randn(3, 7, 8, generator=generator)
    src_keep, tgt_keep = (
        torch.rand(3, 5, generator=generator) > 0.2,
        torch.rand(3, 7, generator=generator) > 0.2,
    )
    return similarity(src, tgt, src_keep, tgt_keep), src_keep, tgt_keep


def found(linked: Tensor) -> set[tuple[int, ...]]:
    """Places where a boolean tensor is true."""
    return {tuple(place) for place in linked.nonzero().tolist()}


@pytest.mark.parametrize("seed", range(5))
def test_mutual_argmax_equals_nested_loops(seed: int) -> None:
    scores, src_keep, tgt_keep = random_scores(seed)
    expected = set()
    for b in range(3):
        for i in range(5):
            for j in range(7):
                if not (src_keep[b, i] and tgt_keep[b, j]):
                    continue
                row = [float(scores[b, i, k]) for k in range(7) if tgt_keep[b, k]]
                column = [float(scores[b, k, j]) for k in range(5) if src_keep[b, k]]
                if scores[b, i, j] == max(row) == max(column):
                    expected.add((b, i, j))
    linked = mutual_argmax(scores) & src_keep[:, :, None] & tgt_keep[:, None]
    assert found(linked) == expected != set()


WORDS = torch.tensor(
    [
        [-1, 0, 0, 1, -1, 2, -1],
        [-1, 0, 1, 1, 1, -1, -1],  # sources
        [-1, 0, 1, 2, 2, -1, -1],
        [-1, 0, 0, 0, 1, 2, -1],  # targets
    ]
)


def tables(similarities: Tensor, words: Tensor, rule: ExtractionRule) -> WordTables:
    """What ``rule`` says of pieces of ``words`` (2B, L)."""
    nothing = torch.zeros(0, dtype=torch.int64)
    size = similarities.shape[1]
    batch = PairBatch(nothing, nothing, words, words >= 0, nothing, nothing, (size, size))
    return softmax_tables(similarities, batch, rule)


def random_similarities(seed: int) -> Tensor:
    """Similarities (2, 7, 7) of the pieces of `WORDS`."""
    generator = torch.Generator().manual_seed(seed)
    src, tgt = torch.randn(2, 2, 7, 8, generator=generator)
    return similarity(src, tgt, *(WORDS >= 0).tensor_split(2))


def softmax_naively(similarities: Tensor, scale: float) -> dict[tuple[int, ...], list[float]]:
    """Both probabilities of every pair of pieces that compete, by nested loops."""
    found: dict[tuple[int, ...], list[float]] = {}
    e = (similarities.double() * scale).exp()
    for b in range(2):
        src, tgt = ((WORDS[b + side] >= 0).nonzero()[:, 0].tolist() for side in (0, 2))
        for i in src:
            for j in tgt:
                rows = float(e[b, i, j] / sum(e[b, i, k] for k in tgt))
                columns = float(e[b, i, j] / sum(e[b, k, j] for k in src))
                found[b, i, j] = [rows, columns]
    return found


def words_of(b: int, i: int, j: int) -> tuple[int, int, int]:
    """The words of a pair of pieces."""
    return b, int(WORDS[b, i]), int(WORDS[b + 2, j])


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_the_rule_for_pieces_equals_nested_loops(seed: int, scale: float) -> None:
    similarities = random_similarities(seed)
    expected = {
        words_of(*place)
        for place, both in softmax_naively(similarities, scale).items()
        if min(both) > 0.2
    }
    rule = ExtractionRule(method="pieces", threshold=0.2, scale=scale)
    assert found(tables(similarities, WORDS, rule).linked) == expected != set()


@pytest.mark.parametrize("average", ["geometric", "arithmetic"])
@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_the_rule_for_words_equals_nested_loops(seed: int, scale: float, average: Average) -> None:
    similarities = random_similarities(seed)
    sums: dict[tuple[int, ...], list[float]] = {}
    for (b, i, j), (forward, backward) in softmax_naively(similarities, scale).items():
        pair = sums.setdefault(words_of(b, i, j), [0.0, 0.0])
        pair[0] += forward / int((WORDS[b] == WORDS[b, i]).sum())
        pair[1] += backward / int((WORDS[b + 2] == WORDS[b + 2, j]).sum())
    rule = ExtractionRule(method="words", scale=scale, average=average)
    scores = tables(similarities, WORDS, rule).link
    expected = torch.zeros(2, 7, 7)
    for place, (forward, backward) in sums.items():
        is_geometric = average == "geometric"
        expected[place] = (
            math.sqrt(forward * backward) if is_geometric else (forward + backward) / 2
        )
    torch.testing.assert_close(scores, expected)
    assert float(scores.max()) <= 1


@pytest.mark.parametrize("seed", range(5))
def test_words_are_linked_if_any_of_their_pieces_are_each_others_best(seed: int) -> None:
    similarities = random_similarities(seed)
    places = mutual_argmax(similarities) & (similarities > -1e30)
    expected = {words_of(*place) for place in places.nonzero().tolist()}
    assert found(tables(similarities, WORDS, ExtractionRule()).linked) == expected != set()


def test_a_word_of_many_pieces_is_linked_as_surely_as_another() -> None:
    words = torch.tensor([[-1, 0, 1, -1, -1, -1], [-1, 0, 1, 1, 1, 1]])
    keep = words >= 0
    similarities = similarity(torch.zeros(1, 6, 1), torch.zeros(1, 6, 1), keep[:1], keep[1:])
    similarities[0, 1, 1] = similarities[0, 2, 2:] = 50.0  # each piece of the long word alike
    by_words = tables(similarities, words, ExtractionRule(method="words")).link
    torch.testing.assert_close(by_words[0, :2, :2], torch.eye(2))
    by_pieces = tables(similarities, words, ExtractionRule(method="pieces")).link
    assert float(by_pieces[0, 1, 1]) == pytest.approx(0.25)


@pytest.mark.parametrize("method", ["words", "pieces", "argmax"])
def test_transposed_similarities_give_transposed_links(method: Any) -> None:
    similarities, rule = random_similarities(0), ExtractionRule(method=method, threshold=0.2)
    flipped = tables(similarities.transpose(1, 2), WORDS.roll(2, 0), rule).linked
    assert torch.equal(tables(similarities, WORDS, rule).linked.transpose(1, 2), flipped)


def test_of_equal_scores_the_first_is_linked() -> None:
    assert found(mutual_argmax(torch.zeros(1, 3, 3))) == {(0, 0, 0)}


def test_the_null_word_competes_only_when_asked() -> None:
    batch = pack_pairs(
        [(PieceSentence([0, 5, 2], [-1, 0, -1]), PieceSentence([0, 8, 2], [-1, 0, -1]))]
    )
    assert competing(batch, null_word=False)[:, :4].tolist() == [[False, True, False, False]] * 2
    assert competing(batch, null_word=True)[:, :4].tolist() == [[True, True, False, False]] * 2


def pairs_and_states() -> tuple[PairBatch, tuple[Tensor, Tensor]]:
    """A batch of pairs with 3 and 2, and with 1 and 2 words, and states (2, L, 4) of its pieces."""
    sides = [
        (
            PieceSentence(range(7), [-1, 0, 1, 1, -1, 2, -1]),
            PieceSentence(range(4), [-1, 0, 1, -1]),
        ),
        (PieceSentence(range(3), [-1, 0, -1]), PieceSentence(range(5), [-1, 1, 1, 1, -1])),
    ]
    batch = pack_pairs(sides)
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(*batch.words.shape, 4, generator=generator).tensor_split(2)
    return batch, (states[0], states[1])


def test_the_state_of_a_word_is_the_mean_of_its_pieces() -> None:
    batch, states = pairs_and_states()
    for side, words in enumerate(word_states(states, batch)):
        assert words.shape == (2, batch.num_words[side], 4)
        for b, pieces in enumerate(batch.words.tensor_split(2)[side].tolist()):
            for word in range(batch.num_words[side]):
                places = [place for place, at in enumerate(pieces) if at == word]
                mean = states[side][b, places].mean(0) if places else torch.zeros(4)
                torch.testing.assert_close(words[b, word], mean)


def test_a_link_head_gets_the_pairs_of_words_that_have_pieces() -> None:
    batch, states = pairs_and_states()
    for null_word in (False, True):
        rule = ExtractionRule(method="words", null_word=null_word, scale=0.7)
        found = word_pairs(states, batch, rule)
        sizes = [[3, 2], [1, 2]]
        expected = torch.zeros(2, *batch.num_words, dtype=torch.bool)
        for b, (num_src, num_tgt) in enumerate(sizes):
            expected[b, :num_src, :num_tgt] = True
        expected[1, :, 0] = False  # its first target word has no piece
        assert torch.equal(found.mask, expected)
        assert found.scale == 0.7
        given = found.forward[0, :3, :2].sum(1)  # what each word gives to all words of the target
        assert (given < 0.999).all() if null_word else torch.allclose(given, torch.ones(3))


def test_states_of_words_are_fp32_also_of_a_network_in_half_precision() -> None:
    batch, states = pairs_and_states()
    half = states[0].bfloat16(), states[1].bfloat16()
    for words, rounded in zip(
        word_states(half, batch),
        word_states((half[0].float(), half[1].float()), batch),
        strict=True,
    ):
        assert words.dtype == torch.float32
        torch.testing.assert_close(words, rounded)


def test_the_rule_binary_asks_the_head() -> None:
    batch, states = pairs_and_states()
    head = LinkHead(4, 3)
    init_link_head(head, torch.Generator().manual_seed(0))
    rule = ExtractionRule(method="binary", scale=0.7, threshold=0.2)
    words = word_pairs(states, batch, rule)
    with torch.no_grad():
        found = word_tables(states, batch, rule, head)
        expected = head(words).sigmoid().masked_fill(~words.mask, 0)
    assert torch.equal(found.link, expected)
    assert torch.equal(found.linked, expected > 0.2)
    assert 0 < found.linked.sum() < words.mask.sum()
    assert torch.equal(found.forward, words.forward)
    assert torch.equal(found.backward, words.backward)
    by_words = ExtractionRule(method="words", scale=0.7)
    softmaxes = softmax_tables(batch_similarity(states, batch, by_words), batch, by_words)
    assert torch.equal(word_tables(states, batch, by_words, head).link, softmaxes.link)


@pytest.mark.parametrize("method", ["pieces", "words"])
def test_a_probability_at_the_threshold_is_no_link(method: Any) -> None:
    similarities = random_similarities(3)
    found = tables(similarities, WORDS, ExtractionRule(method=method, threshold=0.2))
    threshold = float(found.link[found.linked].min())
    at = tables(similarities, WORDS, ExtractionRule(method=method, threshold=threshold))
    assert at.linked.sum() == found.linked.sum() - 1


@pytest.mark.parametrize("values", [{"method": "best"}, {"threshold": 1.0}, {"threshold": -0.1}])
def test_an_impossible_rule_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ModelError, match=r"^expected "):
        ExtractionRule(**values)  # type: ignore[arg-type]

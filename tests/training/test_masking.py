"""Masking: which pieces, how many, and what becomes of them."""

import torch

from tests.conftest import sentence
from xalign.model.packing import PairBatch, pack_pairs
from xalign.training.masking import MaskedBatch, Masking, mask_pieces

MASK, VOCABULARY = 1, torch.arange(200, 300)
BATCH = pack_pairs([(sentence(*range(5, 45)), sentence(*range(50, 90)))] * 200)


def masked(rate: float, seed: int = 0, batch: PairBatch = BATCH) -> MaskedBatch:
    """``batch`` with pieces hidden."""
    masking = Masking(rate=rate, mask=MASK, vocabulary=VOCABULARY)
    return mask_pieces(batch, masking, torch.Generator().manual_seed(seed))


def test_the_stated_share_is_chosen_on_both_sides_alike() -> None:
    found = masked(0.15)
    words = BATCH.word_pieces()
    assert words[found.places].all()
    assert abs(len(found.places) / int(words.sum()) - 0.15) < 0.01
    sources = (found.targets < 50).sum()
    assert abs(int(sources) / len(found.targets) - 0.5) < 0.04


def test_of_the_chosen_80_percent_are_hidden_10_replaced_10_kept() -> None:
    found = masked(0.5)
    now = found.batch.ids[found.places]
    assert torch.equal(found.targets, BATCH.ids[found.places])
    shares = [(now == MASK), (now >= 200), (now == found.targets)]
    for share, expected in zip(shares, (0.8, 0.1, 0.1), strict=True):
        assert abs(float(share.float().mean()) - expected) < 0.02


def test_all_other_pieces_stay_as_they_are() -> None:
    found = masked(0.15)
    untouched = torch.ones(len(BATCH.ids), dtype=torch.bool)
    untouched[found.places] = False
    assert torch.equal(found.batch.ids[untouched], BATCH.ids[untouched])
    assert torch.equal(found.batch.rows, BATCH.rows)


def test_special_and_idle_pieces_are_never_chosen() -> None:
    batch = pack_pairs([(sentence(7), sentence(8))])
    assert batch.word_pieces().tolist() == [False, True, False, False, True] + [False] * 11
    found = masked(1.0, batch=batch)
    assert found.places.tolist() == [1, 4]


def test_a_batch_always_has_a_piece_to_predict() -> None:
    assert len(masked(0.0).places) == 1


def test_the_same_seed_masks_the_same_pieces() -> None:
    assert torch.equal(masked(0.15).places, masked(0.15).places)
    assert not torch.equal(masked(0.15).batch.ids, masked(0.15, seed=1).batch.ids)

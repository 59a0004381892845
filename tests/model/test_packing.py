"""Packed batches."""

import torch

from xalign.model.packing import pack_pairs, swap_sides
from xalign.model.pieces import PieceSentence

SHORT, LONG = (
    PieceSentence([0, 7, 2], [-1, 0, -1]),
    PieceSentence([0, *[8] * 20, 2], [-1, *range(20), -1]),
)


def test_unpack_lays_out_every_sentence_and_pack_is_its_inverse() -> None:
    batch = pack_pairs([(SHORT, LONG), (LONG, SHORT)])
    sentences = [SHORT, LONG, LONG, SHORT]  # both sources, then both targets
    laid_out = batch.unpack(batch.ids[:, None].float())[..., 0]
    for row, mask, words, sentence in zip(
        laid_out, batch.mask, batch.words, sentences, strict=True
    ):
        assert row[mask].tolist() == list(sentence.ids)
        assert words[mask].tolist() == list(sentence.words)
        assert set(words[~mask].tolist()) == {-1}
    x = torch.randn(len(batch.ids), 5)
    num_pieces = int(batch.mask.sum())
    assert torch.equal(batch.pack(batch.unpack(x))[:num_pieces], x[:num_pieces])


def test_positions_restart_in_every_sentence() -> None:
    batch = pack_pairs([(SHORT, LONG)])
    assert batch.positions.tolist() == [*range(3), *range(22), *[0] * 7]  # up to 32


def test_a_batch_has_no_padding_but_in_its_layout() -> None:
    batch = pack_pairs([(SHORT, LONG)] * 3)
    assert len(batch.ids) == 3 * (3 + 22) + 5  # a multiple of 16
    assert batch.mask.shape == (6, 32)


def test_a_tiny_batch_is_filled_up_with_idle_pieces() -> None:
    batch = pack_pairs([(SHORT, SHORT)])
    assert len(batch.ids) == len(batch.positions) == len(batch.slots) == 16
    assert batch.mask.sum() == 6


def test_swapping_sides_twice_changes_nothing() -> None:
    x = torch.randn(6, 2)
    assert torch.equal(swap_sides(x)[:3], x[3:])
    assert torch.equal(swap_sides(swap_sides(x)), x)

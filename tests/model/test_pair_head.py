"""Similarity of whole sentences."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from tests.conftest import tiny_checkpoint, tiny_config, varied_pairs
from xalign.aligning.aligner import Aligner
from xalign.alignment import SentencePair
from xalign.model.cross_align import CrossAlign
from xalign.model.packing import pack_pairs
from xalign.model.pair_head import PairHead, sentence_means
from xalign.weights.checkpoint import Checkpoint

WEIGHTS = (1.0, 2.0, 0.5, -0.5, 0.1, 0.2, -1.0)


def checkpoint() -> Checkpoint:
    """A tiny model with a pair head."""
    found = tiny_checkpoint()
    config = dataclasses.replace(found.network.config, pair_size=8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = CrossAlign(config).eval()
    rule = dataclasses.replace(found.rule, pair_weights=WEIGHTS)
    return Checkpoint(network, found.tokenizer, rule)


def aligner(batch_pieces: int = 400, precision: str = "fp32") -> Aligner:
    """Its aligner."""
    cpu = [torch.device("cpu")]
    return Aligner(
        checkpoint(), devices=cpu, threads=2, batch_pieces=batch_pieces, precision=precision
    )


@torch.no_grad()
def test_similarity_is_the_cosine_of_mean_projections() -> None:
    encode = tiny_checkpoint().tokenizer.encode
    pairs = [
        (encode(["ab", "c"]), encode(["de"])),
        (encode(["abcd"]), encode(["b", "c", "d", "e"])),
    ]
    batch = pack_pairs(pairs)
    x = torch.randn(len(batch.ids), 32)
    head = PairHead(32, 8)
    laid_out = batch.unpack(x)
    expected = []
    for k in range(2):
        sides = [head.project(laid_out[row][batch.mask[row]]).mean(0) for row in (k, k + 2)]
        expected.append(F.cosine_similarity(sides[0], sides[1], dim=0))
    assert torch.allclose(head(x, batch), torch.stack(expected), atol=1e-6)
    assert sentence_means(x, batch).shape == (4, 32)


@torch.no_grad()
def test_it_reads_the_last_layer_at_which_sentences_are_apart() -> None:
    found = checkpoint()
    network, encode = found.network, found.tokenizer.encode
    batch = pack_pairs([(encode(["ab", "c"]), encode(["de"]))])
    states = list(network.layer_states(batch))
    assert network.config.sentence_layer == 2
    assert network.pair_head is not None
    similarity = network.read(batch)[1]
    assert similarity is not None
    assert torch.equal(similarity, network.pair_head(states[2], batch))
    assert torch.equal(network.pruned().read(batch)[0][0], network(batch)[0])
    assert dataclasses.replace(tiny_config(), align_layer=1).sentence_layer == 1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_scores_do_not_depend_on_the_batch_and_not_on_the_order_of_sides(precision: str) -> None:
    pairs = varied_pairs(100)
    scores = [found.score for found in aligner(precision=precision).probabilities(pairs)]
    again = [found.score for found in aligner(10_000, precision).probabilities(pairs)]
    assert scores == again
    assert len(set(scores)) > 50
    assert all(0 <= score <= 1 for score in scores)
    swapped = [SentencePair(pair.tgt, pair.src) for pair in pairs]
    other = [found.score for found in aligner(precision=precision).probabilities(swapped)]
    assert other == pytest.approx(scores, abs=1e-5)


def test_links_do_not_depend_on_the_pair_head() -> None:
    pairs = varied_pairs(50)
    found = checkpoint()
    found.network.pair_head = None
    cpu = [torch.device("cpu")]
    without = Aligner(found, devices=cpu, threads=2, batch_pieces=400)
    assert list(aligner().align(pairs)) == list(without.align(pairs))
    for words in without.probabilities(pairs):
        assert words.similarity is None
        assert words.score == (words.preference if all(words.shape) else 0)

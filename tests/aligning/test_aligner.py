"""The facade: the same links in any company, and long sides."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.conftest import (
    EXAMPLES,
    default_with,
    example_pairs,
    tiny_aligner,
    tiny_checkpoint,
    varied_pairs,
)
from xalign.aligning.aligner import Aligner
from xalign.aligning.devices import has_fast_int8
from xalign.alignment import Alignment, SentencePair
from xalign.errors import DeviceError, InputError
from xalign.io.files import Source
from xalign.io.gold import read_gold
from xalign.model.config import ExtractionRule, Precision
from xalign.model.cross_align import CrossAlign
from xalign.model.packing import PairBatch, pack_pairs
from xalign.reading import score
from xalign.weights.backbones import E5_SMALL_RULE

THRESHOLD = ExtractionRule(method="pieces", threshold=0.05, scale=0.2, null_word=True)
WORDS = ExtractionRule(method="words", threshold=0.05, scale=0.2)
BINARY = ExtractionRule(method="binary", threshold=0.05, scale=0.2)
RULES = [ExtractionRule(), THRESHOLD, WORDS, BINARY]


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_batch_size_threads_and_order_never_change_a_link(rule: ExtractionRule) -> None:
    pairs = varied_pairs(300)
    expected = list(tiny_aligner(rule, threads=1, batch_pieces=1).align(pairs))
    assert sum(map(len, expected)) > 300
    for threads, batch_pieces in ((1, 100), (2, 1000), (3, 10_000)):
        aligner = tiny_aligner(rule, threads=threads, batch_pieces=batch_pieces)
        assert list(aligner.align(pairs)) == expected
    order = random.Random(1).sample(range(len(pairs)), len(pairs))
    shuffled = tiny_aligner(rule).align(pairs[place] for place in order)
    assert [expected[place] for place in order] == list(shuffled)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_company_never_changes_a_link_of_the_embedded_model(precision: Precision) -> None:
    default_aligner = Aligner.from_pretrained(device="cpu", precision=precision)
    pairs = example_pairs()
    together = list(default_aligner.align(pairs))
    assert [default_aligner.align_pair(pair.src, pair.tgt) for pair in pairs[:30]] == together[:30]
    checkpoint = Aligner.from_pretrained(
        device="cpu", precision=precision, threads=1, batch_pieces=300
    )
    assert list(checkpoint.align(reversed(pairs))) == together[::-1]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["int8", "bf16", "fp16"])
@pytest.mark.parametrize("rule", RULES)
def test_every_precision_keeps_links_in_any_company(precision: str, rule: ExtractionRule) -> None:
    if precision == "int8" and not has_fast_int8():
        pytest.skip("this processor has no fast 8-bit integers")
    pairs = varied_pairs(200)
    expected = list(tiny_aligner(rule, threads=1, batch_pieces=1, precision=precision).align(pairs))
    assert list(tiny_aligner(rule, batch_pieces=1000, precision=precision).align(pairs)) == expected
    found = {(k, link) for k, one in enumerate(expected) for link in one.links}
    plain = {
        (k, link) for k, one in enumerate(tiny_aligner(rule).align(pairs)) for link in one.links
    }
    assert len(found & plain) > 0.8 * len(found | plain)


def test_several_devices_share_the_stream_in_order() -> None:
    pairs = varied_pairs(200)
    aligner = tiny_aligner(threads=1, num_devices=3)
    assert (aligner.threads, aligner.where) == (3, "cpu,cpu,cpu (fp32)")
    assert list(aligner.align(pairs)) == list(tiny_aligner().align(pairs))


def test_a_batch_that_does_not_fit_memory_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = varied_pairs(100)
    expected = list(tiny_aligner().align(pairs))
    aligner = tiny_aligner(threads=1, batch_pieces=1000)
    plain, sizes = CrossAlign.read, []

    def limited(self: CrossAlign, batch: PairBatch) -> Any:
        sizes.append(int(batch.mask.sum()))
        if sizes[-1] > limit:
            raise torch.OutOfMemoryError("out of memory")
        return plain(self, batch)

    monkeypatch.setattr(CrossAlign, "read", limited)
    limit = 300
    assert list(aligner.align(pairs)) == expected
    assert 0 < sum(size > limit for size in sizes) <= 3  # learnt, not tried each time
    assert aligner.counts.halved == sum(size > limit for size in sizes)
    limit = 3
    with pytest.raises(DeviceError, match="does not fit the memory of cpu"):
        list(aligner.align(pairs))


@pytest.mark.parametrize("rule", RULES)
def test_swapping_the_sides_transposes_the_links(rule: ExtractionRule) -> None:
    pairs = varied_pairs(100)
    swapped = tiny_aligner(rule).align(SentencePair(pair.tgt, pair.src) for pair in pairs)
    for ours, theirs in zip(tiny_aligner(rule).align(pairs), swapped, strict=True):
        assert ours.links == {(i, j) for j, i in theirs.links}


def test_an_empty_side_gives_no_links_and_is_counted() -> None:
    aligner = tiny_aligner()
    pairs = [SentencePair((), ("a",)), SentencePair(("a",), ("a",)), SentencePair((), ())]
    assert list(map(len, aligner.align(pairs))) == [0, 1, 0]
    assert (aligner.counts.pairs, aligner.counts.empty, aligner.counts.windowed) == (3, 2, 0)


def test_no_pairs_give_no_alignments() -> None:
    assert list(tiny_aligner().align([])) == []


@pytest.mark.parametrize("rule", RULES)
def test_links_stay_within_both_sides(rule: ExtractionRule) -> None:
    pairs = varied_pairs(200)
    for pair, alignment in zip(pairs, tiny_aligner(rule).align(pairs), strict=True):
        assert all(i < len(pair.src) and j < len(pair.tgt) for i, j in alignment)


def test_long_sides_are_cut_into_windows_and_counted() -> None:
    aligner = tiny_aligner()
    long, short = ("abcdefg",) * 60, ("abc",) * 3
    for src, tgt in ((long, long), (long, short), (short, long), (long, ("a",))):
        links = aligner.align_pair(src, tgt)
        assert len(links) > 0
    assert aligner.counts.windowed == 4


@pytest.mark.slow
def test_windows_link_text_like_a_single_pass_does() -> None:
    pairs = example_pairs()[:40]
    src = tuple(word for pair in pairs for word in pair.src)
    tgt = tuple(word for pair in pairs for word in pair.tgt)
    aligners = default_with(window=512), default_with(window=200)
    whole, windowed = (aligner.align_pair(src, tgt).links for aligner in aligners)
    assert [aligner.counts.windowed for aligner in aligners] == [0, 1]
    assert 2 * len(whole & windowed) / (len(whole) + len(windowed)) > 0.85


def test_the_embedded_model_links_the_examples(default_aligner: Aligner) -> None:
    gold = read_gold(Source(str(EXAMPLES / "de-en.talp")), "de-en.talp")
    found = list(default_aligner.align(example_pairs()[: len(gold.alignments)]))
    assert score(gold.alignments, found).aer < 0.05


def test_a_pair_is_given_as_text_or_as_words(default_aligner: Aligner) -> None:
    expected = Alignment(frozenset({(0, 0), (1, 1)}))
    assert default_aligner.align_pair("das Haus", "the house") == expected
    assert default_aligner.align_pair(["das", "Haus"], ("the", "house")) == expected
    assert default_aligner.align_pair(["das Haus"], ["the house"]) == Alignment(frozenset({(0, 0)}))


def test_a_threshold_replaces_the_rule_of_the_model() -> None:
    strict = Aligner.from_pretrained("e5-small", device="cpu", layer=1, threshold=0.9)
    assert strict.rule == replace(E5_SMALL_RULE, threshold=0.9)
    loose = Aligner.from_pretrained("e5-small", device="cpu", layer=1, threshold=0.0001)
    pair = example_pairs()[13]
    assert strict.align_pair(pair.src, pair.tgt).links < loose.align_pair(pair.src, pair.tgt).links


def test_aligning_leaves_the_threads_of_its_caller_alone() -> None:
    found: list[int] = []
    before = torch.get_num_threads()
    list(tiny_aligner().align(varied_pairs(20)))
    later = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert (torch.get_num_threads(), found) == (before, [before])


def test_what_came_before_an_error_of_the_stream_is_not_lost() -> None:
    def stream() -> Iterator[SentencePair]:
        yield from [SentencePair(("ab",), ("ab",))] * 500
        raise InputError("corpus", 501, "damaged")

    results = tiny_aligner().align(stream())
    assert len([next(results) for _ in range(500)]) == 500
    with pytest.raises(InputError, match="corpus:501: damaged"):
        next(results)


def test_half_a_surrogate_pair_is_a_word_like_any_other(default_aligner: Aligner) -> None:
    assert len(default_aligner.align_pair("\ud800", "a")) == 1


def test_pairs_are_given_in_the_forms_that_people_have() -> None:
    aligner = tiny_aligner(WORDS)
    expected = aligner.align_batch([SentencePair("abc de", "abc de")])
    assert aligner.align_batch([("abc de", ["abc", "de"])]) == expected
    rows = [{"de": "abc de", "en": "abc de"}]
    assert aligner.align_batch(rows, src="de", tgt="en") == expected
    assert list(aligner.align(iter(rows), src="de", tgt="en")) == expected
    assert next(aligner.probabilities(rows, src="de", tgt="en")).alignment() == expected[0]
    with pytest.raises(InputError, match="pairs:1: expected two sentences"):
        aligner.align_batch(["abc de"])


def test_threads_share_an_aligner() -> None:
    aligner = tiny_aligner(BINARY)
    pairs = varied_pairs(160)
    expected = list(tiny_aligner(BINARY).align(pairs))
    before = torch.get_num_threads()
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(aligner.align_batch, [pairs[k : k + 10] for k in range(0, 160, 10)])
        assert [alignment for batch in found for alignment in batch] == expected
    assert aligner.counts.pairs == aligner.counts.done == 160
    assert torch.get_num_threads() == before


def overflowing(factor: float, precision: str) -> Aligner:
    """Aligner of a network with some weights that are ``factor`` times as large."""
    checkpoint = tiny_checkpoint(ExtractionRule(method="words", threshold=0.2))
    checkpoint.network.get_parameter("layers.0.ffn_out.weight").data.mul_(factor)
    cpu = [torch.device("cpu")]
    return Aligner(checkpoint, devices=cpu, threads=2, batch_pieces=400, precision=precision)


def test_pairs_that_a_low_precision_cannot_compute_are_computed_in_fp32() -> None:
    pairs = varied_pairs(30)
    lower, exact = overflowing(1e6, "fp16"), overflowing(1e6, "fp32")
    with torch.inference_mode():
        batch = pack_pairs([exact._encode(pair).pair for pair in pairs if len(pair.src) == 3][:1])
        assert not torch.stack(lower.network(batch)).isfinite().all()
    assert list(lower.align(pairs)) == list(exact.align(pairs))
    assert sum(map(len, exact.align(pairs))) > 30
    assert lower.counts.failed == 0


def test_pairs_whose_results_are_no_numbers_get_no_links_and_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    aligner = overflowing(float("inf"), "bf16")
    pairs = varied_pairs(30)
    found = list(aligner.align(pairs))
    assert len(found) == 30
    assert sum(map(len, found)) == 0
    filled = [k for k, pair in enumerate(pairs, 1) if not pair.is_empty]
    assert aligner.counts.failed == len(filled)
    assert len(caplog.records) == 5
    assert "the network's results are not numbers; it gets no links" in caplog.text
    matrices = [words.matrix().shape for words in aligner.probabilities(pairs)]
    sizes = [(len(pair.src), len(pair.tgt)) for pair in pairs]
    assert matrices == sizes

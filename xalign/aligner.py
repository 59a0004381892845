"""`Aligner`: sentence pairs in, alignments out, in order, in batches, on any device."""

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from xalign.alignment import Alignment, SentencePair, split_words
from xalign.batching import map_in_order, plan
from xalign.devices import choose_device, usable_cores
from xalign.model.extraction import batch_similarity, linked_words, probabilities
from xalign.model.packing import PieceSentence, pack_pairs
from xalign.weights.backbones import separate
from xalign.weights.checkpoint import Checkpoint, load
from xalign.windows import NEGLIGIBLE, Evidence, cut, merge, num_windows

PiecePair = tuple[PieceSentence, PieceSentence]

CPU_BATCH_PIECES, GPU_BATCH_PIECES = 1024, 16384


@dataclass(slots=True)
class Counts:
    """What has gone through an aligner since it was made.

    ``pairs`` were read, ``empty`` of them with a side without words, ``windowed`` with a side that
    is cut into windows; ``done`` are aligned.
    """

    pairs: int = 0
    empty: int = 0
    windowed: int = 0
    done: int = 0


class Aligner:
    """Links words of sentence pairs; see `from_pretrained`.

    On a CPU, the same pair gets the same links in any batch, order, and number of threads.
    ``counts`` tells what has gone through, over all calls.

    >>> aligner = Aligner.from_pretrained()
    >>> print(aligner.align_pair("das Haus ist klein", "the house is small"))
    0-0 1-1 2-2 3-3
    """

    def __init__(
        self, checkpoint: Checkpoint, *, device: torch.device, threads: int, batch_pieces: int
    ) -> None:
        self.network = checkpoint.network.pruned().to(device).eval()
        self.tokenizer, self.rule = checkpoint.tokenizer, checkpoint.rule
        self.device, self.threads, self.batch_pieces = device, threads, batch_pieces
        self.counts = Counts()
        self._lock = threading.Lock()
        self._limit = self.network.config.max_positions

    @classmethod
    def from_pretrained(
        cls, model: str = "default", *, layer: int | None = None, threshold: float | None = None,
        device: str = "auto", threads: int | None = None, batch_pieces: int | None = None,
    ) -> "Aligner":  # fmt: skip
        """Aligner of a model: the one xalign comes with (``default``), or a folder or hub name.

        ``threshold`` replaces that of the rule (an argmax becomes eq. 10). ``layer`` reads links
        off another layer of an encoder that was never trained to align. ``device`` is ``auto``,
        ``cpu``, ``cuda`` or ``cuda:N``. ``threads`` (CPU) is by default the number of usable cores.
        ``batch_pieces`` is how many pieces are aligned at once, in each thread.

        Errors: `ModelError`, `DeviceError`.
        """
        chosen = choose_device(device)
        checkpoint = load(model, None if layer is None else separate(layer))
        if threshold is not None:
            rule = checkpoint.rule
            method = "pieces" if rule.method == "argmax" else rule.method
            checkpoint = replace(checkpoint, rule=replace(rule, method=method, threshold=threshold))
        is_gpu = chosen.type != "cpu"
        default_pieces = GPU_BATCH_PIECES if is_gpu else CPU_BATCH_PIECES
        return cls(
            checkpoint, device=chosen,
            threads=1 if is_gpu else threads or usable_cores(),
            batch_pieces=batch_pieces or default_pieces,
        )  # fmt: skip

    def align(self, pairs: Iterable[SentencePair]) -> Iterator[Alignment]:
        """Alignments of a stream of any length, in its order; an empty side gives no links.

        Every thread runs whole batches on one core: faster than sharing each matrix product, and
        no sum is ever cut differently.
        """
        yield from map_in_order(
            map(self._encode, pairs), self._align_batch,
            size=num_pieces, budget=self.batch_pieces, threads=self.threads,
        )  # fmt: skip

    def align_pair(self, src: str | Sequence[str], tgt: str | Sequence[str]) -> Alignment:
        """Alignment of one pair, given as text with spaces between words, or as words."""
        pair = SentencePair(as_words(src), as_words(tgt))
        return next(self.align([pair]))

    def _encode(self, pair: SentencePair) -> PiecePair | None:
        self.counts.pairs += 1
        if pair.is_empty:
            self.counts.empty += 1
            return None
        encoded = self.tokenizer.encode(pair.src), self.tokenizer.encode(pair.tgt)
        self.counts.windowed += self._is_long(encoded)
        return encoded

    def _is_long(self, pair: PiecePair) -> bool:
        return max(map(len, pair)) > self._limit

    def _align_batch(self, pairs: list[PiecePair | None]) -> list[Alignment]:
        """Alignments of pairs of like size; None is an empty pair."""
        results = [Alignment()] * len(pairs)
        whole = []
        for place, pair in enumerate(pairs):
            if pair is None:
                continue
            if self._is_long(pair):
                results[place] = self._align_long(pair)
            else:
                whole.append((place, pair))
        if whole:
            links = self._links([pair for _, pair in whole])
            for (place, _), found in zip(whole, links, strict=True):
                results[place] = found
        with self._lock:
            self.counts.done += len(pairs)
        return results

    @torch.inference_mode()
    def _links(self, pairs: list[PiecePair]) -> list[Alignment]:
        """Alignments of pairs that fit the encoder, in one pass and one copy back."""
        batch = pack_pairs(pairs).to(self.device)
        scores = batch_similarity(self.network(batch), batch, self.rule)
        rows = linked_words(scores, batch.words, self.rule).nonzero().cpu().numpy()
        ends = np.searchsorted(rows[:, 0], np.arange(len(pairs) + 1))
        links = list(map(tuple, rows[:, 1:].tolist()))
        return [Alignment(frozenset(links[a:b])) for a, b in itertools.pairwise(ends)]

    def _align_long(self, pair: PiecePair) -> Alignment:
        """Alignment of a pair of which a side is longer than the encoder's limit."""
        lengths = [len(side) - 2 for side in pair]
        count = num_windows(max(lengths), self._limit - 2)
        src_cuts, tgt_cuts = (cut(length, count) for length in lengths)
        spans = list(zip(src_cuts, tgt_cuts, strict=True))
        windows = [(self._window(pair[0], a), self._window(pair[1], b)) for a, b in spans]
        evidence: list[Evidence] = []
        for places in plan([sum(map(len, window)) for window in windows], self.batch_pieces):
            evidence += self._evidence([windows[k] for k in places], [spans[k] for k in places])
        src_words, tgt_words = (np.array(side.words[1:-1]) for side in pair)
        links = merge(evidence, src_cuts, tgt_cuts, src_words, tgt_words, self.rule)
        return Alignment(frozenset(links))

    def _window(self, side: PieceSentence, span: tuple[int, int]) -> PieceSentence:
        """Pieces of a sentence from one place to another, as a sentence of their own."""
        inner = slice(span[0] + 1, span[1] + 1)
        ids = [self.tokenizer.bos, *side.ids[inner], self.tokenizer.eos]
        return PieceSentence(ids, [-1, *side.words[inner], -1])

    @torch.inference_mode()
    def _evidence(
        self, windows: list[PiecePair], spans: list[tuple[tuple[int, int], tuple[int, int]]]
    ) -> list[Evidence]:
        """Probable piece pairs of every window, at their places in the whole sentences."""
        batch = pack_pairs(windows).to(self.device)
        scores = batch_similarity(self.network(batch), batch, self.rule)
        forward, backward = probabilities(scores, self.rule.scale)
        src_owned, tgt_owned = (batch.words >= 0).tensor_split(2)
        owned = src_owned[:, :, None] & tgt_owned[:, None]  # (B, L, L)
        likely = ((forward > NEGLIGIBLE) | (backward > NEGLIGIBLE)) & owned
        if self.rule.null_word and self.rule.method == "argmax":
            likely &= (forward >= forward[:, :, :1]) & (backward >= backward[:, :1])
        found = []
        for k, ((src_start, _), (tgt_start, _)) in enumerate(spans):
            i, j = likely[k].nonzero(as_tuple=True)
            columns = (
                i + (src_start - 1),
                j + (tgt_start - 1),
                forward[k, i, j],
                backward[k, i, j],
            )
            found.append(Evidence(*(column.cpu().numpy() for column in columns)))
        return found


def num_pieces(pair: PiecePair | None) -> int:
    """Pieces of both sides of a pair."""
    return len(pair[0]) + len(pair[1]) if pair else 0


def as_words(sentence: str | Sequence[str]) -> tuple[str, ...]:
    """Words of a sentence given as text or as words."""
    return split_words(sentence) if isinstance(sentence, str) else tuple(sentence)

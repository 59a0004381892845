"""Corpora as memory-mapped arrays of pieces, and an endless, repeatable stream of batches.

A corpus is cut into pieces once and kept under a key made of its content and its tokenizer, so that
a changed file is never mistaken for the old one. Reading maps the arrays: memory does not grow with
the corpus.
"""

import hashlib
import itertools
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xalign.alignment import GoldAlignment, SentencePair
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.gold import stream_talp
from xalign.io.pairs import read_pairs
from xalign.model.packing import PieceSentence
from xalign.training.augment import Augmentation
from xalign.training.objectives import Example
from xalign.weights.tokenizer import Tokenizer

LAYOUT_VERSION = 3
FILES = ("ids", "words", "offsets", "links", "link_offsets")
NO_WORD = 65_535
WINDOW = 4096
"""Pairs drawn together, so that those of a batch can be of like length."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What becomes of a corpus before it is cut into pieces.

    Pairs with a side of more than ``max_pieces`` pieces are left out, and, with ``hold_out`` k,
    every k-th line.
    """

    max_pieces: int
    hold_out: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Pairs of a file as pieces: sentence ``2k`` is the source of pair k, ``2k + 1`` its target.

    ``ids`` and ``words`` hold the pieces of all sentences end to end, special ones left out;
    sentence s stands from ``offsets[s]`` to ``offsets[s + 1]``. ``links`` has rows ``i, j,
    is_sure`` of given links, those of pair k from ``link_offsets[k]``. ``vocabulary`` has every
    piece that occurs, sorted. ``sha256`` is that of the file and, if given, that of its links.
    ``skipped`` counts lines that were left out: bad, empty, or over the limit. Of a teacher's
    links, those over ``label_threshold`` are learnt; None leaves that to the teacher's own rule.
    """

    path: str
    sha256: str
    ids: NDArray[np.uint32]
    words: NDArray[np.uint16]
    offsets: NDArray[np.uint64]
    links: NDArray[np.int32]
    link_offsets: NDArray[np.uint64]
    vocabulary: NDArray[np.int64]
    skipped: int
    label_threshold: float | None = None

    def __len__(self) -> int:
        return (len(self.offsets) - 1) // 2

    def lengths(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pieces of both sides of each of ``pairs``, special ones included: (pairs, 2)."""
        first = 2 * pairs
        a, b, c = (self.offsets[first + k].astype(np.int64) for k in range(3))
        return np.stack([b - a, c - b], 1) + 2

    def example(self, number: int, tokenizer: Tokenizer) -> Example:
        """Pieces of a pair, between the special ones, and its links."""
        given = slice(int(self.link_offsets[number]), int(self.link_offsets[number + 1]))
        src, tgt = (self._sentence(2 * number + side, tokenizer) for side in range(2))
        return Example(src, tgt, self.links[given].astype(np.int64), self.label_threshold)

    def _sentence(self, number: int, tokenizer: Tokenizer) -> PieceSentence:
        inner = slice(int(self.offsets[number]), int(self.offsets[number + 1]))
        words = self.words[inner].astype(np.int64)
        words[words == NO_WORD] = -1
        return PieceSentence(
            [tokenizer.bos, *self.ids[inner].tolist(), tokenizer.eos], [-1, *words.tolist(), -1]
        )


def open_corpus(
    path: str, tokenizer: Tokenizer, cache: Path, preparation: Preparation,
    links: str | None = None,
) -> Corpus:  # fmt: skip
    """The corpus at ``path``, cut into pieces now or at an earlier call, kept in ``cache``.

    ``links`` is a file with a line of links for each pair. Bad lines, and what ``preparation``
    leaves out, are counted.

    Errors: `InputError` when a file cannot be read, or no pair is left.
    """
    digests = [file_digest(path), *([file_digest(links)] if links else [])]
    cutter = hashlib.sha256(tokenizer.content).hexdigest()
    key = json.dumps([LAYOUT_VERSION, digests, cutter, asdict(preparation)], sort_keys=True)
    folder = cache / hashlib.sha256(key.encode()).hexdigest()[:32]
    if not folder.exists():
        write_corpus(path, tokenizer, folder, preparation, links)
    skipped = json.loads((folder / "meta.json").read_text())["skipped"]
    offsets = open_array(folder / "offsets", np.uint64)
    if len(offsets) == 1:
        raise InputError(path, 0, f"expected pairs to train on, found none in {skipped} lines")
    return Corpus(
        path, " ".join(digests),
        ids=open_array(folder / "ids", np.uint32),
        words=open_array(folder / "words", np.uint16),
        offsets=offsets,
        links=open_array(folder / "links", np.int32).reshape(-1, 3),
        link_offsets=open_array(folder / "link_offsets", np.uint64),
        vocabulary=np.load(folder / "vocabulary.npy"), skipped=skipped,
    )  # fmt: skip


def open_array(path: Path, kind: Any) -> NDArray[Any]:
    """The numbers in the file at ``path``, mapped; an empty file cannot be."""
    return np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind)


def file_digest(path: str) -> str:
    """SHA-256 of a file's bytes."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, 0, f"cannot be read: {error.strerror}") from error


def linked_pairs(
    path: str, links: str | None, on_bad: Callable[[InputError], None]
) -> Iterator[tuple[SentencePair, GoldAlignment]]:
    """Pairs at ``path``, each with its line of the file ``links``, if there is one.

    Errors: `InputError` at a link of words that a pair does not have, or when lines are missing.
    """
    pairs = read_pairs(Source(path), path, on_bad)
    if links is None:
        yield from ((pair, GoldAlignment()) for pair in pairs)
        return
    given = stream_talp(lambda: Source(links), links)
    for number, (pair, gold) in enumerate(itertools.zip_longest(pairs, given), 1):
        if pair is None or gold is None:
            short, long = (path, links) if pair is None else (links, path)
            expected = f"expected a line for line {number} of {long}, found the end"
            raise InputError(short, number, expected)
        for i, j in gold.possible:
            if not pair.is_empty and (i >= len(pair.src) or j >= len(pair.tgt)):
                sizes = f"{len(pair.src)} and {len(pair.tgt)} words in {path}"
                raise InputError(links, number, f"expected links of {sizes}, found {i}-{j}")
        yield pair, gold


def write_corpus(
    path: str, tokenizer: Tokenizer, folder: Path, preparation: Preparation, links: str | None
) -> None:
    """Cut the pairs at ``path`` into pieces, into ``folder``, which appears only when whole."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    bad: list[InputError] = []
    skipped, end, end_of_links = 0, 0, 0
    seen: set[int] = set()
    try:
        with ExitStack() as stack:
            files = [stack.enter_context((part / name).open("wb")) for name in FILES]
            ids_file, words_file, offsets_file, links_file, link_offsets_file = files
            for file in (offsets_file, link_offsets_file):
                file.write(np.uint64(0).tobytes())
            for number, (pair, gold) in enumerate(linked_pairs(path, links, bad.append), 1):
                if preparation.hold_out and number % preparation.hold_out == 0:
                    continue
                changed, gold = preparation.augmentation(pair, gold, number)
                sides = [tokenizer.encode(changed.src), tokenizer.encode(changed.tgt)]
                if pair.is_empty or max(map(len, sides)) > preparation.max_pieces:
                    skipped += 1
                    continue
                for side in sides:
                    words = np.array(side.words[1:-1])
                    ids_file.write(np.array(side.ids[1:-1], dtype=np.uint32).tobytes())
                    words = np.where(words < 0, NO_WORD, words)
                    words_file.write(words.astype(np.uint16).tobytes())
                    offsets_file.write(np.uint64(end := end + len(words)).tobytes())
                    seen.update(side.ids[1:-1])
                rows = link_rows(gold)
                links_file.write(rows.tobytes())
                end_of_links += len(rows)
                link_offsets_file.write(np.uint64(end_of_links).tobytes())
        np.save(part / "vocabulary.npy", np.array(sorted(seen), dtype=np.int64))
        (part / "meta.json").write_text(json.dumps({"path": path, "skipped": skipped}))
        try:
            part.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if skipped:
        reason = f"; the first that cannot be read: {bad[0]}" if bad else ""
        logger.warning("%s: %d lines are left out%s", path, skipped, reason)


def link_rows(gold: GoldAlignment) -> NDArray[np.int32]:
    """Rows ``i, j, is_sure`` of links: (K, 3)."""
    rows = [(i, j, (i, j) in gold.sure) for i, j in sorted(gold.possible)]
    return np.array(rows, dtype=np.int32).reshape(-1, 3)


class Sampler:
    """Batches of pairs from several corpora, endless, and the same for the same ``seed``.

    Every corpus is gone through in an order of its own, again and again; ``weights`` are the shares
    of the corpora in the pairs drawn. A batch has pairs of like length, of at most ``budget``
    pieces in all.
    """

    def __init__(
        self, corpora: Sequence[Corpus], weights: Sequence[float], *, budget: int, seed: int
    ) -> None:
        self.corpora, self.budget, self.seed = corpora, budget, seed
        self.weights = np.array(weights) / sum(weights)

    def batches(self, start: int = 0) -> Iterator[list[tuple[int, int]]]:
        """Batches from number ``start`` on: for each pair, its corpus and its number there."""
        drawn, number = np.zeros(len(self.corpora), dtype=np.int64), 0
        for window in itertools.count():
            random = np.random.default_rng([self.seed, window])
            owners = random.choice(len(self.corpora), WINDOW, p=self.weights)
            numbers = self._next_pairs(owners, drawn)
            batches = self._cut(owners, numbers)
            for place in random.permutation(len(batches)):
                if number >= start:
                    yield [(int(owners[k]), int(numbers[k])) for k in batches[place]]
                number += 1

    def _next_pairs(self, owners: NDArray[np.int64], drawn: NDArray[np.int64]) -> NDArray[np.int64]:
        """The next pair of each corpus in ``owners``, in its order; ``drawn`` moves on."""
        numbers = np.empty(len(owners), dtype=np.int64)
        for place, corpus in enumerate(self.corpora):
            mine = owners == place
            turns = drawn[place] + np.arange(mine.sum())
            stride, offset = scattered_order(len(corpus), self.seed, place)
            numbers[mine] = (turns % len(corpus) * stride + offset) % len(corpus)
            drawn[place] += mine.sum()
        return numbers

    def _cut(self, owners: NDArray[np.int64], numbers: NDArray[np.int64]) -> list[list[int]]:
        """Places of a window, in batches of like length."""
        lengths = np.empty((len(owners), 2), dtype=np.int64)
        for place, corpus in enumerate(self.corpora):
            lengths[owners == place] = corpus.lengths(numbers[owners == place])
        order = np.lexsort((lengths.min(1), lengths.max(1)))
        ends = np.cumsum(lengths.sum(1)[order])
        batches: list[list[int]] = []
        room = 0
        for place, end in zip(order.tolist(), ends.tolist(), strict=True):
            if end > room:
                batches.append([])
                room = end - int(lengths[place].sum()) + self.budget
            batches[-1].append(place)
        return batches


def scattered_order(size: int, seed: int, place: int) -> tuple[int, int]:
    """Stride and offset by which ``(k * stride + offset) % size`` visits every pair once.

    A permutation that takes no memory, however large the corpus.
    """
    random = np.random.default_rng([seed, place, size])
    stride = int(random.integers(1, max(2, size)))
    while math.gcd(stride, size) != 1:
        stride += 1
    return stride, int(random.integers(size))

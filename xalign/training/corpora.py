"""Corpora of pairs to learn from, as memory-mapped arrays of pieces.

A corpus is cut into pieces once and kept under a key made of its content and its tokenizer, so that
a changed file is never mistaken for the old one. Reading maps the arrays: memory does not grow with
the corpus.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xalign.alignment import SentencePair
from xalign.errors import InputError
from xalign.io.files import HEAD_LINES, MAX_LINE_BYTES, Source
from xalign.io.outputs import whole
from xalign.io.sniff import advice
from xalign.model.pieces import PieceSentence
from xalign.training.augment import GivenLinks, augment
from xalign.training.events import Phase, Show
from xalign.training.examples import Example
from xalign.training.given_links import linked_pairs, open_sources
from xalign.training.settings import Augmentation, Files
from xalign.weights.tokenizer import Tokenizer

LAYOUT_VERSION = 5
FILES = ("ids", "words", "offsets", "links", "link_offsets")
NO_WORD = 65_535
SHOWN_LINES = 1000
"""Lines after which progress is shown."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Changes to a corpus before it is cut into pieces.

    Pairs with a side of more than ``max_pieces`` pieces are left out; with ``hold_out`` k, every
    k-th line is too.
    """

    max_pieces: int
    hold_out: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Corpus:
    """Pairs of a corpus as pieces: sentence ``2k`` is the source of pair k, ``2k + 1`` its target.

    ``ids`` and ``words`` hold the pieces of all sentences end to end, special ones left out;
    sentence s is from ``offsets[s]`` to ``offsets[s + 1]``. ``links`` has rows ``i, j, p``
    of given links, those of pair k from ``link_offsets[k]``; ``has_links`` is True if
    a file gave them. ``vocabulary`` has every piece that occurs, sorted. ``sha256`` has that of
    each file and, if given, that of its links. ``skipped`` counts lines that were left out: bad,
    empty, or over the limit. For ``label_threshold`` see `Example`.
    """

    path: str
    sha256: str
    ids: NDArray[np.uint32]
    words: NDArray[np.uint16]
    offsets: NDArray[np.uint64]
    links: NDArray[np.float32]
    link_offsets: NDArray[np.uint64]
    vocabulary: NDArray[np.int64]
    skipped: int
    has_links: bool = False
    label_threshold: float | None = None

    def __len__(self) -> int:
        return (len(self.offsets) - 1) // 2

    def lengths(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of pieces of both sides of ``pairs``, special ones included: (pairs, 2)."""
        first = 2 * pairs
        a, b, c = (self.offsets[first + k].astype(np.int64) for k in range(3))
        return np.stack([b - a, c - b], 1) + 2

    def example(self, number: int, tokenizer: Tokenizer) -> Example:
        """Pieces of a pair, between the special ones, and its links."""
        given = slice(int(self.link_offsets[number]), int(self.link_offsets[number + 1]))
        src, tgt = (self._sentence(2 * number + side, tokenizer) for side in range(2))
        links = np.array(self.links[given]) if self.has_links else None
        return Example(src, tgt, links, self.label_threshold)

    def _sentence(self, number: int, tokenizer: Tokenizer) -> PieceSentence:
        inner = slice(int(self.offsets[number]), int(self.offsets[number + 1]))
        words = self.words[inner].astype(np.int64)
        words[words == NO_WORD] = -1
        return PieceSentence(
            [tokenizer.bos, *self.ids[inner].tolist(), tokenizer.eos], [-1, *words.tolist(), -1]
        )


def open_corpus(
    files: Files,
    tokenizer: Tokenizer,
    cache: Path,
    preparation: Preparation,
    links: str | None = None,
    show: Show = lambda _: None,
) -> Corpus:
    """The corpus in ``files``, cut into pieces at the first call and kept in ``cache``.

    ``links`` is a file of their links, see `with_given_links`. Bad lines, and lines that
    ``preparation`` leaves out, are counted. ``show`` gets this phase by name, with the share that
    is done.

    Errors: `InputError` when a file cannot be read, or no pair is left.
    """
    path = files[0]
    digests = [file_digest(name) for name in (*files, *([links] if links else []))]
    cutter = hashlib.sha256(tokenizer.content).hexdigest()
    layout = [LAYOUT_VERSION, len(files), digests, cutter, asdict(preparation)]
    key = json.dumps(layout, sort_keys=True)
    folder = cache / hashlib.sha256(key.encode()).hexdigest()[:32]
    if not folder.exists():
        write_corpus(files, tokenizer, folder, preparation, links, show)
    skipped = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["skipped"]
    offsets = open_array(folder / "offsets", np.uint64)
    if len(offsets) == 1:
        found = f"expected pairs to train on, found none in {skipped} lines"
        if len(files) == 1:
            source = Source(path, MAX_LINE_BYTES)
            found += f"; {advice(list(islice(source, HEAD_LINES)), path)}"
        raise InputError(path, 0, found)
    return Corpus(
        path,
        " ".join(digests),
        ids=open_array(folder / "ids", np.uint32),
        words=open_array(folder / "words", np.uint16),
        offsets=offsets,
        links=open_array(folder / "links", np.float32).reshape(-1, 3),
        link_offsets=open_array(folder / "link_offsets", np.uint64),
        vocabulary=np.load(folder / "vocabulary.npy"),
        skipped=skipped,
        has_links=links is not None,
    )


def open_array(path: Path, kind: Any) -> NDArray[Any]:
    """The numbers in the file at ``path``, memory-mapped unless the file is empty."""
    return np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind)


def file_digest(path: str) -> str:
    """SHA-256 of a file's bytes."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, 0, f"cannot be read: {error.strerror}") from error


def write_corpus(
    files: Files,
    tokenizer: Tokenizer,
    folder: Path,
    preparation: Preparation,
    links: str | None,
    show: Show,
) -> None:
    """Write the pairs in ``files`` as pieces to ``folder``, which appears only when whole."""
    bad: list[InputError] = []  # the first one
    path = files[0]
    folder.parent.mkdir(parents=True, exist_ok=True)

    def on_bad(error: InputError) -> None:
        if not bad:
            bad.append(error)

    try:
        with whole(folder) as part:
            part.mkdir()
            with open_sources(files) as sources, CorpusWriter(part) as writer:
                source = sources[0]
                for number, (pair, given) in enumerate(linked_pairs(sources, links, on_bad), 1):
                    if number % SHOWN_LINES == 1:
                        share = source.position / source.size if source.size else None
                        show(Phase(f"cutting {path} into pieces", share))
                    if not (preparation.hold_out and number % preparation.hold_out == 0):
                        writer.write(*prepared(pair, given, number, tokenizer, preparation))
            (part / "meta.json").write_text(
                json.dumps({"path": path, "skipped": writer.skipped}), encoding="utf-8"
            )
    except (OSError, InputError):
        if not folder.exists():  # else another process was faster
            raise
    if writer.skipped:
        reason = f"; the first that cannot be read: {bad[0]}" if bad else ""
        logger.warning("%s: %d lines are left out%s", path, writer.skipped, reason)


def prepared(
    pair: SentencePair,
    given: GivenLinks,
    number: int,
    tokenizer: Tokenizer,
    preparation: Preparation,
) -> tuple[list[PieceSentence], GivenLinks]:
    """Both sides of line ``number`` as pieces, with its links; no sides if it is left out."""
    changed, moved = augment(pair, given, preparation.augmentation, number, preparation.seed)
    sides = [tokenizer.encode(changed.src), tokenizer.encode(changed.tgt)]
    if pair.is_empty or max(map(len, sides)) > preparation.max_pieces:
        return [], moved
    return sides, moved


class CorpusWriter:
    """Writes the arrays of a `Corpus` into ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.skipped, self.ends, self.seen = 0, [0, 0], set[int]()
        self._open = ExitStack()

    def __enter__(self) -> "CorpusWriter":
        self.files = {
            name: self._open.enter_context((self.folder / name).open("wb")) for name in FILES
        }
        for name in ("offsets", "link_offsets"):
            self.files[name].write(np.uint64(0).tobytes())
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()
        np.save(self.folder / "vocabulary.npy", np.array(sorted(self.seen), dtype=np.int64))

    def write(self, sides: Sequence[PieceSentence], given: GivenLinks) -> None:
        """Write the next pair; without ``sides``, it is counted as left out."""
        if not sides:
            self.skipped += 1
            return
        for side in sides:
            words = np.array(side.words[1:-1])
            words = np.where(words < 0, NO_WORD, words).astype(np.uint16)
            self.files["ids"].write(np.array(side.ids[1:-1], dtype=np.uint32).tobytes())
            self.files["words"].write(words.tobytes())
            self._end("offsets", 0, len(words))
            self.seen.update(side.ids[1:-1])
        rows = link_rows(given)
        self.files["links"].write(rows.tobytes())
        self._end("link_offsets", 1, len(rows))

    def _end(self, name: str, kind: int, size: int) -> None:
        self.ends[kind] += size
        self.files[name].write(np.uint64(self.ends[kind]).tobytes())


def link_rows(given: GivenLinks) -> NDArray[np.float32]:
    """Rows ``i, j, p`` of links: (K, 3)."""
    rows = [(i, j, p) for (i, j), p in sorted(given.items())]
    return np.array(rows, dtype=np.float32).reshape(-1, 3)

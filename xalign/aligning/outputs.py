"""Results of aligning, written in any format, with scores and matrices on request."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import tee
from typing import TYPE_CHECKING, BinaryIO, Protocol

from xalign.aligning.aligner import Aligner
from xalign.aligning.settings import Wanted
from xalign.alignment import Direction, SentencePair
from xalign.io.formats import WRITERS, AlignedPair
from xalign.io.matrix import matrices
from xalign.io.pharaoh import pharaoh
from xalign.links.probabilities import WordProbabilities
from xalign.links.segmentation import Segmented

if TYPE_CHECKING:
    from xalign.aligning.pool import Pool

SCORE_DECIMALS = 6


class Opens(Protocol):
    """Opens files to write."""

    def open(self, path: str) -> BinaryIO: ...


def link_lines(aligner: Aligner, pairs: Iterable[SentencePair]) -> Iterator[bytes]:
    """Lines of links in Pharaoh format, one for each pair."""
    return map(pharaoh, aligner.align(pairs))


class ResultWriter:
    """Writes the ``wanted`` results of pairs: links to ``out``, the rest to files of ``outputs``.

    ``number`` is that of the last pair before the first.
    """

    def __init__(self, wanted: Wanted, out: BinaryIO, outputs: Opens, number: int = 0) -> None:
        self.wanted, self.out, self.outputs, self.number = wanted, out, outputs, number
        self._files = ExitStack()

    def __enter__(self) -> "ResultWriter":
        self._files.__enter__()
        scores, matrix = self.wanted.scores, self.wanted.matrix
        self._scores = self.outputs.open(scores) if scores else None
        self._matrix = None
        if matrix:
            file = self.outputs.open(matrix)
            self._matrix = self._files.enter_context(matrices(file, matrix))
        return self

    def __exit__(self, *error: object) -> bool | None:
        return self._files.__exit__(*error)  # type: ignore[arg-type]

    def write(self, pair: Segmented, found: WordProbabilities) -> None:
        """Write the wanted results of the next pair."""
        self.number += 1
        aligned = aligned_pair(pair, found, self.wanted.direction)
        self.out.write(WRITERS[self.wanted.format](self.number, aligned).encode())
        if self._scores:
            self._scores.write(f"{aligned.score:.{SCORE_DECIMALS}f}\n".encode())
        if self._matrix:
            self._matrix(self.number, found.shape, found.rows())


def aligned_pair(pair: Segmented, found: WordProbabilities, direction: Direction) -> AlignedPair:
    """A pair with its links in the user's words and its score, as formats take it."""
    links = found.scored(direction)
    score = round(found.score, SCORE_DECIMALS)
    return AlignedPair(pair.shown, pair.place(links), score, pair.spans(links))


def align_segmented(
    aligner: "Aligner | Pool", pairs: Iterable[Segmented]
) -> Iterator[tuple[Segmented, WordProbabilities]]:
    """Pairs, each with its word pairs, in the order of the stream."""
    given, kept = tee(pairs)
    found = aligner.probabilities(segmented.pair for segmented in given)
    # found first, so that an error of the stream comes after the results of all pairs before it
    return ((segmented, words) for words, segmented in zip(found, kept, strict=False))

"""Results of aligning, written in any format, with scores and matrices on request."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import tee
from typing import BinaryIO

from xalign.aligning.aligner import Aligner
from xalign.aligning.settings import Wanted
from xalign.io.files import output
from xalign.io.formats import WRITERS, AlignedPair
from xalign.io.matrix import matrices
from xalign.links.probabilities import WordProbabilities
from xalign.links.segmentation import Segmented

SCORE_DECIMALS = 6


class ResultWriter:
    """Writes the ``wanted`` results of pairs, numbered from 1; files appear at the end."""

    def __init__(self, wanted: Wanted, out: BinaryIO) -> None:
        self.wanted, self.out = wanted, out
        self.number = 0
        self._files = ExitStack()

    def __enter__(self) -> "ResultWriter":
        self._files.__enter__()
        scores, matrix = self.wanted.scores, self.wanted.matrix
        self._scores = self._files.enter_context(output(scores)) if scores else None
        self._matrix = self._files.enter_context(matrices(matrix)) if matrix else None
        return self

    def __exit__(self, *error: object) -> bool | None:
        return self._files.__exit__(*error)  # type: ignore[arg-type]

    def write(self, pair: Segmented, found: WordProbabilities) -> None:
        """Write the wanted results of the next pair."""
        self.number += 1
        links = found.scored(self.wanted.direction)
        score = round(found.score, SCORE_DECIMALS)
        aligned = AlignedPair(pair.shown, pair.place(links), score, pair.spans(links))
        self.out.write(WRITERS[self.wanted.format](self.number, aligned).encode())
        if self._scores:
            self._scores.write(f"{score:.{SCORE_DECIMALS}f}\n".encode())
        if self._matrix:
            self._matrix(self.number, found.matrix())


def align_segmented(
    aligner: Aligner, pairs: Iterable[Segmented]
) -> Iterator[tuple[Segmented, WordProbabilities]]:
    """Pairs, each with its word pairs, in the order of the stream."""
    given, kept = tee(pairs)
    found = aligner.probabilities(segmented.pair for segmented in given)
    # found first, so that an error of the stream comes after the results of all pairs before it
    return ((segmented, words) for words, segmented in zip(found, kept, strict=False))

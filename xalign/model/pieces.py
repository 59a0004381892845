"""The pieces of a sentence, before they become tensors."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PieceSentence:
    """Pieces of one sentence, special ones included, and the word of each (-1: special)."""

    ids: Sequence[int]
    words: Sequence[int]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_words(self) -> int:
        """Number of words that the pieces belong to."""
        return max(self.words, default=-1) + 1

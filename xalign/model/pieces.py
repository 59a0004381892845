"""The pieces of a sentence, before they become tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PieceSentence:
    """Pieces of one sentence, special ones included, and the word of each (-1: special).

    ``num_words`` is the number of words that the pieces belong to.
    """

    ids: Sequence[int]
    words: Sequence[int]
    num_words: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "num_words", max(self.words, default=-1) + 1)

    def __len__(self) -> int:
        return len(self.ids)

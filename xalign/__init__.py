"""xalign: links between the words of sentence pairs, by Cross-Align.

>>> from xalign import Aligner
>>> aligner = Aligner.from_pretrained()
>>> for alignment in aligner.align([("das Haus", "the house")]):
...     print(alignment)
0-0 1-1
"""

import importlib
from typing import TYPE_CHECKING, Any

from xalign.alignment import Alignment, GoldAlignment, ScoredAlignment, SentencePair
from xalign.errors import (
    DeviceError,
    EngineError,
    InputError,
    ModelError,
    TrainingError,
    XalignError,
)
from xalign.links.metrics import Score
from xalign.reading import read_alignments, read_gold, read_pairs, score

if TYPE_CHECKING:
    from xalign.aligning.aligner import Aligner
    from xalign.links.probabilities import WordProbabilities
    from xalign.view.notebook import show

__version__ = "0.1.0"
__all__ = [
    "Aligner",
    "Alignment",
    "DeviceError",
    "EngineError",
    "GoldAlignment",
    "InputError",
    "ModelError",
    "Score",
    "ScoredAlignment",
    "SentencePair",
    "TrainingError",
    "WordProbabilities",
    "XalignError",
    "read_alignments",
    "read_gold",
    "read_pairs",
    "score",
    "show",
]
LATER = {
    "Aligner": "xalign.aligning.aligner",
    "WordProbabilities": "xalign.links.probabilities",
    "show": "xalign.view.notebook",
}
"""Names that are imported at their first use: torch and numpy take seconds to import."""


def __getattr__(name: str) -> Any:
    """Import one of the names in `LATER`."""
    if name in LATER:
        return getattr(importlib.import_module(LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All public names."""
    return [*__all__, "__version__"]

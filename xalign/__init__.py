"""xalign: links between the words of sentence pairs, by Cross-Align.

>>> from xalign import Aligner, SentencePair
>>> aligner = Aligner.from_pretrained()
>>> for alignment in aligner.align([SentencePair.from_text("das Haus", "the house")]):
...     print(alignment)
0-0 1-1
"""

from typing import TYPE_CHECKING, Any

from xalign.alignment import Alignment, GoldAlignment, SentencePair
from xalign.errors import XalignError
from xalign.links.metrics import score

if TYPE_CHECKING:
    from xalign.aligning.aligner import Aligner

__version__ = "0.1.0"
__all__ = ["Aligner", "Alignment", "GoldAlignment", "SentencePair", "XalignError", "score"]


def __getattr__(name: str) -> Any:
    """Import `Aligner` at its first use: it needs torch, which takes seconds to import."""
    if name == "Aligner":
        from xalign.aligning.aligner import Aligner

        return Aligner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

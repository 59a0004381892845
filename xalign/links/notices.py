"""Signs that words of a text are not what its user thinks; each is told once."""

from collections.abc import Callable
from typing import Generic, TypeVar

from xalign.io.sniff import is_garbled
from xalign.links.segmentation import is_uncut

Pair = TypeVar("Pair")

COLUMNS = (
    "the target has another TAB or ' ||| ', and what follows it counts as its words; "
    "two columns alone: --columns 1,2 or cut -f1,2"
)
UNCUT = (
    "text without spaces between words, such as Chinese or Thai, is one word a sentence; cut it "
    "into words first, or let xalign align do it: --tokenize icu --level tokens"
)


class Watched(Generic[Pair]):
    """Function that makes a pair of the text of both sides by ``make``, and looks at the text.

    ``warn`` gets each notice once; those on columns only if both sides stand in ``one_file``,
    the one on text without spaces unless it ``is_cut`` into tokens.
    ``good`` is the number of pairs that are text, ``garbled`` the number of those that are not.
    """

    def __init__(
        self,
        make: Callable[[str, str], Pair],
        warn: Callable[[str], None],
        *,
        one_file: bool = True,
        is_cut: bool = False,
    ) -> None:
        self.make, self.warn = make, warn
        self.one_file, self.is_cut = one_file, is_cut
        self.good, self.garbled = 0, 0
        self._told: set[str] = set()

    def __call__(self, src: str, tgt: str) -> Pair:
        if is_garbled(src) or is_garbled(tgt):
            self.garbled += 1
        elif src or tgt:
            self.good += 1
            if self.one_file and ("\t" in tgt or " ||| " in tgt):
                self._tell(COLUMNS)
            if not self.is_cut and (is_uncut(src) or is_uncut(tgt)):
                self._tell(UNCUT)
        return self.make(src, tgt)

    def _tell(self, notice: str) -> None:
        if notice not in self._told:
            self._told.add(notice)
            self.warn(notice)

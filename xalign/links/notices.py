"""Signs that words of a text are not what its user thinks; each is told once."""

from collections.abc import Callable
from typing import Generic, TypeVar

from xalign.io.sniff import is_garbled
from xalign.links.segmentation import OTHER_SPACE, is_uncut

Pair = TypeVar("Pair")

COLUMNS = (
    "the target has another TAB or ' ||| ', and what follows it counts as its words; "
    "two columns alone: {}cut -f1,2",
    "--columns 1,2 or ",
)
UNCUT = (
    "text without spaces between words, such as Chinese or Thai, is one word a sentence; cut it "
    "into words first{}",
    ", or let xalign align do it: --tokenize icu --level tokens --format tsv",
)
SPACES = (
    "a space such as the no-break space is part of its word; OpusTrainer, eflomal and Python split "
    "there too{}",
    ": --words unicode counts words as they do",
)
"""Notices, and what they say of options of the command."""


class Watched(Generic[Pair]):
    """Function that makes a pair of the text of both sides by ``make``, and looks at the text.

    ``warn`` gets each notice once: on columns only if both sides stand in ``one_file``, on text
    without spaces unless it ``is_cut`` into tokens, on other spaces unless words are those between
    ``unicode`` spaces. A notice names options that help, unless the command has none of them
    (``names_options``). ``garbled`` is the number of pairs that are no text, ``other_spaces`` of
    those with such spaces. Of the file that is being read, ``good`` is the number of pairs that are
    text; ``unread_before`` is the number of lines before it that could not be read.
    """

    def __init__(
        self,
        make: Callable[[str, str], Pair],
        warn: Callable[[str], None],
        *,
        one_file: bool = True,
        is_cut: bool = False,
        unicode: bool = False,
        names_options: bool = True,
    ) -> None:
        self.make, self.warn, self.names_options = make, warn, names_options
        self.one_file, self.is_cut, self.unicode = one_file, is_cut, unicode
        self.good, self.garbled, self.other_spaces, self.unread_before = 0, 0, 0, 0
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
            if not self.unicode and (OTHER_SPACE.search(src) or OTHER_SPACE.search(tgt)):
                self.other_spaces += 1
                self._tell(SPACES)
        return self.make(src, tgt)

    def _tell(self, notice: tuple[str, str]) -> None:
        text, options = notice
        if text not in self._told:
            self._told.add(text)
            self.warn(text.format(options if self.names_options else ""))

"""Signs that words of a text are not what its user thinks; each is told once."""

from collections.abc import Callable, Mapping
from typing import Generic, Literal, TypeVar

from xalign.io.sniff import is_garbled
from xalign.links.segmentation import OTHER_SPACE, is_uncut

Pair = TypeVar("Pair")

Kind = Literal["columns", "uncut", "spaces"]
NOTICES: dict[Kind, str] = {
    "columns": "the target has another TAB or ' ||| ', and what follows it counts as its words; "
    "two columns alone: {}cut -f1,2",
    "uncut": "text without spaces between words, such as Chinese or Thai, is one word a sentence; "
    "cut it into words first{}",
    "spaces": "a space such as the no-break space is part of its word; OpusTrainer, eflomal and "
    "Python split there too{}",
}
"""Notices, with a place for the advice on options of a command."""
LEXICON: dict[Kind, str] = {
    "columns": "--columns 1,2 or ",
    "spaces": ": --words unicode counts words as they do",
}
ALIGN: dict[Kind, str] = LEXICON | {
    "uncut": ", or let xalign align do it: --tokenize icu --level tokens --format tsv"
}
PROJECT: dict[Kind, str] = LEXICON | {
    "uncut": ", or with --spans let xalign do it: --tokenize icu --languages zh,en"
}
VIEW: dict[Kind, str] = LEXICON | {"uncut": ", or let xalign do it: --tokenize icu --level tokens"}
"""Advice of each command; training has no such options."""


class Watched(Generic[Pair]):
    """Function that makes a pair of the text of both sides by ``make``, and looks at the text.

    ``warn`` gets each notice once: on columns only if both sides stand in ``one_file``, on text
    without spaces unless it ``is_cut`` into tokens, on other spaces unless words are those between
    ``unicode`` spaces. ``advice`` names options that help. ``garbled`` is the number of pairs that
    are no text, ``other_spaces`` of those with such spaces. Of the file that is being read,
    ``good`` is the number of pairs that are text; ``unread_before`` is the number of lines before
    it that could not be read.
    """

    def __init__(
        self,
        make: Callable[[str, str], Pair],
        warn: Callable[[str], None],
        *,
        one_file: bool = True,
        is_cut: bool = False,
        unicode: bool = False,
        advice: Mapping[Kind, str] = ALIGN,
    ) -> None:
        self.make, self.warn, self.advice = make, warn, advice
        self.one_file, self.is_cut, self.unicode = one_file, is_cut, unicode
        self.good, self.garbled, self.other_spaces, self.unread_before = 0, 0, 0, 0
        self._told: set[Kind] = set()

    def __call__(self, src: str, tgt: str) -> Pair:
        if is_garbled(src) or is_garbled(tgt):
            self.garbled += 1
        elif src or tgt:
            self.good += 1
            if self.one_file and ("\t" in tgt or " ||| " in tgt):
                self._tell("columns")
            if not self.is_cut and (is_uncut(src) or is_uncut(tgt)):
                self._tell("uncut")
            if not self.unicode and (OTHER_SPACE.search(src) or OTHER_SPACE.search(tgt)):
                self.other_spaces += 1
                self._tell("spaces")
        return self.make(src, tgt)

    def _tell(self, kind: Kind) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self.warn(NOTICES[kind].format(self.advice.get(kind, "")))

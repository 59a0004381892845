"""Pairs with their links as values that show themselves in notebooks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from xalign.alignment import Alignment, GoldAlignment, ScoredAlignment, SentencePair
from xalign.drawing import svg
from xalign.errors import XalignError
from xalign.io.items import as_pairs
from xalign.links.probabilities import WordProbabilities
from xalign.view.pairs import Found, ViewedPair
from xalign.view.report import report

Links = Alignment | ScoredAlignment | WordProbabilities
HEIGHT = 640
"""Height of a page in a notebook, in pixels."""
STYLE = "box-sizing:border-box;width:100%;height:{height}px;border:1px solid #ccc"
FRAME = '<iframe srcdoc="{page}" style="' + STYLE + '" {rights}>'
RIGHTS = 'sandbox="allow-scripts allow-downloads" title="Pairs with their links"'


@dataclass(frozen=True, slots=True)
class Shown:
    """Pairs with the links of ``aligners``: a picture of one pair, a page of several."""

    pairs: Sequence[ViewedPair]
    aligners: Sequence[str]

    def _repr_html_(self) -> str:
        if len(self.pairs) == 1:
            pictures = (self.pairs[0].picture(k) for k in range(len(self.aligners)))
            return "\n".join(map(svg.draw, pictures))
        page = escape(report(self.pairs, self.aligners))
        return FRAME.format(page=page, height=HEIGHT, rights=RIGHTS) + "</iframe>"

    def save(self, path: str | Path) -> None:
        """Write a page for a browser, as `xalign view --html` does."""
        name = Path(path).stem
        Path(path).write_text(report(self.pairs, self.aligners, name, name), encoding="utf-8")


def show(
    pairs: Any,
    found: Links | Iterable[Links] | Mapping[str, Any],
    gold: GoldAlignment | Iterable[GoldAlignment] | None = None,
) -> Shown:
    """Show ``pairs`` with the links that were ``found``: their grid, or a page, in a notebook.

    ``pairs`` is one `SentencePair`, or several pairs in the forms that `Aligner.align` takes.
    ``found`` has their links, as alignments or as probabilities; a dictionary has those of several
    aligners by name.
    ``gold`` has links made by people.

    Errors: `XalignError` when there are not as many of one as of the other.

    >>> shown = show([("das Haus", "the house")], [Alignment.from_text("0-0 1-1")])
    >>> shown._repr_html_()[:4]
    '<svg'
    """
    is_one = isinstance(pairs, SentencePair)
    texts = [pairs] if is_one else list(as_pairs(pairs, None, None))
    named = found if isinstance(found, Mapping) else {"xalign": found}
    links = {name: as_list(values, Links) for name, values in named.items()}
    references = None if gold is None else as_list(gold, GoldAlignment)
    for name, values in [
        *links.items(),
        *([("gold", references)] if references is not None else []),
    ]:
        if len(values) != len(texts):
            raise XalignError(f"{name}: expected {len(texts)} alignments, found {len(values)}")
    shown = [
        ViewedPair(
            k + 1,
            text,
            tuple(as_found(values[k]) for values in links.values()),
            references[k] if references is not None else None,
            next((v[k].score for v in links.values() if isinstance(v[k], WordProbabilities)), None),
        )
        for k, text in enumerate(texts)
    ]
    return Shown(shown, list(links))


def as_list(values: Any, kind: Any) -> list[Any]:
    """``values`` as a list; a single one of a ``kind`` as a list of one."""
    return [values] if isinstance(values, kind) else list(values)


def as_found(links: Links) -> Found:
    """Links of any kind, as they are shown."""
    if isinstance(links, WordProbabilities):
        return Found.from_words(links)
    if isinstance(links, ScoredAlignment):
        return Found.from_links(links, has_probabilities=True)
    return Found(links.links)

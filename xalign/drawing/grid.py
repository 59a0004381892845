"""A sentence pair as a grid in a terminal: source words down, target words across."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from rich.text import Text

from xalign.drawing.picture import (
    LEGEND,
    Kind,
    Picture,
    Place,
    is_right_to_left,
    printable,
    shortened,
    width,
)

MAX_LABEL = 16
"""Most columns of a terminal that a word takes; longer words are shortened."""
GAP = 2
"""Columns between words."""
MARKS: dict[Kind, str] = {
    "linked": "●",
    "right": "●",
    "wrong": "✗",
    "missed": "○",
    "possible": "·",
}
SHADES = ((0.5, "▓"), (0.25, "▒"), (0.05, "░"))
"""Lowest probability of a word pair that is not linked, and its sign."""
COLOURS = ((0.9, "#1d4ed8"), (0.5, "#3b82f6"), (0.25, "#93c5fd"), (0.05, "#dbeafe"))
"""Lowest probability, and colour of a cell that has it."""
DARK = 0.5
"""Probability from which a sign on the colour is white."""
KIND_COLOURS: dict[Kind, str] = {"wrong": "white on #b91c1c", "missed": "black on #fbbf24"}
FIRST_ISOLATE, END_ISOLATE = "\u2068", "\u2069"


def draw(picture: Picture, columns: int) -> Iterator[Text]:
    """Lines of the grid of a pair; target words that do not fit ``columns`` follow below.

    Beside these, source words without marks are left out.

    Without colours, the text alone says everything: ``●`` a link, ``✗`` one that is not in gold,
    ``○`` a sure gold link that is missing, ``·`` a possible one, ``░▒▓`` probabilities.
    """
    rows = [label(word) for word in picture.src]
    heads = [label(word) for word in picture.tgt]
    if not (rows or heads):
        return
    left = max(map(width, rows), default=0)
    starts = list(accumulate((GAP + width(head) for head in heads), initial=left + GAP))
    marked: dict[int, list[int]] = {}
    for i, j in picture.places:
        marked.setdefault(i, []).append(j)
    columns_of = list(blocks(heads, columns - left)) or [range(0)]
    for block, shown in zip(columns_of, rows_beside(picture, columns_of), strict=True):
        if block.start:
            yield Text()
        words = (padded(heads[j], width(heads[j])) for j in block)
        yield Text((" " * left + "".join(" " * GAP + word for word in words)).rstrip(" "))
        for i in shown:
            line = Text(padded(rows[i], left))
            end = left
            for j in marked.get(i, ()):
                if j in block:
                    start = starts[j] - starts[block.start] + starts[0]
                    found = cell(picture, (i, j), width(heads[j]))
                    line.append(" " * (start - end)).append(found)
                    end = start + width(heads[j])
            yield trimmed(line)


def blocks(heads: Sequence[str], columns: int) -> Iterator[range]:
    """Places of target words that fit beside each other, at least one at a time."""
    start = 0
    taken = 0
    for place, head in enumerate(heads):
        taken += GAP + width(head)
        if taken > columns and place > start:
            yield range(start, place)
            start, taken = place, GAP + width(head)
    if heads:
        yield range(start, len(heads))


def rows_beside(picture: Picture, columns: Sequence[range]) -> Iterator[range]:
    """Source words to show beside each block of target words: those with marks, each at least once.

    A pair that is folded would take many lines without any mark otherwise.
    """
    marked = [(i, j) for i, j in picture.places if picture.kind((i, j))]
    start, count = 0, len(picture.src)
    for block in columns:
        rows = [i for i, j in marked if j in block]
        first = min([start, *rows])
        start = max([start, *(i + 1 for i in rows)])
        yield range(first, count if block is columns[-1] else start)


def label(word: str) -> str:
    """A word as the grid shows it."""
    return shortened(printable(word), MAX_LABEL) or " "


def padded(word: str, columns: int) -> str:
    """``word`` and spaces; one that runs from right to left does not move its neighbours."""
    space = " " * (columns - width(word))
    if is_right_to_left(word):
        return f"{FIRST_ISOLATE}{word}{END_ISOLATE}{space}"
    return word + space


def cell(picture: Picture, place: Place, columns: int) -> Text:
    """One word pair: its sign, coloured by its probability, as wide as the target word."""
    kind = picture.kind(place)
    probability = picture.probabilities.get(place, 0.0)
    mark = MARKS.get(kind) or at_least(SHADES, probability) or " "
    style = KIND_COLOURS.get(kind) or ("bold" if kind else "")
    if (colour := at_least(COLOURS, probability)) and kind not in KIND_COLOURS:
        sign = ("white" if probability >= DARK else "black") if kind else colour
        style = f"{sign} on {colour}"  # colour alone says how probable the others are
    return Text(mark.ljust(columns), style=style)


def at_least(levels: Sequence[tuple[float, str]], value: float) -> str:
    """The entry of the highest level that ``value`` reaches; empty below all."""
    return next((found for level, found in levels if value >= level), "")


def trimmed(line: Text) -> Text:
    """``line`` without spaces at its end that have no colour."""
    coloured = max((span.end for span in line.spans if span.style), default=0)
    return line[: max(len(line.plain.rstrip(" ")), coloured)]


def legend(has_gold: bool) -> str:
    """The signs and what they mean, in one line."""
    if not has_gold:
        return "● linked   ░▒▓ probability from 0.05, 0.25, 0.5"
    return "   ".join(f"{MARKS[kind]} {meaning}" for kind, meaning in LEGEND.items())

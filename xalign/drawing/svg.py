"""A sentence pair as a grid in SVG: for pages, papers and notebooks."""

from collections.abc import Iterator, Sequence
from html import escape

from xalign.drawing.picture import (
    DARKEST,
    LEAST_SHOWN,
    LEGEND,
    Kind,
    Picture,
    Place,
    printable,
    width,
)

CELL = 24
"""Side of a cell in pixels."""
FONT_SIZE, LETTER = 14, 8.2
"""Height of the text, and the width of a letter, which depends on the font; both in pixels."""
SPACE = 10
SLOPE = 0.87
"""Sine of the angle, 60 degrees, at which target words stand."""
BLUE, RED, AMBER, INK = "#2563eb", "#dc2626", "#d97706", "#1f2937"
FONTS = "system-ui, 'Noto Sans', 'Noto Sans CJK JP', 'DejaVu Sans', sans-serif"


def draw(picture: Picture) -> str:
    """The picture of a pair as an SVG element.

    Colour says how probable a word pair is; a dot is a link. Beside gold links, a cross is a link
    that is not among them, a circle a sure one that is missing, a small circle a possible one.
    """
    left = longest(picture.src) + 2 * SPACE
    top = longest(picture.tgt) * SLOPE + 2 * SPACE
    right = longest(picture.tgt[-1:]) / 2 + SPACE
    rows, columns = len(picture.src), len(picture.tgt)
    full_width = left + CELL * columns + right
    height = top + CELL * rows + SPACE
    if picture.sure is not None:
        full_width = max(full_width, CELL + LETTER * max(map(len, LEGEND.values())) + 2 * SPACE)
        height += CELL * len(LEGEND)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{full_width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {full_width:.0f} {height:.0f}" role="img" '
        f'font-family="{FONTS}" font-size="{FONT_SIZE}" fill="{INK}">',
        f"<title>{escape(title(picture))}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        *lines(left, top, rows, columns),
        *words(picture, left, top),
    ]
    for place in picture.places:
        i, j = place
        parts.append(
            f'<g transform="translate({left + CELL * j:.0f} {top + CELL * i:.0f})">'
            f"<title>{escape(picture.label(place))}</title>{cell(picture, place)}</g>"
        )
    if picture.sure is not None:
        parts += legend(height - CELL * len(LEGEND))
    return "\n".join([*parts, "</svg>\n"])


def longest(words: Sequence[str]) -> float:
    """Width of the longest of ``words`` in pixels."""
    return LETTER * max((width(printable(word)) for word in words), default=0)


def title(picture: Picture) -> str:
    """The pair in words, for those who cannot see the picture."""
    src, tgt = (" ".join(map(printable, words)) for words in (picture.src, picture.tgt))
    links = " ".join(f"{i}-{j}" for i, j in sorted(picture.links))
    return f"{src} | {tgt} | {links}"


def lines(left: float, top: float, rows: int, columns: int) -> Iterator[str]:
    """The lines between cells."""
    steps = [f"M{left:.0f} {top + CELL * i:.0f}h{CELL * columns}" for i in range(rows + 1)]
    steps += [f"M{left + CELL * j:.0f} {top:.0f}v{CELL * rows}" for j in range(columns + 1)]
    yield f'<path d="{"".join(steps)}" stroke="#d1d5db" fill="none"/>'


def words(picture: Picture, left: float, top: float) -> Iterator[str]:
    """Source words on the left, target words above, at an angle."""
    for i, word in enumerate(picture.src):
        y = top + CELL * (i + 0.7)
        yield (
            f'<text x="{left - SPACE:.0f}" y="{y:.0f}" text-anchor="end">'
            f"{escape(printable(word))}</text>"
        )
    for j, word in enumerate(picture.tgt):
        x, y = left + CELL * (j + 0.6), top - SPACE / 2
        yield (
            f'<text transform="translate({x:.0f} {y:.0f}) rotate(-60)">'
            f"{escape(printable(word))}</text>"
        )


def cell(picture: Picture, place: Place) -> str:
    """Shade and sign of one cell; its upper left corner is the origin."""
    probability = picture.probabilities.get(place, 0.0)
    shade = ""
    if probability >= LEAST_SHOWN:
        shade = (
            f'<rect width="{CELL}" height="{CELL}" fill="{BLUE}" '
            f'fill-opacity="{DARKEST * probability:.2f}"/>'
        )
    kind = picture.kind(place)
    return shade + (mark(kind) if kind else "")


def mark(kind: Kind) -> str:
    """Sign of a kind of word pair, in a cell whose upper left corner is the origin."""
    middle = CELL / 2
    match kind:
        case "wrong":
            return f'<path d="M7 7l10 10m0 -10l-10 10" stroke="{RED}" stroke-width="3"/>'
        case "missed":
            return circle(middle, 6, f'fill="none" stroke="{AMBER}" stroke-width="2.5"')
        case "possible":
            return circle(middle, 3, f'fill="none" stroke="{AMBER}"')
        case _:
            return circle(middle, 5, f'fill="{INK}"')


def circle(middle: float, radius: float, style: str) -> str:
    """A circle around the middle of a cell."""
    return f'<circle cx="{middle:.0f}" cy="{middle:.0f}" r="{radius:.0f}" {style}/>'


def legend(y: float) -> Iterator[str]:
    """The signs beside gold links and what they mean, from ``y`` on."""
    for row, (kind, meaning) in enumerate(LEGEND.items()):
        yield f'<g transform="translate({SPACE} {y + CELL * row:.0f})">{mark(kind)}'
        yield f'<text x="{CELL + 4}" y="{CELL * 0.7:.0f}">{meaning}</text></g>'

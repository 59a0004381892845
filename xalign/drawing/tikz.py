"""A sentence pair as a grid in TikZ, for LaTeX."""

from collections.abc import Iterator

from xalign.drawing.picture import DARKEST, LEAST_SHOWN, Kind, Picture, Place, printable

ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "-": "{-}",  # two of them would be a dash
    "`": "{`}",
    "'": "{'}",
    **{character: "\\" + character for character in "&%$#_{}"},
}
NOTE = """\
% Needs \\usepackage{tikz}. Words beyond Latin script need XeLaTeX or LuaLaTeX, and fonts with them.
"""


def draw(picture: Picture) -> str:
    """The picture of a pair as a ``tikzpicture``; the signs are those of `xalign.drawing.svg`."""
    rows, columns = len(picture.src), len(picture.tgt)
    lines = [
        r"\begin{tikzpicture}[x=1.3em, y=-1.3em]",
        f"  \\draw[gray!40, step=1.3em] (0,0) grid ({columns},{rows});",
        *words(picture),
        *(line for place in picture.places for line in cell(picture, place)),
        r"\end{tikzpicture}",
    ]
    return NOTE + "\n".join(lines) + "\n"


def escaped(word: str) -> str:
    """``word`` as LaTeX takes it.

    >>> escaped("50%_{a}")
    '50\\\\%\\\\_\\\\{a\\\\}'
    """
    return "".join(ESCAPED.get(character, character) for character in printable(word))


def words(picture: Picture) -> Iterator[str]:
    """Source words on the left, target words above, at an angle."""
    for i, word in enumerate(picture.src):
        yield f"  \\node[anchor=base east] at (-0.1,{i + 0.7:.1f}) {{{escaped(word)}}};"
    for j, word in enumerate(picture.tgt):
        yield f"  \\node[anchor=west, rotate=60] at ({j + 0.5:.1f},-0.1) {{{escaped(word)}}};"


def cell(picture: Picture, place: Place) -> Iterator[str]:
    """Shade and sign of one cell, as lines of TikZ."""
    i, j = place
    probability = picture.probabilities.get(place, 0.0)
    if probability >= LEAST_SHOWN:
        shade = round(100 * DARKEST * probability)
        yield f"  \\fill[blue!{shade}!white, fill opacity=0.8] ({j},{i}) rectangle +(1,1);"
    if kind := picture.kind(place):
        yield f"  {mark(kind, j + 0.5, i + 0.5)}"


def mark(kind: Kind, x: float, y: float) -> str:
    """Sign of a kind of word pair, around a point."""
    match kind:
        case "wrong":
            corners = f"({x - 0.2:.1f},{y - 0.2:.1f}) -- +(0.4,0.4)"
            others = f"({x + 0.2:.1f},{y - 0.2:.1f}) -- +(-0.4,0.4)"
            return f"\\draw[red, very thick] {corners} {others};"
        case "missed":
            return f"\\draw[orange, very thick] ({x:.1f},{y:.1f}) circle [radius=0.25];"
        case "possible":
            return f"\\draw[orange] ({x:.1f},{y:.1f}) circle [radius=0.12];"
        case _:
            return f"\\fill ({x:.1f},{y:.1f}) circle [radius=0.2];"

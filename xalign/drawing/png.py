"""A sentence pair as a grid in PNG; needs matplotlib."""

import importlib.util
import io
from collections.abc import Iterator
from typing import Any

from xalign.drawing.picture import DARKEST, LEAST_SHOWN, Picture, printable
from xalign.drawing.svg import AMBER, BLUE, INK, RED
from xalign.errors import XalignError

CELL = 0.3
"""Side of a cell in inches."""
RESOLUTION = 200
"""Dots per inch."""
BASE_FONT, FALLBACK = "DejaVu Sans", "Last Resort High-Efficiency"
"""Fonts that come with matplotlib; the second has a box for every character."""
ADVICE = "install a font that has them, for example: apt-get install fonts-noto-cjk fonts-noto-core"
FORMATS = {"linked": "o", "right": "o", "wrong": "x", "missed": "o", "possible": "."}


def draw(picture: Picture) -> bytes:
    """The picture of a pair as a PNG file; the signs are those of `xalign.drawing.svg`.

    Errors: `XalignError` without matplotlib, or without a font for the words.
    """
    check()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    src, tgt = ([printable(word) for word in words] for words in (picture.src, picture.tgt))
    size = CELL * max(1, len(tgt)), CELL * max(1, len(src))
    with rc_context({"font.family": fonts_for("".join([*src, *tgt])), "text.parse_math": False}):
        figure = Figure(figsize=size)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(0, max(1, len(tgt))), ylim=(max(1, len(src)), 0), aspect="equal")
        axes.set_xticks([j + 0.5 for j in range(len(tgt))], tgt, rotation=60, ha="left")
        axes.set_yticks([i + 0.5 for i in range(len(src))], src)
        axes.set_xticks(range(len(tgt) + 1), minor=True)
        axes.set_yticks(range(len(src) + 1), minor=True)
        axes.tick_params(which="both", length=0)
        axes.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor")
        axes.grid(which="minor", color="#d1d5db", linewidth=0.6)
        axes.set_axisbelow(True)
        for side in axes.spines.values():
            side.set_visible(False)
        for place in picture.places:
            i, j = place
            if (probability := picture.probabilities.get(place, 0.0)) >= LEAST_SHOWN:
                axes.fill_between(
                    (j, j + 1), i, i + 1, color=BLUE, alpha=DARKEST * probability, lw=0
                )
            if kind := picture.kind(place):
                axes.plot(j + 0.5, i + 0.5, FORMATS[kind], **style(kind))
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=RESOLUTION, bbox_inches="tight", metadata={})
    return file.getvalue()


def check() -> None:
    """Raise `XalignError` if matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise XalignError("--png needs matplotlib: pip install 'xalign[plot]'")


def style(kind: str) -> dict[str, Any]:
    """Colours and size of the sign of a kind of word pair."""
    colour = {"wrong": RED, "missed": AMBER, "possible": AMBER}.get(kind, INK)
    is_open = kind in ("missed", "possible")
    return {
        "color": colour,
        "markersize": 9 if kind == "missed" else 7,
        "markeredgewidth": 2 if kind in ("wrong", "missed") else 1,
        "markerfacecolor": "none" if is_open else colour,
    }


def fonts_for(text: str) -> list[str]:
    """Names of fonts on this machine that have all characters of ``text`` between them.

    Errors: `XalignError` when there are none.
    """
    missing = {character for character in text if not character.isspace()}
    chosen: list[str] = []
    for name, characters in fonts():
        if found := missing & characters:
            chosen.append(name)
            missing -= found
        if not missing:
            return chosen or [BASE_FONT]
    shown = "".join(sorted(missing)[:20])
    raise XalignError(f"no font of this machine has the characters {shown}; {ADVICE}")


def fonts() -> Iterator[tuple[str, set[str]]]:
    """Fonts of this machine with their characters; regular ones first, the base font before all.

    Matplotlib remembers the fonts that there were at its first start; new ones come last.
    """
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    def order(font: font_manager.FontEntry) -> tuple[bool, bool, str]:
        is_plain = font.style == "normal" and str(font.weight) in ("400", "normal", "regular")
        return font.name != BASE_FONT, not is_plain, font.name

    manager = font_manager.fontManager
    seen = {FALLBACK}
    known = {font.fname for font in manager.ttflist}
    for font in sorted(manager.ttflist, key=order):
        if font.name not in seen:
            seen.add(font.name)
            yield font.name, set(map(chr, FT2Font(font.fname).get_charmap()))
    for path in sorted(font_manager.findSystemFonts(), key=lambda path: "Sans-Regular" not in path):
        if path not in known:
            manager.addfont(path)
            yield manager.ttflist[-1].name, set(map(chr, FT2Font(path).get_charmap()))

"""The report: one page of HTML that shows pairs, and needs nothing else."""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from xalign.alignment import GoldAlignment
from xalign.view.pairs import Found, ViewedPair

MODULES = ("data", "dom", "list", "pair", "edits", "charts", "main")
"""Modules of the page, in the order in which they are joined."""
IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)
FIELD = re.compile(r"\{\{(\w+)\}\}")
STEPS = 1000
"""Steps between probabilities 0 and 1 in the page."""


def report(
    pairs: Sequence[ViewedPair], aligners: Sequence[str], title: str = "xalign", name: str = "pairs"
) -> str:
    """A page with ``pairs`` and the links of each of ``aligners``, which are named.

    ``name`` is the start of the names of files that the page saves.
    """
    data = as_json(pairs, aligners, name)
    parts = {
        "title": escape(title),
        "style": web_file("report.css"),
        "script": script(),
        "data": data,
    }
    return FIELD.sub(lambda found: parts[found[1]], web_file("report.html"))


def as_json(pairs: Sequence[ViewedPair], aligners: Sequence[str], name: str) -> str:
    """The data of a page as compact JSON that no text in it can end.

    A row is source, target, gold links, score, and a list for each aligner. A side is text, or
    words if one of them holds a space. Word pairs are ``i, j, v`` one after the other. In gold
    links, ``v`` is 1 where they are sure. In others it is 1 + 1000 p, with a minus if there is no
    link; p is rounded up, so that it exceeds the same thresholds.
    """
    kinds = [
        {"name": aligner, "probabilities": any(pair.found[k].probabilities for pair in pairs)}
        for k, aligner in enumerate(aligners)
    ]
    rows = [
        [
            side(pair.pair.src),
            side(pair.pair.tgt),
            None if pair.gold is None else gold_row(pair.gold),
            None if pair.score is None else round(pair.score, 4),
            [found_row(found) for found in pair.found],
        ]
        for pair in pairs
    ]
    numbers = [pair.number for pair in pairs]
    content = json.dumps([rows, numbers, aligners]).encode()
    record = {
        "key": hashlib.sha256(content).hexdigest()[:16],
        "name": name,
        "gold": any(pair.gold is not None for pair in pairs),
        "scores": any(pair.score is not None for pair in pairs),
        "systems": kinds,
        "numbers": None if numbers == list(range(1, len(rows) + 1)) else numbers,
        "pairs": rows,
    }
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").encode(errors="replace").decode()


def side(words: Sequence[str]) -> str | list[str]:
    """One side of a pair, see `as_json`."""
    is_text = all(word and " " not in word for word in words)
    return " ".join(words) if is_text else list(words)


def gold_row(gold: GoldAlignment) -> list[int]:
    """Gold links as numbers, see `as_json`."""
    return [n for i, j in sorted(gold.possible) for n in (i, j, int((i, j) in gold.sure))]


def found_row(found: Found) -> list[int]:
    """Word pairs of an aligner as numbers, see `as_json`."""
    row = []
    for place in sorted({*found.links, *found.probabilities}):
        value = 1 + math.ceil(STEPS * found.probabilities.get(place, 1.0) - 1e-6)
        row += [*place, value if place in found.links else -value]
    return row


def script() -> str:
    """All modules of the page as one, with names in common."""
    texts = (web_file(f"{name}.js") for name in MODULES)
    joined = "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts)
    return joined.replace("</script", "<\\/script")


def web_file(name: str) -> str:
    """A file of the page."""
    return files("xalign.view").joinpath("web", name).read_text(encoding="utf-8").rstrip("\n")

"""How much text statistics needs: AER of fast_align and eflomal by pairs of text, and the default's.

Both statistical aligners are fed a sample of the text, lower-cased, and the sentences of the test
set, as they would be used. Links of both directions are joined by grow-diag-final-and; eflomal's
also by intersection. fast_align comes as the package systran-align, which is not among xalign's own
(`pip install systran-align`). What was done already in the output folder is not done again.
"""

import argparse
import json
import lzma
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bin.recipes.first_model import LICENCES, MAX_WORDS, say
from xalign.aligning.aligner import Aligner
from xalign.alignment import Alignment, GoldAlignment
from xalign.io.files import Source
from xalign.io.gold import read_gold
from xalign.io.pairs import read_pairs
from xalign.io.pharaoh import read_alignments
from xalign.links.symmetrize import symmetrize
from xalign.reading import score

SETS = {"de": "deen", "fr": "enfr", "ro": "roen", "zh": "zhen", "ja": "jaen"}
"""Test set of each language; in ``enfr`` English is the first side, in the others the second."""
AMOUNTS = (0, 1_000, 10_000, 100_000, None)
"""Pairs of text; None for all."""
Links = set[tuple[int, int]]


def main() -> None:
    """Measure what is missing in the output folder, then draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with train/ and gold/test/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of results")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    results = options.output / "results.jsonl"
    done = (
        [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    )
    for language, name in SETS.items():
        rows = list(text_of(options.data / "train" / f"{language}-en.tsv.xz"))
        random.Random(1).shuffle(rows)
        path = options.data / "gold" / "test" / name
        for amount in AMOUNTS:
            if any((row["set"], row["asked"]) == (name, amount) for row in done):
                continue
            row = measure(rows[:amount], path, english_first=name.startswith("en"))
            done.append({"set": name, "asked": amount, "pairs": len(rows[:amount]), **row})
            say(json.dumps(done[-1]))
            with results.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
    default = {name: of_default(options.data / "gold" / "test" / name) for name in SETS.values()}
    say(json.dumps({"xalign": default}))
    draw(done, default, options.output / "learning-curve.png")


def text_of(source: Path) -> Iterator[tuple[str, str]]:
    """All pairs under licences that a model may ship with, documentation included, lower-cased."""
    with lzma.open(source, "rt", encoding="utf-8") as lines:
        for line in lines:
            _, licence, _, text, english = line.rstrip("\n").lower().split("\t")
            sides = " ".join(text.split()), " ".join(english.split())
            if licence in LICENCES and all(0 < len(side.split()) <= MAX_WORDS for side in sides):
                yield sides


def measure(rows: list[tuple[str, str]], test: Path, *, english_first: bool) -> dict[str, float]:
    """AER in % of each aligner on a test set, after ``rows`` of text."""
    lines = test.with_name(f"{test.name}.txt").read_text().lower().splitlines()
    gold = read_gold(Source(f"{test}.talp"), f"{test}.talp").alignments
    turned = [(b, a) if english_first else (a, b) for a, b in rows]
    with tempfile.TemporaryDirectory() as name:
        text = Path(name) / "text"
        text.write_text("".join(f"{a} ||| {b}\n" for a, b in turned) + "\n".join(lines) + "\n")
        forward, reverse = eflomal(text, len(lines))
        ways = list(zip(forward, reverse, strict=True))
        found = {
            "fast_align": fast_align(text, lines),
            "eflomal, intersection": [one & other for one, other in ways],
            "eflomal, grow-diag-final-and": [grown(*way) for way in ways],
        }
    return {way: 100 * rate(links, gold) for way, links in found.items()}


def rate(links: list[Links], gold: tuple[GoldAlignment, ...]) -> float:
    """AER, a share of 1."""
    return score(gold, [Alignment(frozenset(pair)) for pair in links]).aer


def eflomal(text: Path, count: int) -> tuple[list[Links], list[Links]]:
    """Links of the last ``count`` lines, in either direction."""
    ways = [text.with_suffix(suffix) for suffix in (".forward", ".reverse")]
    program = Path(sys.executable).with_name("eflomal-align")
    command: list[str | Path] = [program, "-i", text, "-f", ways[0], "-r", ways[1]]
    subprocess.run(command, check=True, capture_output=True)
    one, other = (
        [set(found.links) for found in read_alignments(Source(str(way)), str(way))][-count:]
        for way in ways
    )
    return one, other


def fast_align(text: Path, lines: list[str]) -> list[Links]:
    """Links of ``lines``, joined from both directions by the program's own grow-diag-final-and."""
    import systran_align

    tables = [str(text.with_suffix(suffix)) for suffix in (".there", ".back")]
    systran_align.generate_alignment_probabilities(
        str(text), *tables, favor_diagonal=True, optimize_tension=True, variational_bayes=True
    )
    aligner = systran_align.Aligner(*tables)
    sides = ([side.split() for side in line.split(" ||| ")] for line in lines)
    return [set(aligner.align(src, tgt)["alignments"]) for src, tgt in sides]


def grown(one: Links, other: Links) -> Links:
    """Two directions joined by grow-diag-final-and."""
    ways = Alignment(frozenset(one)), Alignment(frozenset(other))
    return set(symmetrize(*ways, "grow-diag-final-and").links)


def of_default(test: Path) -> float:
    """AER in % of the model that xalign comes with, on a test set."""
    gold = read_gold(Source(f"{test}.talp"), f"{test}.talp").alignments
    pairs = read_pairs(Source(f"{test}.txt"), f"{test}.txt")
    return 100 * score(gold, Aligner.from_pretrained().align(pairs)).aer


def draw(results: list[dict[str, Any]], default: dict[str, float], path: Path) -> None:
    """A panel for each test set."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.4), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(SETS)), SETS.values(), strict=True):
        axis.axhline(default[name], color="black", label="xalign, as it comes")
        rows = [row for row in results if row["set"] == name]
        at = [max(row["pairs"], 300) for row in rows]
        for way in ("fast_align", "eflomal, intersection", "eflomal, grow-diag-final-and"):
            axis.plot(at, [row[way] for row in rows], marker="o", markersize=3, label=way)
        axis.set(title=name, xscale="log", ylim=(0, None), xlabel="pairs of text (left: none)")
    figure.axes[0].set_ylabel("AER (%)")
    figure.axes[0].legend(fontsize=6, loc="lower left")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()

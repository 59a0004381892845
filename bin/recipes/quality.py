"""Quality of directions, probabilities and scores: `python -m bin.recipes.quality FOLDER`.

FOLDER has pairs in NAME.txt and gold links in NAME.talp. Three tables: AER of one direction and of
both joined; expected calibration error of probabilities, with points of the other sets alone as well; how often
the score of a pair is higher than that of the same source with the translation of another sentence of
about the same length.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xalign import Aligner, SentencePair
from xalign.alignment import Alignment, Direction
from xalign.links.probabilities import WordProbabilities, calibrated
from xalign.links.symmetrize import symmetrize
from xalign.reading import score
from xalign.training.tuning import DevSet, calibration, open_dev_set, reliability

BINS = 10
LEAST = 0.05
"""Word pairs less probable are left out of calibration errors."""

Columns = tuple[NDArray[np.float32], NDArray[np.int64]]


def direction_rates(dev: DevSet, found: list[WordProbabilities]) -> dict[str, float]:
    """AER in %, of all links, of one direction, and of both joined."""
    ways: tuple[Direction, ...] = ("both", "forward", "reverse")
    links: dict[str, list[Alignment]] = {way: [one.alignment(way) for one in found] for way in ways}
    pairs = list(zip(links["forward"], links["reverse"], strict=True))
    for method in ("intersect", "grow-diag-final-and", "union"):
        links[method] = [symmetrize(a, b, method) for a, b in pairs]
    return {way: 100 * score(dev.gold, made).aer for way, made in links.items()}


def judged(dev: DevSet, found: list[WordProbabilities]) -> Columns:
    """Probabilities of word pairs, and 1 where one is a possible link."""
    kept = [one.link > LEAST for one in found]
    right = [
        (i, j) in gold.possible
        for one, keep, gold in zip(found, kept, dev.gold, strict=True)
        for i, j in zip(one.src[keep].tolist(), one.tgt[keep].tolist(), strict=True)
    ]
    numbers = np.concatenate([one.link[keep] for one, keep in zip(found, kept, strict=True)])
    return numbers, np.array(right, dtype=np.int64)


def calibration_error(numbers: NDArray[np.float32], right: NDArray[np.int64]) -> float:
    """Mean distance, over word pairs, of probability and share of right ones in ten bins."""
    places = np.minimum((numbers * BINS).astype(int), BINS - 1)
    off = np.bincount(places, numbers, BINS) - np.bincount(places, right, BINS)
    return float(np.abs(off).sum() / len(numbers))


def separation(aligner: Aligner, dev: DevSet, found: list[WordProbabilities]) -> float:
    """Area under the curve: translations against the same sources with others' targets."""
    order = sorted(range(len(dev.pairs)), key=lambda place: len(dev.pairs[place].tgt))
    following = dict(zip(order, order[1:] + order[:1], strict=True))
    others = [SentencePair(p.src, dev.pairs[following[k]].tgt) for k, p in enumerate(dev.pairs)]
    right = np.array([one.score for one in found])[:, None]
    wrong = np.array([one.score for one in aligner.probabilities(others)])
    return float(((right > wrong) + 0.5 * (right == wrong)).mean())


def main(folder: Path) -> None:
    """Print the tables."""
    aligner = Aligner.from_pretrained(device="cpu", precision="fp32")
    points = aligner.rule.calibration
    aligner.rule = replace(aligner.rule, calibration=())
    sets = [open_dev_set(str(path)) for path in sorted(folder.glob("*.txt"))]
    found = {dev.name: list(aligner.probabilities(dev.pairs)) for dev in sets}
    columns = {dev.name: judged(dev, found[dev.name]) for dev in sets}
    bins = {name: reliability(*pair) for name, pair in columns.items()}
    rows = []
    for dev in sets:
        numbers, right = columns[dev.name]
        others = calibration([table for name, table in bins.items() if name != dev.name])
        row = direction_rates(dev, found[dev.name])
        row |= {
            "ECE raw": calibration_error(numbers, right),
            "ECE": calibration_error(calibrated(numbers, points), right),
            "ECE, others' points": calibration_error(calibrated(numbers, others), right),
            "AUC": separation(aligner, dev, found[dev.name]),
        }
        rows.append(row)
        if len(rows) == 1:
            print("| |", " | ".join(row), "|")
        show(dev.name, row)
    show("mean", {key: float(np.mean([row[key] for row in rows])) for key in rows[0]})


def show(name: str, row: dict[str, float]) -> None:
    """Print a row of the table."""
    cells = (f"{value:.2f}" if value > 1 else f"{value:.3f}" for value in row.values())
    print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

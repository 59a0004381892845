"""The worth of a user's own links: a model learns some pairs of a gold set, and links the rest.

    python -m bin.recipes.own_links GOLD/dev/kftt.en-ja.txt -m MODEL -w FOLDER --steps 60

The gold links stand beside the pairs (.talp). Each run is one `xalign finetune --links`, which
takes the options that are not known here; what FOLDER holds is not done again. The table has the AER in % of all pairs that a
run did not see: mean, lowest and highest of the draws.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

from xalign import Aligner
from xalign.io.files import Source
from xalign.io.gold import read_gold
from xalign.io.pairs import read_pairs
from xalign.reading import score

SIZES, DRAWS = (50, 100, 300), 5


def draw(path: str, size: int, seed: int, folder: Path) -> set[int]:
    """Write ``size`` pairs with their links into ``folder``; gives their numbers."""
    pairs = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    links = Path(path).with_suffix(".talp").read_text().splitlines(keepends=True)
    chosen = random.Random(seed).sample(range(len(pairs)), size)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pairs.txt").write_text("".join(pairs[k] for k in chosen))
    (folder / "pairs.talp").write_text("".join(links[k] for k in chosen))
    return set(chosen)


def error_rate(path: str, model: str, left_out: set[int]) -> float:
    """AER in % of the pairs at ``path``, without those ``left_out``."""
    gold_path = str(Path(path).with_suffix(".talp"))
    gold = read_gold(Source(gold_path), gold_path).alignments
    kept = [k for k in range(len(gold)) if k not in left_out]
    pairs = list(read_pairs(Source(path), path))
    found = list(Aligner.from_pretrained(model).align(pairs[k] for k in kept))
    return 100 * score([gold[k] for k in kept], found).aer


def run(path: str, model: str, size: int, seed: int, work: Path, options: list[str]) -> float:
    """AER after learning ``size`` pairs."""
    folder = work / f"{size}-{seed}"
    result = folder / "aer.json"
    if not result.exists():
        chosen = draw(path, size, seed, folder)
        files = ["-i", str(folder / "pairs.txt"), "--links", str(folder / "pairs.talp")]
        command = [sys.executable, "-m", "xalign", "finetune", "-m", model, *files]
        subprocess.run([*command, "-o", str(folder / "run"), *options], check=True)
        result.write_text(json.dumps(error_rate(path, str(folder / "run"), chosen)))
    return float(json.loads(result.read_text()))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", help="sentence pairs with gold links beside them")
    parser.add_argument("-m", "--model", default="default")
    parser.add_argument("-w", "--work", required=True, help="folder of all runs")
    given, options = parser.parse_known_args()  # the rest is for xalign finetune
    work = Path(given.work)
    print("| pairs learnt | mean | lowest | highest |\n|---|---|---|---|", flush=True)
    print(f"| 0 | {error_rate(given.pairs, given.model, set()):.2f} | | |", flush=True)
    for size in SIZES:
        rates = [
            run(given.pairs, given.model, size, seed, work, options) for seed in range(1, DRAWS + 1)
        ]
        mean = statistics.mean(rates)
        print(f"| {size} | {mean:.2f} | {min(rates):.2f} | {max(rates):.2f} |", flush=True)


if __name__ == "__main__":
    main()

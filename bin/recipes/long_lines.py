"""Error rates of long lines: development pairs joined end to end, 1 to 32 at a time.

    python -m bin.recipes.long_lines GOLD/dev/bicici.de-en.txt GOLD/dev/xlwa.en-it.txt

Each file of sentence pairs needs its gold links beside it (.talp). For every number of joined pairs
the table has AER in %; the last columns have words per side and pairs that were read in windows.
"""

import argparse
import time
from pathlib import Path

from xalign import Aligner, Alignment, SentencePair
from xalign.alignment import GoldAlignment, Link
from xalign.io.files import Source
from xalign.io.gold import read_gold
from xalign.io.pairs import read_pairs
from xalign.reading import score

NUMBERS = (1, 2, 4, 8, 16, 32)

Item = tuple[SentencePair, GoldAlignment]


def join(items: list[Item]) -> Item:
    """One pair of several, with their links."""
    src: tuple[str, ...] = ()
    tgt: tuple[str, ...] = ()
    sure: set[Link] = set()
    possible: set[Link] = set()
    for pair, gold in items:
        sure |= {(i + len(src), j + len(tgt)) for i, j in gold.sure}
        possible |= {(i + len(src), j + len(tgt)) for i, j in gold.possible}
        src, tgt = src + pair.src, tgt + pair.tgt
    return SentencePair(src, tgt), GoldAlignment(frozenset(sure), frozenset(possible))


def joined(path: str, number: int) -> list[Item]:
    """The pairs at ``path``, ``number`` at a time; the last ones may be fewer."""
    gold_path = str(Path(path).with_suffix(".talp"))
    gold = read_gold(Source(gold_path), gold_path).alignments
    items = list(zip(read_pairs(Source(path), path), gold, strict=True))
    return [join(items[k : k + number]) for k in range(0, len(items), number)]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", help="sentence pairs with gold links beside them")
    parser.add_argument("-m", "--model", default="default")
    parser.add_argument("-k", "--numbers", type=int, nargs="+", default=NUMBERS)
    options = parser.parse_args()
    names = [Path(path).stem for path in options.files]
    print("| k |", " | ".join(names), "| words a side | in windows | words/s |", flush=True)
    print("|---" * (len(names) + 4) + "|")
    for number in options.numbers:
        aligner = Aligner.from_pretrained(options.model, precision="fp32")
        cells, words, pairs, seconds = [], 0, 0, 0.0
        for path in options.files:
            items = joined(path, number)
            start = time.perf_counter()
            found: list[Alignment] = list(aligner.align(pair for pair, _ in items))
            seconds += time.perf_counter() - start
            cells.append(f"{100 * score([gold for _, gold in items], found).aer:.2f}")
            words += sum(len(pair.src) + len(pair.tgt) for pair, _ in items)
            pairs += len(items)
        print(
            f"| {number} |",
            " | ".join(cells),
            f"| {words / pairs / 2:.0f} |",
            f"{aligner.counts.windowed} of {pairs} | {words / seconds:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

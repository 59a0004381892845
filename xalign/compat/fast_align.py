"""``fast_align``: the same options and output.

Nothing is learnt from the corpus: options that steer learning are accepted, and named once under
``-v``. A line with a blank side, which stops fast_align, gives an empty line.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from xalign.alignment import SentencePair
from xalign.compat.running import guarded, load_aligner, say
from xalign.console import BadLines
from xalign.io.files import MAX_LINE_BYTES, Source
from xalign.io.outputs import check_outputs, output
from xalign.io.pairs import read_as
from xalign.links.probabilities import NEGLIGIBLE, WordProbabilities
from xalign.links.segmentation import Segmented, segmenter

LEARNING = {
    "d": "favor_diagonal",
    "o": "optimize_tension",
    "I": "iterations",
    "q": "p0",
    "N": "no_null_word",
    "a": "alpha",
    "T": "diagonal_tension",
    "m": "mean_srclen_multiplier",
    "t": "beam_threshold",
    "b": "thread_buffer_size",
}
"""Options for learning, which have no effect here."""
FLAGS = ("d", "o", "N")
TENSION = "4"


def options() -> argparse.ArgumentParser:
    """Options of fast_align."""
    parser = argparse.ArgumentParser("fast_align", description=__doc__)
    parser.add_argument("-i", "--input", required=True, help="sentence pairs; - with -f")
    parser.add_argument("-r", "--reverse", action="store_true", help="one link per source word")
    parser.add_argument("-s", "--print_scores", action="store_true", help="a score after links")
    parser.add_argument("-v", "--variational_bayes", action="store_true", help="always on; talk")
    parser.add_argument("-f", "--force_align", metavar="FILE", help="repeat text before links")
    parser.add_argument("-p", "--conditional_probabilities", metavar="FILE", help="an empty file")
    for short, long in LEARNING.items():
        kind = {"action": "store_true"} if short in FLAGS else {"metavar": "X"}
        parser.add_argument(f"-{short}", f"--{long}", help="no meaning here", **kind)  # type: ignore[arg-type]
    return parser


def log_likelihood(found: WordProbabilities, *, is_reverse: bool) -> float:
    """Sum of the logarithms of the highest probability of each target word (or source word)."""
    best = found.best_forward if is_reverse else found.best_backward
    return sum(math.log(max(p, NEGLIGIBLE)) for p in best.tolist())


def run(arguments: list[str]) -> None:
    """Align as fast_align does."""
    from xalign.aligning.outputs import align_segmented

    chosen = options().parse_args(arguments)
    if chosen.variational_bayes:
        unused = [short for short, long in LEARNING.items() if getattr(chosen, long)]
        if unused:
            say(f"fast_align: nothing is learnt, so -{' -'.join(unused)} -v change nothing")
    if chosen.force_align and not Path(chosen.force_align).exists():
        say(f"fast_align: {chosen.force_align} is not there; it is not needed")
    check_outputs(["-", chosen.conditional_probabilities], [chosen.input])
    bad = BadLines()
    source = Source(chosen.input, MAX_LINE_BYTES)
    pairs = read_as(segmenter(None, "words", None), source, source.name, bad)
    aligner = load_aligner()
    force = chosen.force_align is not None
    groups: Iterator[list[Segmented]] | list[Iterator[Segmented]]
    groups = ([pair] for pair in pairs) if force else [pairs]
    sizes = [0, 0]
    with ExitStack() as stack:
        out = stack.enter_context(output("-"))
        if chosen.conditional_probabilities:
            stack.enter_context(output(chosen.conditional_probabilities))
        for group in groups:
            for segmented, found in align_segmented(aligner, group):
                shown = segmented.shown
                sizes[0] += len(shown.src)
                sizes[1] += len(shown.tgt)
                out.write(line(shown, found, chosen).encode())
            out.flush()
    if not force:  # force_align.py reads these off
        ratio = sizes[not chosen.reverse] / max(1, sizes[chosen.reverse])
        say(f"expected target length = source length * {ratio:g}")
        say(f"final tension: {chosen.diagonal_tension or TENSION}")
    counts = aligner.counts
    say(f"fast_align: {counts.pairs} pairs, {counts.empty - bad.count} empty, {bad.count} bad")


def line(pair: SentencePair, found: WordProbabilities, chosen: argparse.Namespace) -> str:
    """The line that fast_align prints for a pair."""
    links = str(found.alignment("reverse" if chosen.reverse else "forward"))
    score = f" ||| {log_likelihood(found, is_reverse=chosen.reverse):g}"
    if chosen.force_align is not None:
        return f"{' '.join(pair.src)} ||| {' '.join(pair.tgt)} ||| {links}{score}\n"
    return f"{links}{score if chosen.print_scores else ''}\n"


def main() -> None:
    """Run the program."""
    guarded(run, sys.argv[1:])


if __name__ == "__main__":
    main()

"""``eflomal``: the class that pipelines call, and the options of ``eflomal-align``.

Nothing is learnt from the text: models, iterations, samplers and priors are accepted and change
nothing.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from xalign.alignment import SentencePair, parse_link, split_words
from xalign.compat.running import guarded, load_aligner, say
from xalign.console import BadLines
from xalign.errors import InputError, XalignError
from xalign.io.files import MAX_LINE_BYTES, Source
from xalign.io.outputs import check_outputs
from xalign.io.pairs import read_pairs, read_two_files
from xalign.io.pharaoh import pharaoh
from xalign.links.probabilities import WordProbabilities

EVEN = 0.7
"""Mean of words' highest probabilities at which a pair is as likely a translation as not."""
LEAST = 1e-6


class Aligner:
    """Has the one method of eflomal's class that OpusFilter, Mozilla's and SIL's tools call."""

    def __init__(self, **options: Any) -> None:
        self._aligner: Any = None

    def align(
        self,
        src_input: Iterable[str],
        trg_input: Iterable[str],
        links_filename_fwd: str | None = None,
        links_filename_rev: str | None = None,
        scores_filename_fwd: str | None = None,
        scores_filename_rev: str | None = None,
        priors_input: object = None,
        quiet: bool = True,
        use_gdb: bool = False,
    ) -> None:
        """Align sentences of space-separated words, and write one line per pair to each file named.

        ``fwd`` links are one per target word, ``rev`` one per source word, both source-target.
        Scores are costs, as in eflomal: the lower, the likelier; below 0 a pair is more likely a
        translation than not, see `costs`. An empty side gives ``inf``.

        Errors: `ValueError` when there are more sentences on one side than on the other.
        """
        self.align_pairs(
            paired(src_input, trg_input),
            links_filename_fwd,
            links_filename_rev,
            scores_filename_fwd,
            scores_filename_rev,
        )

    def align_pairs(self, pairs: Iterable[SentencePair], *paths: str | None) -> None:
        """Align pairs; ``paths`` are those of `align`, in that order.

        Files are written in place, as by eflomal: callers hold temporary ones open.
        """
        if self._aligner is None:
            self._aligner = load_aligner()
        with ExitStack() as stack:
            files = [stack.enter_context(Path(path).open("wb")) if path else None for path in paths]
            for found in self._aligner.probabilities(pairs):
                lines = (
                    pharaoh(found.alignment("forward")),
                    pharaoh(found.alignment("reverse")),
                    *(f"{cost:g}\n".encode() for cost in costs(found)),
                )
                for file, line in zip(files, lines, strict=True):
                    if file:
                        file.write(line)


def paired(src: Iterable[str], tgt: Iterable[str]) -> Iterator[SentencePair]:
    """Pairs of two streams of sentences."""
    for one, other in zip_longest(src, tgt):
        if one is None or other is None:
            raise ValueError("Mismatched file sizes")
        yield SentencePair.from_text(one.rstrip("\r\n"), other.rstrip("\r\n"))


def costs(found: WordProbabilities) -> tuple[float, float]:
    """Costs of both directions: the log odds against a pair; infinite without words.

    A model with a pair head judges the pair as a whole, with the same cost in both directions. By
    another model the cost of a direction is that of the mean of the highest probabilities that
    words give, over the odds of `EVEN`.
    """
    if not all(found.shape):
        return math.inf, math.inf
    if found.similarity is not None and found.pair_weights:
        cost = -log_odds(found.score)
        return cost, cost
    means = (float(best.mean(dtype=float)) for best in (found.best_backward, found.best_forward))
    forward, reverse = (log_odds(EVEN) - log_odds(mean) for mean in means)
    return forward, reverse


def log_odds(share: float) -> float:
    """Logarithm of the odds of a probability."""
    share = min(max(share, LEAST), 1 - LEAST)
    return math.log(share / (1 - share))


Counts = Mapping[Any, float]


def calculate_priors(
    src_sentences: Iterable[str],
    trg_sentences: Iterable[str],
    fwd_alignments: Iterable[str],
    rev_alignments: Iterable[str],
) -> tuple[Counts, Counts, Counts, Counts, Counts]:
    """Counts of links that `write_priors` writes: the same as eflomal's.

    They are of linked words (forward), of jumps from one link to the next (forward, reverse), and
    of words by their number of links (forward, reverse).
    """
    words, jumps, fertilities = (
        Counter[Any](),
        (Counter[int](), Counter[int]()),
        (
            Counter[Any](),
            Counter[Any](),
        ),
    )
    streams = src_sentences, trg_sentences, fwd_alignments, rev_alignments
    for src_text, tgt_text, forward, reverse in zip(*streams, strict=True):
        sides = split_words(src_text.rstrip("\r\n")), split_words(tgt_text.rstrip("\r\n"))
        ways = [sorted(map(parse_link, links.split())) for links in (forward, reverse)]
        for i, j in {*ways[0], *ways[1]}:
            if i >= len(sides[0]) or j >= len(sides[1]):
                sizes = f"{len(sides[0])} and {len(sides[1])} words"
                raise XalignError(f"expected links between {sizes}, found {i}-{j}")
        words.update((sides[0][i], sides[1][j]) for i, j in ways[0])
        for side, links in enumerate(ways):
            at = -1
            for place in [link[side] for link in sorted(links, key=lambda k: k[1 - side])]:
                jumps[side][place - at] += 1
                at = place
            jumps[side][len(sides[side]) - at] += 1
            counts = Counter(link[side] for link in links)
            fertilities[side].update((sides[side][k], count) for k, count in counts.items())
    return words, *jumps, *fertilities


def write_priors(
    pyfile: TextIO,
    priors_list: Counts,
    hmmf_priors: Counts,
    hmmr_priors: Counts,
    ferf_priors: Counts,
    ferr_priors: Counts,
) -> None:
    """Write counts that `calculate_priors` made, one in a line."""
    for (src, tgt), count in sorted(priors_list.items()):
        pyfile.write(f"LEX\t{src}\t{tgt}\t{count}\n")
    for name, counts in (("FERF", ferf_priors), ("FERR", ferr_priors)):
        for (word, number), count in sorted(counts.items()):
            pyfile.write(f"{name}\t{word}\t{number}\t{count}\n")
    for name, counts in (("HMMF", hmmf_priors), ("HMMR", hmmr_priors)):
        for jump, count in sorted(counts.items()):
            pyfile.write(f"{name}\t{jump}\t{count}\n")


def read_text(
    pyfile: Iterable[str], lowercase: bool, prefix_len: int = 0, suffix_len: int = 0
) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    """Sentences of a text, for `write_text`, and a number for each of their words.

    Other than in eflomal, sentences keep their words, as a network reads words, not numbers; so
    ``lowercase`` and cutting words to their ends change nothing.
    """
    sentences = [split_words(line.rstrip("\r\n")) for line in pyfile]
    words = dict.fromkeys(word for sentence in sentences for word in sentence)
    return sentences, {word: number for number, word in enumerate(words)}


def write_text(pyfile: BinaryIO, sents: Sequence[Sequence[str]], voc_size: int) -> None:
    """Write sentences of `read_text` for the program ``eflomal``."""
    lines = [f"xalign {len(sents)} {voc_size}", *map(" ".join, sents)]
    pyfile.write("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))
    pyfile.flush()


def options() -> argparse.ArgumentParser:
    """Options of eflomal-align."""
    parser = argparse.ArgumentParser("eflomal-align", description=__doc__)
    for short, long, what in (
        ("-i", "--input", "pairs, as source ||| target"),
        ("-s", "--source", "source sentences"),
        ("-t", "--target", "target sentences"),
        ("-f", "--forward-links", "links to write"),
        ("-r", "--reverse-links", "links to write"),
        ("-F", "--forward-scores", "costs to write"),
        ("-R", "--reverse-scores", "costs to write"),
        ("-p", "--priors", "no meaning here"),
        ("-m", "--model", "no meaning here"),
        ("-M", "--score-model", "no meaning here"),
        ("-l", "--length", "no meaning here"),
        ("-1", "--ibm1-iters", "no meaning here"),
        ("-2", "--hmm-iters", "no meaning here"),
        ("-3", "--fert-iters", "no meaning here"),
    ):
        parser.add_argument(short, long, metavar="X", help=what)
    affixes = [f"{side}-{end}" for side in ("source", "target") for end in ("prefix", "suffix")]
    for long in ("null-prior", "n-samplers", *affixes):
        parser.add_argument(f"--{long}", metavar="X", help="no meaning here")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is done")
    parser.add_argument("--debug", action="store_true", help="no meaning here")
    parser.add_argument("--overwrite", action="store_true", help="replace files of links")
    return parser


def run(arguments: list[str]) -> None:
    """Align as eflomal-align does."""
    chosen = options().parse_args(arguments)
    if not (chosen.input or (chosen.source and chosen.target)):
        say("need to specify either -s and -t, or -i")
        sys.exit(1)
    links = chosen.forward_links, chosen.reverse_links
    for path in links:
        if path and not chosen.overwrite and Path(path).exists():
            raise InputError(path, 0, "output file exists, will not overwrite!")
    written = [*links, chosen.forward_scores, chosen.reverse_scores]
    check_outputs(written, [chosen.input, chosen.source, chosen.target])
    bad = BadLines()
    if chosen.input:
        source = Source(chosen.input, MAX_LINE_BYTES)
        pairs = read_pairs(source, source.name, bad)
    else:
        src, tgt = (Source(path, MAX_LINE_BYTES) for path in (chosen.source, chosen.target))
        pairs = read_two_files(src, tgt, src.name, tgt.name, bad)
    aligner = Aligner()
    aligner.align_pairs(pairs, *links, chosen.forward_scores, chosen.reverse_scores)
    counts = aligner._aligner.counts
    if chosen.verbose or bad.count:
        empty = counts.empty - bad.count
        say(f"eflomal-align: {counts.pairs} pairs, {empty} empty, {bad.count} bad")


def main() -> None:
    """Run the program."""
    guarded(run, sys.argv[1:])


if __name__ == "__main__":
    main()

"""``eflomal-makepriors``: counts of links, as eflomal and other programs read them."""

import argparse
import sys
from contextlib import ExitStack, closing
from pathlib import Path

from xalign.compat.eflomal import calculate_priors, write_priors
from xalign.compat.running import guarded, say
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.outputs import check_outputs, whole
from xalign.io.pairs import read_pairs


def options() -> argparse.ArgumentParser:
    """Options of eflomal-makepriors."""
    parser = argparse.ArgumentParser("eflomal-makepriors", description=__doc__)
    for short, long, what in (
        ("-s", "--source", "source sentences"),
        ("-t", "--target", "target sentences"),
        ("-i", "--input", "pairs, as source ||| target"),
        ("-f", "--forward-alignments", "forward links"),
        ("-r", "--reverse-alignments", "reverse links"),
        ("-p", "--priors", "file to write"),
    ):
        parser.add_argument(short, long, metavar="FILE", help=what)
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is done")
    return parser


def run(arguments: list[str]) -> None:
    """Count as eflomal-makepriors does."""
    parser = options()
    chosen = parser.parse_args(arguments)
    links = chosen.forward_alignments, chosen.reverse_alignments
    if not (chosen.input or (chosen.source and chosen.target)) or not all(links):
        parser.error("need -i, or -s and -t, and both -f and -r")
    inputs = [chosen.input, chosen.source, chosen.target, *links]
    check_outputs([chosen.priors], inputs)
    with ExitStack() as stack:

        def lines(path: str) -> list[str]:
            source = stack.enter_context(closing(Source(path)))
            return [line.decode(errors="surrogateescape") for line in source]

        if chosen.input:
            source = stack.enter_context(closing(Source(chosen.input)))
            pairs = list(read_pairs(source, source.name))
            src, tgt = (
                [" ".join(pair.src) for pair in pairs],
                [" ".join(pair.tgt) for pair in pairs],
            )
        else:
            src, tgt = lines(chosen.source), lines(chosen.target)
        given = [lines(path) for path in links]
        for path, found in zip([chosen.target or chosen.input, *links], (tgt, *given), strict=True):
            if len(found) != len(src):
                raise InputError(path, 0, f"expected {len(src)} lines, found {len(found)}")
        counts = calculate_priors(src, tgt, *given)
    if chosen.priors is None:
        write_priors(sys.stdout, *counts)
        return
    with (
        whole(Path(chosen.priors)) as part,
        part.open("w", encoding="utf-8", errors="surrogateescape") as file,
    ):
        write_priors(file, *counts)
    if chosen.verbose:
        say(f"eflomal-makepriors: {len(src)} pairs, {sum(map(len, counts))} priors")


def main() -> None:
    """Run the program."""
    guarded(run, sys.argv[1:])


if __name__ == "__main__":
    main()

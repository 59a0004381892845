"""``eflomal``: the program that SIL's tools run on files that `write_text` of eflomal wrote.

Our `write_text` keeps the words, which a network needs; a file of another eflomal has their numbers
alone, and is refused.
"""

import argparse
import sys

from xalign.alignment import SentencePair, split_words
from xalign.compat.eflomal import Aligner
from xalign.compat.running import guarded
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.outputs import check_outputs

UNUSED = ["m", "n", "N", "1", "2", "3", "M", "p", "i", "l", "P"]
"""Options for learning, which have no effect here."""


def options() -> argparse.ArgumentParser:
    """Options of eflomal."""
    parser = argparse.ArgumentParser("eflomal", description=__doc__)
    for short, what in (
        ("-s", "source sentences"),
        ("-t", "target sentences"),
        ("-f", "forward links to write"),
        ("-r", "reverse links to write"),
        ("-F", "forward costs to write"),
        ("-R", "reverse costs to write"),
    ):
        parser.add_argument(short, metavar="FILE", help=what, required=short in ("-s", "-t"))
    for short in UNUSED:
        parser.add_argument(
            f"-{short}", metavar="X", help="no meaning here", dest=f"unused_{short}"
        )
    for short in ("-q", "-v", "-c", "-o"):
        parser.add_argument(short, action="store_true", help="no meaning here")
    return parser


def sentences(path: str) -> list[tuple[str, ...]]:
    """Sentences of a file that `write_text` wrote: a line of sizes, then a line for each.

    Errors: `InputError` when it is another file.
    """
    source = Source(path)
    lines = [line.decode(errors="surrogateescape") for line in source]
    head = lines[0].split() if lines else []
    if len(head) != 3 or head[0] != "xalign" or not head[1].isdigit():
        expected = "expected a file of xalign's write_text, put its folder first on PYTHONPATH"
        raise InputError(path, 1, expected)
    if len(lines) - 1 != int(head[1]):
        raise InputError(path, 0, f"expected {head[1]} sentences, found {len(lines) - 1}")
    return [split_words(line) for line in lines[1:]]


def run(arguments: list[str]) -> None:
    """Align as eflomal does."""
    chosen = options().parse_args(arguments)
    written = [chosen.f, chosen.r, chosen.F, chosen.R]
    check_outputs(written, [chosen.s, chosen.t])
    src, tgt = sentences(chosen.s), sentences(chosen.t)
    if len(src) != len(tgt):
        raise InputError(chosen.t, 0, f"expected {len(src)} sentences, found {len(tgt)}")
    pairs = (SentencePair(one, other) for one, other in zip(src, tgt, strict=True))
    Aligner().align_pairs(pairs, *written)


def main() -> None:
    """Run the program."""
    guarded(run, sys.argv[1:])


if __name__ == "__main__":
    main()

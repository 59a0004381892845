"""``atools``: the commands of fast_align's second program, on links in Pharaoh format.

With ``-i - -j -`` the lines of both files alternate on standard input, as force_align.py sends
them.
"""

import argparse
import sys
from collections.abc import Iterator
from typing import BinaryIO, cast

from xalign.alignment import Alignment, GoldAlignment
from xalign.compat.running import guarded, say
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.outputs import output
from xalign.io.pharaoh import pharaoh, read_links_after_text, read_two_alignments
from xalign.links.metrics import Score, score_pair
from xalign.links.symmetrize import Method, invert, symmetrize

JOINED = ("intersect", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and", "fmeasure")
ALONE = ("convert", "display", "invert")


def options() -> argparse.ArgumentParser:
    """Options of atools."""
    parser = argparse.ArgumentParser("atools", description=__doc__)
    parser.add_argument("-i", "--input_1", required=True, metavar="FILE")
    parser.add_argument("-j", "--input_2", metavar="FILE")
    parser.add_argument("-c", "--command", required=True, choices=sorted(JOINED + ALONE))
    return parser


def run(arguments: list[str]) -> None:
    """Run the command that ``-c`` names."""
    chosen = options().parse_args(arguments)
    command = chosen.command
    if (command in JOINED) != (chosen.input_2 is not None):
        count = "two alignment files" if command in JOINED else "only one alignment file"
        say(f"Command '{command}' requires {count}")
        sys.exit(1)
    with output("-") as out:
        if command in ALONE:
            source = Source(chosen.input_1)
            for links in read_links_after_text(source, source.name):
                if command == "display":
                    out.write(grid(links).encode() + b"\n")
                out.write(pharaoh(invert(links) if command == "invert" else links))
            return
        if command == "fmeasure":
            f_measure(both(chosen.input_1, chosen.input_2), out)
            return
        is_fed_by_turns = chosen.input_1 == chosen.input_2 == "-"
        for ways in both(chosen.input_1, chosen.input_2):
            out.write(pharaoh(symmetrize(*ways, cast(Method, command))))
            if is_fed_by_turns:
                out.flush()


def both(path: str, other_path: str) -> Iterator[tuple[Alignment, Alignment]]:
    """Alignments of both files, side by side."""
    if path == other_path == "-":
        return by_turns()
    one, other = Source(path), Source(other_path)
    return read_two_alignments(one, other, one.name, other.name)


def by_turns() -> Iterator[tuple[Alignment, Alignment]]:
    """Alignments of standard input, two lines per pair."""
    source = Source("-")
    alignments = read_links_after_text(source, source.name)
    for number, one in enumerate(alignments):
        other = next(alignments, None)
        if other is None:
            raise InputError(source.name, 2 * number + 2, "Mismatched number of lines!")
        yield one, other


def f_measure(pairs: Iterator[tuple[Alignment, Alignment]], out: BinaryIO) -> None:
    """Write precision, recall and F of the first against the second."""
    total = sum((score_pair(a, GoldAlignment(gold.links)) for a, gold in pairs), Score())
    if not (total.links and total.sure):
        say("Insufficient statistics to compute f-measure!")
        sys.exit(1)
    figures = {"P": total.precision, "R": total.recall, "F": total.f1}
    out.write("".join(f"{name}: {value:g}\n" for name, value in figures.items()).encode())


def grid(alignment: Alignment) -> str:
    """Links as stars, one row per source word.

    >>> print(grid(Alignment(frozenset({(0, 1)}))), end="")
     01
    0.*0
     01
    """
    height = 1 + max((i for i, _ in alignment), default=-1)
    width = 1 + max((j for _, j in alignment), default=-1)
    ruler = " " + "".join(str(j % 10) for j in range(width))
    rows = [
        f"{i % 10}{''.join('.*'[(i, j) in alignment] for j in range(width))}{i % 10}"
        for i in range(height)
    ]
    return "".join(f"{row}\n" for row in (ruler, *rows, ruler))


def main() -> None:
    """Run the program."""
    guarded(run, sys.argv[1:])


if __name__ == "__main__":
    main()

"""The commands on links alone: `xalign symmetrize`, `xalign rethreshold` and `xalign score`."""

import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from xalign.console import is_terminal, say
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.outputs import check_outputs, output

if TYPE_CHECKING:
    from xalign.io.links import FoundLinks


def check_sides(path: str, reverse: str) -> None:
    """Raise `InputError` if the words in two files of links say that their sides are exchanged."""
    from xalign.io.links import first_words

    if "-" in (path, reverse) or not (Path(path).is_file() and Path(reverse).is_file()):
        return
    pairs = []
    for name in (path, reverse):
        with closing(Source(name)) as source:
            pairs.append(first_words(source, name))
    one, other = pairs
    if one.src and one.src != one.tgt and (one.src, one.tgt) == (other.tgt, other.src):
        advice = f"xalign symmetrize -i {shlex.quote(reverse)} -c invert -o inverted.align"
        raise InputError(reverse, 0, f"its sides are those of {path}, exchanged; run: {advice}")


def tell_of_terminal(paths: Sequence[str | None]) -> None:
    """Say that links are read from the terminal, if they are."""
    if "-" in paths and is_terminal(sys.stdin):
        say("reading links from the terminal; end with Ctrl-D")


def tell_open(found: "FoundLinks") -> None:
    """Say that pairs at the end of a file may be missing, if its format does not count them."""
    if found.is_open:
        say(f"{found.path}: pairs without links at the end are not in this format, and left out")


def symmetrize(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Links, as with -i, then -j.", show_default=False),
    ] = None,
    input: Annotated[
        str | None,
        typer.Option("-i", "--input", help="Links of one direction; or as FILE."),
    ] = None,
    reverse: Annotated[
        str | None, typer.Option("-j", "--reverse", help="Links of the other direction.")
    ] = None,
    command: Annotated[
        Literal[
            "intersect",
            "union",
            "grow-diag",
            "grow-diag-final",
            "grow-diag-final-and",
            "invert",
            "convert",
        ],
        typer.Option("-c", "--command", help="How to join them; the last two take -i alone."),
    ] = "grow-diag-final-and",
    order: Annotated[
        Literal["atools", "moses"],
        typer.Option(help="Order in which links grow: as in atools, or Moses' symal."),
    ] = "atools",
    output_path: Annotated[
        str, typer.Option("-o", "--output", help="Links; the file appears when it is whole.")
    ] = "-",
) -> None:
    """Join the links of two directions into one alignment, or exchange the sides of one.

    \b
    xalign symmetrize -i forward.align -j reverse.align > both.align
    xalign symmetrize -i forward.align -j reverse.align -c intersect
    xalign symmetrize -i de-en.align -c invert > en-de.align
    xalign symmetrize -i links.jsonl -c convert > links.align

    One line in, one line out. Both files are source-target, as `fast_align` and `fast_align -r`
    print them, in any format of `xalign align`. On a line with ` ||| `, links are what follows the
    last one.
    """
    from xalign.io.links import find_links, two_by_two
    from xalign.io.pharaoh import pharaoh
    from xalign.links.symmetrize import Method, invert
    from xalign.links.symmetrize import symmetrize as join

    more = list(files or ())
    input = input or (more.pop(0) if more else None)
    reverse = reverse or (more.pop(0) if more else None)
    if input is None or more:
        raise typer.BadParameter("give links: -i FILE, and -j FILE for the other direction")
    is_alone = command in ("invert", "convert")
    if is_alone != (reverse is None):
        raise typer.BadParameter(f"{command} takes {'-i alone' if is_alone else '-i and -j'}")
    if input == reverse == "-":
        raise typer.BadParameter("-i and -j cannot both be standard input")
    check_outputs([output_path], [input, reverse])
    if reverse is not None:
        check_sides(input, reverse)
    tell_of_terminal([input, reverse])
    with output(output_path) as out, closing(Source(input)) as one:
        found = find_links(one, one.name)
        if reverse is None:
            tell_open(found)
            for links in found.pairs:
                turned = invert(links.alignment) if command == "invert" else links.alignment
                out.write(pharaoh(turned))
            return
        with closing(Source(reverse)) as other:
            found_there = find_links(other, other.name)
            if found_there.is_open:
                tell_open(found)
            for left, right in two_by_two(found, found_there):
                both = join(left.alignment, right.alignment, cast(Method, command), order)
                out.write(pharaoh(both))


def rethreshold(
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Keep links whose probability exceeds this.")
    ],
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="Links, as with -i.", show_default=False)
    ] = None,
    input: Annotated[
        str | None,
        typer.Option("-i", "--input", help="Links with probabilities; default: stdin."),
    ] = None,
    output_path: Annotated[
        str, typer.Option("-o", "--output", help="Links; the file appears when it is whole.")
    ] = "-",
) -> None:
    """Keep more or fewer links without running the model again.

    \b
    xalign align --format scored --threshold 0.05 -i corpus.txt > scored.align
    xalign rethreshold --threshold 0.6 -i scored.align > out.align

    One line of links in Pharaoh format for each pair. The input is what `xalign align` wrote with
    `--format scored`, jsonl or naacl: formats that have probabilities.
    """
    from xalign.io.links import find_links
    from xalign.io.pharaoh import pharaoh

    if file and input:
        raise typer.BadParameter("give one file of links")
    input = input or file or "-"
    check_outputs([output_path], [input])
    tell_of_terminal([input])
    with output(output_path) as out, closing(Source(input)) as source:
        found = find_links(source, source.name)
        for links in found.pairs:
            if links.probabilities and not found.has_probabilities:
                advice = "make it by xalign align --format scored --threshold 0.05"
                message = f"expected links with probabilities, found the format {found.format}"
                raise InputError(source.name, 0, f"{message}; {advice}")
            out.write(pharaoh(links.above(threshold)))


def score(
    gold: Annotated[
        str,
        typer.Option(
            "-g", "--gold", help="Gold links: talp, NAACL/WPT, XL-WA, Blinker, CzEnAli or Clear."
        ),
    ],
    outputs: Annotated[
        list[str] | None, typer.Argument(metavar="OUTPUT", help="Outputs to score.")
    ] = None,
    input: Annotated[
        list[str] | None, typer.Option("-i", "--input", help="Another output to score.")
    ] = None,
    gold_base: Annotated[
        int | None,
        typer.Option(min=0, max=1, help="First index in the gold file; default: detected."),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            min=0,
            max=100_000,
            help="Resamplings for the 95% interval and the p-value; 0: none.",
        ),
    ] = 0,
    worst: Annotated[int, typer.Option(min=0, help="Show the N pairs with the most mistakes.")] = 0,
    pairs: Annotated[
        str | None, typer.Option(help="Sentence pairs, to show words with --worst.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score alignments against gold links: AER, precision, recall, F1.

    \b
    xalign score --gold test.talp out.align
    xalign score --gold test.talp --samples 1000 ours.align theirs.align
    xalign score --gold test.talp --worst 5 --pairs test.txt out.align

    Alignments are in any format of `xalign align`. Without a file, standard input is read. With
    several files, `p` is the two-sided p-value of the difference to the first.
    """
    from xalign.cli import report

    paths = [*(outputs or []), *(input or [])] or ["-"]
    if [gold, *paths].count("-") > 1:
        raise typer.BadParameter("only one of the files can be standard input")
    if pairs and not worst:
        raise typer.BadParameter("--pairs shows the words of --worst N; give both")
    tell_of_terminal(paths)
    gold_links = report.open_gold(gold, gold_base)
    scored = [report.open_scored(path, gold_links, gold) for path in paths]
    for output_scored in scored:
        if hint := report.hint(output_scored, gold_links):
            say(f"{output_scored.name}: {hint}")
    texts = report.open_texts(pairs, gold_links) if pairs else ()
    scores = report.as_records(scored, gold_links, samples=samples, num_worst=worst, texts=texts)
    signature = report.signature(gold_links, gold, samples)
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # for characters that the locale lacks
    if as_json:
        print(json.dumps({"signature": signature, "outputs": scores}, indent=2))
    else:
        print(report.as_text(scores, signature))

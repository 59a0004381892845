"""The command `xalign view`: pairs with their links in a terminal, in a page, or as a picture."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

import xalign
from xalign.aligning.settings import AlignerSettings, Words, Workers
from xalign.alignment import GoldAlignment
from xalign.cli import report as scoring
from xalign.cli.align import Files, Quiet, check_options, cutter
from xalign.cli.inputs import check_model, check_unused, open_pairs, with_files
from xalign.cli.options import grouped
from xalign.cli.text import check_places
from xalign.cli.usage import COMMON
from xalign.cli.view_options import Chosen, Compared, Pages, Shown, check
from xalign.console import BadLines, is_terminal, say
from xalign.errors import InputError, XalignError
from xalign.io.files import Source, names
from xalign.io.gold import Gold
from xalign.io.links import NO_LINKS, find_links
from xalign.io.outputs import Outputs, check_outputs
from xalign.links.metrics import worst
from xalign.links.notices import VIEW, Watched
from xalign.progress import Meter, Phase, status_line

if TYPE_CHECKING:
    from xalign.links.segmentation import Segmented
    from xalign.view.pairs import Found, ViewedPair

MODEL = "xalign"
"""Name of links that are made here."""
WIDE = 1_000_000
"""Columns of a file or pipe, in which grids are not folded."""


@grouped
def view(
    texts: Annotated[Shown, COMMON],
    compared: Annotated[Compared, COMMON],
    chosen: Annotated[Chosen, COMMON],
    pages: Annotated[Pages, "Output"],
    words: Annotated[Words, "Words"],
    settings: Annotated[AlignerSettings, "Model"],
    files: Files = None,
    quiet: Quiet = False,
) -> None:
    """Show pairs with their links: in the terminal, in a page, as a picture.

    \b
    xalign view corpus.txt -n 12
    xalign view -i test.txt -a out.align --gold test.talp --worst 10
    xalign view -i test.txt -a ours.align -a theirs.align --html report.html

    A grid has the source words down and the target words across. Links are those of -a, in any
    format of `xalign align`; without it, the pairs are aligned. A page needs no network: it has
    curves, matrices, a threshold, scores and charts, and saves links that you correct.
    """
    texts = with_files(texts, files)
    check(texts, compared, chosen, pages)
    check_options(words, Workers())
    given = [*texts.input, texts.source, texts.target, *compared.links, compared.gold]
    check_outputs(pages.paths, given)
    if compared.is_aligned:
        check_model(settings)
    else:
        check_unused(settings)
    if chosen.pager and not is_terminal(sys.stdout):
        raise typer.BadParameter("--pager shows pairs in a terminal; standard output is none")
    with Outputs() as outputs:  # an error of a file is told before all work
        files_of = {kind: outputs.open(path) for kind, path in pages.by_kind.items()}
        if pages.png:
            from xalign.drawing import png

            png.check()
        rows = read_rows(texts, compared, chosen, words)
        if pages.has_picture and not chosen.worst and len(rows) != 1:
            found = f"there are {len(rows)} pairs"
            raise typer.BadParameter(f"--svg, --png, --tikz show one pair; {found}: add --line N")
        pairs = viewed(rows, compared, settings, quiet)
        aligners = [*names(compared.links), *([MODEL] if compared.is_aligned else [])]
        if chosen.worst:
            pairs = [pairs[k] for k in worst([pair.counts() for pair in pairs], chosen.worst)]
        for kind, file in files_of.items():
            file.write(written(kind, pairs, aligners, texts.name))
    if pages.html and not quiet and pages.html != "-":
        say(f"{pages.html}: {len(pairs)} pairs; open it in a browser")
    if pages.paths:
        return
    if not pairs:
        say("no pair has mistakes" if chosen.worst else "there is no pair to show")
    elif chosen.pager:
        from xalign.cli.pager import turn_pages

        turn_pages(pairs, aligners)
    else:
        print_grids(pairs, aligners)


@dataclass(frozen=True, slots=True)
class Row:
    """A pair by its number, with its gold links, and its links in each file."""

    number: int
    text: "Segmented"
    gold: GoldAlignment | None
    found: "tuple[Found, ...]"


def read_rows(texts: Shown, compared: Compared, chosen: Chosen, words: Words) -> list[Row]:
    """The pairs to show; only these are kept in memory.

    Errors: `InputError` when files have different numbers of lines, a line is not there, or a link
    names a word that is not there.
    """
    bad = BadLines(outcome="it is shown without words")
    watched = Watched(
        cutter(words),
        say,
        is_cut=words.cuts_all_scripts,
        unicode=words.words == "unicode",
        advice=VIEW,
    )
    measured, read = open_pairs(texts.inputs, bad, watched)
    with ExitStack() as stack:
        stack.enter_context(closing(measured))
        name = measured.name
        stream: Iterator[tuple[Segmented, tuple[Found, ...]]] = ((text, ()) for text in read)
        for path in compared.links:
            source = stack.enter_context(closing(Source(path)))
            stream = with_links(stream, source, name)
        if chosen.line and not (compared.links or compared.gold):
            stream = islice(stream, max(chosen.line))
        gold = None
        if compared.gold:
            gold = scoring.open_gold(compared.gold, compared.gold_base)
        kept: dict[int, Row] = {}
        number = 0
        for number, (text, found) in enumerate(stream, 1):
            reference = gold_of(gold, number, text, str(compared.gold)) if gold else None
            if not chosen.line or number in chosen.line:
                kept[number] = Row(number, text, reference, found)
        if gold and gold.format != "naacl" and len(gold.alignments) != number:
            expected = f"expected {number} lines, as many as {name} has"
            raise InputError(str(compared.gold), 0, f"{expected}, found {len(gold.alignments)}")
        if bad.count:
            say(f"{bad.count} bad of {number} pairs")
        for wanted in chosen.line:
            if wanted not in kept:
                raise InputError(name, 0, f"expected pair {wanted}, found {number} pairs")
    return [kept[number] for number in chosen.line or kept]


def with_links(
    rows: "Iterator[tuple[Segmented, tuple[Found, ...]]]", source: Source, name: str
) -> "Iterator[tuple[Segmented, tuple[Found, ...]]]":
    """Pairs of the file ``name`` with one more `Found` each, from the links in ``source``.

    Errors: `InputError` when there are more or fewer, or one names a word that is not there.
    """
    from xalign.view.pairs import Found

    links = find_links(source, source.name)
    for number, ((text, found), scored) in enumerate(links.beside(rows, name), 1):
        known = NO_LINKS if text.shown.is_empty else scored
        check_places(text.shown, known.probabilities, source.name, number)
        has_probabilities = links.has_probabilities
        if links.format == "naacl":  # where they may be left out
            has_probabilities = any(p != 1 for p in known.probabilities.values())
        one = Found.from_links(known, has_probabilities=has_probabilities)
        yield text, (*found, one)


def gold_of(gold: Gold, number: int, text: "Segmented", path: str) -> GoldAlignment:
    """Gold links of a pair.

    Errors: `InputError` when one names a word that is not there.
    """
    if number > len(gold.alignments) or text.shown.is_empty:
        return GoldAlignment()
    found = gold.alignments[number - 1]
    check_places(text.shown, found.possible, path, number)
    return found


def viewed(
    rows: Sequence[Row], compared: Compared, settings: AlignerSettings, quiet: bool
) -> "list[ViewedPair]":
    """The pairs to show, with the links of a model as the last ones if they are wanted."""
    from xalign.view.pairs import ViewedPair

    if not (compared.is_aligned and rows):
        return [ViewedPair(row.number, row.text.shown, row.found, row.gold) for row in rows]
    made = model_links([row.text for row in rows], settings, quiet)
    return [
        ViewedPair(row.number, row.text.shown, (*row.found, ours), row.gold, score)
        for row, (ours, score) in zip(rows, made, strict=True)
    ]


def model_links(
    pairs: "Sequence[Segmented]", settings: AlignerSettings, quiet: bool
) -> "Iterator[tuple[Found, float]]":
    """Links that a model finds, in the user's words, and the score of each pair."""
    from xalign.aligning.memory import prepare_process

    prepare_process(settings.model)
    from xalign.aligning.outputs import align_segmented
    from xalign.view.pairs import Found

    with status_line(is_quiet=quiet) as line:
        line.show(Phase("loading the model"))
        aligner = xalign.Aligner.from_settings(settings)
        progress = Counted(len(pairs))
        line.show(Meter(progress, aligner.counts, aligner.where))
        for pair, found in align_segmented(aligner, pairs):
            progress.position += 1
            yield Found.from_words(found).placed(pair), found.score


class Counted:
    """Number of pairs that are done (``position``), and of all (``size``)."""

    def __init__(self, size: int) -> None:
        self.position, self.size = 0, size


def written(kind: str, pairs: "Sequence[ViewedPair]", aligners: Sequence[str], name: str) -> bytes:
    """A page of all pairs, or a picture of the first one."""
    if kind == "html":
        from xalign.view.report import report

        return report(pairs, aligners, name, name).encode()
    if not pairs:
        raise XalignError("there is no pair to draw: no pair has mistakes")
    picture = pairs[0].picture()
    if kind == "png":
        from xalign.drawing import png

        return png.draw(picture)
    from xalign.drawing import svg, tikz

    return {"svg": svg.draw, "tikz": tikz.draw}[kind](picture).encode()


def print_grids(pairs: "Sequence[ViewedPair]", aligners: Sequence[str]) -> None:
    """Print a grid for each pair and aligner; in colours and folded on a terminal alone."""
    from rich.console import Console

    from xalign.drawing import grid

    on_terminal = is_terminal(sys.stdout)
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # for characters that the locale lacks
    console = Console(highlight=False)
    columns = console.width if on_terminal else WIDE
    for pair in pairs:
        for aligner, name in enumerate(aligners):
            head = heading(pair, aligner, name if len(aligners) > 1 else "")
            for text in [head, *grid.draw(pair.picture(aligner), columns), ""]:
                if on_terminal:
                    console.print(text, soft_wrap=True, markup=False)
                else:
                    print(str(text).rstrip(" "))
    print(grid.legend(pairs[0].gold is not None))


def heading(pair: "ViewedPair", aligner: int = 0, name: str = "") -> str:
    """The number of a pair, and its figures."""
    parts = [f"pair {pair.number}", *([name] if name else [])]
    if pair.gold is not None:
        counts = pair.counts(aligner)
        parts.append(f"AER {100 * counts.aer:.1f}")
        parts.append(f"{counts.links - counts.links_possible} wrong")
        parts.append(f"{counts.sure - counts.links_sure} missing")
    if pair.score is not None:
        parts.append(f"score {pair.score:.2f}")
    return ", ".join(parts)

"""The command `xalign view`: pairs with their links in a terminal, in a page, or as a picture."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

import xalign
from xalign.aligning.settings import AlignerSettings, Words, Workers
from xalign.alignment import GoldAlignment, SentencePair
from xalign.cli import report as scoring
from xalign.cli.align import Files, Quiet, check_options, cutter
from xalign.cli.inputs import open_pairs
from xalign.cli.options import grouped
from xalign.cli.text import check_places
from xalign.cli.usage import COMMON
from xalign.cli.view_options import Chosen, Compared, Pages, Texts, check, stem
from xalign.console import BadLines, is_terminal, say
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.links import find_links
from xalign.io.outputs import check_outputs, output
from xalign.links.metrics import worst
from xalign.links.notices import Watched
from xalign.progress import Meter, Phase, status_line
from xalign.weights.names import check_name

if TYPE_CHECKING:
    from xalign.drawing.picture import Picture
    from xalign.links.segmentation import Segmented
    from xalign.view.pairs import Found, ViewedPair

MODEL = "xalign"
"""Name of links that are made here."""
WIDE = 1_000_000
"""Columns of a file or pipe, in which grids are not folded."""


@grouped
def view(
    texts: Annotated[Texts, COMMON],
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
    texts = replace(texts, input=(*texts.input, *(files or ())))
    check(texts, compared, chosen, pages)
    check_options(words, Workers())
    given = [*texts.input, texts.source, texts.target, *compared.links, compared.gold]
    check_outputs(pages.paths, given)
    check_name(settings.model)
    if chosen.pager and not is_terminal(sys.stdout):
        raise typer.BadParameter("--pager shows pairs in a terminal; standard output is none")
    pairs = viewed(texts, compared, chosen, words, settings, quiet)
    aligners = [*([MODEL] if compared.is_aligned else []), *map(stem, compared.links)]
    if chosen.worst:
        pairs = [pairs[k] for k in worst([pair.counts() for pair in pairs], chosen.worst)]
    if pages.html:
        write_page(pairs, aligners, texts.name, pages.html, quiet)
    if pages.has_picture:
        write_pictures(pairs, pages)
    if chosen.pager:
        from xalign.cli.pager import turn_pages

        turn_pages(pairs, aligners)
    elif not pages.paths:
        print_grids(pairs, aligners)


def viewed(
    texts: Texts,
    compared: Compared,
    chosen: Chosen,
    words: Words,
    settings: AlignerSettings,
    quiet: bool,
) -> "list[ViewedPair]":
    """The pairs to show, with their links, and gold links if there are any.

    Errors: `InputError` when files have different numbers of lines, or a line is not there.
    """
    from xalign.view.pairs import ViewedPair

    bad = BadLines(outcome="it is shown without words")
    watched = Watched(cutter(words), say, is_cut=words.tokenize != "none")
    measured, read = open_pairs(texts.inputs, bad, watched)
    with closing(measured):
        pairs = list(read)
    shown = [pair.shown for pair in pairs]
    gold = gold_beside(shown, compared, measured.name) if compared.gold else None
    links = [links_beside(shown, path, measured.name) for path in compared.links]
    places = [number - 1 for number in chosen.line] or range(len(pairs))
    for place in places:
        if place >= len(pairs):
            raise InputError(
                measured.name, 0, f"expected pair {place + 1}, found {len(pairs)} pairs"
            )
    made: Iterator[tuple[Found, float]] | None = None
    if compared.is_aligned:
        made = model_links([pairs[place] for place in places], settings, quiet)
    found = []
    for place in places:
        ours, score = next(made) if made else (None, None)
        theirs = [one[place] for one in links]
        every = tuple([ours, *theirs] if ours else theirs)
        reference = gold[place] if gold else None
        found.append(ViewedPair(place + 1, shown[place], every, reference, score))
    return found


def gold_beside(
    pairs: Sequence[SentencePair], compared: Compared, name: str
) -> Sequence[GoldAlignment]:
    """Gold links of all pairs of the file ``name``.

    Errors: `InputError` when there are more or fewer, or one names a word that is not there.
    """
    path = str(compared.gold)
    found = scoring.open_gold(path, compared.gold_base)
    gold = found.alignments
    if found.format == "naacl":
        gold += (GoldAlignment(),) * (len(pairs) - len(gold))
    if len(gold) != len(pairs):
        expected = f"expected {len(pairs)} lines, as many as {name} has"
        raise InputError(path, 0, f"{expected}, found {len(gold)}")
    for number, (pair, links) in enumerate(zip(pairs, gold, strict=True), 1):
        check_places(pair, links.possible, path, number)
    return gold


def links_beside(pairs: Sequence[SentencePair], path: str, name: str) -> "list[Found]":
    """The links at ``path`` of all pairs of the file ``name``.

    Errors: `InputError` when there are more or fewer, or one names a word that is not there.
    """
    from xalign.view.pairs import Found

    found = []
    with closing(Source(path)) as source:
        links = find_links(source, source.name)
        for number, (pair, scored) in enumerate(links.beside(pairs, name), 1):
            if not pair.is_empty:
                check_places(pair, scored.probabilities, path, number)
            known = scored if not pair.is_empty else type(scored)({})
            found.append(Found.from_links(known, has_probabilities=links.has_probabilities))
    return found


def model_links(
    pairs: "Sequence[Segmented]", settings: AlignerSettings, quiet: bool
) -> "Iterator[tuple[Found, float]]":
    """Links that a model finds, in the user's words, and the score of each pair."""
    from xalign.aligning.devices import prepare_memory
    from xalign.aligning.outputs import align_segmented
    from xalign.view.pairs import Found

    prepare_memory()
    with status_line(is_quiet=quiet) as line:
        line.show(Phase("loading the model"))
        aligner = xalign.Aligner.from_settings(settings)
        progress = Counted(len(pairs))
        line.show(Meter(progress, aligner.counts, aligner.where))
        for pair, found in align_segmented(aligner, pairs):
            progress.position += 1
            yield Found.from_words(found).placed(pair), found.score


class Counted:
    """How many of ``size`` pairs are done."""

    def __init__(self, size: int) -> None:
        self.position, self.size = 0, size


def write_page(
    pairs: "Sequence[ViewedPair]", aligners: Sequence[str], name: str, path: str, quiet: bool
) -> None:
    """Write a page for a browser."""
    from xalign.view.report import report

    with output(path) as out:
        out.write(report(pairs, aligners, name, name).encode())
    if not quiet and path != "-":
        say(f"{path}: {len(pairs)} pairs; open it in a browser")


def write_pictures(pairs: "Sequence[ViewedPair]", pages: Pages) -> None:
    """Write pictures of the only pair."""
    if len(pairs) != 1:
        found = f"there are {len(pairs)} pairs"
        raise typer.BadParameter(f"--svg, --png and --tikz show one pair; {found}: add --line N")
    picture = pairs[0].picture()
    for path, kind in ((pages.svg, "svg"), (pages.png, "png"), (pages.tikz, "tikz")):
        if path:
            drawn = drawn_as(kind, picture)
            with output(path) as out:
                out.write(drawn)


def drawn_as(kind: str, picture: "Picture") -> bytes:
    """A picture in a format."""
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
    if pairs:
        print(grid.legend(pairs[0].gold is not None))
    else:
        say("there is no pair to show")


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

"""The commands that use links on text: `xalign lexicon` and `xalign project`."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import tee
from typing import Annotated, Literal

import typer

import xalign
from xalign.aligning.settings import AlignerSettings, Inputs
from xalign.alignment import ScoredAlignment, SentencePair
from xalign.cli.inputs import open_pairs
from xalign.console import BadLines, say
from xalign.errors import InputError
from xalign.io.files import Source, check_outputs, output
from xalign.io.links import find_links
from xalign.links.lexicon import PairCounts, table_line, word_links
from xalign.links.projected_lines import bio_lines, inline_lines, plain, tagged
from xalign.links.projection import Resolved
from xalign.weights.names import check_name

Input = Annotated[
    str, typer.Option("-i", "--input", help="Sentence pairs; also .gz, .xz, .zst, .bz2.")
]
Columns = Annotated[
    str | None,
    typer.Option(help="Columns of source and target between TABs, such as 1,2."),
]
NAMES = {"moses": ("f2e", "e2f"), "marian": ("s2t", "t2s")}


def lexicon(
    input: Input,
    links: Annotated[
        str,
        typer.Option("-a", "--links", help="Their links, in any format of xalign align."),
    ],
    output_path: Annotated[
        str, typer.Option("-o", "--output", help="Start of the file names of both tables.")
    ] = "lex",
    names: Annotated[
        Literal["moses", "marian"],
        typer.Option(help="Endings of the file names: f2e and e2f, or s2t and t2s."),
    ] = "moses",
    top: Annotated[
        int | None, typer.Option(min=1, help="Keep the N most probable translations of each word.")
    ] = None,
    columns: Columns = None,
) -> None:
    """Write how often each word is linked to each of its translations.

    \b
    xalign lexicon -i corpus.txt -a out.align
    xalign lexicon -i corpus.txt -a out.align --names marian --top 50

    There are two tables, one for each direction; a line is `translation word probability`. Moses
    writes such tables in its step 4, and Marian's extract_lex for shortlists.
    """
    if input == links == "-":
        raise typer.BadParameter("only one of the files can be standard input")
    check_outputs([f"{output_path}.{name}" for name in NAMES[names]], [input, links])
    bad = BadLines(outcome="it is left out")
    total = 0
    with PairCounts() as counts:
        measured, pairs = open_pairs(Inputs((input,), columns=columns), bad, SentencePair.from_text)
        with closing(measured):
            for pair, found in with_given_links(pairs, links, measured.name):
                counts.add(word_links(pair, found.alignment))
                total += 1
        for name, is_reverse in zip(NAMES[names], (False, True), strict=True):
            with output(f"{output_path}.{name}") as out:
                for entry in counts.table(is_reverse=is_reverse, top=top):
                    out.write(table_line(*entry))
    if bad.count:
        say(f"{bad.count} bad of {total} pairs")


def project(
    input: Input = "-",
    tags: Annotated[
        str | None,
        typer.Option("-t", "--tags", help="BIO tags of the source words, one line per pair."),
    ] = None,
    inline: Annotated[
        bool, typer.Option("--inline", help="The source text contains tags such as <b>...</b>.")
    ] = False,
    links: Annotated[
        str | None,
        typer.Option("-a", "--links", help="Links in any format; default: align the pairs."),
    ] = None,
    output_path: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            help="Tags, or target text with tags.",
        ),
    ] = "-",
    model: Annotated[
        str, typer.Option("-m", "--model", help="Model folder, or hub name of an encoder.")
    ] = "default",
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=0.999, help="Link words whose probability exceeds this."),
    ] = None,
    columns: Columns = None,
) -> None:
    """Carry labels of source words over to their translations.

    \b
    xalign project -i corpus.txt --tags entities.bio > target.bio
    xalign project -i tagged.txt --inline -a out.align > target.txt

    One line in, one line out. Give BIO tags with --tags, or text with tags in it with --inline;
    links count the words without the tags. The summary counts labels that were lost or changed.
    """
    if inline == (tags is not None):
        raise typer.BadParameter("give either --tags FILE or --inline")
    if [input, tags, links].count("-") > 1:
        raise typer.BadParameter("only one of the files can be standard input")
    check_outputs([output_path], [input, tags, links])
    check_name(model)
    resolved, bad = Resolved(), BadLines()
    measured, read = open_pairs(Inputs((input,), columns=columns), bad, tagged if inline else plain)
    with closing(measured), output(output_path) as out:
        given, kept = tee(read)
        pairs = (SentencePair(src.words, tgt) for src, tgt in given)
        found = (
            made_links(pairs, model, threshold)
            if links is None
            else (scored for _, scored in with_given_links(pairs, links, measured.name))
        )
        rows = zip(found, kept, strict=False)
        for line in bio_lines(rows, tags, resolved) if tags else inline_lines(rows, resolved):
            out.write(line.encode() + b"\n")
    say(f"tags: {resolved}" + (f"; {bad.count} bad lines" if bad.count else ""))


def made_links(
    pairs: Iterable[SentencePair], model: str, threshold: float | None
) -> Iterator[ScoredAlignment]:
    """Links that a model finds in ``pairs``."""
    from xalign.aligning.devices import prepare_memory

    prepare_memory()
    aligner = xalign.Aligner.from_settings(AlignerSettings(model=model, threshold=threshold))
    return (found.scored() for found in aligner.probabilities(pairs))


def with_given_links(
    pairs: Iterable[SentencePair], path: str, pairs_path: str
) -> Iterator[tuple[SentencePair, ScoredAlignment]]:
    """Pairs, each with its line of the links at ``path``.

    Errors: `InputError` when there are more of one than of the other, or a link names a word that
    does not exist.
    """
    with closing(Source(path)) as source:
        found = find_links(source, source.name).beside(pairs, pairs_path)
        for number, (pair, links) in enumerate(found, 1):
            if pair.is_empty:  # blank, or a line that cannot be read
                links = ScoredAlignment({})
            for i, j in links.probabilities:
                if i >= len(pair.src) or j >= len(pair.tgt):
                    sizes = f"{len(pair.src)} and {len(pair.tgt)} words"
                    expected = f"expected links between {sizes}, counted from 0"
                    raise InputError(path, number, f"{expected}, found {i}-{j}")
            yield pair, links

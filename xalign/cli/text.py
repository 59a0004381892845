"""The commands that use links on text: `xalign lexicon` and `xalign project`."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import tee
from typing import Annotated, Literal

import typer

import xalign
from xalign.aligning.settings import AlignerSettings, Texts, TokenizerName
from xalign.alignment import Link, ScoredAlignment, SentencePair
from xalign.cli.align import Files, Quiet, Strict, tokenizers
from xalign.cli.inputs import Chain, check_model, check_unused, open_pairs, with_files
from xalign.cli.options import grouped
from xalign.cli.usage import COMMON
from xalign.console import BadLines, say
from xalign.errors import InputError, XalignError
from xalign.io.files import Source
from xalign.io.links import find_links
from xalign.io.outputs import check_outputs, output
from xalign.links.lexicon import PairCounts, table_line, word_links
from xalign.links.notices import LEXICON, PROJECT, Watched
from xalign.links.projected_lines import Row, bio_lines, inline_lines, span_lines, worker
from xalign.links.projection import Resolved, Scheme
from xalign.links.segmentation import Rule, words_at
from xalign.progress import Meter, Phase, StatusLine, status_line

WordRule = Annotated[
    Rule,
    typer.Option(
        help="Spaces between words: ASCII space and TAB, or all white space (unicode).",
        rich_help_panel="Words",
    ),
]
NAMES = {"moses": ("f2e", "e2f"), "marian": ("s2t", "t2s")}


@grouped
def lexicon(
    texts: Annotated[Texts, COMMON],
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
    words: WordRule = "ascii",
    files: Files = None,
) -> None:
    """Write how often each word is linked to each of its translations.

    \b
    xalign lexicon -i corpus.txt -a out.align
    xalign lexicon -s corpus.de -t corpus.en -a out.align --names marian --top 50

    There are two tables, one for each direction; a line is `translation word probability`. Moses
    writes such tables in its step 4, and Marian's extract_lex for shortlists.
    """
    texts = with_files(texts, files)
    if [*texts.files, links].count("-") > 1:
        raise typer.BadParameter("only one of the files can be standard input")
    if output_path == "-":
        raise typer.BadParameter("lexicon writes two tables; give -o the start of their file names")
    check_outputs([f"{output_path}.{name}" for name in NAMES[names]], [*texts.files, links])
    bad = BadLines(outcome="it is left out")
    total = 0

    def pair_of(src: str, tgt: str) -> SentencePair:
        if words == "ascii":
            return SentencePair.from_text(src, tgt)
        return SentencePair(words_at(src, words).words, words_at(tgt, words).words)

    watched = Watched(pair_of, say, unicode=words == "unicode", advice=LEXICON)
    with PairCounts() as counts:
        measured, pairs = open_pairs(texts.inputs, bad, watched)
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


@grouped
def project(
    texts: Annotated[Texts, COMMON],
    settings: Annotated[AlignerSettings, "Model"],
    tags: Annotated[
        str | None, typer.Option("--tags", help="Tags of the source words, one line per pair.")
    ] = None,
    spans: Annotated[
        str | None,
        typer.Option(
            "--spans", help="Labelled characters of the source, one line of JSON per pair."
        ),
    ] = None,
    inline: Annotated[
        bool, typer.Option("--inline", help="The source text contains tags such as <b>...</b>.")
    ] = False,
    scheme: Annotated[
        Scheme, typer.Option(help="Scheme of the tags that are written; all are read.")
    ] = "bio",
    links: Annotated[
        str | None,
        typer.Option("-a", "--links", help="Links in any format; default: align the pairs."),
    ] = None,
    output_path: Annotated[
        str,
        typer.Option("-o", "--output", help="Tags, spans, or target text with tags."),
    ] = "-",
    words: WordRule = "ascii",
    tokenize: Annotated[
        TokenizerName,
        typer.Option(help="Link tokens of raw text.", rich_help_panel="Words"),
    ] = "none",
    languages: Annotated[
        str | None,
        typer.Option(
            help="With --tokenize: both languages, such as de,en.", rich_help_panel="Words"
        ),
    ] = None,
    strict: Strict = False,
    quiet: Quiet = False,
    files: Files = None,
) -> None:
    """Carry labels and markup of the source over to the target.

    \b
    xalign project -i corpus.txt --tags entities.bio > target.bio
    xalign project -s text.de -t text.en --spans entities.jsonl --tokenize moses > target.jsonl
    xalign project -i tagged.txt --inline -a out.align > target.txt

    One line in, one line out. Give tags of words with --tags (BIO, IO, BIOES, BILOU), spans of
    characters with --spans, or text with markup in it with --inline. Links count the words without
    the markup. The summary counts labels that were lost or changed; with --strict, a lost label is
    an error at the end.
    """
    if sum((inline, tags is not None, spans is not None)) != 1:
        raise typer.BadParameter("give --tags FILE, --spans FILE or --inline")
    if links is not None and tokenize != "none":
        raise typer.BadParameter("--tokenize is for links that are made here; leave out --links")
    texts = with_files(texts, files)
    given = [*texts.files, tags, spans, links]
    if given.count("-") > 1:
        raise typer.BadParameter("only one of the files can be standard input")
    check_outputs([output_path], given)
    if links is None:
        check_model(settings)
    else:
        check_unused(settings)
    resolved, bad = Resolved(), BadLines(strict)
    cuts = None if tokenize == "none" else tokenizers(tokenize, languages or "en,en")
    watched = Watched(
        worker(cuts, words, has_markup=inline),
        say,
        is_cut=tokenize == "icu",
        unicode=words == "unicode",
        advice=PROJECT,
    )
    measured, read = open_pairs(texts.inputs, bad, watched)
    with closing(measured), output(output_path) as out, status_line(is_quiet=quiet) as line:
        works, kept = tee(read)
        pairs = (work.pair for work in works)
        if links is None:
            found = made_links(pairs, settings, measured, line)
        else:
            found = (scored for _, scored in with_given_links(pairs, links, measured.name))
        rows = zip(found, kept, strict=False)
        out = line.before(out, output_path)
        for text in projected(rows, tags, spans, scheme, resolved):
            out.write(text.encode() + b"\n")
    if not quiet:
        say(f"tags: {resolved}" + (f"; {bad.count} bad lines" if bad.count else ""))
    if strict and resolved.lost:
        raise XalignError(f"{resolved.lost} labels are lost, as no word of theirs has a link")


def projected(
    rows: Iterator[Row],
    tags: str | None,
    spans: str | None,
    scheme: Scheme,
    resolved: Resolved,
) -> Iterator[str]:
    """Lines of tags, of spans, or of text with markup."""
    if tags is not None:
        return bio_lines(rows, tags, resolved, scheme)
    if spans is not None:
        return span_lines(rows, spans, resolved)
    return inline_lines(rows, resolved)


def made_links(
    pairs: Iterable[SentencePair], settings: AlignerSettings, measured: Chain, line: StatusLine
) -> Iterator[ScoredAlignment]:
    """Links that a model finds in ``pairs``."""
    from xalign.aligning.memory import prepare_process

    prepare_process(settings.model)
    line.show(Phase("loading the model"))
    aligner = xalign.Aligner.from_settings(settings)
    line.show(Meter(measured, aligner.counts, aligner.where))
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
            check_places(pair, links.probabilities, path, number)
            yield pair, links


def check_places(pair: SentencePair, links: Iterable[Link], path: str, number: int) -> None:
    """Raise `InputError` at a link that names a word which ``pair`` does not have."""
    for i, j in links:
        if i >= len(pair.src) or j >= len(pair.tgt):
            sizes = f"{len(pair.src)} and {len(pair.tgt)} words"
            expected = f"expected links between {sizes}, counted from 0"
            raise InputError(path, number, f"{expected}, found {i}-{j}")

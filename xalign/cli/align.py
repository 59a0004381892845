"""The command `xalign align`: from options to a stream, and the summary at its end."""

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

import xalign
from xalign.aligning.settings import AlignerSettings, Inputs, Wanted, Words, Workers
from xalign.alignment import SentencePair
from xalign.cli.options import COMMON, grouped
from xalign.console import BadLines, Meter, is_terminal, say, shown
from xalign.errors import InputError
from xalign.io.files import Source, output
from xalign.io.shard import Shard, open_shard, parse_shard
from xalign.links.segmentation import Cut

Output = Annotated[
    str,
    typer.Option(
        "-o",
        "--output",
        rich_help_panel=COMMON,
        help="Links; the file appears when it is whole.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", rich_help_panel=COMMON, help="Stop at the first line that cannot be read."
    ),
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", rich_help_panel=COMMON, help="No progress, no summary.")
]


@grouped
def align(
    inputs: Annotated[Inputs, COMMON],
    wanted: Annotated[Wanted, "Output"],
    words: Annotated[Words, "Words"],
    settings: Annotated[AlignerSettings, "Model"],
    workers: Annotated[Workers, "Machine"],
    output_path: Output = "-",
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Align sentence pairs: one line in, one line out, in order.

    \b
    xalign align -i corpus.txt > out.align
    xalign align -s corpus.de -t corpus.en -o out.align.gz
    xalign align --format scored --scores out.scores -i corpus.txt

    Each line is `source ||| target` or `source TAB target`; spaces separate words. A line that
    cannot be read gives an empty line, and is counted.
    """
    check_options(words, workers)
    is_plain = wanted.is_plain and words == Words()
    if workers.engine == "ray":
        check_ray(inputs, output_path, is_plain and not (strict or wanted.line_buffered))
        align_by_ray(inputs.input, output_path, settings, workers.workers, quiet)
        return
    if [output_path, wanted.scores, wanted.matrix].count("-") > 1:
        raise typer.BadParameter("only one output can be standard output")

    from xalign.aligning.devices import prepare_memory

    prepare_memory()
    bad = BadLines(strict)
    measured, pairs = open_pairs(inputs, bad, SentencePair.from_text if is_plain else cutter(words))
    aligner = xalign.Aligner.from_settings(settings)
    meter = Meter(measured, aligner.counts, aligner.where)
    is_shown = not quiet and not (output_path == "-" and is_terminal(sys.stdout))
    with output(output_path) as out, shown(meter) if is_shown else nullcontext():
        groups = ([pair] for pair in pairs) if wanted.line_buffered else [pairs]
        write = write_links if is_plain else write_results
        write(aligner, groups, wanted, out)
    if not quiet:
        say(meter.summary(bad.count))


def write_links(aligner: Any, groups: Any, wanted: Wanted, out: Any) -> None:
    """Write a line of links for each pair of each group."""
    from xalign.io.pharaoh import pharaoh

    for group in groups:
        for alignment in aligner.align(group):
            out.write(pharaoh(alignment))
        out.flush()


def write_results(aligner: Any, groups: Any, wanted: Wanted, out: Any) -> None:
    """Write all that is ``wanted`` of each pair of each group."""
    from xalign.aligning.outputs import ResultWriter, align_segmented

    with ResultWriter(wanted, out) as writer:
        for group in groups:
            for found in align_segmented(aligner, group):
                writer.write(*found)
            out.flush()


def check_options(words: Words, workers: Workers) -> None:
    """Stop if options do not fit together."""
    if words.level and not words.pieces:
        raise typer.BadParameter("--level is of subwords; add --pieces bpe or sentencepiece")
    if words.languages and words.tokenize == "none":
        raise typer.BadParameter("--languages is for raw text; add --tokenize moses or icu")
    if workers.workers and workers.engine != "ray":
        raise typer.BadParameter("--workers is of Ray; add --engine ray, or use --threads")
    if words.pieces and words.tokenize != "none":
        raise typer.BadParameter("--pieces is for text that is cut already; leave out --tokenize")


def check_ray(inputs: Inputs, output_path: str, is_plain: bool) -> None:
    """Stop if the options are not for Ray workers."""
    if inputs.source or inputs.target or inputs.shard or "-" in (inputs.input, output_path):
        raise typer.BadParameter("--engine ray takes files: -i FILE -o FILE")
    if not is_plain:
        raise typer.BadParameter("--engine ray writes links alone; use --shard for the rest")


def cutter(words: Words) -> Callable[[str, str], Any]:
    """Function from the text of both sides to words to align."""
    from xalign.links.segmentation import segmenter

    cuts = None
    if words.tokenize != "none":
        cuts = tokenizers(words.tokenize, words.languages or "en,en")
    return segmenter(words.pieces, words.level or "pieces", cuts)


def tokenizers(name: Any, languages: str) -> tuple[Cut, Cut]:
    """Tokenizers of both sides of raw text."""
    from xalign.links.segmentation import tokenizer

    codes = languages.split(",")
    if len(codes) != 2:
        raise typer.BadParameter(f"expected two --languages such as de,en, found {languages!r}")
    return tokenizer(name, codes[0]), tokenizer(name, codes[1])


def align_by_ray(
    input: str, output_path: str, settings: AlignerSettings, workers: int | None, quiet: bool
) -> None:
    """Align the file ``input`` with Ray workers, and report the counts and errors of all."""
    from xalign.aligning.aligner import Counts
    from xalign.aligning.ray import align_with_ray

    counts, progress, bad = Counts(), Blocks(), BadLines()
    meter = Meter(progress, counts, "ray")
    reports = {}
    settings = replace(settings, threads=settings.threads or 1)
    source, target = Path(input), Path(output_path)
    with nullcontext() if quiet else shown(meter):
        for done, total in align_with_ray(source, target, settings, workers=workers):
            reports[done.number] = done
            progress.position, progress.size = len(reports), total
            counts.pairs += done.pairs
            counts.done += done.pairs
            counts.empty += done.empty + done.bad
            counts.windowed += done.windowed
    before = 0
    for _, done in sorted(reports.items()):
        for line, message in done.errors:
            bad(InputError(input, before + line, message))
        bad.count += done.bad - len(done.errors)
        before += done.pairs
    if not quiet:
        say(meter.summary(bad.count))


@dataclass(slots=True)
class Blocks:
    """Numbers of finished blocks and of all blocks."""

    position: int = 0
    size: int | None = None


def open_pairs(
    inputs: Inputs, bad: BadLines, make: Callable[[str, str], Any]
) -> tuple[Source | Shard, Iterator[Any]]:
    """The input to measure progress by, and the pairs in it, made by ``make``."""
    from xalign.io.pairs import read_as, read_two_as

    source, target, shard = inputs.source, inputs.target, inputs.shard
    if source == target == "-":
        raise typer.BadParameter("-s and -t cannot both be standard input")
    number, total = shard_numbers(shard)
    if source is not None and target is not None and inputs.input == "-":
        src = open_shard(source, number, total) if shard else Source(source)
        if isinstance(src, Source):
            tgt = Source(target)
            return src, read_two_as(make, src, tgt, src.name, tgt.name, bad)
        # the last shard also finds lines beyond the end
        part = Shard(Source(target), src.start, None if number == total else src.count)
        return src, read_two_as(make, src, part, src.name, part.name, bad, src.start + 1)
    if source is not None or target is not None:
        raise typer.BadParameter("give either -i, or both -s and -t")
    if shard:
        part = open_shard(inputs.input, number, total)
        return part, read_as(make, part, part.name, bad, part.start + 1)
    pairs = Source(inputs.input)
    if inputs.input == "-" and is_terminal(sys.stdin):
        say("reading 'source ||| target' lines from the terminal; end with Ctrl-D")
    return pairs, read_as(make, pairs, pairs.name, bad)


def shard_numbers(text: str | None) -> tuple[int, int]:
    """Number of a shard, and of all shards."""
    try:
        return parse_shard(text or "1/1")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error

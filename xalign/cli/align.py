"""The command `xalign align`: from options to a stream, and the summary at its end."""

import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

import xalign
from xalign.aligning.settings import AlignerSettings, Inputs, Wanted, Words, Workers
from xalign.alignment import SentencePair
from xalign.cli.inputs import check_first_lines, open_pairs
from xalign.cli.options import grouped
from xalign.cli.usage import COMMON
from xalign.console import BadLines, is_terminal, say
from xalign.errors import InputError
from xalign.io.files import check_outputs, output
from xalign.links.notices import Watched
from xalign.links.segmentation import Cut
from xalign.progress import Meter, Phase, status_line
from xalign.weights.names import check_name

Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="Sentence pairs, as with -i.", show_default=False),
]
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
Lenient = Annotated[
    bool,
    typer.Option(
        "--lenient", rich_help_panel=COMMON, help="Go on even if no line of a file can be read."
    ),
]
Rejects = Annotated[
    str | None,
    typer.Option(
        "--rejects",
        rich_help_panel="Output",
        help="Write lines that cannot be read, each with its place and the reason.",
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
    files: Files = None,
    output_path: Output = "-",
    rejects: Rejects = None,
    strict: Strict = False,
    lenient: Lenient = False,
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
    inputs = replace(inputs, input=(*inputs.input, *(files or ())))
    if strict and lenient:
        raise typer.BadParameter("give --strict or --lenient, not both")
    check_options(words, workers)
    check_files(inputs, wanted, output_path, rejects)
    check_name(settings.model)
    bad = BadLines(strict, is_lenient=lenient)
    if workers.engine == "local":
        align_here(inputs, wanted, words, settings, output_path, rejects, bad, quiet)
        return
    needs_more = words != Words() or not wanted.is_plain or wanted.line_buffered
    check_ray(inputs, output_path, needs_more or strict or rejects is not None)
    align_by_ray(inputs.input[0], output_path, settings, workers.workers, bad, quiet)


def align_here(
    inputs: Inputs,
    wanted: Wanted,
    words: Words,
    settings: AlignerSettings,
    output_path: str,
    rejects: str | None,
    bad: BadLines,
    quiet: bool,
) -> None:
    """Align in this process, and print the summary."""
    from xalign.aligning.devices import prepare_memory

    prepare_memory()
    is_plain = wanted.is_plain and words == Words()
    with ExitStack() as stack:
        bad.rejects = stack.enter_context(output(rejects)) if rejects else None
        out = stack.enter_context(output(output_path))
        is_typed = not inputs.input and inputs.source is None and is_terminal(sys.stdin)
        line = stack.enter_context(status_line(is_quiet=quiet or is_typed))
        make = SentencePair.from_text if is_plain else cutter(words)
        watched = Watched(
            make, say, is_cut=words.level == "tokens", unicode=words.words == "unicode"
        )
        measured, pairs = open_pairs(inputs, bad, watched, "| xalign align")
        stack.enter_context(closing(measured))
        line.show(Phase("loading the model"))
        aligner = xalign.Aligner.from_settings(settings)
        meter = Meter(measured, aligner.counts, aligner.where)
        line.show(meter)
        groups = ([pair] for pair in pairs) if wanted.line_buffered else [pairs]
        write = write_links if is_plain else write_results
        write(aligner, groups, wanted, line.before(out, output_path))
    if wanted.format == "tsv" and watched.other_spaces:
        say(f"{watched.other_spaces} pairs have spaces that are part of a word, see above")
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
    if words.level == "tokens" and words.tokenize == "none":
        raise typer.BadParameter("--level tokens is of raw text; add --tokenize moses or icu")
    if words.level == "pieces" and not words.pieces:
        raise typer.BadParameter("--level is of subwords; add --pieces bpe or sentencepiece")
    if words.level == "words" and not words.pieces and words.tokenize == "none":
        raise typer.BadParameter("--level needs --pieces or --tokenize: words are words already")
    if words.languages and words.tokenize == "none":
        raise typer.BadParameter("--languages is for raw text; add --tokenize moses or icu")
    if workers.workers and workers.engine != "ray":
        raise typer.BadParameter("--workers is of Ray; add --engine ray, or use --threads")
    if words.pieces and words.tokenize != "none":
        raise typer.BadParameter("--pieces is for text that is cut already; leave out --tokenize")


def check_files(inputs: Inputs, wanted: Wanted, output_path: str, rejects: str | None) -> None:
    """Stop if an output is an input or another output, or cannot be written."""
    written = [output_path, wanted.scores, wanted.matrix, rejects]
    if written.count("-") > 1:
        raise typer.BadParameter("only one output can be standard output")
    if any(path and path.endswith(".npz") and path != wanted.matrix for path in written):
        raise typer.BadParameter("a file .npz is for --matrix alone")
    is_pair = inputs.source is not None or inputs.target is not None
    read = [*inputs.input, inputs.source, inputs.target]
    check_outputs(written, read if is_pair or inputs.input else ["-"])


def check_ray(inputs: Inputs, output_path: str, needs_more: bool) -> None:
    """Stop if the options are not for Ray workers, which write links alone."""
    is_one = len(inputs.input) == 1 and "-" not in (inputs.input[0], output_path)
    if inputs.source or inputs.target or inputs.shard or not is_one:
        raise typer.BadParameter("--engine ray takes files: -i FILE -o FILE")
    if needs_more or inputs.columns:
        raise typer.BadParameter("--engine ray writes links alone; use --shard for the rest")


def cutter(words: Words) -> Callable[[str, str], Any]:
    """Function from the text of both sides to words to align."""
    from xalign.links.segmentation import segmenter

    cuts = None
    if words.tokenize != "none":
        cuts = tokenizers(words.tokenize, words.languages or "en,en")
    level = words.level or ("pieces" if words.pieces else "words")
    return segmenter(words.pieces, level, cuts, words.words)


def tokenizers(name: Any, languages: str) -> tuple[Cut, Cut]:
    """Tokenizers of both sides of raw text."""
    from xalign.links.segmentation import tokenizer

    codes = [code.strip() for code in languages.split(",")]
    if len(codes) != 2:
        raise typer.BadParameter(f"expected two --languages such as de,en, found {languages!r}")
    return tokenizer(name, codes[0]), tokenizer(name, codes[1])


def align_by_ray(
    input: str,
    output_path: str,
    settings: AlignerSettings,
    workers: int | None,
    bad: BadLines,
    quiet: bool,
) -> None:
    """Align the file ``input`` with Ray workers, and report the counts and errors of all."""
    from xalign.aligning.aligner import Counts
    from xalign.aligning.ray import align_with_ray

    if not bad.is_lenient:
        check_first_lines(input)
    counts, progress = Counts(), Blocks()
    meter = Meter(progress, counts, "ray")
    reports = {}
    settings = replace(settings, threads=settings.threads or 1)
    source, target = Path(input), Path(output_path)
    with status_line(is_quiet=quiet) as line:
        line.show(meter)
        for done, total in align_with_ray(source, target, settings, workers=workers):
            reports[done.number] = done
            progress.position, progress.size = len(reports), total
            counts.pairs += done.pairs
            counts.done += done.pairs
            counts.empty += done.empty + done.bad
            counts.windowed += done.windowed
    before = 0
    for _, done in sorted(reports.items()):
        for number, message in done.errors:
            bad(InputError(input, before + number, message))
        bad.count += done.bad - len(done.errors)
        before += done.pairs
    if not quiet:
        say(meter.summary(bad.count))


@dataclass(slots=True)
class Blocks:
    """Numbers of finished blocks and of all blocks."""

    position: int = 0
    size: int | None = None

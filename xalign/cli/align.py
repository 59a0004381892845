"""The command `xalign align`: from options to a stream, and the summary at its end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from xalign.aligning.settings import AlignerSettings, Inputs, Wanted, Words, Workers
from xalign.alignment import SentencePair
from xalign.cli.inputs import check_first_lines, check_model, usable, with_files
from xalign.cli.job import Job, check_failed, run_job
from xalign.cli.options import grouped
from xalign.cli.usage import COMMON
from xalign.console import BadLines, say
from xalign.errors import InputError
from xalign.io.journal import JOURNAL, PARTIAL, beside
from xalign.io.outputs import check_outputs
from xalign.links.segmentation import Cut
from xalign.progress import Meter, status_line

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
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        rich_help_panel="Output",
        help="Go on with this job if it was stopped; keep a journal beside -o.",
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
    resume: Resume = False,
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
    inputs = with_files(inputs, files)
    if strict and lenient:
        raise typer.BadParameter("give --strict or --lenient, not both")
    job = Job(
        inputs=inputs,
        wanted=wanted,
        words=words,
        settings=settings,
        output=output_path,
        rejects=rejects,
        resume=resume,
        quiet=quiet,
        workers=workers.workers,
    )
    check_options(words, workers)
    check_files(job)
    if resume:
        check_resume(job, workers)
    check_model(settings)
    if words.level == "tokens" and wanted.format in ("pharaoh", "scored", "naacl") and not quiet:
        say(f"links count tokens, which {wanted.format} leaves out; --format tsv or jsonl has them")
    bad = BadLines(strict, is_lenient=lenient)
    if workers.engine == "local":
        run_job(job, SentencePair.from_text if job.is_plain else cutter(words), bad)
        return
    needs_more = words != Words() or not wanted.is_plain or wanted.line_buffered
    check_ray(inputs, output_path, needs_more or strict or rejects is not None)
    align_by_ray(inputs.input[0], output_path, settings, workers.workers, bad, quiet)


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
    if words.pieces and words.tokenize != "none":
        raise typer.BadParameter("--pieces is for text that is cut already; leave out --tokenize")


def check_files(job: Job) -> None:
    """Stop if an output is an input or another output, or cannot be written."""
    if job.written.count("-") > 1:
        raise typer.BadParameter("only one output can be standard output")
    if any(path.endswith(".npz") and path != job.wanted.matrix for path in job.written):
        raise typer.BadParameter("a file .npz is for --matrix alone")
    check_outputs(job.written, job.read)


def check_resume(job: Job, workers: Workers) -> None:
    """Stop if a job cannot go on after it was stopped."""
    if workers.engine == "ray":
        raise typer.BadParameter("--engine ray goes on by itself; leave out --resume")
    if "-" in (*job.written, *job.read):
        raise typer.BadParameter("--resume takes files: -i FILE -o FILE")
    if job.wanted.line_buffered:
        raise typer.BadParameter("--resume writes many lines at once; leave out --line-buffered")
    if (job.wanted.matrix or "").endswith(".npz"):
        raise typer.BadParameter("--resume cannot go on with a .npz; write --matrix as .jsonl.gz")
    others = [beside(path, suffix) for path in job.written for suffix in (PARTIAL, JOURNAL)]
    check_outputs([*job.written, *map(str, others)], job.read)


def check_ray(inputs: Inputs, output_path: str, needs_more: bool) -> None:
    """Stop if the options are not for Ray workers, which write links alone."""
    if inputs.shard:
        raise typer.BadParameter("--engine ray divides the input by itself; leave out --shard")
    is_one = len(inputs.input) == 1 and "-" not in (inputs.input[0], output_path)
    if inputs.source or inputs.target or not is_one:
        raise typer.BadParameter("--engine ray takes one file of pairs: -i FILE -o FILE")
    if needs_more or inputs.columns or inputs.max_line_bytes != Inputs().max_line_bytes:
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
    from xalign.links.segmentation import parse_languages, tokenizer

    src, tgt = usable("--languages", parse_languages, languages)
    return tokenizer(name, src), tokenizer(name, tgt)


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
        for report, total in align_with_ray(source, target, settings, workers=workers):
            reports[report.number] = report
            progress.position, progress.size = len(reports), total
            counts.pairs += report.pairs
            counts.done += report.pairs
            counts.empty += report.empty + report.bad
            counts.windowed += report.windowed
            counts.failed += report.failed
    before = 0
    for _, report in sorted(reports.items()):
        for number, message in report.errors:
            bad(InputError(input, before + number, message))
        bad.count += report.bad - len(report.errors)
        before += report.pairs
    if not quiet:
        say(meter.summary(bad.count))
    check_failed(counts.failed)


@dataclass(slots=True)
class Blocks:
    """Numbers of finished blocks and of all blocks."""

    position: int = 0
    size: int | None = None

"""The command line: options, one call, print. Whatever is slow to import is imported inside."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, ParamSpec, TextIO, cast

import typer

import xalign
from xalign.alignment import SentencePair
from xalign.cli_training import finetune, train
from xalign.console import BadLines, Meter, say, shown
from xalign.errors import InputError, XalignError
from xalign.io.files import Source, output
from xalign.io.shard import Shard, open_shard, parse_shard

P = ParamSpec("P")
Precision = Literal["auto", "fp32", "int8", "bf16", "fp16"]

app = typer.Typer(
    name="xalign",
    help="Link the words of sentence pairs. Reads `src ||| tgt`, writes Pharaoh `i-j`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"xalign {xalign.__version__}")
        raise typer.Exit


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Link the words of sentence pairs. Reads `src ||| tgt`, writes Pharaoh `i-j`."""
    os.environ["XALIGN_DEBUG"] = "1" if debug else ""


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """``command`` with errors as one line on stderr: 1 for ours, 130 when interrupted.

    A reader that closes our output early, such as ``head``, has what it wanted: that is success.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            fail("interrupted", 130)
        except XalignError as error:
            fail(str(error), 1)
        except OSError as error:  # a full disk, say
            fail(f"{error.filename or 'output'}: {error.strerror or error}", 1)

    return run


def fail(message: str, code: int) -> NoReturn:
    """Say ``message`` and stop; with ``--debug``, show the traceback instead."""
    if os.environ.get("XALIGN_DEBUG"):
        raise
    say(message)
    raise typer.Exit(code)


@app.command()
@guarded
def align(
    input: Annotated[
        str, typer.Option("-i", "--input", help="Sentence pairs; .gz, .xz and .zst are read too.")
    ] = "-",
    output_path: Annotated[
        str, typer.Option("-o", "--output", help="Links; appears only when whole.")
    ] = "-",
    source: Annotated[
        str | None, typer.Option("-s", "--source", help="Source sentences, instead of -i.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("-t", "--target", help="Target sentences, beside -s.")
    ] = None,
    model: Annotated[
        str, typer.Option("-m", "--model", help="A model folder, or an encoder's hub name.")
    ] = "default",
    layer: Annotated[
        int | None,
        typer.Option(help="Layer to read links off, of an encoder not trained to align."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=0.999, help="Link where both probabilities exceed this."),
    ] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, cuda:N, several with commas, or all GPUs.")
    ] = "auto",
    precision: Annotated[
        Precision, typer.Option(help="Of matrix products; auto: int8 or bf16 where fast.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; by default one for each core.")
    ] = None,
    batch_pieces: Annotated[
        int | None, typer.Option(min=1, help="Pieces aligned at once; lower it to save memory.")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="ray: workers on one machine or a cluster.")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Of ray; by default one for each GPU, or core.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="Only part I of N of the lines, as I/N; I from 1.")
    ] = None,
    line_buffered: Annotated[
        bool, typer.Option("--line-buffered", help="Write each line before the next is read.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first line that cannot be read.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="No progress and no closing summary.")
    ] = False,
) -> None:
    """Align sentence pairs: a line in, a line out, in order.

    Every line is `source ||| target` or `source TAB target`, words separated by spaces. A line that
    cannot be read gives an empty line, and is counted.
    """
    from xalign.devices import use_one_heap
    from xalign.io.pharaoh import pharaoh

    options: dict[str, Any] = {
        "model": model, "layer": layer, "threshold": threshold, "device": device,
        "precision": precision, "threads": threads, "batch_pieces": batch_pieces,
    }  # fmt: skip
    if engine == "ray":
        if source or target or shard or strict or line_buffered or "-" in (input, output_path):
            raise typer.BadParameter("--engine ray takes files: -i FILE -o FILE, and no --strict")
        align_by_ray(input, output_path, options, workers, quiet)
        return
    use_one_heap()
    bad = BadLines(strict)
    measured, pairs = open_pairs(input, source, target, bad, shard)
    aligner = xalign.Aligner.from_pretrained(**options)
    meter = Meter(measured, aligner.counts, aligner.where)
    is_shown = not quiet and not (output_path == "-" and is_terminal(sys.stdout))
    with output(output_path) as out, shown(meter) if is_shown else nullcontext():
        for group in ([pair] for pair in pairs) if line_buffered else [pairs]:
            for alignment in aligner.align(group):
                out.write(pharaoh(alignment))
            out.flush()
    if not quiet:
        say(meter.summary(bad.count))


def align_by_ray(
    input: str, output_path: str, options: dict[str, Any], workers: int | None, quiet: bool
) -> None:
    """Align the file ``input`` by workers of Ray, and tell of all that they found."""
    from xalign.aligner import Counts
    from xalign.engine import align_with_ray

    counts, progress, bad = Counts(), Blocks(), BadLines()
    meter = Meter(progress, counts, "ray")
    reports = {}
    options["threads"] = options["threads"] or 1
    with nullcontext() if quiet else shown(meter):
        for done, total in align_with_ray(Path(input), Path(output_path), options, workers=workers):
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
    """How many blocks are done, of how many."""

    position: int = 0
    size: int | None = None


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at ``stream``, which is None when it was closed."""
    return stream is not None and stream.isatty()


def open_pairs(
    input: str, source: str | None, target: str | None, bad: BadLines, shard: str | None
) -> tuple[Source | Shard, Iterator[SentencePair]]:
    """The pairs that ``-i``, or ``-s`` and ``-t``, name, and the input to measure progress by."""
    from xalign.io.pairs import read_pairs, read_two_files

    if source == target == "-":
        raise typer.BadParameter("-s and -t cannot both be standard input")
    number, total = the_shard(shard)
    if source is not None and target is not None and input == "-":
        src = open_shard(source, number, total) if shard else Source(source)
        if isinstance(src, Source):
            tgt = Source(target)
            return src, read_two_files(src, tgt, src.name, tgt.name, bad)
        # the last one looks for more lines than there should be
        part = Shard(Source(target), src.start, None if number == total else src.count)
        return src, read_two_files(src, part, src.name, part.name, bad, src.start + 1)
    if source is not None or target is not None:
        raise typer.BadParameter("give either -i, or both -s and -t")
    if shard:
        part = open_shard(input, number, total)
        return part, read_pairs(part, part.name, bad, part.start + 1)
    pairs = Source(input)
    if input == "-" and is_terminal(sys.stdin):
        say("reading 'source ||| target' lines from the terminal; end with Ctrl-D")
    return pairs, read_pairs(pairs, pairs.name, bad)


def the_shard(text: str | None) -> tuple[int, int]:
    """What ``--shard`` names."""
    try:
        return parse_shard(text or "1/1")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
@guarded
def symmetrize(
    input: Annotated[
        str, typer.Option("-i", "--input", help="Links of one direction, in Pharaoh format.")
    ],
    reverse: Annotated[
        str | None, typer.Option("-j", "--reverse", help="Links of the other direction.")
    ] = None,
    command: Annotated[
        Literal[
            "intersect", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and",
            "invert", "convert",
        ],
        typer.Option("-c", "--command", help="How to join them; the last two take -i alone."),
    ] = "grow-diag-final-and",
    order: Annotated[
        Literal["atools", "moses"], typer.Option(help="Of growth: as in atools, or Moses' symal.")
    ] = "atools",
    output_path: Annotated[
        str, typer.Option("-o", "--output", help="Links; appears only when whole.")
    ] = "-",
) -> None:  # fmt: skip
    """Join links of two directions, or exchange source and target of one: a line in, a line out.

    Both files are source-target, as `fast_align` and `fast_align -r` print them. On a line with
    ` ||| `, links are what follows the last one.
    """
    from xalign.io.pharaoh import pharaoh, read_links_after_text, read_two_alignments
    from xalign.symmetrize import Method, invert
    from xalign.symmetrize import symmetrize as join

    is_alone = command in ("invert", "convert")
    if is_alone != (reverse is None):
        raise typer.BadParameter(f"{command} takes {'-i alone' if is_alone else '-i and -j'}")
    with output(output_path) as out, closing(Source(input)) as one:
        if reverse is None:
            for links in read_links_after_text(one, input):
                out.write(pharaoh(invert(links) if command == "invert" else links))
            return
        with closing(Source(reverse)) as other:
            for ways in read_two_alignments(one, other, input, reverse):
                out.write(pharaoh(join(*ways, cast(Method, command), order)))


@app.command()
@guarded
def score(
    gold: Annotated[
        str, typer.Option("-g", "--gold", help="Gold links: talp, NAACL/WPT or XL-WA.")
    ],
    outputs: Annotated[
        list[str] | None, typer.Argument(metavar="OUTPUT", help="Outputs to score.")
    ] = None,
    input: Annotated[
        list[str] | None, typer.Option("-i", "--input", help="Another output to score.")
    ] = None,
    gold_base: Annotated[
        int | None, typer.Option(min=0, max=1, help="First index in the gold file; else found.")
    ] = None,
    samples: Annotated[
        int,
        typer.Option(min=0, max=100_000, help="Resamplings for the interval of AER and p."),
    ] = 0,
    worst: Annotated[
        int, typer.Option(min=0, help="Show so many pairs with the most mistakes.")
    ] = 0,
    pairs: Annotated[
        str | None, typer.Option(help="The sentence pairs, to show words with --worst.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score outputs in Pharaoh format against gold links: AER, precision, recall, F1.

    Without an output, standard input is read. With several, `p` compares each with the first.
    """
    from xalign import report

    paths = [*(outputs or []), *(input or [])] or ["-"]
    if [gold, *paths].count("-") > 1:
        raise typer.BadParameter("only one of the files can be standard input")
    if pairs and not worst:
        raise typer.BadParameter("--pairs shows the words of --worst N; give both")
    if "-" in paths and is_terminal(sys.stdin):
        say("reading links from the terminal; end with Ctrl-D")
    gold_links = report.open_gold(gold, gold_base)
    scored = [report.open_output(path, gold_links, gold) for path in paths]
    texts = report.open_texts(pairs, gold_links) if pairs else ()
    scores = report.as_records(scored, gold_links, samples=samples, num_worst=worst, texts=texts)
    signature = report.signature(gold_links, gold, samples)
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever the locale can show
    if as_json:
        print(json.dumps({"signature": signature, "outputs": scores}, indent=2))
    else:
        print(report.as_text(scores, signature))


app.command()(guarded(train))
app.command()(guarded(finetune))

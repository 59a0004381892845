"""The command `xalign align`: from options to a stream, and what it tells at the end."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import xalign
from xalign.alignment import SentencePair
from xalign.console import BadLines, Meter, is_terminal, say, shown
from xalign.errors import InputError
from xalign.io.files import Source, output
from xalign.io.shard import Shard, open_shard, parse_shard
from xalign.model.config import Precision


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

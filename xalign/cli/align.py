"""The command `xalign align`: from options to a stream, and what it tells at the end."""

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import xalign
from xalign.alignment import Direction, SentencePair
from xalign.console import BadLines, Meter, is_terminal, say, shown
from xalign.errors import InputError
from xalign.io.files import Source, output
from xalign.io.formats import Format
from xalign.io.shard import Shard, open_shard, parse_shard
from xalign.links.segmentation import Cut, Level, Pieces
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
        typer.Option(min=0, max=0.999, help="Link words more probably linked than this."),
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
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network first: for long runs on a GPU.")
    ] = False,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="ray: workers on one machine or a cluster.")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Of ray; by default one for each GPU, or core.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="Only part I of N of the lines, as I/N; I from 1.")
    ] = None,
    direction: Annotated[
        Direction,
        typer.Option(help="forward: as fast_align, at most one link a target word; reverse; both."),
    ] = "both",
    format: Annotated[Format, typer.Option(help="Of links; scored is i-j:p.")] = "pharaoh",
    scores: Annotated[
        str | None, typer.Option(help="Write how surely each pair is a translation, 0 to 1.")
    ] = None,
    matrix: Annotated[
        str | None, typer.Option(help="Write the probability of every link; .npz, or JSON lines.")
    ] = None,
    pieces: Annotated[
        Pieces | None, typer.Option(help="The text is cut into subwords: @@ of BPE, or ▁.")
    ] = None,
    level: Annotated[
        Level | None,
        typer.Option(help="With --pieces: links of subwords (the default), or of words."),
    ] = None,
    tokenize: Annotated[
        Literal["none", "moses", "icu"],
        typer.Option(help="Cut raw text to align it; links are of its white-space words."),
    ] = "none",
    languages: Annotated[
        str | None, typer.Option(help="With --tokenize: source and target, as de,en; else English.")
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
    from xalign.aligning.devices import prepare_memory
    from xalign.aligning.outputs import Outputs, Wanted, align_segmented
    from xalign.io.pharaoh import pharaoh
    from xalign.links.segmentation import segmenter

    options: dict[str, Any] = {
        "model": model, "layer": layer, "threshold": threshold, "device": device,
        "precision": precision, "threads": threads, "batch_pieces": batch_pieces,
        "compiled": compiled,
    }  # fmt: skip
    wanted = Wanted(direction, format, scores, matrix)
    if level and not pieces:
        raise typer.BadParameter("--level is of subwords; add --pieces bpe or sentencepiece")
    if languages and tokenize == "none":
        raise typer.BadParameter("--languages is for raw text; add --tokenize moses or icu")
    if workers and engine != "ray":
        raise typer.BadParameter("--workers is of Ray; add --engine ray, or use --threads")
    if pieces and tokenize != "none":
        raise typer.BadParameter("--pieces is for text that is cut already; leave out --tokenize")
    cuts = None if tokenize == "none" else tokenizers(tokenize, languages or "en,en")
    is_plain = wanted == Wanted() and not (pieces or cuts)
    if engine == "ray":
        if source or target or shard or strict or line_buffered or "-" in (input, output_path):
            raise typer.BadParameter("--engine ray takes files: -i FILE -o FILE, and no --strict")
        if not is_plain:
            raise typer.BadParameter("--engine ray writes links alone; use --shard for the rest")
        align_by_ray(input, output_path, options, workers, quiet)
        return
    if [output_path, scores, matrix].count("-") > 1:
        raise typer.BadParameter("only one output can be standard output")
    prepare_memory()
    bad = BadLines(strict)
    make = SentencePair.from_text if is_plain else segmenter(pieces, level or "pieces", cuts)
    measured, pairs = open_pairs(input, source, target, bad, shard, make)
    aligner = xalign.Aligner.from_pretrained(**options)
    meter = Meter(measured, aligner.counts, aligner.where)
    is_shown = not quiet and not (output_path == "-" and is_terminal(sys.stdout))
    with output(output_path) as out, shown(meter) if is_shown else nullcontext():
        groups = ([pair] for pair in pairs) if line_buffered else [pairs]
        if is_plain:
            for group in groups:
                for alignment in aligner.align(group):
                    out.write(pharaoh(alignment))
                out.flush()
        else:
            with Outputs(wanted, out) as outputs:
                for group in groups:
                    for found in align_segmented(aligner, group):
                        outputs.write(*found)
                    out.flush()
    if not quiet:
        say(meter.summary(bad.count))


def tokenizers(name: Literal["moses", "icu"], languages: str) -> tuple[Cut, Cut]:
    """What cuts either side of raw text."""
    from xalign.links.segmentation import tokenizer

    codes = languages.split(",")
    if len(codes) != 2:
        raise typer.BadParameter(f"expected two --languages such as de,en, found {languages!r}")
    return tokenizer(name, codes[0]), tokenizer(name, codes[1])


def align_by_ray(
    input: str, output_path: str, options: dict[str, Any], workers: int | None, quiet: bool
) -> None:
    """Align the file ``input`` by workers of Ray, and tell of all that they found."""
    from xalign.aligning.aligner import Counts
    from xalign.aligning.ray import align_with_ray

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
    input: str, source: str | None, target: str | None, bad: BadLines, shard: str | None,
    make: Callable[[str, str], Any],
) -> tuple[Source | Shard, Iterator[Any]]:  # fmt: skip
    """What ``make`` makes of the pairs that ``-i``, or ``-s`` and ``-t``, name, and the input to
    measure progress by."""
    from xalign.io.pairs import read_as, read_two_as

    if source == target == "-":
        raise typer.BadParameter("-s and -t cannot both be standard input")
    number, total = the_shard(shard)
    if source is not None and target is not None and input == "-":
        src = open_shard(source, number, total) if shard else Source(source)
        if isinstance(src, Source):
            tgt = Source(target)
            return src, read_two_as(make, src, tgt, src.name, tgt.name, bad)
        # the last one looks for more lines than there should be
        part = Shard(Source(target), src.start, None if number == total else src.count)
        return src, read_two_as(make, src, part, src.name, part.name, bad, src.start + 1)
    if source is not None or target is not None:
        raise typer.BadParameter("give either -i, or both -s and -t")
    if shard:
        part = open_shard(input, number, total)
        return part, read_as(make, part, part.name, bad, part.start + 1)
    pairs = Source(input)
    if input == "-" and is_terminal(sys.stdin):
        say("reading 'source ||| target' lines from the terminal; end with Ctrl-D")
    return pairs, read_as(make, pairs, pairs.name, bad)


def the_shard(text: str | None) -> tuple[int, int]:
    """What ``--shard`` names."""
    try:
        return parse_shard(text or "1/1")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error

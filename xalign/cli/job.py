"""One job of `xalign align` on this machine: open, align, write, go on after a stop, report."""

import dataclasses
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import xalign
from xalign.aligning.settings import AlignerSettings, Inputs, Wanted, Words
from xalign.cli.inputs import open_pairs, usable
from xalign.console import BadLines, is_terminal, say
from xalign.errors import XalignError
from xalign.io.journal import Identity, Journal, identity_of
from xalign.io.outputs import Outputs
from xalign.io.shard import parse_shard
from xalign.links.notices import Watched
from xalign.progress import Meter, Phase, status_line

if TYPE_CHECKING:
    from xalign.aligning.aligner import Aligner
    from xalign.aligning.pool import Pool
    from xalign.weights.checkpoint import Checkpoint

CHUNK_PAIRS, GPU_CHUNK_PAIRS = 8192, 65_536
"""Pairs between two entries of a journal, on a CPU and on a GPU."""
COUNTED = ("pairs", "empty", "windowed", "failed")
WATCHED = ("other_spaces", "good", "garbled", "unread_before")
"""Counts of an `Aligner` and of `Watched` that are in a journal."""
LARGE_BYTES, GPU_WORKERS, GPU_WORKER_BYTES = 20_000_000, 8, 4_000_000_000
"""Size of input from which several processes feed a GPU, as each takes seconds to start; the most
of these processes; and the free memory of the GPU for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Inputs, outputs and settings of one job; see the options of `xalign align`."""

    inputs: Inputs
    wanted: Wanted
    words: Words
    settings: AlignerSettings
    output: str
    rejects: str | None
    resume: bool
    quiet: bool
    workers: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether only links of words are written, in Pharaoh format."""
        return self.wanted.is_plain and self.words == Words()

    @property
    def read(self) -> list[str]:
        """Paths of all inputs."""
        return self.inputs.files

    @property
    def written(self) -> list[str]:
        """Paths of all outputs."""
        others = self.wanted.scores, self.wanted.matrix, self.rejects
        return [self.output, *(path for path in others if path is not None)]


def run_job(job: Job, make: Callable[[str, str], Any], bad: BadLines) -> None:
    """Align the pairs of a job, made by ``make``, and print the summary.

    Errors: `InputError`, `ModelError`, `DeviceError`, `EngineError`.
    """
    from xalign.aligning.memory import prepare_process

    prepare_process(job.settings.model)
    aligner, outputs = prepared(job)
    watched = Watched(
        make,
        say,
        is_cut=job.words.cuts_all_scripts,
        unicode=job.words.words == "unicode",
    )
    with ExitStack() as stack:
        stack.enter_context(outputs)

        def note(_: object, error: BaseException | None, __: object) -> None:
            is_kept = isinstance(error, Exception) and job.resume
            if error is not None and (is_kept or isinstance(error, KeyboardInterrupt)):
                done = aligner.counts.done if aligner else 0
                error.add_note(where_it_stopped(job, outputs.counts.get("pairs", 0), done))

        stack.push(note)
        is_typed = job.read == ["-"] and is_terminal(sys.stdin)
        line = stack.enter_context(status_line(is_quiet=job.quiet or is_typed))
        before = outputs.counts
        if outputs.is_done:
            say("the outputs are whole; they are moved to their places")
            stack.pop_all().close()
            check_failed(before.get("failed", 0))
            return
        bad.count = before.get("bad", 0)
        restore(before, watched, WATCHED)
        out = outputs.open(job.output)
        bad.rejects = outputs.open(job.rejects) if job.rejects else None
        skip = before.get("pairs", 0)
        measured, pairs = open_pairs(job.inputs, bad, watched, "| xalign align", skip)
        stack.enter_context(closing(measured))
        if aligner is None:
            line.show(Phase("loading the model"))
            aligner = opened(job)
        if not isinstance(aligner, xalign.Aligner):
            stack.callback(aligner.close)
        counts = aligner.counts
        restore({**before, "done": skip}, counts, (*COUNTED, "done"))
        meter = Meter(measured, counts, aligner.where, before=skip)
        line.show(meter)
        if skip and not job.quiet:
            say(f"going on after {skip:,} pairs")

        def end_group() -> None:
            out.flush()
            found = {name: getattr(counts, name) for name in COUNTED}
            found |= {name: getattr(watched, name) for name in WATCHED}
            outputs.end_chunk({**found, "bad": bad.count})

        chunk = CHUNK_PAIRS if aligner.device.type == "cpu" else GPU_CHUNK_PAIRS
        groups = groups_of(pairs, job, chunk)
        write_groups(job, aligner, groups, line.before(out, job.output), outputs, end_group)
    if job.wanted.format == "tsv" and watched.other_spaces:
        say(f"{watched.other_spaces} pairs have spaces that are part of a word, see above")
    if not job.quiet:
        say(meter.summary(bad.count))
    check_failed(counts.failed)


def restore(before: Mapping[str, int], counts: object, names: Iterable[str]) -> None:
    """Set counts to those of an earlier process that did a part of the job."""
    for name in names:
        setattr(counts, name, before.get(name, 0))


def check_failed(count: int) -> None:
    """Raise `XalignError` if some pairs have no links because of the network."""
    if count:
        raise XalignError(f"{count} pairs have no links, as their results are not numbers")


def opened(job: Job, checkpoint: "Checkpoint | None" = None) -> "Aligner | Pool":
    """The aligner of a job, of a ``checkpoint`` if one was loaded already, or a `Pool`."""
    if (count := job.workers or usual_workers(job)) > 1:
        from xalign.aligning.pool import Pool

        return Pool(job.settings, count)
    if checkpoint is None:
        return xalign.Aligner.from_settings(job.settings)
    return xalign.Aligner.from_checkpoint(checkpoint, job.settings)


def usual_workers(job: Job) -> int:
    """Number of processes for a job: several where a GPU gets much to do, as one waits for it."""
    from xalign.aligning.devices import choose_devices, free_memory, usable_cores

    size = sum(Path(path).stat().st_size for path in job.read if Path(path).is_file())
    _, parts = usable("--shard", parse_shard, job.inputs.shard) if job.inputs.shard else (1, 1)
    if size < parts * LARGE_BYTES or job.wanted.line_buffered:
        return 1
    devices = choose_devices(job.settings.device)
    most = GPU_WORKERS * len(devices), usable_cores() // 2, usable_cores() - 1
    room = len(devices) * free_memory(devices) // GPU_WORKER_BYTES
    return max(1, min(*most, room))


def prepared(job: Job) -> "tuple[Aligner | Pool | None, Outputs | Journal]":
    """The outputs of a job and, if it can go on after a stop, its aligner, loaded already."""
    if not job.resume:
        return None, Outputs()
    with status_line(is_quiet=job.quiet) as line:
        line.show(Phase("looking at the input"))
        inputs = [identity_of(path) for path in job.read]
        line.show(Phase("loading the model"))
        aligner, identity = identified(job, inputs)
    return aligner, Journal(job.output, job.written, identity)


def identified(job: Job, inputs: list[Any]) -> "tuple[Aligner | Pool, Identity]":
    """The aligner of a job, and all that its outputs depend on."""
    import torch

    from xalign.aligning.devices import choose_devices
    from xalign.aligning.networks import checkpoint_of
    from xalign.model.quantized import exact_steps
    from xalign.weights.checkpoint import digest

    choose_devices(job.settings.device)  # before a model is loaded for one that is not there
    checkpoint = checkpoint_of(job.settings)
    model = digest(checkpoint)  # before the aligner takes its weights
    aligner = opened(job, checkpoint)
    steps = exact_steps() if aligner.precision == "int8" else None
    taken = dataclasses.asdict(job.inputs)
    options = {name: taken[name] for name in ("columns", "shard", "max_line_bytes")}
    options |= dataclasses.asdict(job.wanted) | dataclasses.asdict(job.words)
    places = [os.path.realpath(path) for path in job.written]
    options |= {"two_files": job.inputs.source is not None, "written": places}
    options |= {"scores": job.wanted.scores is not None, "matrix": job.wanted.matrix is not None}
    identity = {
        "input": inputs,
        "model": model,
        "options": options,
        "device": aligner.machine,
        "version of xalign": xalign.__version__,
        "version of torch": torch.__version__,
        "processor": [torch.backends.cpu.get_cpu_capability(), steps],
    }
    return aligner, identity


def groups_of(pairs: Iterable[Any], job: Job, chunk: int) -> Iterator[Iterable[Any]]:
    """Pairs that are aligned and written before the next ones are read."""
    if job.wanted.line_buffered:
        return ([pair] for pair in pairs)
    return chunks(pairs, chunk) if job.resume else iter([pairs])


def chunks(items: Iterable[Any], size: int) -> Iterator[Iterable[Any]]:
    """Consecutive groups of ``size`` items, each to be read before the next one.

    >>> [list(chunk) for chunk in chunks("abcde", 2)]
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    left = iter(items)
    for first in left:
        yield chain([first], islice(left, size - 1))


def write_groups(
    job: Job,
    aligner: "Aligner | Pool",
    groups: Iterable[Iterable[Any]],
    out: BinaryIO,
    outputs: Outputs | Journal,
    end_group: Callable[[], None],
) -> None:
    """Write all that is wanted of the pairs of each group."""
    from xalign.aligning.outputs import ResultWriter, align_segmented, link_lines

    if job.is_plain:
        for group in groups:
            for line in aligner.run(link_lines, group):
                out.write(line)
            end_group()
        return
    with ResultWriter(job.wanted, out, outputs, aligner.counts.done) as writer:
        for group in groups:
            for found in align_segmented(aligner, group):
                writer.write(*found)
            end_group()


def where_it_stopped(job: Job, kept: int, done: int) -> str:
    """Message that tells how far a stopped job came, and how to go on.

    ``kept`` pairs are in a journal, ``done`` were aligned by this process.
    """
    if job.resume:
        return f"{kept:,} pairs are kept; the same command goes on after them"
    if job.output == "-":
        return f"{done:,} pairs were aligned; the last lines may be missing"
    advice = "" if "-" in job.read else "; with --resume, a job goes on after a stop"
    return f"{job.output} was not written{advice}"

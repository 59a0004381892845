"""One corpus aligned by many Ray workers, on one machine or a cluster, and resumed if stopped.

The corpus is cut into blocks of whole lines. Each worker has its own model, aligns one block at a
time, and writes it to one part of the output. A block whose part exists is not aligned again,
neither when a worker is lost nor when the same command is given again. At the end the parts are
joined in order. All workers must see corpus and output.
"""

import dataclasses
import json
import logging
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xalign.aligning.aligner import Aligner, Counts
from xalign.aligning.memory import prepare_process
from xalign.aligning.networks import checkpoint_of
from xalign.aligning.settings import AlignerSettings
from xalign.errors import EngineError, InputError
from xalign.io.files import BOM, MAX_LINE_BYTES, SUFFIXES, LongLine, bounded_lines
from xalign.io.outputs import output
from xalign.io.pairs import read_pairs
from xalign.io.pharaoh import pharaoh
from xalign.weights.checkpoint import digest

LEAST_BLOCK_BYTES, BLOCK_BYTES, MANY_BLOCKS = 1 << 16, 1 << 20, 128
"""Least and largest size of a block, at most a minute's work for one core, and the number of blocks
of a corpus between them."""
NAMED_ERRORS = 5


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of the corpus, from byte ``start`` up to ``stop``."""

    number: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReport:
    """Report on a block: counts of pairs, and its first bad lines, numbered from 1 in the block."""

    number: int
    pairs: int
    empty: int
    windowed: int
    bad: int
    errors: tuple[tuple[int, str], ...]
    failed: int = 0


def block_bytes(corpus: Path) -> int:
    """Size of the blocks of a corpus: small enough that many workers have several each."""
    length = corpus.stat().st_size if corpus.exists() else 0
    return max(LEAST_BLOCK_BYTES, min(BLOCK_BYTES, length // MANY_BLOCKS))


def cut_into_blocks(path: Path, size: int = BLOCK_BYTES) -> list[Block]:
    """Blocks of about ``size`` bytes, each of whole lines.

    Errors: `InputError` when ``path`` is not a plain file: no other can be read from any byte on.
    """
    if not path.is_file() or path.suffix in SUFFIXES:
        reason = "expected a plain file, which workers can read from anywhere; decompress it first"
        raise InputError(str(path), 0, reason if path.is_file() else "expected a plain file")
    end = path.stat().st_size
    starts = [0]
    with path.open("rb") as file:
        while starts[-1] + size < end:
            file.seek(starts[-1] + size)
            while (rest := file.readline(BLOCK_BYTES)) and not rest.endswith(b"\n"):
                pass
            starts.append(file.tell())
    stops = [*starts[1:], end]
    cuts = [(a, b) for a, b in zip(starts, stops, strict=True) if a < b]
    return [Block(number, *cut) for number, cut in enumerate(cuts)]


def lines_of(path: Path, block: Block) -> Iterator[bytes]:
    """Lines of a block without their ends, as `xalign.io.files.Source` yields them."""
    with path.open("rb") as file:
        file.seek(block.start)
        for number, line in enumerate(bounded_lines(file, MAX_LINE_BYTES)):
            is_marked = block.start == number == 0 and not isinstance(line, LongLine)
            yield line.removeprefix(BOM) if is_marked else line
            if file.tell() >= block.stop:
                return


class BlockWorker:
    """Aligns blocks of the file ``corpus`` into ``parts``, with an `Aligner` of ``settings``."""

    def __init__(self, corpus: str, parts: str, settings: AlignerSettings) -> None:
        self.corpus, self.parts = Path(corpus), Path(parts)
        prepare_process(settings.model)
        self.aligner = Aligner.from_settings(settings)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Align the block in ``row``, and return its `BlockReport` as JSON."""
        block = Block(**{name: int(value) for name, value in row.items()})
        errors: list[tuple[int, str]] = []
        count = 0

        def on_bad(error: InputError) -> None:
            nonlocal count
            count += 1
            if len(errors) < NAMED_ERRORS:
                errors.append((error.line, error.message))

        self.aligner.counts = counts = Counts()
        pairs = read_pairs(lines_of(self.corpus, block), str(self.corpus), on_bad)
        with output(str(part_of(self.parts, block.number))) as file:
            for alignment in self.aligner.align(pairs):
                file.write(pharaoh(alignment))
        report = BlockReport(
            number=block.number,
            pairs=counts.pairs,
            empty=counts.empty - count,
            windowed=counts.windowed,
            failed=counts.failed,
            bad=count,
            errors=tuple(errors),
        )
        text = json.dumps(dataclasses.asdict(report))
        with output(str(report_of(self.parts, block.number))) as file:  # last: the part is whole
            file.write(text.encode())
        return {"report": text}


def part_of(parts: Path, number: int) -> Path:
    """Path of the links of a block."""
    return parts / f"{number:08}.align"


def report_of(parts: Path, number: int) -> Path:
    """Path of the report on a block."""
    return parts / f"{number:08}.json"


def read_report(text: str | bytes) -> BlockReport:
    """Read the report of a `BlockWorker`."""
    values = json.loads(text)
    return BlockReport(**values | {"errors": tuple(map(tuple, values["errors"]))})


def open_parts(corpus: Path, target: Path, settings: AlignerSettings, size: int) -> Path:
    """The folder of parts beside ``target``, emptied if it is of another corpus or other links.

    Links depend on the settings and on the content of the model.
    """
    parts = target.with_name(f"{target.name}.parts")
    status = corpus.stat()
    identity = [str(corpus.resolve()), status.st_size, status.st_mtime_ns, size]
    identity.append(digest(checkpoint_of(settings)))
    key = json.dumps([*identity, dataclasses.asdict(settings)], sort_keys=True)
    kept = parts / "of.json"
    if not kept.exists() or kept.read_text(encoding="utf-8") != key:
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True)
        kept.write_text(key, encoding="utf-8")
    return parts


def align_with_ray(
    corpus: Path,
    target: Path,
    settings: AlignerSettings,
    *,
    workers: int | None = None,
    size: int | None = None,
) -> Iterator[tuple[BlockReport, int]]:
    """Align ``corpus`` into ``target``; yield each finished block and the number of all blocks.

    By default there are as many ``workers`` as the cluster has GPUs or, without GPUs, cores for the
    threads of each, which are one unless ``settings`` have more. More workers than GPUs share them.
    Ray starts on this machine unless it already runs or RAY_ADDRESS names a cluster.

    Errors: `InputError`, `EngineError` when Ray is not installed, or a block cannot be aligned.
    """
    size = size or block_bytes(corpus)
    blocks = cut_into_blocks(corpus, size)
    parts = open_parts(corpus, target, settings, size)
    found = {block.number: report_of(parts, block.number) for block in blocks}
    for path in found.values():
        if path.exists():
            yield read_report(path.read_bytes()), len(blocks)
    left = [block for block in blocks if not found[block.number].exists()]
    if left:
        for report in run_workers(corpus, parts, settings, left, workers):
            yield report, len(blocks)
    with output(str(target)) as file:
        for block in blocks:
            with part_of(parts, block.number).open("rb") as part:
                shutil.copyfileobj(part, file)
    shutil.rmtree(parts)


def gpu_share(gpus: int, workers: int) -> float:
    """Share of a GPU for each of some ``workers``, so that all of them find their place.

    >>> gpu_share(0, 4), gpu_share(8, 2), gpu_share(1, 4), gpu_share(2, 3)
    (0.0, 1.0, 0.25, 0.5)
    """
    return 1 / math.ceil(workers / gpus) if gpus else 0.0


def run_workers(
    corpus: Path, parts: Path, settings: AlignerSettings, blocks: list[Block], workers: int | None
) -> Iterator[BlockReport]:
    """Align ``blocks`` with Ray workers, in any order."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise EngineError(
            "the engine ray is not installed; run: pip install 'ray[data]'"
        ) from error
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    resources = ray.cluster_resources()
    gpus = 0 if settings.device == "cpu" else int(resources.get("GPU", 0))
    if not gpus:
        settings = dataclasses.replace(settings, threads=settings.threads or 1)
    most = max(int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"])
    cores = min(settings.threads or 1, most)  # of one machine, on which a worker has to fit
    count = min(workers or gpus or max(1, int(resources["CPU"]) // cores), len(blocks))
    rows = ray.data.from_items(
        [dataclasses.asdict(block) for block in blocks], override_num_blocks=len(blocks)
    )
    reports = rows.map(
        BlockWorker,
        fn_constructor_args=(str(corpus.resolve()), str(parts.resolve()), settings),
        compute=ray.data.ActorPoolStrategy(size=count),
        num_gpus=gpu_share(gpus, count),
        num_cpus=0 if gpus else cores,
    )
    try:
        for row in reports.iter_rows():
            yield read_report(row["report"])
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise EngineError(f"a worker failed: {reason}; the same command goes on") from error

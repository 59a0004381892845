"""How fast xalign aligns and trains, beside what this machine's matrix products allow, and beside others.

Operations are the multiplications and additions of the layers' matrix products on real pieces;
attention scores, softmaxes, norms, tokenising and extraction count as overhead. The rate, in fp32 and
of one product of the largest kind in a layer, is measured between the rounds, with as many
single-core threads as the aligner uses.

Without options: that share, for each precision of this machine. --rivals: whole commands on the
same pairs, xalign and others in turn, on all and on the shortest and longest quarters. --sizes: one
command of xalign on so many lines, the file again and again: time and memory. --quick: the share on
the example pairs, with all instructions of the processor and with AVX2 alone, against the one that
is kept in bin/recipes/bench.json; more than 25% below is an error. --train: steps of training.
--device cuda: the speed of a GPU by precision, size of batches and number of processes, and how its
links agree with those of the CPU; --device cpu: the same of all cores.
"""

import argparse
import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import torch
from torch import nn

from bin.recipes import EXAMPLES, rivals
from xalign import Aligner
from xalign.aligning.devices import has_fast_int8, usable_cores
from xalign.aligning.pool import Pool
from xalign.aligning.settings import AlignerSettings
from xalign.alignment import Alignment, SentencePair
from xalign.io.files import Source
from xalign.io.pairs import read_pairs
from xalign.model.config import CrossAlignConfig, Precision
from xalign.model.cross_align import TLMHead
from xalign.training.corpora import Preparation, open_corpus
from xalign.training.loop import Batching, Trainer
from xalign.training.masking import Masking
from xalign.training.objectives import Objective, ssa_objective, tlm_objective
from xalign.training.sampling import Sampler
from xalign.training.settings import Schedule
from xalign.weights.checkpoint import load
from xalign.weights.foreign import training_depth
from xalign.weights.names import E5_SMALL

ROWS, PRODUCTS = 2048, 30
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
"""Environment that limits torch and its libraries to AVX2."""
FIRST_PAIRS = 300
"""Pairs for each process, so that all have loaded their model before they are timed."""
DEVICE_BATCHES = (16_384, 32_768, 65_536, 131_072)
KEPT, TOLERANCE = Path(__file__).with_name("bench.json"), 0.25


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def product_rate(
    width: int, ffn_width: int, threads: int, kind: str = "fp32", device: str = "cpu"
) -> float:
    """Operations a second of (ROWS, width) @ (width, ffn_width), all threads together.

    ``kind`` is fp32, bf16 or, on a CPU, int8.
    """
    if kind == "int8":
        rows = torch.randint(0, 255, (ROWS, width), dtype=torch.uint8)
        weight = torch.randint(-127, 127, (ffn_width, width), dtype=torch.int8)
        packed = torch.ops.onednn.qlinear_prepack(weight, None)
        scales, zeros = torch.ones(ffn_width), torch.zeros(ffn_width, dtype=torch.int64)

        def product() -> object:
            return torch.ops.onednn.qlinear_pointwise(
                rows, 1.0, 128, packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], ""
            )
    else:
        dtype = torch.bfloat16 if kind == "bf16" else torch.float32
        x = torch.randn(ROWS, width, device=device, dtype=dtype)
        y = torch.randn(width, ffn_width, device=device, dtype=dtype)

        def product() -> object:
            return x @ y

    def multiply(_: int) -> None:
        for _ in range(PRODUCTS):
            product()
        if device != "cpu":
            torch.cuda.synchronize()

    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(multiply, range(threads)))
        taken = seconds(lambda: list(pool.map(multiply, range(2 * threads))))
    return 2 * ROWS * width * ffn_width * PRODUCTS * 2 * threads / taken


def bench_products() -> None:
    """Print the rates of this machine."""
    kinds = [(kind, "cpu") for kind in precisions()]
    if torch.cuda.is_available():
        kinds += [("fp32", "cuda"), ("bf16", "cuda")]
    for kind, device in kinds:
        threads = usable_cores() if device == "cpu" else 1
        rates = [product_rate(384, 1536, threads, kind, device) / 1e9 for _ in range(5)]
        print(f"matrix products in {kind} on {device}: {statistics.median(rates):.0f} Gop/s")


def bench_aligning(
    pairs: list[SentencePair], rounds: int, threads: int | None, precision: Precision
) -> float:
    """Align pairs again and again; gives the median share of the fp32 rate."""
    aligner = Aligner.from_pretrained(device="cpu", threads=threads, precision=precision)
    sizes = aligner.network.config
    encode = aligner.tokenizer.encode
    pieces = sum(len(encode(pair.src)) + len(encode(pair.tgt)) for pair in pairs)
    operations = pieces * layer_operations(sizes) * sizes.align_layer
    list(aligner.align(pairs[:200]))
    report = Report(operations, pieces, aligner.threads, sizes)
    for _ in range(rounds):
        report.add(lambda: list(aligner.align(pairs)))
    report.close(f"{precision}, {len(pairs)} pairs, {pieces} pieces")
    return statistics.median(report.shares)


def bench_device(pairs: list[SentencePair], rounds: int, device: str) -> None:
    """Print the speed on a device by precision and size of batches, and how links agree.

    Cutting words into pieces is timed alone, as the host does that for each device.
    """
    kinds: list[Precision] = precisions() if device == "cpu" else ["bf16", "fp32"]
    first = pairs[:1000]
    links = list(Aligner.from_pretrained(device="cpu", precision="fp32").align(first))
    encode = Aligner.from_pretrained(device="cpu").tokenizer.encode
    taken = seconds(lambda: [(encode(pair.src), encode(pair.tgt)) for pair in pairs])
    print(f"one thread cuts {len(pairs) / taken:.0f} pairs/s into pieces")
    print("| precision | pieces a batch | pairs/s | of the matrix rate | memory, MB | F1, CPU |")
    print("|---|---|---|---|---|---|")
    pieces = sum(len(encode(pair.src)) + len(encode(pair.tgt)) for pair in pairs)
    for precision in kinds:
        for batch in DEVICE_BATCHES if device != "cpu" else (None,):
            if device != "cpu":
                torch.cuda.reset_peak_memory_stats(device)
            aligner = Aligner.from_pretrained(
                device=device, precision=precision, batch_pieces=batch
            )
            found = agreement(links, list(aligner.align(first)))
            work = partial(align_all, aligner, pairs)
            speed = statistics.median(len(pairs) / seconds(work) for _ in range(rounds))
            sizes = aligner.network.config
            threads = aligner.threads if device == "cpu" else 1
            rate = product_rate(sizes.width, sizes.ffn_width, threads, precision, device)
            operations = layer_operations(sizes) * sizes.align_layer * pieces / len(pairs)
            memory = 0 if device == "cpu" else torch.cuda.max_memory_allocated(device) / 1e6
            print(
                f"| {precision} | {aligner.batch_pieces:,} | {speed:.0f} "
                f"| {operations * speed / rate:.1%} | {memory:.0f} | {found:.4f} |",
                flush=True,
            )


def bench_processes(pairs: list[SentencePair], rounds: int, device: str) -> None:
    """Print the speed of several processes, after their start."""
    print("| processes | pairs/s |\n|---|---|")
    for count in (1, 2, 4, 8, 16):
        if count <= usable_cores():
            with Pool(AlignerSettings(device=device), count) as pool:
                for _ in pool.align(pairs[: FIRST_PAIRS * count]):
                    pass
                work = partial(align_all, pool, pairs)
                speed = statistics.median(len(pairs) / seconds(work) for _ in range(rounds))
            print(f"| {count} | {speed:.0f} |", flush=True)


def align_all(aligner: Aligner | Pool, pairs: list[SentencePair]) -> list[Alignment]:
    """Alignments of all pairs."""
    return list(aligner.align(pairs))


def agreement(links: list[Alignment], others: list[Alignment]) -> float:
    """F1 of the links of two alignments of the same pairs."""
    common = sum(len(a.links & b.links) for a, b in zip(links, others, strict=True))
    return 2 * common / sum(len(a) + len(b) for a, b in zip(links, others, strict=True))


def precisions() -> list[Precision]:
    """Those worth measuring on this processor."""
    return ["fp32", "int8"] if has_fast_int8() else ["fp32"]


def kept_shares() -> dict[Precision, float]:
    """The shares kept of this processor (vendor, family, model), else those of any.

    A processor without VNNI, or limited to AVX2, has those of AVX2.
    """
    kept: dict[str, dict[Precision, float]] = json.loads(KEPT.read_text())
    if is_limited() or not torch.cpu.get_capabilities().get("avx512_vnni"):
        return kept["AVX2"]
    processor = Path("/proc/cpuinfo")
    text = processor.read_text(encoding="utf-8") if processor.exists() else ""
    found = dict(re.findall(r"^(vendor_id|cpu family|model)\s*:\s*(\S+)$", text, re.MULTILINE))
    return kept.get(" ".join(found.values()), kept["any"])


def bench_quickly(threads: int | None) -> int:
    """Hold today's shares against the ones kept, of all instructions and of AVX2; the exit code."""
    if not has_fast_int8():
        print("the shares kept are of processors with AVX2: nothing to compare with")
        return 0
    print("AVX2 alone:" if is_limited() else "all instructions:", flush=True)
    path = str(EXAMPLES / "de-en.txt")
    pairs, code = 4 * list(read_pairs(Source(path), path)), 0
    for precision, kept in kept_shares().items():
        share = bench_aligning(pairs, 3, threads, precision)
        is_slow = share < (1 - TOLERANCE) * kept
        print(
            f"{precision}: {share:.2f} of the rate, kept {kept:.2f}: {'SLOW' if is_slow else 'ok'}"
        )
        code |= is_slow
    if not is_limited():
        command = [sys.executable, "-m", "bin.recipes.bench", *sys.argv[1:]]
        code |= subprocess.run(command, env={**os.environ, **AVX2}, check=False).returncode
    return code


def is_limited() -> bool:
    """Whether this process is limited to AVX2."""
    return all(os.environ.get(name) == value for name, value in AVX2.items())


def bench_rivals(pairs: list[str], rounds: int, folder: Path) -> None:
    """Run whole commands on one pair and on many, in turn; print a table, and a line of JSON.

    Those that do not learn from the text are given fewer pairs when they are slow, and their speed
    leaves out the time that one pair takes.
    """
    systems = [*rivals.xalign_systems(), *rivals.rival_systems(folder)]
    texts = {"all": pairs, **rivals.by_length(pairs)}
    runs: dict[tuple[str, str], list[rivals.Run]] = {}
    for _ in range(rounds):
        for system in systems:
            for text, lines in texts.items():
                if text == "all" or not system.learns:
                    run = system.measure(lines, folder)
                    runs.setdefault((system.name, text), []).append(run)
    rows = {name: rivals.median_run(found) for name, found in runs.items()}
    fastest = max(
        row.rate
        for (name, text), row in rows.items()
        if name.startswith("xalign") and text == "all"
    )
    bench_products()
    print(
        "| | pairs | one pair, s | first link, s | all, s | pairs/s | short | long | xalign is faster | memory, MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(name for name, _ in rows):
        row = rows[name, "all"]
        others = [rows.get((name, text)) for text in ("short", "long")]
        shown = " | ".join(f"{other.rate:.1f}" if other else "" for other in others)
        print(
            f"| {name} | {row.pairs:,} | {row.one:.1f} | {row.first:.1f} | {row.all:.1f} "
            f"| {row.rate:.1f} | {shown} | {fastest / row.rate:.1f} times | {row.memory:.0f} |"
        )
    table = {
        f"{name}, {text}": dataclasses.asdict(row) | {"rate": row.rate}
        for (name, text), row in rows.items()
    }
    print(json.dumps(table))


def bench_sizes(pairs: list[str], sizes: list[int], rounds: int) -> None:
    """Run one command on ever more lines, in turn; print time and memory."""
    system = rivals.xalign_systems()[-1]
    with tempfile.TemporaryDirectory() as folder:
        runs: dict[int, list[tuple[float, float, float]]] = {}
        for _ in range(rounds):
            for size in (1, *sizes):
                lines = list(islice(cycle(pairs), size))
                runs.setdefault(size, []).append(system.run(lines, Path(folder)))
    medians = {
        size: [statistics.median(column) for column in zip(*found, strict=True)]
        for size, found in runs.items()
    }
    print(f"{system.name}, medians of {rounds}")
    print("| pairs | s | first link, s | ms a pair after the first | memory, MB |")
    print("|---|---|---|---|---|")
    for size, (taken, first, memory) in medians.items():
        each = 1000 * (taken - medians[1][0]) / max(1, size - 1)
        print(f"| {size:,} | {taken:.1f} | {first:.1f} | {each:.2f} | {memory:.0f} |")


def bench_training(corpus: str, rounds: int, threads: int | None, batch_pieces: int) -> None:
    """Take the same step of either stage again and again, with the default layers of a run.

    A layer that learns costs three times its forward pass: forward, gradients of its input,
    gradients of its weights. A masked piece costs the head, and the candidates, likewise.
    """
    with tempfile.TemporaryDirectory() as folder:
        start = load(E5_SMALL, training_depth(E5_SMALL))
        network, teacher = start.network, load(E5_SMALL).network.requires_grad_(False)
        head, sizes = TLMHead(network.config), network.config
        data = open_corpus((corpus,), start.tokenizer, Path(folder), Preparation(max_pieces=128))
        sampler = Sampler([data], [1.0], budget=batch_pieces, seed=1)
        batch = [data.example(k, start.tokenizer) for [(_, k)] in next(sampler.batches())]
        pieces = sum(example.num_pieces for example in batch)
        vocabulary = torch.from_numpy(data.vocabulary)
        masking = Masking(rate=0.15, mask=start.tokenizer.mask or 0, vocabulary=vocabulary)
        tlm = tlm_objective(network, head, masking=masking, negatives=6000)
        student = network.pruned()
        ssa = ssa_objective(
            student, teacher, teacher_rule=start.rule, rule=start.rule, loss="words"
        )
        candidates = min(6000, len(vocabulary))
        guesses = 0.15 * 2 * sizes.width * (sizes.width + candidates)
        layer = layer_operations(sizes)
        stages: list[tuple[str, Objective, list[nn.Module], float]] = [
            ("TLM", tlm, [network.layers, head], 3 * (len(network.layers) * layer + guesses)),
            ("SSA", ssa, [student.layers], (3 * len(student.layers) + len(teacher.layers)) * layer),
        ]
        workers = threads or usable_cores()
        for name, objective, parts, operations in stages:
            named = {
                f"{k}.{n}": p for k, part in enumerate(parts) for n, p in part.named_parameters()
            }
            trainer = Trainer([(named, 1e-6)], Schedule(steps=9999), Batching(threads=workers))
            report = Report(operations * pieces, pieces, workers, sizes)
            with ThreadPoolExecutor(
                workers, initializer=torch.set_num_threads, initargs=(1,)
            ) as pool:
                trainer.take_step(objective, batch, pool)
                for _ in range(rounds):
                    report.add(partial(trainer.take_step, objective, batch, pool))
            report.close(f"{name}, {pieces} pieces a step")


def layer_operations(sizes: CrossAlignConfig) -> int:
    """Multiplications and additions of a layer's matrix products on one piece."""
    return 2 * (4 * sizes.width**2 + 2 * sizes.width * sizes.ffn_width)


@dataclass(slots=True)
class Report:
    """Prints a line for each round of the same work, and the medians."""

    operations: float
    pieces: int
    threads: int
    sizes: CrossAlignConfig
    speeds: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    def add(self, work: Callable[[], object]) -> None:
        """Do the work once, and measure the matrix-product rate beside it."""
        taken = seconds(work)
        rate = product_rate(self.sizes.width, self.sizes.ffn_width, self.threads)
        self.speeds.append(self.pieces / taken)
        self.shares.append(self.operations / taken / rate)
        print(
            f"{self.speeds[-1]:6.0f} pieces/s  {rate / 1e9:4.0f} Gop/s by matrix products  "
            f"{100 * self.shares[-1]:3.0f}% of that used",
            flush=True,
        )

    def close(self, what: str) -> None:
        """Print the medians."""
        print(
            f"median of {len(self.speeds)}: {statistics.median(self.speeds):.0f} pieces/s, "
            f"{100 * statistics.median(self.shares):.0f}% of the matrix-product rate "
            f"({100 * min(self.shares):.0f}-{100 * max(self.shares):.0f}%), {what}, "
            f"{self.threads} threads",
            flush=True,
        )


def main() -> None:
    """Read the options, and measure."""
    parser = argparse.ArgumentParser(
        prog="bin/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", nargs="?", default=str(EXAMPLES / "de-en.txt"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rivals", metavar="FOLDER", help="install others there, and run them too")
    parser.add_argument("--sizes", help="how time grows: numbers of pairs, as 1000,100000")
    parser.add_argument("--quick", action="store_true", help="compare with the shares kept")
    parser.add_argument("--device", help="speed on cuda, by precision and size of batches; or cpu")
    parser.add_argument("--train", action="store_true", help="measure steps of training instead")
    parser.add_argument("--batch-pieces", type=int, default=4096, help="of a step of training")
    options = parser.parse_args()
    if options.train:
        bench_training(options.corpus, options.rounds, options.threads, options.batch_pieces)
    elif options.device:
        pairs = list(read_pairs(Source(options.corpus), options.corpus))
        bench_device(pairs, options.rounds, options.device)
        bench_processes(pairs, options.rounds, options.device)
    elif options.quick:
        sys.exit(bench_quickly(options.threads))
    elif options.rivals:
        lines = Path(options.corpus).read_text(encoding="utf-8").splitlines(keepends=True)
        bench_rivals(lines, options.rounds, Path(options.rivals))
    elif options.sizes:
        lines = Path(options.corpus).read_text(encoding="utf-8").splitlines(keepends=True)
        bench_sizes(lines, [int(size) for size in options.sizes.split(",")], options.rounds)
    else:
        bench_products()
        pairs = list(read_pairs(Source(options.corpus), options.corpus))
        for precision in precisions():
            bench_aligning(pairs, options.rounds, options.threads, precision)


if __name__ == "__main__":
    main()

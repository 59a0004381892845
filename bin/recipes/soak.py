"""Long trials of what docs/reliability.md promises.

    bin/soak kills CORPUS         aligning, killed at random moments, ends with the same outputs
    bin/soak memory CORPUS        memory stays constant over a long corpus, and no line is lost
    bin/soak training CORPUS      training, killed every few minutes, ends with the same weights
    bin/soak fuzz                 the property tests on inputs of strangers, for minutes
    bin/soak mutation             the share of changed programs that the tests find out

Options of xalign stand after "--". Every trial prints its figures; exit code 1 says that a promise
is broken.
"""

import argparse
import csv
import filecmp
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

XALIGN = [sys.executable, "-m", "xalign"]
STEADY_FROM, GROWTH = 100_000, 0.03
"""Lines after which memory is steady, and the share by which its median may exceed what it was at
most until then."""


def say(message: str) -> None:
    """Print a line at once."""
    print(message, flush=True)


def check(holds: bool, promise: str) -> None:
    """Stop with exit code 1 unless a promise holds."""
    if not holds:
        sys.exit(f"soak: broken: {promise}")


def kill_at_random(
    command: Sequence[str], draw: random.Random, seconds: tuple[float, float], kills: int
) -> Iterator[str]:
    """Run a command again and again until it ends; kill it after a random time, ``kills`` times.

    Yields "killed" or "ended" for each run.
    """
    while True:
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(draw.uniform(*seconds) if kills > 0 else None)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills -= 1
                yield "killed"
                continue
        check(process.returncode == 0, f"exit code 0, found {process.returncode}")
        yield "ended"
        return


def kills(given: argparse.Namespace) -> None:
    """Align a corpus, killed at random moments, and compare all outputs with those of one run."""
    folder = fresh_folder(given.work)
    outputs = {name: f"{name}{given.suffix}" for name in ("links", "scores", "matrices.jsonl")}

    def command(part: Path) -> list[str]:
        part.mkdir(exist_ok=True)
        paths = {name: str(part / file) for name, file in outputs.items()}
        chosen = ["align", "--resume", "-i", given.corpus, "--format", "scored"]
        written = ["-o", paths["links"], "--scores", paths["scores"]]
        return [*XALIGN, *chosen, *written, "--matrix", paths["matrices.jsonl"]]

    whole, parts = folder / "whole", folder / "parts"
    started = time.perf_counter()
    subprocess.run(command(whole), check=True)
    taken = time.perf_counter() - started
    draw, count, ended = random.Random(given.seed), 0, 0
    while count < given.count:
        for outcome in kill_at_random(command(parts), draw, (0, 0.7 * taken), given.count - count):
            count += outcome == "killed"
            ended += outcome == "ended"
        names = sorted(path.name for path in parts.iterdir())
        check(names == sorted(outputs.values()), f"only whole outputs are left, found {names}")
        different = filecmp.cmpfiles(whole, parts, names, shallow=False)[1:]
        check(different == ([], []), f"the same bytes, found differences in {different}")
        shutil.rmtree(parts)
    say(f"{count} kills, {ended} jobs ended, all {len(outputs)} outputs the same each time")


def fresh_folder(path: str) -> Path:
    """An empty folder."""
    folder = Path(path)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def memory(given: argparse.Namespace) -> None:
    """Align a long corpus through pipes, and record memory and rate every few seconds."""
    samples: list[tuple[int, float, float]] = []
    started = time.perf_counter()
    lines = 0
    command = [*XALIGN, "align", "-i", given.corpus, *given.options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None

        def sample() -> None:
            with Path(given.output).open("w", newline="", buffering=1) as file:
                table = csv.writer(file)
                table.writerow(("lines", "seconds", "megabytes"))
                while process.poll() is None:
                    taken = time.perf_counter() - started
                    samples.append((lines, round(taken, 1), resident(process.pid)))
                    table.writerow(samples[-1])
                    time.sleep(given.every)

        sampler = threading.Thread(target=sample)
        sampler.start()
        for _ in process.stdout:
            lines += 1
    sampler.join()
    check(process.returncode == 0, f"exit code 0, found {process.returncode}")
    with Path(given.corpus).open("rb") as file:
        expected = sum(1 for _ in file)
    check(lines == expected, f"{expected} lines, found {lines}")
    early = [size for line, _, size in samples if STEADY_FROM / 2 <= line <= STEADY_FROM]
    late = [size for line, _, size in samples if line > STEADY_FROM]
    rate = lines / samples[-1][1]
    say(f"{lines:,} lines in and out, {rate:.0f} pairs/s, samples in {given.output}")
    if not (early and late):
        return
    base, usual = max(early), statistics.median(late)
    say(
        f"memory: {base:.0f} MB at most up to {STEADY_FROM:,} lines; after them the median is "
        f"{usual:.0f} MB ({usual / base - 1:+.1%}), the most {max(late):.0f} MB"
    )
    check(usual <= (1 + GROWTH) * base, f"memory grows by at most {GROWTH:.0%}")


def resident(process: int) -> float:
    """Megabytes of memory that a process holds; 0 when it has ended."""
    try:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1000 if found else 0.0


def training(given: argparse.Namespace) -> None:
    """Train undisturbed, beside it killed again and again, and compare the weights.

    Each of the two has half of the cores: weights depend on the number of threads.
    """
    folder = fresh_folder(given.work)

    def command(output: Path) -> list[str]:
        chosen = ["train", "-i", given.corpus, "-o", str(output), "--cache", f"{output}.cache"]
        size = ["--steps", str(given.steps), "--every", str(given.every), "--batch-pieces", "2048"]
        threads = max(1, (os.cpu_count() or 1) // 2)
        return [*XALIGN, *chosen, *size, "--threads", str(threads), *given.options]

    whole, parts = folder / "whole", folder / "parts"
    started = time.perf_counter()
    draw, count, begun = random.Random(given.seed), 0, b""
    record = parts / "run.json"  # written when a run begins, and not when it goes on
    with subprocess.Popen(command(whole), stderr=subprocess.DEVNULL) as undisturbed:
        resumed = [*command(parts), "--resume"]
        for outcome in kill_at_random(resumed, draw, (given.least, given.most), given.count):
            count += outcome == "killed"
            begun = begun or (record.read_bytes() if record.exists() else b"")
    check(begun == record.read_bytes(), "the run begins once, and then goes on")
    check(undisturbed.returncode == 0, f"exit code 0, found {undisturbed.returncode}")
    same = filecmp.cmp(whole / "model.safetensors", parts / "model.safetensors", shallow=False)
    check(same, "the same weights")
    left = [path.name for path in parts.iterdir() if path.name.startswith(".")]
    check(not left, f"nothing is left of the runs that were killed, found {left}")
    taken = time.perf_counter() - started
    say(f"{given.steps} steps, {count} kills, {taken:.0f} s in all, the same weights to the bit")


FUZZED = {
    "files of models": "tests/weights/test_files.py",
    "lines of pairs": "tests/test_fuzz.py",
    "readers of all formats": "tests/io",
    "markup, tags and segmentation": "tests/links",
}


def fuzz(given: argparse.Namespace) -> None:
    """Run the property tests with other random inputs each time, some minutes for each part."""
    draw = random.Random(given.seed)
    for name, path in FUZZED.items():
        if given.only and given.only not in name:
            continue
        end, rounds = time.perf_counter() + 60 * given.minutes, 0
        while time.perf_counter() < end:
            seed = f"--hypothesis-seed={draw.randrange(2**31)}"
            chosen = [path, "-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=soak", seed]
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *chosen, "-m", "not docs"],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "XALIGN_FUZZ": str(given.factor)},
            )
            check(done.returncode == 0, f"{name}: no test fails, found\n{done.stdout}")
            rounds += 1
        say(f"{name}: {rounds} rounds of {given.factor} times the usual inputs, no finding")


MUTATED = {
    "xalign/io/*.py": "tests/io",
    "xalign/links/metrics.py": "tests/links/test_metrics.py",
    "xalign/links/symmetrize.py": "tests/links/test_symmetrize.py",
    "xalign/links/projection.py": "tests/links/test_projection.py",
    "xalign/model/extraction.py": "tests/model tests/aligning/test_aligner.py",
    "xalign/training/losses.py": "tests/training/test_losses.py",
    "xalign/aligning/windows.py": "tests/aligning/test_windows.py",
}
"""Modules that are changed, and the tests that should find it out."""
MUTMUT = """
[tool.mutmut]
source_paths = {sources}
pytest_add_cli_args_test_selection = ["-m", "not slow", "--hypothesis-profile=few", {tests}]
also_copy = ["xalign", "bin", "docs", "tests", "README.md", "LICENSE"]
"""


def mutation(given: argparse.Namespace) -> None:
    """Change the code of chosen modules in small ways, and count the changes that tests find.

    Of the changes in each function, those are tried whose numbers end in one of ``digits``. Each is
    tried in a fork of one process, in which threads of torch's libraries would hang.
    """
    folder = fresh_folder(given.work)
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout
    for name in listed.decode().split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, folder / name)
    killed = total = 0
    say("| modules | changes | found by tests |\n|---|---|---|")
    for sources, tests in MUTATED.items():
        if given.only and given.only not in sources:
            continue
        paths = [str(path.relative_to(folder)) for path in sorted(folder.glob(sources))]
        settings = MUTMUT.format(
            sources=json.dumps(paths), tests=", ".join(map(json.dumps, tests.split()))
        )
        project = Path("pyproject.toml").read_text(encoding="utf-8")
        (folder / "pyproject.toml").write_text(project + settings, encoding="utf-8")
        shutil.rmtree(folder / "mutants", ignore_errors=True)
        sample = [f"*__mutmut_*{digit}" for digit in given.digits]
        tried = ["run", "--max-children", str(given.processes), *sample]
        for command in (tried, ["export-cicd-stats"]):
            with (folder / "mutmut.log").open("ab") as log:
                done = subprocess.run(
                    [sys.executable, "-m", "mutmut", *command],
                    cwd=folder,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                )
            check(done.returncode == 0, f"mutmut runs; see {folder / 'mutmut.log'}")
        found = json.loads((folder / "mutants" / "mutmut-cicd-stats.json").read_text())
        caught = sum(found[name] for name in ("killed", "timeout", "segfault", "suspicious"))
        count = caught + found["survived"] + found["no_tests"]
        say(f"| {sources} | {count} | {caught / max(1, count):.1%} |")
        killed, total = killed + caught, total + count
        shutil.copytree(folder / "mutants", folder / f"of-{Path(sources).parent.name}-{count}")
    say(f"| all | {total} | {killed / max(1, total):.1%} |")
    check(killed >= given.share * total, f"tests find {given.share:.0%} of all changes")


def main() -> None:
    """Read the options, and run a trial."""
    parser = argparse.ArgumentParser(
        prog="soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)

    def trial(run: object, name: str, *, corpus: bool) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=(run.__doc__ or "").splitlines()[0])
        command.set_defaults(run=run)
        if corpus:
            command.add_argument("corpus")
        command.add_argument("--seed", type=int, default=1)
        return command

    command = trial(kills, "kills", corpus=True)
    command.add_argument("--count", type=int, default=100)
    command.add_argument("--suffix", default=".gz")
    command.add_argument("--work", default="/tmp/soak.kills")
    command = trial(memory, "memory", corpus=True)
    command.add_argument("--every", type=float, default=2.0, help="seconds between samples")
    command.add_argument("--output", default="soak.csv")
    command = trial(training, "training", corpus=True)
    command.add_argument("--steps", type=int, default=300)
    command.add_argument("--every", type=int, default=20, help="steps between checkpoints")
    command.add_argument("--count", type=int, default=12, help="number of kills")
    command.add_argument("--least", type=float, default=60.0, help="seconds before a kill")
    command.add_argument("--most", type=float, default=300.0)
    command.add_argument("--work", default="/tmp/soak.training")
    command = trial(fuzz, "fuzz", corpus=False)
    command.add_argument("--minutes", type=float, default=10.0, help="for each part")
    command.add_argument("--factor", type=int, default=5)
    command.add_argument("--only", help="part of the name of what is read")
    command = trial(mutation, "mutation", corpus=False)
    command.add_argument("--processes", type=int, default=2)
    command.add_argument("--share", type=float, default=0.8)
    command.add_argument("--digits", default="37", help="0123456789 tries all changes")
    command.add_argument("--only", help="part of the name of the modules to change")
    command.add_argument("--work", default="/tmp/soak.mutation")
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given = parser.parse_args(arguments[:end])
    given.options = arguments[end + 1 :]
    given.run(given)


if __name__ == "__main__":
    main()

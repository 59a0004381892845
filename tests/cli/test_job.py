"""`xalign align --resume`: a job that was stopped goes on, and its outputs are the same."""

import copy
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import ROOT, Terminal, run, tiny_checkpoint, varied_pairs
from xalign.aligning.aligner import Aligner
from xalign.aligning.settings import AlignerSettings, Inputs, Wanted, Words
from xalign.cli import job
from xalign.cli.job import Job, chunks
from xalign.io.journal import JOURNAL, Journal, beside
from xalign.weights.checkpoint import Checkpoint

PROGRAM = """
import sys, time
from tests.conftest import tiny_checkpoint
from xalign.aligning import networks
from xalign.cli import job
from xalign.cli.main import app

def slow(self, pairs):
    for pair in pairs:
        time.sleep(0.0005)
        yield pair

networks.load = lambda *_, **__: tiny_checkpoint()
job.CHUNK_PAIRS = 20
original = job.open_pairs
job.open_pairs = lambda *a: (lambda found: (found[0], slow(None, found[1])))(original(*a))
app(sys.argv[1:])
"""
"""xalign with a tiny model, short chunks, and lines that come slowly."""


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Checkpoint]]:
    """A tiny model in place of all others, and short chunks; change it to load another."""
    loaded = [tiny_checkpoint()]
    monkeypatch.setattr("xalign.aligning.networks.load", lambda *_, **__: copy.deepcopy(loaded[0]))
    monkeypatch.setattr(job, "CHUNK_PAIRS", 20)
    return iter([loaded])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two hundred pairs, some of them long, empty, or bad."""
    path = tmp_path / "corpus.txt"
    lines = [f"{' '.join(pair.src)} ||| {' '.join(pair.tgt)}\n" for pair in varied_pairs(200)]
    lines[31] = lines[130] = "bad\n"
    path.write_text("".join(lines))
    return path


def stop_after(monkeypatch: pytest.MonkeyPatch, pairs: int) -> None:
    """Interrupt the work after this many pairs are read."""
    original = Aligner._encode

    def encode(self: Aligner, pair: Any) -> Any:
        if self.counts.pairs == pairs:
            raise KeyboardInterrupt
        return original(self, pair)

    monkeypatch.setattr(Aligner, "_encode", encode)


def outputs(folder: Path, suffix: str) -> list[bytes]:
    """Contents of links, scores, matrices and rejects."""
    return [(folder / f"{name}{suffix}").read_bytes() for name in ("out", "scores", "m", "bad")]


def command(corpus: Path, folder: Path, suffix: str) -> list[str]:
    """Write everything that can be written."""
    paths = {name: str(folder / f"{name}{suffix}") for name in ("out", "scores", "m", "bad")}
    chosen = ["align", "--resume", "-i", str(corpus), "--format", "jsonl", "-o", paths["out"]]
    return [*chosen, "--scores", paths["scores"], "--matrix", paths["m"], "--rejects", paths["bad"]]


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".zst", ".bz2"])
def test_a_stopped_job_goes_on_and_its_outputs_are_the_same(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any, suffix: str
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    assert run(*command(corpus, whole, suffix)).exit_code == 0
    assert sorted(path.name for path in whole.iterdir()) == sorted(
        f"{name}{suffix}" for name in ("out", "scores", "m", "bad")
    )
    parts = tmp_path / "parts"
    parts.mkdir()
    for pairs in (10, 75, 120):
        with monkeypatch.context() as patched:
            stop_after(patched, pairs)
            done = run(*command(corpus, parts, suffix))
        kept = pairs // 20 * 20
        assert done.exit_code == 130
        assert f"interrupted; {kept} pairs are kept; the same command goes on" in done.stderr
        assert not (parts / f"out{suffix}").exists()
    done = run(*command(corpus, parts, suffix))
    assert done.exit_code == 0
    assert "going on after 120 pairs\n" in done.stderr
    assert "200 pairs, " in done.stderr
    assert "2 bad" in done.stderr
    assert outputs(parts, suffix) == outputs(whole, suffix)
    assert len(list(parts.iterdir())) == 4


def test_without_resume_the_plain_output_is_the_same(
    corpus: Path, tmp_path: Path, model: Any
) -> None:
    assert run("align", "-i", corpus, "-o", tmp_path / "a").exit_code == 0
    assert run("align", "-i", corpus, "-o", tmp_path / "b", "--resume").exit_code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_several_inputs_shards_and_two_files_go_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    text = corpus.read_text().replace("bad\n", " ||| \n")
    sides = [[line.split("|||")[k].strip() for line in text.splitlines()] for k in (0, 1)]
    for name, side in zip(("s", "t"), sides, strict=True):
        (tmp_path / name).write_text("\n".join(side) + "\n")
    lines = text.splitlines(keepends=True)
    (tmp_path / "one").write_text("".join(lines[:50]))
    (tmp_path / "two.gz").write_bytes(gzip.compress("".join(lines[50:]).encode()))
    for given in (
        ["-i", tmp_path / "one", "-i", tmp_path / "two.gz"],
        ["-i", tmp_path / "one", "-i", tmp_path / "two.gz", "--shard", "2/3"],
        ["-s", tmp_path / "s", "-t", tmp_path / "t"],
        ["-s", tmp_path / "s", "-t", tmp_path / "t", "--shard", "1/2"],
    ):
        wanted = [*given, "--format", "naacl", "-o"]
        assert run("align", *wanted, tmp_path / "whole").exit_code == 0
        with monkeypatch.context() as patched:
            stop_after(patched, 61)
            assert run("align", "--resume", *wanted, tmp_path / "out").exit_code == 130
        done = run("align", "--resume", *wanted, tmp_path / "out")
        assert "going on after 60 pairs" in done.stderr
        assert (tmp_path / "out").read_bytes() == (tmp_path / "whole").read_bytes()


def test_bad_lines_after_a_stop_have_their_own_numbers(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    with monkeypatch.context() as patched:
        stop_after(patched, 61)
        run("align", "--resume", "-i", corpus, "-o", tmp_path / "out")
    done = run("align", "--resume", "-i", corpus, "-o", tmp_path / "out")
    assert "corpus.txt:131: expected" in done.stderr
    assert "corpus.txt:32:" not in done.stderr


def test_another_job_is_refused(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    out = tmp_path / "out"
    given = ["align", "--resume", "-i", corpus, "-o", out]
    with monkeypatch.context() as patched:
        stop_after(patched, 61)
        run(*given)

    def refused(*arguments: object) -> str:
        done = run(*arguments)
        assert done.exit_code == 1
        assert not out.exists()
        return done.stderr

    assert "which differs in its options; give the command of that job" in refused(
        *given, "--format", "scored"
    )
    loaded = next(model)
    loaded[0].network.norm.weight.data[0] += 1
    assert "differs in its model" in refused(*given)
    loaded[0] = tiny_checkpoint()
    with corpus.open("a") as file:
        file.write("ab ||| ab\n")
    assert f"{out}.journal: it is of another job, which differs in its input" in refused(*given)
    assert f"to start anew, run: rm {out}.journal {out}.partial" in refused(*given)
    Path(f"{out}.journal").unlink()
    assert "out.partial: it has no journal; remove it" in refused(*given)
    Path(f"{out}.partial").unlink()
    assert run(*given).exit_code == 0
    assert out.read_text().count("\n") == 201


def test_a_damaged_journal_and_one_that_was_cut_off(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    given = ["align", "--resume", "-i", corpus, "-o", tmp_path / "out"]
    assert run("align", "-i", corpus, "-o", tmp_path / "whole").exit_code == 0
    with monkeypatch.context() as patched:
        stop_after(patched, 61)
        run(*given)
    journal = tmp_path / "out.journal"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]) + lines[-1][:20])  # killed while it was written
    done = run(*given)
    assert "going on after 40 pairs" in done.stderr
    assert (tmp_path / "out").read_bytes() == (tmp_path / "whole").read_bytes()
    journal.write_text("no json\n")
    done = run(*given)
    assert done.exit_code == 1
    assert "out.journal:1: expected a journal of xalign; remove it" in done.stderr
    journal.write_text("[1]\n")
    assert "out.journal:1: expected a journal of xalign" in run(*given).stderr
    journal.write_text("my notes")
    assert "out.journal:1: expected a journal of xalign" in run(*given).stderr
    assert journal.read_text() == "my notes"


def test_a_job_killed_while_its_outputs_move_is_ended(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    run(*command(corpus, whole, ""))
    with monkeypatch.context() as patched:
        patched.setattr("xalign.io.journal.Journal._move", lambda _: sys.exit(9))
        assert run(*command(corpus, tmp_path, "")).exit_code == 9
    (tmp_path / "out.partial").rename(tmp_path / "out")
    done = run(*command(corpus, tmp_path, ""))
    assert done.exit_code == 0
    assert "the outputs are whole" in done.stderr
    assert outputs(tmp_path, "") == outputs(whole, "")
    assert not list(tmp_path.glob("*.partial"))
    assert not list(tmp_path.glob("*.journal"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "out"], "--resume takes files: -i FILE -o FILE"),
        (["-i", "corpus.txt"], "--resume takes files"),
        (["-i", "corpus.txt", "-o", "out", "--line-buffered"], "leave out --line-buffered"),
        (["-i", "corpus.txt", "-o", "out", "--matrix", "m.npz"], "write --matrix as .jsonl.gz"),
        (["-i", "corpus.txt", "-o", "out", "--engine", "ray"], "leave out --resume"),
        (["-i", "pipe", "-o", "out"], "leave out --resume for a pipe"),
        (["-i", "corpus.txt", "-o", "pipe"], "leave out --resume for a pipe"),
        (["-i", "out.partial", "-o", "out"], "is an input of this command"),
        (["-i", "none", "-o", "out"], "none: cannot be read: No such file"),
    ],
)
def test_what_cannot_go_on_is_refused(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: Any,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    (tmp_path / "out.partial").write_text("a ||| b\n")
    done = run("align", "--resume", *arguments)
    assert done.exit_code in (1, 2)
    assert message in done.stderr


def test_two_processes_do_not_write_the_same_output(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    import fcntl

    with (tmp_path / "out.journal").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = run("align", "--resume", "-i", corpus, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "out.journal: another process is writing this output" in done.stderr


def test_an_empty_corpus_gives_empty_outputs_that_other_programs_read(
    tmp_path: Path, model: Any
) -> None:
    (tmp_path / "corpus").write_text("")
    done = run("align", "--resume", "-i", tmp_path / "corpus", "-o", tmp_path / "out.gz")
    assert done.exit_code == 0
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == b""
    assert (tmp_path / "out.gz").stat().st_size > 0


def test_the_terminal_shows_what_is_done_meanwhile(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    wanted = ["align", "--resume", "-i", str(corpus), "-o", str(tmp_path / "out")]
    from xalign.cli.main import app

    with pytest.raises(SystemExit):
        app(wanted)
    assert "looking at the input" in terminal.getvalue()


@pytest.mark.slow
def test_killed_at_random_moments_a_job_still_ends_with_the_same_outputs(
    corpus: Path, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    program = [sys.executable, "-c", PROGRAM]
    subprocess.run([*program, *command(corpus, whole, ".gz")], cwd=ROOT, check=True)
    draw, kills = random.Random(0), 0
    while True:
        process = subprocess.Popen([*program, *command(corpus, parts, ".gz")], cwd=ROOT)
        while process.poll() is None and not (parts / "out.gz.journal").exists():
            time.sleep(0.01)  # modules are loaded, which takes longer than the job
        try:
            process.wait(draw.uniform(0.01, 0.1) if kills < 5 else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:
            break
    assert process.returncode == 0
    assert kills >= 3
    assert outputs(parts, ".gz") == outputs(whole, ".gz")
    assert len(list(parts.iterdir())) == 4


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_job_in_an_orderly_way(
    corpus: Path, tmp_path: Path, number: signal.Signals
) -> None:
    wanted = ["align", "-q", "-i", str(corpus), "-o", str(tmp_path / "out")]
    # coverage holds a lock that an interrupt may leave locked: this process goes without it
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *wanted],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # a shell ignores interrupts for what it runs in the background, and so would the process
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    while not list(tmp_path.glob(".out.*.part/out")):
        time.sleep(0.01)
    time.sleep(0.02)
    process.send_signal(number)
    _, messages = process.communicate()
    assert process.returncode == 128 + number
    advice = "with --resume, a job goes on after a stop"
    assert messages == f"xalign: interrupted; {tmp_path / 'out'} was not written; {advice}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_chunks_follow_each_other() -> None:
    assert [list(chunk) for chunk in chunks(range(7), 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks([], 3)) == []


def test_the_journal_has_counts_but_no_text(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    with monkeypatch.context() as patched:
        stop_after(patched, 61)
        run("align", "--resume", "-i", corpus, "-o", tmp_path / "out")
    lines = list(map(json.loads, (tmp_path / "out.journal").read_text().splitlines()))
    assert set(lines[0]) == {"job"}
    assert [line["counts"]["pairs"] for line in lines[1:]] == [20, 40, 60]
    sizes = [line["sizes"] for line in lines[1:]]
    assert sizes == sorted(sizes)


def stopped(corpus: Path, out: Path, patch: pytest.MonkeyPatch, *more: object) -> list[object]:
    """The command of a job that was stopped after 60 pairs."""
    given = ["align", "--resume", "-i", corpus, "-o", out, *more]
    with patch.context() as patched:
        stop_after(patched, 61)
        assert run(*given).exit_code == 130
    return given


@pytest.mark.parametrize("size", [0, 10, 100])
def test_a_partial_file_that_was_changed_is_refused(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any, size: int
) -> None:
    given = stopped(corpus, tmp_path / "out", monkeypatch)
    partial = tmp_path / "out.partial"
    content = partial.read_bytes()
    partial.write_bytes(content[:size])
    done = run(*given)
    assert done.exit_code == 1
    assert "out.partial: it is not what was written; expected the" in done.stderr
    partial.write_bytes(b"x" + content[1:])
    assert "it is not what was written" in run(*given).stderr
    partial.unlink()
    assert "out.partial: it is gone; expected the" in run(*given).stderr
    assert f"run: rm {tmp_path / 'out.journal'}\n" in run(*given).stderr


def test_two_jobs_do_not_share_an_output(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    first = stopped(corpus, tmp_path / "a", monkeypatch, "--scores", tmp_path / "scores")
    other = ["align", "--resume", "-i", corpus, "-o", tmp_path / "b", "--scores"]
    done = run(*other, tmp_path / "scores")
    assert done.exit_code == 1
    assert "scores.partial: it has no journal; remove it" in done.stderr
    assert not list(tmp_path.glob("b*"))  # nothing is left of it
    assert run(*first).exit_code == 0
    (tmp_path / "link").symlink_to(tmp_path / "real")
    stopped(corpus, tmp_path / "link", monkeypatch)
    assert (tmp_path / "real.journal").exists()
    assert run("align", "--resume", "-i", corpus, "-o", tmp_path / "real").exit_code == 0
    assert (tmp_path / "link").is_symlink()


def test_how_inputs_are_read_is_part_of_the_job(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    for name in ("s", "t"):
        (tmp_path / name).write_text("ab cd\n" * 100)
    sides = ["-s", tmp_path / "s", "-t", tmp_path / "t", "-o", tmp_path / "out"]
    with monkeypatch.context() as patched:
        stop_after(patched, 61)
        run("align", "--resume", *sides)
    lines = ["-i", tmp_path / "s", "-i", tmp_path / "t", "-o", tmp_path / "out"]
    assert "differs in its options" in run("align", "--resume", "--lenient", *lines).stderr
    other = corpus.with_suffix(".gz")
    other.write_bytes(corpus.read_bytes())
    stopped(corpus, tmp_path / "links", monkeypatch)
    done = run("align", "--resume", "-i", other, "-o", tmp_path / "links")
    assert "differs in its input" in done.stderr


def test_a_wrong_file_stays_an_error_when_the_job_goes_on(
    corpus: Path, tmp_path: Path, model: Any
) -> None:
    (tmp_path / "wrong").write_text("no pair\n" * 30)
    given = ["align", "--resume", "-i", corpus, "-i", tmp_path / "wrong", "-o", tmp_path / "out"]
    for _ in range(3):
        done = run(*given)
        assert done.exit_code == 1
        assert "none of its first" in done.stderr
        assert "pairs are kept; the same command goes on after them" in done.stderr


@pytest.mark.parametrize("bad", [1, 17, 40])
def test_a_file_with_few_pairs_goes_on_after_them(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any, bad: int
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    lines = corpus.read_text().splitlines(keepends=True)
    first.write_text("".join(lines[:57]))
    second.write_text("".join(lines[60:63]) + "no pair\n" * bad)
    given = ["align", "--resume", "-i", first, "-i", second]
    whole = run(*given, "-o", tmp_path / "whole")
    assert whole.exit_code == 0, whole.stderr
    end_chunk = Journal.end_chunk

    def stop_at_60(journal: Journal, counts: dict[str, int]) -> None:
        end_chunk(journal, counts)
        if counts["pairs"] == 60:  # after the three pairs
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "end_chunk", stop_at_60)
        assert run(*given, "-o", tmp_path / "part").exit_code == 130
    done = run(*given, "-o", tmp_path / "part")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "part").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_job_of_other_outputs_is_another_job(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    given = stopped(corpus, tmp_path / "out", monkeypatch)
    done = run(*given, "--scores", tmp_path / "scores")
    assert done.exit_code == 1
    assert "it is of another job, which differs in its" in done.stderr
    assert run(*given).exit_code == 0


def test_what_is_no_journal_is_kept(corpus: Path, tmp_path: Path, model: Any) -> None:
    notes = tmp_path / "out.journal"
    for text in ("my notes", "my notes\n", "[1]\n", '{"a": 1}\n', '{"sizes": 3}\n'):
        notes.write_text(text)
        done = run("align", "--resume", "-i", corpus, "-o", tmp_path / "out")
        assert done.exit_code == 1
        assert "expected a journal of xalign; remove it" in done.stderr
        assert notes.read_text() == text


def test_a_job_that_could_not_begin_leaves_nothing(
    corpus: Path, tmp_path: Path, model: Any
) -> None:
    given = ["align", "--resume", "-i", corpus, "-o", tmp_path / "out", "--scores"]
    done = run(*given, tmp_path / "none" / "scores")
    assert done.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]
    assert run(*given, tmp_path / "scores").exit_code == 0


def test_outputs_that_are_gone_at_the_end_are_missed(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    given = ["align", "--resume", "-i", corpus, "-o", tmp_path / "out"]
    with monkeypatch.context() as patched:
        patched.setattr("xalign.io.journal.Journal._move", lambda _: sys.exit(9))
        run(*given)
    content = (tmp_path / "out.partial").read_bytes()
    (tmp_path / "out.partial").unlink()
    done = run(*given)
    assert done.exit_code == 1
    assert "out: it is gone; to start anew, run: rm" in done.stderr
    (tmp_path / "out").write_bytes(content)
    assert run(*given).exit_code == 0
    assert not (tmp_path / "out.journal").exists()


def test_a_resumed_job_shows_its_progress_on_a_terminal(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    from xalign.cli.main import app

    given = stopped(corpus, tmp_path / "out", monkeypatch)
    monkeypatch.setattr("sys.stderr", Terminal())
    with pytest.raises(SystemExit) as end:
        app(list(map(str, given)))
    assert end.value.code in (0, None)
    assert (tmp_path / "out").exists()


def test_large_files_get_several_processes_on_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"a ||| b\n")
    with large.open("wb") as file:
        file.truncate(job.LARGE_BYTES)
    monkeypatch.setattr("xalign.aligning.devices.usable_cores", lambda: 12)
    monkeypatch.setattr("xalign.aligning.devices.choose_devices", lambda n: [torch.device(n)])
    monkeypatch.setattr("xalign.aligning.devices.free_memory", lambda _: 80 * 10**9)

    def usual(
        *paths: Path, device: str = "cuda", shard: str | None = None, line_buffered: bool = False
    ) -> int:
        inputs = Inputs(input=tuple(map(str, paths)), shard=shard)
        wanted = Wanted(line_buffered=line_buffered)
        settings = AlignerSettings(device=device)
        return job.usual_workers(
            Job(
                inputs=inputs,
                wanted=wanted,
                words=Words(),
                settings=settings,
                output="-",
                rejects=None,
                resume=False,
                quiet=True,
            )
        )

    assert [usual(large), usual(small, large), usual(small), usual()] == [6, 6, 1, 1]
    assert [usual(large, line_buffered=True), usual(large, shard="1/2")] == [1, 1]
    monkeypatch.setattr("xalign.aligning.devices.usable_cores", lambda: 64)
    assert usual(large) == job.GPU_WORKERS
    free = iter([13 * 10**9, 10**9, 0])
    monkeypatch.setattr("xalign.aligning.devices.free_memory", lambda _: next(free))
    assert [usual(large), usual(large), usual(large, device="cpu")] == [3, 1, 1]


@pytest.mark.slow
def test_a_job_of_several_processes_goes_on(tmp_path: Path) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    corpus.write_text("".join(f"a {k} ||| {k} b\n" for k in range(2000)))
    chosen = ["align", "-i", corpus, "--precision", "fp32", "--threads", "1", "-q"]
    assert run(*chosen, "-o", tmp_path / "whole").exit_code == 0
    program = "import sys; from xalign.cli import job, main; job.CHUNK_PAIRS = 400"
    start = [sys.executable, "-c", f"{program}; main.app(sys.argv[1:])"]
    command = [*start, *map(str, chosen), "--resume", "-o", str(out), "--workers"]
    stopped = subprocess.Popen([*command, "2"], cwd=ROOT)
    journal = beside(str(out), JOURNAL)
    end = time.monotonic() + 100
    while not (journal.exists() and b'"pairs"' in journal.read_bytes()):
        assert time.monotonic() < end
        time.sleep(0.1)
    stopped.kill()
    stopped.wait()
    assert not out.exists()
    assert subprocess.run([*command, "3"], cwd=ROOT, check=False).returncode == 0
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()

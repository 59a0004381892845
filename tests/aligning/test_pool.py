"""Processes that share one stream: the same results in order, and no process is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest import mock

import pytest
import torch

from tests.conftest import EXAMPLES, ROOT, example_pairs, run
from xalign.aligning.aligner import Aligner
from xalign.aligning.pool import Pool
from xalign.aligning.settings import AlignerSettings
from xalign.alignment import SentencePair
from xalign.errors import EngineError, InputError, XalignError

SETTINGS = AlignerSettings(device="cpu", precision="fp32", threads=1)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Two worker processes with the embedded model."""
    with Pool(SETTINGS, 2) as pool:
        yield pool


def pid_after_warning(_: Aligner, pairs: Iterable[SentencePair]) -> Iterator[int]:
    """A task that warns, and tells its process."""
    import logging

    for pair in pairs:
        logging.getLogger("xalign.task").warning("seen: %s", pair.src[0])
        yield os.getpid()


def end_process(_: Aligner, pairs: Iterable[SentencePair]) -> Iterator[int]:
    """A task whose process is lost."""
    os.kill(os.getpid(), signal.SIGKILL)
    yield 0


def test_workers_give_what_one_aligner_gives(pool: Pool, default_aligner: Aligner) -> None:
    pairs = [*example_pairs(), SentencePair("", "a"), *example_pairs()[::-1]]
    assert list(pool.align(pairs)) == list(default_aligner.align(pairs))
    assert pool.counts.pairs == pool.counts.done == len(pairs)
    assert pool.counts.empty == 1
    expected = next(default_aligner.probabilities(pairs[:1]))
    assert (next(iter(pool.probabilities(pairs[:1]))).matrix() == expected.matrix()).all()
    assert pool.where == "cpu (fp32, 2 processes)"


def test_both_workers_work_and_their_warnings_are_heard_once(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = [SentencePair("a b", "c")] * 1000
    assert len(set(pool.run(pid_after_warning, pairs))) == 2
    assert caplog.messages == ["seen: a"]


def test_an_error_of_the_stream_comes_after_the_results_before_it(pool: Pool) -> None:
    def stream() -> Iterator[SentencePair]:
        yield from example_pairs()[:3]
        raise InputError("corpus.txt", 4, "damaged")

    found = pool.align(stream())
    assert [len(next(found)) > 0 for _ in range(3)] == [True] * 3
    with pytest.raises(InputError, match=r"corpus\.txt:4: damaged"):
        next(found)


def fail(_: Aligner, pairs: Iterable[SentencePair]) -> Iterator[int]:
    """A task that fails."""
    raise InputError("corpus.txt", 7, "damaged", b"line")


def fail_oddly(_: Aligner, pairs: Iterable[SentencePair]) -> Iterator[int]:
    """A task whose error cannot travel."""

    class OddError(Exception):
        pass

    raise OddError("odd")


def much(_: Aligner, pairs: Iterable[SentencePair]) -> Iterator[bytes]:
    """A task whose results are more than a pipe holds."""
    return (b"x" * 100_000 for _ in pairs)


def test_a_stream_that_is_left_early_leaves_no_process_behind() -> None:
    words = " ".join(["long"] * 40)
    pairs = [SentencePair(words, words)] * 2000
    with Pool(SETTINGS, 2) as pool:
        pool.block = 1000  # blocks and results are more than a pipe holds
        assert len(next(pool.run(much, pairs))) == 100_000
        assert len(list(pool.run(much, pairs[:500]))) == 500
        assert len(next(pool.run(much, pairs))) == 100_000
        processes = [worker.process for worker in pool._all]
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert not any(process.is_alive() for process in processes)


def test_devices_are_divided_among_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    devices = [torch.device("cuda", k) for k in range(3)]
    monkeypatch.setattr("xalign.aligning.pool.choose_devices", lambda _: devices)
    monkeypatch.setattr("xalign.aligning.pool.choose_precision", lambda *_: "bf16")
    monkeypatch.setattr("xalign.aligning.pool.gpu_batch_pieces", lambda *_: 1000)

    def started(settings: AlignerSettings) -> mock.Mock:
        given.append(settings.device)
        return mock.Mock()

    monkeypatch.setattr("xalign.aligning.pool.started", started)
    for count, expected in [
        (2, ["cuda:0,cuda:2", "cuda:1"]),
        (4, ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]),
    ]:
        given.clear()
        Pool(AlignerSettings(device="all"), count).close()
        assert given == expected


def test_what_fails_in_a_worker_fails_here() -> None:
    with Pool(SETTINGS, 2) as pool:
        with pytest.raises(InputError, match=r"corpus\.txt:7: damaged") as caught:
            list(pool.run(fail, example_pairs()))
        assert caught.value.raw == b"line"
        with pytest.raises(EngineError, match=r"a worker process failed: .*OddError"):
            list(pool.run(fail_oddly, example_pairs()))
        with pytest.raises(EngineError, match=r"ended by SIGKILL.*fewer --workers"):
            list(pool.run(end_process, example_pairs()))
    missing = AlignerSettings(model="nowhere/at-all", device="cpu")
    with Pool(missing, 1) as pool, pytest.raises(XalignError, match="nowhere"):
        list(pool.align(example_pairs()))


@pytest.mark.slow
def test_every_output_of_the_program_is_the_same(tmp_path: Path) -> None:
    for workers in ("1", "2"):
        part = tmp_path / workers
        part.mkdir()
        chosen = ["--format", "scored", "--scores", str(part / "s"), "--matrix"]
        files = [str(part / "m.jsonl"), "-i", str(EXAMPLES / "de-en.txt"), "-o", str(part / "o")]
        found = run("align", "--workers", workers, "--threads", "1", *chosen, *files)
        assert found.exit_code == 0
        assert "100 pairs, 0 empty" in found.stderr
    for name in ("s", "m.jsonl", "o"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_workers_end_with_the_program(tmp_path: Path, name: str) -> None:
    number = signal.Signals[name]
    path = tmp_path / "long.txt"
    path.write_text((EXAMPLES / "de-en.txt").read_text() * 1000)
    command = [sys.executable, "-m", "xalign", "align", "--workers", "2", "-i", str(path)]
    out = tmp_path / "out"
    with subprocess.Popen(
        [*command, "-o", str(out)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a caller may ignore it
    ) as process:
        wait_for(lambda: len(children_of(process.pid)) >= 2)
        workers = children_of(process.pid)
        time.sleep(0.3)
        (os.kill if name == "SIGKILL" else os.killpg)(process.pid, number)
        _, messages = process.communicate(timeout=30)
        if name != "SIGKILL":
            assert process.returncode == 128 + number
            assert b"interrupted" in messages
            assert messages.count(b"\n") == 1
    wait_for(lambda: not any(is_running(worker) for worker in workers))
    assert not out.exists()


def wait_for(condition: object, seconds: float = 30) -> None:
    """Wait until ``condition`` holds."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def children_of(parent: int) -> list[int]:
    """Worker processes of a program, by their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            is_worker = b"spawn_main" in (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == parent and is_worker:
            found.append(int(path.name))
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there, and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

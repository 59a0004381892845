"""Progress on a terminal: a bar, rates, time left, and what a run of training comes to."""

import io
import time
from typing import Any

import pytest

from tests.conftest import Terminal
from xalign.aligning.aligner import Counts
from xalign.progress import Meter, Phase, TrainingMeter, status_line
from xalign.training.events import Metrics, Resumed


class HalfRead:
    """An input of which a half was read."""

    size, position = 100, 50


def test_a_run_that_goes_on_knows_its_steps_before() -> None:
    meter = TrainingMeter(steps=4)
    records = [Metrics(step=k, mean_aer=aer, aer={"dev": aer}) for k, aer in ((2, 0.1), (4, 0.2))]
    meter(Resumed(records))
    meter(Phase("taking the first step"))
    assert meter.summary("run", "x")[0].startswith("the model is in run (4 steps, ")
    assert meter.summary("run", "x")[1] == "best AER 10.00 (dev 10.0) at step 2"
    meter(Resumed([]))
    assert meter.summary("run", "x")[0].startswith("the model is in run (0 steps, ")


def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for screen, expected in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", screen)
        with status_line() as line:
            line.show(Meter(HalfRead(), Counts(pairs=40, done=30), "cpu"))
            time.sleep(0.3)
        assert ("30 pairs, " in screen.getvalue()) == expected
        assert ("38%" in screen.getvalue()) == expected  # of half of the file, three quarters


def test_nothing_is_shown_when_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with status_line(is_quiet=True) as line:
        line.show(Phase("loading the model"))
    assert screen.getvalue() == ""


class Screen(Terminal):
    """A terminal that is standard output and standard error at once."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = self

    def write(self, data: Any) -> int:
        """Write text or bytes."""
        return super().write(data if isinstance(data, str) else data.decode())


def test_the_line_is_cleared_before_output_to_the_same_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("sys.stdout", screen)
    with status_line() as line:
        line.show(Phase("loading the model"))
        assert screen.getvalue().endswith("loading the model\x1b[?25l") or (
            "loading the model" in screen.getvalue()
        )
        line.before(screen, "-").write(b"0-0\n")  # type: ignore[arg-type]
        time.sleep(0.3)
    shown, _, links = screen.getvalue().rpartition("0-0\n")
    assert "\x1b[2K" in shown.rpartition("loading the model")[2]  # the line is erased
    assert "loading" not in links  # and does not come back


def test_a_pipe_gets_output_only_while_the_line_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    with status_line() as line:
        line.show(Phase("loading the model"))
        assert line.live is not None
        assert line.live.is_started
        out = io.BytesIO()
        line.before(out, "-").write(b"0-0\n")
        assert not line.live.is_started
        time.sleep(0.7)
        assert line.live.is_started  # and is there again later
        line.before(out, "-").flush()
        assert not line.live.is_started
        assert line.before(out, "out.align") is out  # a file is no terminal


def test_time_left_is_told_from_the_share_of_bytes_read() -> None:
    meter = Meter(HalfRead(), Counts(pairs=40, done=20), "cpu", time.perf_counter() - 10)
    assert meter.rate == pytest.approx(2, rel=0.01)  # of 80 pairs, 60 are left
    assert meter.seconds_left == pytest.approx(30, rel=0.01)
    assert str(meter) == "20 pairs, 2 pairs/s on cpu, 0:30 left"
    meter.source.position = 0  # type: ignore[misc]
    assert str(meter) == "20 pairs, 2 pairs/s on cpu"
    assert meter.share is None


def test_training_is_told_of_after_a_validation_only(capsys: pytest.CaptureFixture[str]) -> None:
    meter = TrainingMeter(steps=4)
    meter({"step": 1, "loss": 2.5})
    assert capsys.readouterr().err == ""
    meter({"step": 2, "loss": 2.0, "mean_aer": 0.125, "aer": {"dev": 0.125}})
    assert "xalign: step 2/4  loss 2.0000  AER 12.50 (dev 12.5)" in capsys.readouterr().err


def test_the_phases_of_training_are_named() -> None:
    meter = TrainingMeter(steps=4)
    assert str(meter) == "loading the model"
    meter(Phase("cutting a.txt into pieces", 0.25))
    assert (str(meter), meter.share) == ("cutting a.txt into pieces", 0.25)
    meter({"step": 1, "loss": 2.5})
    assert meter.share == 0.25
    meter(Phase("validating"))
    assert str(meter).endswith("left  validating")
    assert meter.share is None


def test_the_time_left_counts_down_between_steps() -> None:
    meter = TrainingMeter(steps=101, started=time.perf_counter() - 10)
    meter.at = meter.started
    meter({"step": 1, "loss": 2.5})
    meter.at -= 3
    meter.started -= 3
    assert "16:37 left" in str(meter)  # of 100 steps of 10 s, 3 s have passed


def test_the_end_of_training_names_folder_best_step_and_what_to_type() -> None:
    meter = TrainingMeter(steps=2)
    meter({"step": 1, "mean_aer": 0.125, "aer": {"dev": 0.125}})
    meter({"step": 2, "mean_aer": 0.25, "aer": {"dev": 0.25}})
    first, best, advice = meter.summary("mine", "xalign align -m mine")
    assert first.startswith("the model is in mine (2 steps, 0:0")
    assert best == "best AER 12.50 (dev 12.5) at step 1"
    assert advice == "next: xalign align -m mine"

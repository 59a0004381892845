"""What people see: bad lines, progress, time left."""

import io
import sys
import time
from collections.abc import Callable

import pytest

from tests.conftest import Terminal
from xalign.aligning.aligner import Counts
from xalign.console import BadLines, Meter, TrainingMeter, is_terminal, outcome, say, shown
from xalign.errors import InputError

INPUT_ERROR = InputError("corpus", 3, "expected a pair")


class HalfRead:
    """An input of which a half was read."""

    size, position = 100, 50


def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for screen, expected in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", screen)
        with shown(Meter(HalfRead(), Counts(pairs=40, done=30), "cpu")):
            time.sleep(0.3)
        assert ("30 pairs, " in screen.getvalue()) == expected


def test_time_left_is_told_from_the_share_of_bytes_read() -> None:
    meter = Meter(HalfRead(), Counts(pairs=40, done=20), "cpu", time.perf_counter() - 10)
    assert meter.rate == pytest.approx(2, rel=0.01)  # of 80 pairs, 60 are left
    assert meter.seconds_left == pytest.approx(30, rel=0.01)
    assert str(meter) == "20 pairs, 2 pairs/s on cpu, 0:30 left"
    meter.source.position = 0  # type: ignore[misc]
    assert str(meter) == "20 pairs, 2 pairs/s on cpu"


def failing(error: BaseException) -> Callable[[], None]:
    """A program that ends with ``error``."""

    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (INPUT_ERROR, (1, "corpus:3: expected a pair")),
        (OSError(28, "No space left on device"), (1, "output: No space left on device")),
        (OSError(28, "No space left on device", "out"), (1, "out: No space left on device")),
        (KeyboardInterrupt(), (130, "interrupted")),
    ],
)
def test_an_error_is_a_message_and_an_exit_code(
    error: BaseException, expected: tuple[int, str]
) -> None:
    assert outcome(failing(error)) == expected


def test_an_error_is_raised_again_for_its_traceback_where_asked() -> None:
    with pytest.raises(InputError):
        outcome(failing(INPUT_ERROR), reraise=True)


def test_an_error_of_the_program_itself_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        outcome(failing(ZeroDivisionError()))


def test_a_bad_line_is_raised_where_reading_is_strict() -> None:
    with pytest.raises(InputError, match="corpus:3: expected a pair"):
        BadLines(strict=True)(INPUT_ERROR)


def test_training_is_told_of_after_a_validation_only(capsys: pytest.CaptureFixture[str]) -> None:
    meter = TrainingMeter(steps=4)
    meter({"step": 1, "loss": 2.5})
    assert capsys.readouterr().err == ""
    meter({"step": 2, "loss": 2.0, "mean_aer": 0.125, "aer": {"dev": 0.125}})
    assert "xalign: step 2/4  loss 2.0000  AER 12.50 (dev 12.5)" in capsys.readouterr().err


def test_talk_without_a_listener_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    say("nobody hears this")
    assert not is_terminal(sys.stderr)

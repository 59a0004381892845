"""Messages, bad lines, and exit codes."""

import io
import logging
import sys
import warnings
from collections.abc import Callable

import pytest

from xalign.console import BadLines, is_closed_early, is_terminal, outcome, print_warnings, say
from xalign.errors import InputError

INPUT_ERROR = InputError("corpus", 3, "expected a pair")


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


def test_a_reader_that_stops_is_success_on_windows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    invalid = OSError(22, "Invalid argument")
    assert not is_closed_early(invalid)
    monkeypatch.setattr("sys.platform", "win32")
    assert is_closed_early(invalid)
    assert is_closed_early(BrokenPipeError())
    assert not is_closed_early(KeyboardInterrupt())


def test_an_error_of_the_program_itself_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        outcome(failing(ZeroDivisionError()))


def test_a_bad_line_is_raised_where_reading_is_strict() -> None:
    with pytest.raises(InputError, match="corpus:3: expected a pair"):
        BadLines(strict=True)(INPUT_ERROR)


def test_talk_without_a_listener_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    say("nobody hears this")
    assert not is_terminal(sys.stderr)


def test_bad_lines_are_kept_with_place_and_reason() -> None:
    rejects = io.BytesIO()
    bad = BadLines(rejects=rejects)
    bad(InputError("corpus", 3, "expected UTF-8", b"a\xff"))
    assert rejects.getvalue() == b"corpus:3\texpected UTF-8\ta\xff\n"


def test_warnings_are_messages_with_the_name_of_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with warnings.catch_warnings():
        print_warnings()
        print_warnings()
        logging.getLogger("xalign.training").warning("3 lines\nare left out")
        warnings.showwarning("slow", UserWarning, "x.py", 1)
    logging.captureWarnings(False)
    assert capsys.readouterr().err.splitlines()[0] == "xalign: 3 lines are left out"


def test_a_message_controls_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b[31m/b\x9b\r: not found\tthere")
    assert capsys.readouterr().err == "xalign: a\\x1b[31m/b\\x9b\\x0d: not found\tthere\n"

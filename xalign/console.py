"""Messages of the command line, all on stderr, and its exit codes."""

import contextlib
import errno
import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from xalign.errors import InputError, XalignError

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that control a terminal, but TAB and the end of a line."""
NAMED_LINES = 5
"""Number of bad lines that are named one by one; all are counted."""


def say(message: str, prefix: str = "xalign: ") -> None:
    """Print a line on stderr, if it is open: messages never stop the work.

    Characters that control a terminal, in a name or a line of a stranger, are written as numbers.
    """
    if sys.stderr is not None:
        shown = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", message)
        with contextlib.suppress(OSError):
            print(f"{prefix}{shown}", file=sys.stderr, flush=True)


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number


def catch_signals() -> None:
    """From now on, raise `Stopped` at the signals that end a process, so that it tidies up.

    A signal that the caller ignores, as nohup does, stays ignored.
    """

    def stop(number: int, _: object) -> None:
        raise Stopped(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # only the main thread may
                signal.signal(number, stop)


def outcome(run: Callable[[], None], *, reraise: bool = False) -> tuple[int, str]:
    """Exit code of a program, and its error message: 1, or 128 + number of a signal, else 0.

    A reader that closes our output early, such as ``head``, has read enough: that is success. With
    ``reraise``, an error is raised again, for its traceback.
    """
    try:
        run()
        if sys.stdout is not None:
            sys.stdout.flush()
    except (KeyboardInterrupt, XalignError, OSError) as error:
        is_early = is_closed_early(error)
        if sys.stdout is not None and (is_early or is_closed_early(error.__cause__)):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if is_early:
                return 0, ""
        if reraise:
            raise
        if isinstance(error, KeyboardInterrupt):
            number = getattr(error, "signal_number", signal.SIGINT)
            return 128 + number, "; ".join(["interrupted", *getattr(error, "__notes__", ())])
        message = str(error)
        if isinstance(error, OSError):  # a full disk, for example
            message = f"{error.filename or 'output'}: {error.strerror or error}"
        return 1, "; ".join([message, *getattr(error, "__notes__", ())])
    return 0, ""


def is_closed_early(error: BaseException | None) -> bool:
    """Whether the reader of our output has closed it; Windows calls this an invalid argument."""
    is_invalid = isinstance(error, OSError) and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and is_invalid)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether ``stream`` is a terminal; it is None when it was closed."""
    return stream is not None and stream.isatty()


@dataclass(slots=True)
class BadLines:
    """Counts lines that could not be read and names the first of them; called with each error.

    With ``strict``, the first error is raised. With ``is_lenient``, even a file without any pair is
    no error. ``rejects`` gets a line for each: place, reason and the line itself, in three columns.
    """

    strict: bool = False
    outcome: str = "its output line is empty"
    is_lenient: bool = False
    rejects: BinaryIO | None = None
    say: Callable[[str], None] = say
    count: int = 0

    def __call__(self, error: InputError) -> None:
        if self.strict:
            raise error
        self.count += 1
        if self.count <= NAMED_LINES:
            self.say(f"{error}; {self.outcome}")
        if self.count == NAMED_LINES + 1:
            self.say("more bad lines follow")
        if self.rejects:
            place = f"{error.path}:{error.line}\t{error.message}\t"
            self.rejects.write(place.encode(errors="surrogateescape") + error.raw + b"\n")


class SayHandler(logging.Handler):
    """Prints warnings of the library, and of Python, as messages."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message, in one line, with the error that it is about."""
        error = f": {record.exc_info[1]!r}" if record.exc_info else ""
        say(" ".join(f"{record.getMessage()}{error}".split()))


def print_warnings() -> None:
    """From now on, print warnings as messages."""
    for name in ("xalign", "py.warnings"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not any(isinstance(handler, SayHandler) for handler in logger.handlers):
            logger.addHandler(SayHandler(logging.WARNING))
    logging.captureWarnings(True)

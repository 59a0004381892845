"""Messages, progress and summaries of the command line, all on stderr."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from xalign.errors import InputError, XalignError

NAMED_LINES = 5
"""Number of bad lines that are named one by one; all are counted."""


def say(message: str, prefix: str = "xalign: ") -> None:
    """Print a line on stderr, if it is open: messages never stop the work."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"{prefix}{message}", file=sys.stderr, flush=True)


def outcome(run: Callable[[], None], *, reraise: bool = False) -> tuple[int, str]:
    """Exit code of a program, and its error message: 1, or 130 when interrupted, else 0.

    A reader that closes our output early, such as ``head``, has read enough: that is success. With
    ``reraise``, an error is raised again, for its traceback.
    """
    try:
        run()
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (KeyboardInterrupt, XalignError, OSError) as error:
        if reraise:
            raise
        if isinstance(error, KeyboardInterrupt):
            return 130, "interrupted"
        if isinstance(error, OSError):  # a full disk, for example
            return 1, f"{error.filename or 'output'}: {error.strerror or error}"
        return 1, str(error)
    return 0, ""


def is_terminal(stream: TextIO | None) -> bool:
    """Whether ``stream`` is a terminal; it is None when it was closed."""
    return stream is not None and stream.isatty()


class Measured(Protocol):
    """An input that knows how far it has been read."""

    @property
    def size(self) -> int | None: ...

    @property
    def position(self) -> int: ...


class Counted(Protocol):
    """Numbers of pairs in an aligner; see `xalign.aligning.aligner.Counts`."""

    pairs: int
    empty: int
    windowed: int
    done: int


@dataclass(slots=True)
class BadLines:
    """Counts lines that could not be read and names the first of them; called with each error."""

    strict: bool = False
    outcome: str = "its output line is empty"
    count: int = 0

    def __call__(self, error: InputError) -> None:
        if self.strict:
            raise error
        self.count += 1
        if self.count <= NAMED_LINES:
            say(f"{error}; {self.outcome}")
        if self.count == NAMED_LINES + 1:
            say("more bad lines follow; they are counted below")


@dataclass(slots=True)
class Meter:
    """Reports the rate of pairs and, where the input has a size, the time that is left."""

    source: Measured
    counts: Counted
    device: str
    started: float = field(default_factory=time.perf_counter)

    @property
    def rate(self) -> float:
        """Pairs per second so far."""
        return self.counts.done / max(time.perf_counter() - self.started, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Seconds for the rest at this rate; all pairs are estimated from the bytes read."""
        counts, source = self.counts, self.source
        if not (source.size and source.position and counts.done):
            return None
        total = counts.pairs * source.size / source.position
        return max(0.0, total - counts.done) / self.rate

    def __str__(self) -> str:
        left = self.seconds_left
        time_left = "" if left is None else f", {left // 60:.0f}:{left % 60:02.0f} left"
        return f"{self.counts.done:,} pairs, {self.rate:,.0f} pairs/s on {self.device}{time_left}"

    def summary(self, bad: int) -> str:
        """Summary in one line; ``bad`` of the pairs could not be read."""
        counts = self.counts
        return (
            f"{counts.pairs} pairs, {counts.empty - bad} empty, {bad} bad, "
            f"{counts.windowed} windowed, {self.rate:.0f} pairs/s on {self.device}"
        )


@dataclass(slots=True)
class TrainingMeter:
    """Reports the progress of training; called with a record after every step."""

    steps: int
    started: float = field(default_factory=time.perf_counter)
    first: int | None = None
    record: dict[str, Any] = field(default_factory=dict)
    last_aer: str = ""

    def __call__(self, record: dict[str, Any]) -> None:
        self.record = record
        if self.first is None:  # a resumed run does not start at 0
            self.first = record["step"] - 1
        if record.get("mean_aer") is not None:
            mean, rates = 100 * record["mean_aer"], as_percent(record["aer"])
            self.last_aer = f"  AER {mean:.2f} ({rates})"
        if "mean_aer" in record:
            say(str(self))

    def __str__(self) -> str:
        if not self.record:
            return "reading corpora"
        step = self.record["step"]
        taken = time.perf_counter() - self.started
        left = taken / max(1, step - (self.first or 0)) * (self.steps - step)
        return (
            f"step {step}/{self.steps}  loss {self.record.get('loss', float('nan')):.4f}"
            f"{self.last_aer}  {self.record.get('pieces_per_second', 0):,.0f} pieces/s  "
            f"{left // 60:.0f}:{left % 60:02.0f} left"
        )


@contextmanager
def training_talk(steps: int) -> Iterator[TrainingMeter]:
    """Show progress of training: on a terminal after every step, else after every validation."""
    meter = TrainingMeter(steps)
    with shown(meter):
        yield meter


def as_percent(rates: dict[str, float]) -> str:
    """Error rates in percent, each after its name."""
    return ", ".join(f"{name} {100 * rate:.1f}" for name, rate in rates.items())


@contextmanager
def shown(meter: Meter | TrainingMeter) -> Iterator[None]:
    """Show ``meter`` on stderr, several times per second, if stderr is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task
    from rich.text import Text

    class MeterColumn(ProgressColumn):
        """The meter as text."""

        def render(self, task: Task) -> Text:
            return Text(str(meter))

    console = Console(stderr=True)
    with Progress(SpinnerColumn(), MeterColumn(), console=console, transient=True) as progress:
        progress.add_task("", total=None)
        yield

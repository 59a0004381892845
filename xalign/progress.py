"""Progress of aligning and of training, as a line at the bottom of the terminal."""

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TextIO, cast

from xalign.console import is_terminal, say
from xalign.training.events import Metrics, Resumed
from xalign.training.events import Phase as Phase

if TYPE_CHECKING:
    from rich.live import Live


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
    failed: int
    halved: int


@dataclass(slots=True)
class Meter:
    """Reports the rate of pairs and, where the input has a size, the share and the time left.

    ``before`` pairs were aligned by an earlier process.
    """

    source: Measured
    counts: Counted
    device: str
    started: float = field(default_factory=time.perf_counter)
    before: int = 0

    @property
    def rate(self) -> float:
        """Pairs per second so far."""
        return (self.counts.done - self.before) / max(time.perf_counter() - self.started, 1e-9)

    @property
    def share(self) -> float | None:
        """Share of the input that is done; all pairs are estimated from the bytes read."""
        counts, source = self.counts, self.source
        if not (source.size and source.position and counts.pairs):
            return None
        return min(1.0, counts.done / counts.pairs * source.position / source.size)

    @property
    def seconds_left(self) -> float | None:
        """Seconds for the rest at this rate."""
        if not self.share or not self.rate:
            return None
        return self.counts.done * (1 / self.share - 1) / self.rate

    def __str__(self) -> str:
        left = self.seconds_left
        time_left = "" if left is None else f", {clock(left)} left"
        return f"{self.counts.done:,} pairs, {self.rate:,.0f} pairs/s on {self.device}{time_left}"

    def summary(self, bad: int) -> str:
        """Summary in one line; ``bad`` of the pairs could not be read."""
        counts = self.counts
        failed = f"{counts.failed} failed, " if counts.failed else ""
        halved = f"; the batch was halved {counts.halved} times for want of memory"
        return (
            f"{counts.pairs} pairs, {counts.empty - bad} empty, {bad} bad, {failed}"
            f"{counts.windowed} windowed, {self.rate:.0f} pairs/s on {self.device}"
            f"{halved if counts.halved else ''}"
        )


@dataclass(slots=True)
class TrainingMeter:
    """Reports the progress of training; called in each phase, and after every step."""

    steps: int
    started: float = field(default_factory=time.perf_counter)
    phase: Phase = field(default_factory=lambda: Phase("loading the model"))
    first: int | None = None
    record: Metrics = field(default_factory=Metrics)
    at: float = 0.0
    best: Metrics = field(default_factory=Metrics)
    last_aer: str = ""

    def __call__(self, event: Phase | Resumed | Metrics) -> None:
        match event:
            case Phase():
                self.phase = event
            case Resumed(before):
                self.record = before[-1] if before else Metrics()
                rated = [one for one in before if one["mean_aer"] is not None]
                self.best = min(rated, key=mean_aer, default=Metrics())
            case _:
                self._step(event)

    def _step(self, record: Metrics) -> None:
        if self.first is None:  # a resumed run does not start at 0
            self.first, self.started = record["step"] - 1, self.at or self.started
        self.record, self.at, self.phase = record, time.perf_counter(), Phase("")
        if record.get("mean_aer") is not None:
            self.last_aer = f"  AER {in_percent(record)}"
            if not self.best or mean_aer(record) < mean_aer(self.best):
                self.best = record
        if "mean_aer" in record:
            say(str(self))

    @property
    def share(self) -> float | None:
        """Share of the steps, or of the phase, that is done."""
        if self.phase.name or self.first is None:
            return self.phase.share
        return float(self.record["step"] / max(1, self.steps))

    def __str__(self) -> str:
        if self.first is None:
            return str(self.phase)
        step = self.record["step"]
        each = (self.at - self.started) / max(1, step - (self.first or 0))
        left = max(0.0, each * (self.steps - step) - (time.perf_counter() - self.at))
        return (
            f"step {step}/{self.steps}  loss {self.record.get('loss', float('nan')):.4f}"
            f"{self.last_aer}  {self.record.get('pieces_per_second', 0):,.0f} pieces/s  "
            f"{clock(left)} left{self.phase.name and f'  {self.phase.name}'}"
        )

    def summary(self, folder: str, advice: str) -> list[str]:
        """Lines for the end of a run: its folder, its best AER, and the next command to type."""
        taken = clock(time.perf_counter() - self.started)
        lines = [f"the model is in {folder} ({self.record.get('step', 0)} steps, {taken})"]
        if self.best:
            lines.append(f"best AER {in_percent(self.best)} at step {self.best['step']}")
        return [*lines, f"next: {advice}"]


def mean_aer(record: Metrics) -> float:
    """Mean AER of a step that was validated."""
    assert record["mean_aer"] is not None
    return record["mean_aer"]


def in_percent(record: Metrics) -> str:
    """Mean AER of a record in percent, with those of single development sets."""
    rates = ", ".join(f"{name} {100 * rate:.1f}" for name, rate in record["aer"].items())
    return f"{100 * mean_aer(record):.2f} ({rates})"


def clock(seconds: float) -> str:
    """A duration as minutes and seconds, or hours, minutes and seconds.

    >>> clock(75), clock(3675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
    )


class Reported(Protocol):
    """An activity for a status line: its text, and the share that is done, if it is known."""

    @property
    def share(self) -> float | None: ...


REFRESH, PAUSE = 0.2, 0.3
"""Seconds between two looks of a status line, and after output before it is shown again."""


class StatusLine:
    """A line at the bottom of the terminal, cleared before other output goes to the terminal."""

    def __init__(self, live: "Live | None") -> None:
        self.live = live
        self.reported: Reported | None = None
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._quiet_until = 0.0

    def show(self, reported: Reported) -> None:
        """Show this from now on."""
        self.reported = reported
        self._refresh()

    def before(self, out: BinaryIO, path: str) -> BinaryIO:
        """``out`` at ``path``, before which the line is cleared if both may be on one terminal."""
        if self.live is None or path != "-" or is_regular(sys.stdout):
            return out
        if is_terminal(sys.stdout):
            return cast(BinaryIO, ClearedBefore(out, self.close))
        return cast(BinaryIO, ClearedBefore(out, self.pause))  # a pipe that may end there

    def pause(self) -> None:
        """Clear the line for a moment."""
        self._quiet_until = time.monotonic() + PAUSE
        self._stop()

    def close(self) -> None:
        """Clear the line for good."""
        self._end.set()
        self._stop()

    def run(self) -> None:
        """Refresh the line until it is closed."""
        while not self._end.wait(REFRESH):
            self._refresh()

    def _stop(self) -> None:
        if self.live is not None:
            with self._lock:
                if self.live.is_started:
                    self.live.stop()

    def _refresh(self) -> None:
        if self.live is None or self.reported is None:
            return
        with self._lock:
            if not self._end.is_set() and time.monotonic() >= self._quiet_until:
                self.live.update(rendered(self.reported))
                self.live.start(refresh=True) if not self.live.is_started else self.live.refresh()


@dataclass(slots=True)
class ClearedBefore:
    """A file that calls ``clear`` before it is written to."""

    out: BinaryIO
    clear: Callable[[], None]

    def write(self, data: bytes) -> int:
        """Write bytes."""
        self.clear()
        return self.out.write(data)

    def flush(self) -> None:
        """Hand everything on."""
        self.clear()
        self.out.flush()


def is_regular(stream: TextIO | None) -> bool:
    """Whether ``stream`` is a file on a disk."""
    try:
        return stream is not None and stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def rendered(reported: Reported) -> Any:
    """A bar with percent if the share is known, and the text."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 1))
    text = Text(str(reported), overflow="ellipsis", no_wrap=True)
    if (share := reported.share) is None:
        row.add_row(text)
    else:
        row.add_row(ProgressBar(1.0, share, width=20), Text(f"{share:4.0%}"), text)
    return row


@contextmanager
def status_line(*, is_quiet: bool = False) -> Iterator[StatusLine]:
    """A status line, if stderr is a terminal; it is gone at the end."""
    if is_quiet or not is_terminal(sys.stderr):
        yield StatusLine(None)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    line = StatusLine(
        Live(console=console, transient=True, auto_refresh=False, redirect_stdout=False)
    )
    thread = threading.Thread(target=line.run, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join()
        line.close()  # it may just have been shown again


@contextmanager
def training_talk(steps: int) -> Iterator[TrainingMeter]:
    """Show progress of training: on a terminal after every step, else after every validation."""
    meter = TrainingMeter(steps)
    with status_line() as line:
        line.show(meter)
        yield meter

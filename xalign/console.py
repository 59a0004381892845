"""What people see while the command line works: messages, progress and summaries, all on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from xalign.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

NAMED_LINES = 5
"""So many bad lines are named one by one; all are counted."""


def say(message: str) -> None:
    """A line on stderr."""
    print(f"xalign: {message}", file=sys.stderr, flush=True)


class Measured(Protocol):
    """An input that knows how far it has been read."""

    @property
    def size(self) -> int | None: ...

    @property
    def position(self) -> int: ...


@dataclass(slots=True)
class BadLines:
    """Counts lines that could not be read and names the first of them; called with each error."""

    strict: bool = False
    count: int = 0

    def __call__(self, error: InputError) -> None:
        if self.strict:
            raise error
        self.count += 1
        if self.count <= NAMED_LINES:
            say(f"{error}; its output line is empty")
        if self.count == NAMED_LINES + 1:
            say("more bad lines follow; they are counted below")


@dataclass(slots=True)
class Meter:
    """Counts pairs as they are done; on a terminal, shows their rate and the time left."""

    source: Measured
    done: int = 0
    started: float = field(default_factory=time.perf_counter)
    _progress: "Progress | None" = None
    _task: "TaskID | None" = None

    @property
    def rate(self) -> float:
        """Pairs a second so far."""
        return self.done / max(time.perf_counter() - self.started, 1e-9)

    def tick(self) -> None:
        """One more pair is done."""
        self.done += 1
        if self._progress and self._task is not None and self.done % 16 == 0:
            text = f"{self.done:,} pairs, {self.rate:,.0f} pairs/s"
            self._progress.update(self._task, completed=self.source.position, description=text)


@contextmanager
def metered(source: Measured, *, show: bool) -> Iterator[Meter]:
    """A `Meter`, shown as a progress bar if ``show`` and stderr is a terminal."""
    meter = Meter(source)
    if not (show and sys.stderr.isatty()):
        yield meter
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        meter._progress, meter._task = progress, progress.add_task("reading", total=source.size)
        yield meter

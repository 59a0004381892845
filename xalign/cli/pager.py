"""Pages of `xalign view` in the terminal, turned by keys."""

import contextlib
import os
import select
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from xalign.cli.view import heading
from xalign.drawing import grid
from xalign.errors import XalignError
from xalign.view.pairs import ViewedPair

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = 0.05
"""Change of the threshold by a key."""
KEYS = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "next",
    "\x1b[D": "previous",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1bOC": "next",
    "\x1bOD": "previous",
    "n": "next",
    " ": "next",
    "p": "previous",
    "w": "worse",
    "W": "better",
    "j": "down",
    "k": "up",
    "+": "higher",
    "=": "higher",
    "-": "lower",
    "0": "reset",
    "a": "aligner",
    "q": "quit",
    "\x1b": "quit",
    "\x03": "quit",
    "\x04": "quit",
    "": "quit",
}
HELP = "n p: next, previous  w W: worse, better  + - 0: threshold  a: aligner  j k: scroll  q: quit"
REFRESH = 0.5
"""Seconds between two looks at the size of the terminal."""


class Pages:
    """The page that is shown, and what keys do to it; there has to be a pair."""

    def __init__(self, pairs: Sequence[ViewedPair], aligners: Sequence[str]) -> None:
        self.pairs, self.aligners = pairs, aligners
        self.place, self.aligner, self.top = 0, 0, 0
        self.threshold: float | None = None
        self._order = sorted(range(len(pairs)), key=self._badness)

    def _badness(self, place: int) -> tuple[float, int]:
        """Key by which the worst pair is the first: by mistakes, or else by score."""
        pair = self.pairs[place]
        if pair.gold is None:
            return (1.0 if pair.score is None else pair.score), place
        counts = pair.counts()
        right = counts.links_possible + counts.links_sure
        return right - counts.links - counts.sure, place

    def press(self, key: str) -> bool:
        """Do what a key is for; False at the end."""
        match KEYS.get(key):
            case "next":
                self._go(self.place + 1)
            case "previous":
                self._go(self.place - 1)
            case "worse" | "better" as way:
                rank = self._order.index(self.place) + (1 if way == "better" else -1)
                self._go(self._order[max(0, min(rank, len(self._order) - 1))])
            case "down":
                self.top += 1
            case "up":
                self.top = max(0, self.top - 1)
            case "higher":
                self._set_threshold(STEP)
            case "lower":
                self._set_threshold(-STEP)
            case "reset":
                self.threshold = None
            case "aligner":
                self.aligner = (self.aligner + 1) % len(self.aligners)
            case "quit":
                return False
        return True

    def _go(self, place: int) -> None:
        self.place = max(0, min(place, len(self.pairs) - 1))
        self.top = 0

    def _set_threshold(self, change: float) -> None:
        before = 0.5 if self.threshold is None else self.threshold
        self.threshold = round(max(0.0, min(0.95, before + change)), 2)

    @property
    def pair(self) -> ViewedPair:
        """The pair that is shown, with its links above the threshold."""
        pair = self.pairs[self.place]
        found = pair.found[self.aligner]
        if self.threshold is None or not found.probabilities:
            return pair
        links = frozenset(k for k, p in found.probabilities.items() if p > self.threshold)
        every = list(pair.found)
        every[self.aligner] = replace(found, links=links)
        return replace(pair, found=tuple(every))

    def lines(self, columns: int, rows: int) -> list[Text]:
        """Lines of the page, as many as the terminal has."""
        pair = self.pair
        name = self.aligners[self.aligner] if len(self.aligners) > 1 else ""
        head = heading(pair, self.aligner, name)
        if self.threshold is not None and pair.found[self.aligner].probabilities:
            head += f", threshold {self.threshold:.2f}"
        body = list(grid.draw(pair.picture(self.aligner), columns))
        room = max(1, rows - 4)
        self.top = max(0, min(self.top, len(body) - room))
        shown = body[self.top : self.top + room]
        more = len(body) - self.top - len(shown)
        foot = [
            Text(f"{more} more lines" if more else ""),
            Text(grid.legend(pair.gold is not None), style="dim"),
            Text(HELP, style="dim"),
        ]
        page = [Text(head, style="bold"), *shown, *[Text()] * (room - len(shown)), *foot]
        for line in page:
            line.truncate(columns)
        return page


def turn_pages(pairs: Sequence[ViewedPair], aligners: Sequence[str]) -> None:
    """Show pages on the terminal until the user has seen enough.

    Errors: `XalignError` when there is no pair, or no keyboard.
    """
    if not pairs:
        raise XalignError("there is no pair to show")
    pages, console = Pages(pairs, aligners), Console(highlight=False)
    with keyboard() as read_key, console.screen():
        key: str | None = "start"
        size = None
        while key is None or pages.press(key):
            if key is not None or console.size != size:
                size = console.size
                show(console, pages.lines(size.width, size.height))
            key = read_key()


def show(console: Console, lines: Sequence[Text]) -> None:
    """Put a page on the terminal."""
    console.clear()
    text = Text("\n").join(lines)
    console.print(text, end="", soft_wrap=True)


@contextlib.contextmanager
def keyboard() -> "Iterator[Callable[[], str | None]]":
    """Function that waits for a key; None after a while without one.

    Standard input may be the text to show, so that keys come from the terminal itself.

    Errors: `XalignError` when there is no terminal to read keys from.
    """
    if sys.platform == "win32":
        import msvcrt

        yield lambda: msvcrt.getwch()
        return
    import termios
    import tty

    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError as error:
        raise XalignError(f"--pager reads keys from a terminal: {error.strerror}") from error
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield lambda: key_of(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.close(terminal)


def key_of(terminal: int) -> str | None:
    """The next key of a terminal; None after a while without one, empty at its end."""
    if not select.select([terminal], [], [], REFRESH)[0]:
        return None
    return os.read(terminal, 8).decode(errors="replace")

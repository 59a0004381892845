"""Pages of `xalign view` in the terminal, turned by keys."""

import contextlib
import math
import os
import re
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from xalign.cli.view import heading
from xalign.drawing import grid
from xalign.drawing.picture import width
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
    "\x1a": "suspend",
    "q": "quit",
    "\x1b": "quit",
    "\x03": "quit",
    "\x04": "quit",
    "": "quit",
}
HELP = (
    "q: quit   n p: next, previous   w W: worse, better   + - 0: threshold   a: aligner   "
    "j k: scroll"
)
KEY = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)
"""One key: a character, or what a terminal sends for an arrow and the like."""
REST = 0.05
"""Seconds that the rest of such a sequence may take to arrive."""
LEAST_ROOM = 5
"""Lines that are left for a pair before the help is left out."""
LOCAL_MODES = 3
"""Place of the local modes among the attributes of a terminal."""
REFRESH = 0.5
"""Seconds between two looks at the size of the terminal."""


class Pages:
    """The page that is shown, and what keys do to it; there has to be a pair."""

    def __init__(self, pairs: Sequence[ViewedPair], aligners: Sequence[str]) -> None:
        self.pairs, self.aligners = pairs, aligners
        self.place, self.aligner, self.top = 0, 0, 0
        self.threshold: float | None = None

    def _order(self) -> list[int]:
        """Places of all pairs, the worst one first, by the aligner that is shown."""
        return sorted(range(len(self.pairs)), key=self._badness)

    def _badness(self, place: int) -> tuple[float, int]:
        """Key by which the worst pair is the first: by mistakes, or else by score."""
        pair = self.pairs[place]
        if pair.gold is None:
            return (1.0 if pair.score is None else pair.score), place
        counts = self._shown(pair).counts(self.aligner)
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
                order = self._order()
                rank = order.index(self.place) + (1 if way == "better" else -1)
                self._go(order[max(0, min(rank, len(order) - 1))])
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
        before = self.threshold
        if before is None:  # the step below the least probable link
            found = self.pairs[self.place].found[self.aligner]
            linked = [found.probabilities.get(place, 1.0) for place in found.links]
            before = STEP * math.floor(min(linked, default=0.5) / STEP)
        self.threshold = round(max(0.0, min(0.95, before + change)), 2)

    @property
    def pair(self) -> ViewedPair:
        """The pair that is shown, with its links above the threshold."""
        return self._shown(self.pairs[self.place])

    def _shown(self, pair: ViewedPair) -> ViewedPair:
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
        texts = HELP, grid.legend(pair.gold is not None)
        legend = [line for text in texts for line in folded(text, columns)]
        legend = legend[: max(0, rows - LEAST_ROOM)]
        room = max(1, rows - 2 - len(legend))
        self.top = max(0, min(self.top, len(body) - room))
        shown = body[self.top : self.top + room]
        more = len(body) - self.top - len(shown)
        foot = [
            Text(f"{more} more lines" if more else ""),
            *(Text(line, style="dim") for line in legend),
        ]
        page = [Text(head, style="bold"), *shown, *[Text()] * (room - len(shown)), *foot]
        for line in page:
            line.truncate(columns)
        return page


def folded(text: str, columns: int) -> list[str]:
    """Entries of a line, which three spaces separate, in lines that fit.

    >>> folded("q: quit   a: aligner   j: down", 22)
    ['q: quit   a: aligner', 'j: down']
    """
    lines: list[str] = []
    for entry in text.split("   "):
        if lines and width(longer := f"{lines[-1]}   {entry}") <= columns:
            lines[-1] = longer
        else:
            lines.append(entry)
    return lines


def turn_pages(pairs: Sequence[ViewedPair], aligners: Sequence[str]) -> None:
    """Show pages on the terminal until the user has seen enough.

    Errors: `XalignError` when there is no pair, or no keyboard.
    """
    if not pairs:
        raise XalignError("there is no pair to show")
    pages, console = Pages(pairs, aligners), Console(highlight=False)
    with ExitStack() as held:
        read_key = open_screen(console, held)
        key: str | None = "start"
        size = None
        while key is None or pages.press(key):
            if key is not None or console.size != size:
                size = console.size
                show(console, pages.lines(size.width, size.height))
            key = read_key()
            if key and KEYS.get(key) == "suspend" and sys.platform != "win32":
                held.close()  # the terminal is the shell's until the job goes on
                os.kill(0, signal.SIGTSTP)
                read_key = open_screen(console, held)


def open_screen(console: Console, held: ExitStack) -> "Callable[[], str | None]":
    """Take keyboard and screen of the terminal until ``held`` is closed; function that waits for a
    key, as of `keyboard`.
    """
    read_key = held.enter_context(keyboard())
    held.enter_context(console.screen())
    return read_key


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
        modes = termios.tcgetattr(terminal)
        modes[LOCAL_MODES] &= ~termios.ISIG  # Ctrl-C and Ctrl-Z are keys
        termios.tcsetattr(terminal, termios.TCSADRAIN, modes)
        yield Keys(terminal).next
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.close(terminal)


class Keys:
    """Keys of a terminal, one by one, however many arrive at once."""

    def __init__(self, terminal: int) -> None:
        self.terminal = terminal
        self._waiting = ""

    def next(self) -> str | None:
        """The next key; None after a while without one, empty at the end of the terminal."""
        if not self._waiting and not self._read(REFRESH):
            return None
        if self._waiting in ("\x1b", "\x1b[", "\x1bO"):
            self._read(REST)
        key = KEY.match(self._waiting)
        found = key[0] if key else ""
        self._waiting = self._waiting[len(found) :]
        return found

    def _read(self, seconds: float) -> bool:
        """Wait for keys, at most some ``seconds``; whether any came, or the end."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        self._waiting += os.read(self.terminal, 1024).decode(errors="replace")
        return True

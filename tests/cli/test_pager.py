"""Pages in the terminal: keys, thresholds, sizes; and the whole of it in a terminal of its own."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xalign.alignment import GoldAlignment, SentencePair
from xalign.cli import pager
from xalign.cli.pager import HELP, Keys, Pages, folded, turn_pages
from xalign.errors import XalignError
from xalign.view.pairs import Found, ViewedPair


def pages(*, gold: bool = True) -> Pages:
    one = Found(frozenset({(0, 0)}), {(0, 0): 0.9, (1, 1): 0.55})
    other = Found(frozenset({(1, 1)}))
    references = [
        GoldAlignment(frozenset(links)) for links in ([(0, 0)], [(0, 1), (1, 0)], [(1, 1)])
    ]
    pairs = [
        ViewedPair(
            number,
            SentencePair(f"a{number} b", "x y"),
            (one, other),
            reference if gold else None,
            score,
        )
        for number, (reference, score) in enumerate(
            zip(references, (0.9, 0.5, 0.1), strict=True), 1
        )
    ]
    return Pages(pairs, ["ours", "theirs"])


def press(shown: Pages, keys: str) -> list[int]:
    numbers = []
    for key in keys:
        assert shown.press(key)
        numbers.append(shown.pair.number)
    return numbers


def test_keys_turn_pages_and_stop_at_both_ends() -> None:
    assert press(pages(), "pnn np") == [1, 2, 3, 3, 3, 2]
    assert not pages().press("q")
    assert not pages().press("")
    assert pages().press("?")


def test_w_goes_to_the_next_worse_pair_by_mistakes() -> None:
    assert press(pages(), "wwwWW") == [3, 2, 2, 3, 1]


def test_without_gold_the_score_says_which_pair_is_worse() -> None:
    assert press(pages(gold=False), "wwW") == [2, 3, 2]


def test_plus_and_minus_change_the_threshold() -> None:
    shown = pages()
    assert shown.pair.found[0].links == {(0, 0)}
    for _ in range(9):
        shown.press("-")
    assert shown.threshold == 0.45
    assert shown.pair.found[0].links == {(0, 0), (1, 1)}
    for _ in range(20):
        shown.press("+")
    assert (shown.threshold, shown.pair.found[0].links) == (0.95, frozenset())
    shown.press("0")
    assert shown.threshold is None
    assert shown.pair.found[0].links == {(0, 0)}


def test_an_aligner_without_probabilities_has_no_threshold() -> None:
    shown = pages()
    press(shown, "a+")
    assert shown.pair.found[1].links == {(1, 1)}
    assert "threshold" not in shown.lines(60, 12)[0].plain
    assert "theirs" in shown.lines(60, 12)[0].plain


def test_a_page_has_the_size_of_the_terminal_and_scrolls() -> None:
    shown = pages()
    page = [line.plain for line in shown.lines(60, 12)]
    assert len(page) == 12
    assert page[0] == "pair 1, ours, AER 0.0, 0 wrong, 0 missing, score 0.90"
    assert page[1:4] == ["    x  y", "a1  ●", "b      ▓"]
    small = [line.plain for line in shown.lines(20, 6)]
    assert small[5] == "q: quit"
    assert len(small) == 6
    assert max(map(len, small)) <= 20
    shown.press("j")
    assert [line.plain for line in shown.lines(20, 4)][1:3] == ["a1  ●", "b      ▓"]
    press(shown, "jjjk")
    assert shown.lines(20, 4)[1].plain == "a1  ●"


def test_no_pair_is_an_error() -> None:
    with pytest.raises(XalignError, match="no pair to show"):
        turn_pages([], ["ours"])


def test_keys_are_read_whole() -> None:
    reader, writer = os.pipe()
    keys = Keys(reader)
    os.write(writer, b"nn\x1b[A\x1b[Bj")
    assert [keys.next() for _ in range(6)] == ["n", "n", "\x1b[A", "\x1b[B", "j", None]
    os.write(writer, b"\x1b")
    assert keys.next() == "\x1b"
    os.close(writer)
    assert keys.next() == ""
    os.close(reader)


def test_the_help_is_folded_so_that_all_of_it_is_seen() -> None:
    assert all(len(line) <= 40 for line in folded(HELP, 40))
    assert "   ".join(folded(HELP, 40)) == HELP
    page = [line.plain for line in pages().lines(60, 14)]
    assert len(page) == 14
    assert any("j k: scroll" in line for line in page)


def test_the_first_key_of_the_threshold_starts_at_the_links_as_they_are() -> None:
    shown = pages()
    shown.press("+")
    assert shown.threshold == 0.95


def test_worse_is_by_the_aligner_and_threshold_that_are_shown() -> None:
    shown = pages()
    press(shown, "a")
    assert [shown.pairs[k].number for k in shown._order()] == [2, 1, 3]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix stops jobs")
def test_ctrl_z_stops_the_job_while_the_terminal_is_the_shells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys, events = iter(["n", "\x1a", "q"]), list[object]()

    @contextlib.contextmanager
    def keyboard() -> Iterator[Callable[[], str]]:
        events.append("taken")
        yield lambda: next(keys)
        events.append("given back")

    monkeypatch.setattr(pager, "keyboard", keyboard)
    monkeypatch.setattr("os.kill", lambda *sent: events.append(sent))
    shown = pages()
    turn_pages(shown.pairs, shown.aligners)
    stopped = (0, signal.SIGTSTP)
    assert events == ["taken", "given back", stopped, "taken", "given back"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
def test_the_pager_runs_in_a_terminal_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_text("das Haus ||| the house\nja ||| yes\n")
    (tmp_path / "links").write_text("0-0 1-1\n0-0\n")
    program = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    command = [sys.executable, "-m", "xalign", "view", "corpus", "-a", "links", "--pager"]
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *command],
        cwd=tmp_path,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(follower)
    seen = b""

    def wait_for(text: bytes) -> None:
        nonlocal seen
        end = time.monotonic() + 60
        while text not in seen and time.monotonic() < end:
            if select.select([leader], [], [], 1)[0]:
                seen += os.read(leader, 65536)
        assert text in seen

    wait_for(b"pair 1")
    os.write(leader, b"n")
    wait_for(b"pair 2")
    os.write(leader, b"\x1a")  # without a shell that could go on, the job does so at once
    wait_for(b"\x1b[?1049l")
    seen = seen.partition(b"\x1b[?1049l")[2]
    wait_for(b"pair 2")
    os.write(leader, b"q")
    wait_for(b"\x1b[?1049l")
    assert process.wait(30) == 0
    os.close(leader)
    assert b"Traceback" not in seen

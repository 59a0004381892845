"""`fast_align`: the commands of pipelines, unchanged."""

import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.compat.conftest import shell
from tests.conftest import EXAMPLES
from xalign.compat.fast_align import log_likelihood, options
from xalign.links.probabilities import WordProbabilities

CORPUS = (EXAMPLES / "de-en.txt").read_text()
LINES = CORPUS.splitlines()


def links(line: str) -> list[tuple[int, int]]:
    """Links of a line, in their order."""
    return [(int(i), int(j)) for i, _, j in (word.partition("-") for word in line.split())]


@pytest.mark.parametrize(("is_reverse", "p"), [(False, 0.25), (True, 0.5)])
def test_a_score_is_the_logarithm_of_what_the_words_of_a_side_give_at_most(
    is_reverse: bool, p: float
) -> None:
    places = np.arange(2)
    forward, backward = np.full(2, 0.5, np.float32), np.full(2, 0.25, np.float32)
    found = WordProbabilities(places, places, forward, forward, backward, forward > 0, (2, 2))
    assert log_likelihood(found, is_reverse=is_reverse) == pytest.approx(2 * math.log(p))


def test_options_are_read_joined_as_fast_align_reads_them() -> None:
    chosen = options().parse_args(["-ovdi", "-", "-I5", "-Na", "0.01"])
    assert (chosen.input, chosen.iterations, chosen.alpha) == ("-", "5", "0.01")
    assert chosen.optimize_tension
    assert chosen.no_null_word


@pytest.mark.slow
def test_the_commands_of_fast_align_run_unchanged(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "f").write_text(CORPUS + "\nno separator\nnur so ||| \n")
    done = shell(
        "fast_align -i f -d -o -v > fwd; fast_align -i f -d -o -v -r > rev; "
        "atools -i fwd -j rev -c grow-diag-final-and > sym; xalign align -q -i f > all",
        tmp_path,
        programs,
    )
    fwd, rev, sym, every = (
        [links(line) for line in (tmp_path / name).read_text().split("\n")[:-1]]
        for name in ("fwd", "rev", "sym", "all")
    )
    assert len(fwd) == len(rev) == len(sym) == len(every) == len(LINES) + 3
    for forward, reverse, joined, whole in zip(fwd, rev, sym, every, strict=True):
        assert len({j for _, j in forward}) == len(forward)  # one link a target word
        assert len({i for i, _ in reverse}) == len(reverse)
        assert set(forward) | set(reverse) <= set(whole)
        assert set(forward) & set(reverse) <= set(joined) <= set(whole)
    assert sum(map(len, sym)) > 0.95 * sum(map(len, every))
    assert fwd[-3:] == [[], [], []]
    assert "nothing is learnt, so -d -o -v change nothing" in done.stderr
    assert f"f:{len(LINES) + 2}: expected 'source ||| target'" in done.stderr
    assert "pairs, 2 empty, 1 bad" in done.stderr


@pytest.mark.slow
def test_joined_options_scores_and_long_names(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "f").write_text("das Haus ||| the house\n|||\n")
    shell(
        "fast_align -ovdi - -I5 -T4 -q 0.08 -Na 0.01 -s -p params < f > scored 2> err; "
        "fast_align --input f --favor_diagonal --print_scores > long",
        tmp_path,
        programs,
    )
    text = (tmp_path / "scored").read_text()
    assert text == (tmp_path / "long").read_text()
    found, _, score = text.splitlines()[0].partition(" ||| ")
    assert found == "0-0 1-1"
    assert -1 < float(score) < 0
    assert text.splitlines()[1] == " ||| 0"
    err = (tmp_path / "err").read_text()
    assert "final tension: 4" in err
    assert "expected target length = source length * 1" in err
    assert (tmp_path / "params").read_text() == ""


@pytest.mark.slow
def test_force_align_feeds_two_aligners_and_atools_by_turns(tmp_path: Path, programs: Path) -> None:
    """As force_align.py does: a line in, a line out, from programs that stay open."""

    def start(*command: str) -> "subprocess.Popen[str]":
        pipes: dict[str, Any] = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.DEVNULL,
        }
        return subprocess.Popen(
            [str(programs / command[0]), *command[1:]], text=True, bufsize=1, **pipes
        )

    force = ["-i", "-", "-d", "-T", "4", "-m", "1", "-f", "params"]
    processes = [
        start("fast_align", *force),
        start("fast_align", *force, "-r"),
        start("atools", "-i", "-", "-j", "-", "-c", "grow-diag-final-and"),
    ]
    try:
        for line in ("das Haus ist klein ||| the house is small", "ja ||| yes"):
            for process in processes[:2]:
                assert process.stdin
                assert process.stdout
                assert processes[2].stdin
                process.stdin.write(line + "\n")
                parts = process.stdout.readline().split("|||")
                assert " ||| ".join(part.strip() for part in parts[:2]) == line
                assert float(parts[3]) <= 0
                processes[2].stdin.write(parts[2].strip() + "\n")
            assert processes[2].stdout
            expected = "0-0 1-1 2-2 3-3\n" if "Haus" in line else "0-0\n"
            assert processes[2].stdout.readline() == expected
    finally:
        for process in processes:
            assert process.stdin
            process.stdin.close()
            assert process.wait(timeout=60) == 0
            if process.stdout:
                process.stdout.close()

"""Drop-ins: the commands of pipelines with our programs, and other programs' own results."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.conftest import EXAMPLES, ROOT
from xalign.cli.main import app

CORPUS = (EXAMPLES / "de-en.txt").read_text()
LINES = CORPUS.splitlines()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drop-ins."""
    folder = tmp_path_factory.mktemp("compat")
    done = CliRunner().invoke(app, ["install-compat", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def shell(
    command: str, folder: Path, programs: Path, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a command line in ``folder`` with the drop-ins first on PATH."""
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(programs / "python"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        ["bash", "-c", f"set -e -o pipefail; {command}"],
        cwd=folder,
        env=env,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def links(line: str) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for i, _, j in (word.partition("-") for word in line.split())]


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


ONE, OTHER = "0-0 1-1 2-1\n\n", "x y ||| 0-0 1-2\n0-0\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-i a -c convert", "0-0 1-1 2-1\n\n"),
        ("-i a -c invert", "0-0 1-1 1-2\n\n"),
        ("-i a -j b -c intersect", "0-0\n\n"),
        ("-i a -j b -c union", "0-0 1-1 1-2 2-1\n0-0\n"),
        ("-i a -j b -c fmeasure", "P: 0.333333\nR: 0.333333\nF: 0.333333\n"),
        ("-i a -c display", " 01\n0*.0\n1.*1\n2.*2\n 01\n\n0-0 1-1 2-1\n \n \n\n\n"),
    ],
)
def test_the_commands_of_atools(
    options: str, expected: str, tmp_path: Path, programs: Path
) -> None:
    (tmp_path / "a").write_text(ONE)
    (tmp_path / "b").write_text(OTHER)
    assert shell(f"atools {options}", tmp_path, programs).stdout == expected


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("atools -i a -c union", "Command 'union' requires two alignment files"),
        ("atools -i a -j a -c invert", "Command 'invert' requires only one alignment file"),
        (
            "atools -i a -j short -c union",
            "short:2: expected a line for line 2 of a, found the end",
        ),
        ("printf '0-0\\n' | atools -i - -j - -c union", "<stdin>:2: Mismatched number of lines!"),
        ("atools -i empty -j empty -c fmeasure", "Insufficient statistics to compute f-measure!"),
        ("atools -i missing -c convert", "missing: cannot be read: No such file or directory"),
        ("eflomal-align -s a -f x", "need to specify either -s and -t, or -i"),
        ("eflomal-align -i a -f b", "b: output file exists, will not overwrite!"),
    ],
)
def test_errors_are_one_line(command: str, message: str, tmp_path: Path, programs: Path) -> None:
    for name, text in (("a", ONE), ("b", OTHER), ("short", "0-0\n"), ("empty", "")):
        (tmp_path / name).write_text(text)
    done = shell(f"! ( {command} )", tmp_path, programs)
    assert done.stderr == message + "\n"


def test_the_options_and_files_of_eflomal_align(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "src").write_text("das Haus ist klein\n\nder Hund bellt laut\n")
    (tmp_path / "tgt").write_text("the house is small\nx\nexchange rates were low on Monday\n")
    done = shell(
        "eflomal-align -m 3 -l 0.5 --n-samplers 1 -s src -t tgt -f fwd -r rev -F cost -R back -v; "
        "paste -d'\\t' src tgt > joint; eflomal-align -i joint -f fwd2 --overwrite -f fwd",
        tmp_path,
        programs,
    )
    assert (tmp_path / "fwd").read_text().startswith("0-0 1-1 2-2 3-3\n\n")
    assert (tmp_path / "rev").read_text().count("\n") == 3
    for name in ("cost", "back"):
        right, empty, wrong = map(float, (tmp_path / name).read_text().splitlines())
        assert right < 0 < wrong
        assert empty == float("inf")
    assert "3 pairs, 1 empty, 0 bad" in done.stderr


def test_the_class_of_eflomal_takes_iterables_and_checks_their_lengths(tmp_path: Path) -> None:
    from xalign.compat import eflomal

    aligner = eflomal.Aligner(model=3, score_model=0)
    path = str(tmp_path / "fwd")
    aligner.align(iter(["das Haus\n"]), ("the house",), links_filename_fwd=path, quiet=True)
    assert Path(path).read_text() == "0-0 1-1\n"
    with pytest.raises(ValueError, match="Mismatched file sizes"):
        aligner.align(["a"], ["b", "c"])


def test_symmetrised_links_of_the_real_eflomal_are_those_of_our_rules(
    tmp_path: Path, programs: Path
) -> None:
    """Real links of two directions go through both of our ways to join them."""
    pytest.importorskip("eflomal", reason="the real program is not installed")
    import eflomal

    sides = list(zip(*(line.split(" ||| ") for line in LINES), strict=True))
    names = [str(tmp_path / name) for name in ("fwd", "rev")]
    eflomal.Aligner().align(*sides, links_filename_fwd=names[0], links_filename_rev=names[1])
    for command in ("grow-diag-final-and", "union", "intersect"):
        ours = shell(f"atools -i fwd -j rev -c {command}", tmp_path, programs).stdout
        same = shell(
            f"{Path(sys.executable).parent}/xalign symmetrize -i fwd -j rev -c {command}",
            tmp_path,
            programs,
        )
        assert ours == same.stdout
        assert ours.count("\n") == len(LINES)


OPUSFILTER = """
import json, sys
import eflomal
from opusfilter.word_alignment import WordAlignFilter, make_priors
assert "xalign" in open(eflomal.__file__).read()
pairs = [("das Haus ist klein .", "the house is small ."), ("", ""), ("wir haben heute keine Zeit .", "the minister will visit Paris in May .")]
word_align = WordAlignFilter()
scores = list(word_align.score(pairs))
kept = list(word_align.filter(pairs))
for name, side in (("src", 0), ("tgt", 1)):
    open(name, "w").write("".join(pair[side] + "\\n" for pair in pairs[::2]))
make_priors("src", "tgt", "priors", score_file="scores.jsonl")
with_priors = list(WordAlignFilter(priors="priors").score(pairs))
print(json.dumps([scores, kept, with_priors, len(open("scores.jsonl").readlines())]))
"""


def test_the_filter_of_opusfilter_runs_on_our_class(tmp_path: Path, programs: Path) -> None:
    pytest.importorskip("opusfilter", reason="pip install opusfilter")
    import json

    (tmp_path / "filter.py").write_text(OPUSFILTER)
    done = shell(f"{sys.executable} -W ignore filter.py", tmp_path, programs)
    scores, kept, with_priors, count = json.loads(done.stdout.splitlines()[-1])
    assert max(scores[0]) < 0 < min(scores[2])
    assert scores[1] == [-100, -100]  # OpusFilter's own, for a pair of nothing
    assert kept == [["das Haus ist klein .", "the house is small ."], ["", ""]]
    assert with_priors == scores
    assert count == 2


def test_another_program_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "atools").write_text("#!/bin/sh\necho mine\n")
    done = CliRunner().invoke(app, ["install-compat", str(tmp_path)])
    assert done.exit_code == 1
    assert "is another program; choose another folder" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["atools"]


@pytest.mark.parametrize("program", ["fast_align", "atools", "eflomal-align"])
def test_launchers_of_the_checkout_answer(program: str) -> None:
    done = subprocess.run(
        [ROOT / "bin" / program, "--help"], capture_output=True, text=True, check=True
    )
    assert f"usage: {program}" in done.stdout

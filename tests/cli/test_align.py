"""`xalign align`: what it prints, where, and what it refuses."""

import gzip
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, TINY_PROGRAM, Terminal, run, varied_pairs
from xalign.aligning.settings import Inputs
from xalign.alignment import SentencePair
from xalign.cli.inputs import open_pairs
from xalign.console import BadLines
from xalign.io.formats import READERS, Format
from xalign.io.matrix import read_matrices
from xalign.links.notices import Watched

CORPUS = b"abc de ||| abc de\n\nabc\nabc|||de\n ||| abc\nab\tab\n"
LINKS = ["0-0 1-1", "", "", "", "", "0-0"]


OUTPUTS = ["out", "out.gz", "out.xz", "out.zst", "out.bz2", "m.npz", "m.jsonl", "m.jsonl.zst"]


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_full_disk_is_an_error_and_leaves_no_output(tmp_path: Path, name: str) -> None:
    lines = [f"{' '.join(p.src)} ||| {' '.join(p.tgt)}\n" for p in varied_pairs(300)]
    (tmp_path / "corpus").write_text("".join(lines))
    paths = [tmp_path / (name if name.startswith("out") else "out"), tmp_path / "scores"]
    wanted = ["-i", tmp_path / "corpus", "-o", paths[0], "--scores", paths[1]]
    if name.startswith("m."):
        wanted += ["--matrix", tmp_path / name]
    limit = 1000 if "." in name else 2000
    done = subprocess.run(
        [sys.executable, "-c", TINY_PROGRAM, "align", *map(str, wanted)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "xalign: output: File too large\n")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.slow
def test_devices_that_are_full_are_an_error(tmp_path: Path) -> None:
    for wanted in (["-o", "/dev/full"], ["--scores", "/dev/full", "-o", tmp_path / "out"]):
        done = subprocess.run(
            [sys.executable, "-c", TINY_PROGRAM, "align", *map(str, wanted)],
            input="ab ||| ab\n",
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (1, "xalign: output: No space left on device\n")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus with an empty line and a bad one."""
    path = tmp_path / "corpus.txt"
    path.write_text("abc de f ||| abc de f\n\nbad\nab\tde ab\n")
    return path


def test_standard_input_to_standard_output(tiny: dict[str, Any]) -> None:
    done = run("align", stdin=CORPUS)
    assert done.exit_code == 0
    assert done.stdout.split("\n") == [*LINKS, ""]
    assert "6 pairs, 2 empty, 2 bad, 0 windowed, " in done.stderr
    assert " pairs/s on cpu (fp32)\n" in done.stderr


def test_bad_lines_are_named_until_the_sixth(tiny: dict[str, Any]) -> None:
    done = run("align", stdin=b"abc\n" * 7 + b"a\tb\n")
    assert done.stdout.startswith("\n" * 7)
    for number in range(1, 6):
        assert f"xalign: <stdin>:{number}: expected 'source ||| target'" in done.stderr
    assert "<stdin>:6" not in done.stderr
    assert "more bad lines follow" in done.stderr
    assert "8 pairs, 0 empty, 7 bad" in done.stderr


def test_strict_stops_at_the_first_bad_line_and_leaves_no_output(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(CORPUS)
    done = run("align", "--strict", "-i", tmp_path / "in", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert (
        done.stderr
        == f"xalign: {tmp_path / 'in'}:3: expected 'source ||| target' or 'source TAB target', found 'abc'\n"
    )
    assert not (tmp_path / "out").exists()


def test_files_in_and_out(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(CORPUS)
    done = run("align", "-i", tmp_path / "in", "-o", tmp_path / "out.gz", "--quiet")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "pairs/s" not in done.stderr
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()).decode().split("\n") == [*LINKS, ""]


def test_two_files_in(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.de").write_text("abc de\nab\n")
    (tmp_path / "a.en").write_text("abc de\nab\n")
    assert run("align", "-s", tmp_path / "a.de", "-t", tmp_path / "a.en").stdout == "0-0 1-1\n0-0\n"
    (tmp_path / "a.en").write_text("abc de\n")
    done = run("align", "-s", tmp_path / "a.de", "-t", tmp_path / "a.en")
    assert done.exit_code == 1
    assert "a.en:2: expected a line for line 2 of" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("align -s a", "give either -i, or both -s and -t"),
        ("align -t a", "give either -i, or both -s and -t"),
        ("align -i a -s a -t a", "give either -i, or both -s and -t"),
        ("align -s - -t -", "-s and -t cannot both be standard input"),
    ],
)
def test_an_impossible_choice_of_inputs_is_a_usage_error(arguments: str, message: str) -> None:
    done = run(*arguments.split())
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pieces", "bpe", "--tokenize", "moses"], "leave out --tokenize"),
        (
            ["--tokenize", "moses", "--languages", "de"],
            "--languages: expected two languages as codes",
        ),
        (["--level", "pieces"], "--level is of subwords; add --pieces"),
        (["--languages", "de,en"], "--languages is for raw text; add --tokenize"),
        (["--scores", "-"], "only one output can be standard output"),
        (["--engine", "ray", "-i", "x", "-o", "y", "--format", "tsv"], "writes links alone"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], message: str) -> None:
    done = run("align", *options)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_options_reach_the_aligner(tiny: dict[str, Any]) -> None:
    options = (
        "-m e5-small --layer 3 --threshold 0.2 --device cpu --precision fp32 --threads 2"
        " --batch-pieces 64"
    )
    run("align", *options.split())
    assert tiny == {
        "model": "e5-small",
        "layer": 3,
        "threshold": 0.2,
        "device": "cpu",
        "precision": "fp32",
        "threads": 2,
        "batch_pieces": 64,
        "compiled": False,
    }


def test_shards_concatenate_to_the_whole(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(CORPUS)
    (tmp_path / "a").write_text("abc de\nab\nde\n")
    same, pairs = tmp_path / "a", tmp_path / "in"
    choices: list[list[str | Path]] = [["-i", pairs], ["-s", same, "-t", same]]
    for inputs in choices:
        whole = run("align", *inputs).stdout
        for total in (1, 2, 4, 9):
            parts = [run("align", *inputs, "--shard", f"{k + 1}/{total}") for k in range(total)]
            assert "".join(part.stdout for part in parts) == whole


def test_a_shard_counts_lines_from_the_start_of_the_file(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(CORPUS)
    assert "in:3: expected 'source" in run("align", "-i", tmp_path / "in", "--shard", "2/3").stderr
    (tmp_path / "a").write_text("a\n" * 4)
    (tmp_path / "b").write_text("a\n" * 5)
    done = run("align", "-s", tmp_path / "a", "-t", tmp_path / "b", "--shard", "2/2")
    assert f"{tmp_path / 'a'}:5: expected a line for line 5 of" in done.stderr


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/2/3"])
def test_a_wrong_shard_is_a_usage_error(shard: str) -> None:
    done = run("align", "-i", "in", "--shard", shard)
    assert done.exit_code == 2
    assert (
        f"expected a shard such as 1/8, up to 8/8, counted from 1, found '{shard}'" in done.stderr
    )


def test_a_shard_of_standard_input_is_refused() -> None:
    done = run("align", "--shard", "1/2", stdin=CORPUS)
    assert (
        done.stderr
        == "xalign: <stdin>: a shard needs an input that can be read twice; name a file\n"
    )


@pytest.mark.slow
def test_line_buffered_answers_each_line_before_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "xalign", "align", "--line-buffered", "-q"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (b"das Haus ||| the house\n", b"\n", b"das Haus ||| the house\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline() == (b"0-0 1-1\n" if line.strip() else b"\n")
        process.stdin.close()
        assert process.wait() == 0


def test_a_terminal_is_told_what_is_read_from_it(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    terminal.buffer = io.BytesIO()
    monkeypatch.setattr("sys.stdin", terminal)
    open_pairs(Inputs(), BadLines(), Watched(SentencePair.from_text, lambda _: None))
    assert "end with Ctrl-D" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny_words")
@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("direction", ["both", "forward", "reverse"])
def test_every_format_holds_the_same_links(corpus: Path, format: Format, direction: str) -> None:
    plain = run("align", "-q", "-i", corpus, "--direction", direction)
    done = run("align", "-q", "-i", corpus, "--direction", direction, "--format", format)
    assert done.exit_code == 0
    found = list(READERS[format](done.stdout.encode().split(b"\n")[:-1], "it"))
    lines = [str(aligned.links.alignment) for aligned in found]
    assert lines == plain.stdout.split("\n")[: len(lines)]
    assert len(lines) == 4
    assert any(lines)


@pytest.mark.usefixtures("tiny_words")
def test_scores_and_matrices_are_files_beside_links(corpus: Path, tmp_path: Path) -> None:
    scores, matrix = tmp_path / "scores", tmp_path / "m.npz"
    done = run("align", "-i", corpus, "--scores", scores, "--matrix", matrix, "--line-buffered")
    assert done.exit_code == 0
    assert "4 pairs, 1 empty, 1 bad" in done.stderr
    lines = scores.read_text().splitlines()
    assert lines[1:3] == ["0.000000", "0.000000"]
    assert all(0 < float(line) < 1 for line in (lines[0], lines[3]))
    matrices = dict(read_matrices(str(matrix)))
    assert [array.shape for array in matrices.values()] == [(3, 3), (0, 0), (0, 0), (1, 2)]
    assert list(matrices) == [1, 2, 3, 4]
    linked = {f"{i}-{j}" for i, j in zip(*(matrices[1] > 0.2).nonzero(), strict=True)}
    assert linked == set(done.stdout.split("\n")[0].split())


@pytest.mark.usefixtures("tiny_words")
def test_files_are_whole_or_not_there(corpus: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    done = run("align", "--strict", "-i", corpus, "--scores", scores)
    assert done.exit_code == 1
    assert ":3: expected 'source ||| target'" in done.stderr
    assert done.stdout.count("\n") == 2  # what came before is not lost
    assert not scores.exists()


@pytest.mark.usefixtures("tiny_words")
def test_subwords_are_linked_as_their_words(tmp_path: Path) -> None:
    words = run("align", "-q", stdin="abc de ||| abc de\n").stdout
    same = run(
        "align", "-q", "--pieces", "bpe", "--level", "words", stdin="a@@ bc de ||| ab@@ c de\n"
    )
    assert same.stdout == words
    pieces = run("align", "-q", "--pieces", "bpe", stdin="a@@ bc de ||| abc de\n").stdout
    expected = {
        f"{a}-{j}"
        for link in words.split()
        for i, j in [link.split("-")]
        for a in ((0, 1), (2,))[int(i)]
    }
    assert set(pieces.split()) == expected


@pytest.mark.usefixtures("tiny_words")
def test_raw_text_is_cut_and_linked_by_white_space(tmp_path: Path) -> None:
    pytest.importorskip("sacremoses", reason="pip install sacremoses")
    done = run(
        "align",
        "-q",
        "--tokenize",
        "moses",
        "--languages",
        "de,en",
        "--format",
        "jsonl",
        stdin="abc, de! ||| abc,  de!\n",
    )
    found = json.loads(done.stdout)
    assert found["src"] == ["abc,", "de!"]
    assert {tuple(link[:2]) for link in found["links"]} <= {(i, j) for i in (0, 1) for j in (0, 1)}
    places = {(span[0], span[1]) for span in found["spans"]}
    assert places <= {(0, 3), (3, 4), (5, 7), (7, 8)}
    assert {span[2] for span in found["spans"]} <= {0, 3, 6, 8}  # two spaces are counted


def test_lines_that_are_too_long_are_bad_lines(tiny: dict[str, Any]) -> None:
    long = b"ab ||| " + b"ab " * 500
    done = run("align", "--max-line-bytes", "1000", stdin=b"ab ||| ab\n" + long + b"\nab ||| ab")
    assert done.stdout == "0-0\n\n0-0\n"
    assert "<stdin>:2: expected a line of at most 1,000 bytes" in done.stderr
    assert "3 pairs, 0 empty, 1 bad" in done.stderr
    many = b"a " * 50_001 + b"||| a\n" + b"a " * 50_000 + b"||| a\n"
    done = run("align", "--strict", stdin=many)
    assert "<stdin>:1: expected at most 50,000 words a side, found 50,001" in done.stderr


def test_lines_that_are_too_long_in_one_of_two_files(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a\n" + "a " * 50_001 + "\na\n")
    (tmp_path / "t").write_text("a\na\n" + "a" * 3_000_000 + "\n")
    done = run("align", "-s", tmp_path / "s", "-t", tmp_path / "t")
    assert done.stdout == "0-0\n\n\n"
    assert f"{tmp_path / 's'}:2: expected at most 50,000 words" in done.stderr
    assert f"{tmp_path / 't'}:3: expected a line of at most 1,048,576 bytes" in done.stderr
    (tmp_path / "s").write_text("a\n")
    (tmp_path / "t").write_text("a " * 50_001 + "\n")
    done = run("align", "-s", tmp_path / "s", "-t", tmp_path / "t")
    assert f"{tmp_path / 't'}:1: expected at most 50,000 words" in done.stderr

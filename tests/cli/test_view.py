"""`xalign view`: grids, pages and pictures, of links that are given or made."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run, run_process

TEXT = "das Haus ||| the house\n\nja ||| yes\n"


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("c.txt").write_text(TEXT)
    Path("a.align").write_text("0-0 1-1\n\n0-0\n")
    Path("b.scored").write_text("0-0:0.9 1-0:0.3\n\n0-0:0.8\n")
    Path("g.talp").write_text("1-1 2-2\n\n1p1\n")
    return tmp_path


def test_grids_of_given_links(corpus: Path) -> None:
    done = run("view", "c.txt", "-a", "a.align")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.split("\n") == [
        "pair 1",
        "      the  house",
        "das   ●",
        "Haus       ●",
        "",
        "pair 2",
        "",
        "pair 3",
        "    yes",
        "ja  ●",
        "",
        "● linked   ░▒▓ probability from 0.05, 0.25, 0.5",
        "",
    ]


def test_without_pairs_it_says_so(corpus: Path) -> None:
    Path("empty").write_text("")
    done = run("view", "empty", "-a", "empty")
    assert (done.exit_code, done.stdout, done.stderr) == (
        0,
        "",
        "xalign: there is no pair to show\n",
    )


def test_several_links_beside_gold(corpus: Path) -> None:
    done = run("view", "-i", "c.txt", "-a", "a.align", "-a", "b.scored", "-g", "g.talp", "-n", "1")
    assert done.stdout.split("\n")[:9] == [
        "pair 1, a, AER 0.0, 0 wrong, 0 missing",
        "      the  house",
        "das   ●",
        "Haus       ●",
        "",
        "pair 1, b, AER 50.0, 1 wrong, 1 missing",
        "      the  house",
        "das   ●",
        "Haus  ✗    ○",
    ]


def test_the_worst_pairs_come_first(corpus: Path) -> None:
    done = run("view", "c.txt", "-a", "b.scored", "-g", "g.talp", "--worst", "5")
    assert re.findall(r"pair (\d)", done.stdout) == ["1"]


def test_lines_are_shown_in_the_order_that_is_asked(corpus: Path) -> None:
    done = run("view", "c.txt", "-a", "a.align", "-n", "3", "-n", "1")
    assert re.findall(r"pair (\d)", done.stdout) == ["3", "1"]


def test_without_links_only_the_chosen_pairs_are_aligned(
    corpus: Path, tiny: dict[str, Any]
) -> None:
    done = run("view", "c.txt", "-n", "3")
    assert done.exit_code == 0, done.stderr
    assert re.match(r"pair 3, score \d\.\d\d\n    yes\nja ", done.stdout)


def test_links_of_a_model_stand_beside_those_of_a_file(corpus: Path, tiny: dict[str, Any]) -> None:
    done = run("view", "c.txt", "-a", "a.align", "--align", "-n", "1")
    assert re.findall(r"pair 1, (\w+)", done.stdout) == ["a", "xalign"]


def test_subwords_are_shown_with_their_links(corpus: Path, tiny: dict[str, Any]) -> None:
    Path("bpe").write_text("al@@ te ||| old\n")
    done = run("view", "bpe", "--pieces", "bpe")
    rows = done.stdout.split("\n")[1:4]
    assert [row.split()[0] for row in rows] == ["old", "al@@", "te"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-a short.align", "short.align:3: expected a line for line 3 of c.txt, found the end"),
        ("-a long.align", "c.txt:4: expected a line for line 4 of long.align, found the end"),
        (
            "-a far.align",
            "far.align:1: expected links between 2 and 2 words, counted from 0, found 2-2",
        ),
        (
            "-a a.align -g short.align",
            "short.align: expected 3 lines, as many as c.txt has, found 2",
        ),
        (
            "-a a.align -g far.talp",
            "far.talp:1: expected links between 2 and 2 words, counted from 0, found 2-0",
        ),
        ("-a a.align -n 4", "c.txt: expected pair 4, found 3 pairs"),
        ("-a none", "none: cannot be read: No such file or directory"),
    ],
)
def test_what_does_not_fit_is_an_error(corpus: Path, arguments: str, message: str) -> None:
    Path("short.align").write_text("0-0\n\n")
    Path("long.align").write_text("0-0\n\n0-0\n0-0\n")
    Path("far.align").write_text("2-2\n\n0-0\n")
    Path("far.talp").write_text("1-1 3-1\n\n1-1\n")
    done = run("view", "c.txt", *arguments.split())
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"xalign: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--worst 3", "--worst counts mistakes; add --gold FILE"),
        ("-a a.align --svg x.svg", "there are 3 pairs: add --line N"),
        ("-a a.align --pager", "standard output is none"),
        ("-a a.align --html c.txt", "c.txt: is an input of this command"),
    ],
)
def test_options_that_do_not_fit(corpus: Path, arguments: str, message: str) -> None:
    done = run("view", "c.txt", *arguments.split())
    assert done.exit_code
    assert message in done.stderr


def test_a_gold_file_that_ends_early_in_the_format_naacl_is_whole(corpus: Path) -> None:
    Path("g.naacl").write_text("1 1 1 S\n1 2 2 S\n")
    done = run("view", "c.txt", "-a", "a.align", "-g", "g.naacl", "-n", "3")
    assert "pair 3, AER 100.0, 1 wrong" in done.stdout


def test_a_bad_line_is_forgiven_in_links_and_gold(corpus: Path) -> None:
    Path("c.txt").write_text("das Haus ||| the house\nno pair\nja ||| yes\n")
    Path("a.align").write_text("0-0 1-1\n0-0\n0-0\n")
    done = run("view", "c.txt", "-a", "a.align", "-g", "a.align", "-n", "2")
    assert done.exit_code == 0, done.stderr
    assert "it is shown without words" in done.stderr


def test_one_line_of_many_is_read_alone(corpus: Path, tiny: dict[str, Any]) -> None:
    Path("c.txt").write_bytes(b"a ||| b\nc ||| d\n\xff\xfe\n")
    done = run("view", "c.txt", "-n", "2")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("pair 2")


def test_a_picture_of_several_pairs_is_refused_before_they_are_aligned(corpus: Path) -> None:
    done = run("view", "c.txt", "-m", "no-such-folder", "--svg", "x.svg")
    assert "no-such-folder" in done.stderr
    done = run("view", "c.txt", "--svg", "x.svg")
    assert "there are 3 pairs: add --line N" in done.stderr
    assert not Path("x.svg").exists()


def test_an_output_that_cannot_be_written_is_told_at_once(corpus: Path) -> None:
    done = run("view", "c.txt", "-n", "1", "--html", "no-folder/x.html")
    assert done.exit_code == 1
    assert "no-folder/x.html" in done.stderr


def test_without_mistakes_there_is_no_worst_pair(corpus: Path) -> None:
    Path("right.align").write_text("0-0 1-1\n\n\n")
    done = run("view", "c.txt", "-a", "right.align", "-g", "g.talp", "--worst", "2")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "xalign: no pair has mistakes\n")
    done = run("view", "c.txt", "-a", "right.align", "-g", "g.talp", "--worst", "1", "--svg", "x")
    assert "no pair to draw" in done.stderr


def test_naacl_without_probabilities_has_no_threshold(corpus: Path) -> None:
    Path("n").write_text("1 1 1 S\n1 2 2 S\n3 1 1 S\n")
    run("view", "c.txt", "-a", "n", "--html", "r.html")
    assert '"probabilities":false' in Path("r.html").read_text()


def test_a_page_and_pictures_are_written_instead_of_grids(corpus: Path) -> None:
    chosen = ["-a", "b.scored", "-n", "1", "--html", "r.html", "--svg", "p.svg", "--tikz", "p.tex"]
    done = run("view", "c.txt", *chosen)
    assert (done.stdout, done.stderr) == ("", "xalign: r.html: 1 pairs; open it in a browser\n")
    assert "Haus – the: 0.30" in Path("p.svg").read_text()
    assert r"\begin{tikzpicture}" in Path("p.tex").read_text()
    found = re.search(r'id="data">(.*?)</script>', Path("r.html").read_text())
    assert found
    data = json.loads(found[1])
    assert data["pairs"] == [["das Haus", "the house", None, None, [[0, 0, 901, 1, 0, 301]]]]
    assert [one["name"] for one in data["systems"]] == ["b"]


def test_a_page_may_go_to_standard_output(corpus: Path) -> None:
    done = run_process("view", "c.txt", "-a", "a.align", "--html", "-")
    assert done.stdout.startswith(b"<!doctype html>")
    assert done.stderr == b""


@pytest.mark.slow
def test_a_picture_in_png(corpus: Path) -> None:
    pytest.importorskip("matplotlib")
    done = run("view", "c.txt", "-a", "a.align", "-n", "1", "--png", "p.png")
    assert done.exit_code == 0, done.stderr
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_words_that_the_locale_lacks_are_escaped(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    Path("c.txt").write_text("東 ||| east\n")
    Path("a.align").write_text("0-0\n")
    done = run_process("view", "c.txt", "-a", "a.align")
    assert b"\\u6771" in done.stdout

"""The commands on links alone: `xalign symmetrize`, `xalign rethreshold` and `xalign score`."""

from pathlib import Path

import pytest

from tests.conftest import run


def symmetrized(*arguments: object) -> tuple[int, str, str]:
    """Exit code, output and messages of `xalign symmetrize`."""
    done = run("symmetrize", *arguments)
    return done.exit_code, done.stdout, done.stderr


def test_files_are_joined_line_by_line(tmp_path: Path) -> None:
    one, other = tmp_path / "forward", tmp_path / "reverse"
    one.write_text("0-0 1-1 2-1\n\ndas Haus ||| the house ||| 1-1 0-0\n")
    other.write_text("0-0 1-1\n0-0\n0-0\n")
    assert symmetrized("-i", one, "-j", other) == (0, "0-0 1-1 2-1\n0-0\n0-0 1-1\n", "")
    assert symmetrized("-i", one, "-j", other, "-c", "intersect")[1] == "0-0 1-1\n\n0-0\n"
    assert symmetrized("-i", one, "-c", "invert")[1] == "0-0 1-1 1-2\n\n0-0 1-1\n"
    assert symmetrized("-i", one, "-j", other, "-o", tmp_path / "out")[0] == 0
    assert (tmp_path / "out").read_text() == "0-0 1-1 2-1\n0-0\n0-0 1-1\n"


GIZA = (
    "# Sentence pair (1) source length {s} target length {t} alignment score : 0.5\n"
    "{tgt}\nNULL ({{ }}) {src}\n"
)


def test_files_with_words_whose_sides_are_exchanged_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one.A3.final", tmp_path / "other.A3.final"
    empty = (
        "# Sentence pair (1) source length 0 target length 0 alignment score : 0\n\nNULL ({ })\n"
    )
    forward = GIZA.format(s=2, t=2, tgt="the house", src="das ({ 1 }) Haus ({ 2 })")
    one.write_text(empty + forward)
    other.write_text(empty + GIZA.format(s=2, t=2, tgt="das Haus", src="the ({ 1 }) house ({ })"))
    code, out, err = symmetrized("-i", one, "-j", other)
    assert (code, out) == (1, "")
    assert err == (
        f"xalign: {other}: its sides are those of {one}, exchanged; run: "
        f"xalign symmetrize -i {other} -c invert -o inverted.align\n"
    )
    other.write_text(empty + forward)
    assert symmetrized("-i", one, "-j", other) == (0, "\n0-0 1-1\n", "")


def test_pairs_that_naacl_leaves_out_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1 1 1 S 0.5\n")
    (tmp_path / "b").write_text("0-0\n\n")
    notice = "pairs without links at the end are not in this format, and left out"
    for arguments in (["-c", "convert"], ["-j", tmp_path / "a"]):
        assert symmetrized("-i", tmp_path / "a", *arguments) == (
            0,
            "0-0\n",
            f"xalign: {tmp_path / 'a'}: {notice}\n",
        )
    assert symmetrized("-i", tmp_path / "a", "-j", tmp_path / "b") == (0, "0-0\n\n", "")


def test_unequal_files_and_odd_links_are_errors(tmp_path: Path) -> None:
    one, other = tmp_path / "forward", tmp_path / "reverse"
    one.write_text("0-0\n0-0\n")
    other.write_text("0-0\n")
    code, out, err = symmetrized("-i", one, "-j", other)
    assert (code, out) == (1, "0-0\n")
    assert f"{other}:2: expected a line for line 2 of {one}, found the end" in err
    other.write_text("0-0\n0/0\n")
    assert (
        f"{other}:2: expected a link such as 3-4, found '0/0'"
        in symmetrized("-i", one, "-j", other)[2]
    )
    assert symmetrized("-i", one)[0] == 2
    assert symmetrized("-i", one, "-j", other, "-c", "invert")[0] == 2


@pytest.mark.usefixtures("tiny_words")
def test_a_lower_threshold_and_rethreshold_are_the_higher_threshold(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.write_text("abc de f ||| abc de f\n\nab\tde ab\n")
    scored = run("align", "-q", "-i", corpus, "--threshold", 0.05, "--format", "scored").stdout
    for threshold in ("0.05", "0.2", "0.35"):
        expected = run("align", "-q", "-i", corpus, "--threshold", threshold).stdout
        done = run("rethreshold", "--threshold", threshold, stdin=scored)
        assert (done.exit_code, done.stdout) == (0, expected)
    assert len(expected) < len(scored)


def test_an_output_is_read_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "gold").write_text("0-0 1p1\n")
    done = run("score", "-g", tmp_path / "gold", stdin="0-0\n")
    assert done.stdout.splitlines()[1].split()[:2] == ["<stdin>", "0.00"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("score -g -", "only one of the files can be standard input"),
        ("score -g a - -i -", "only one of the files can be standard input"),
        ("score -g a b --pairs c", "--pairs shows the words of --worst N"),
    ],
)
def test_files_that_do_not_go_together_are_a_usage_error(arguments: str, message: str) -> None:
    done = run(*arguments.split())
    assert done.exit_code == 2
    assert message in done.stderr

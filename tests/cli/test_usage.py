"""Usage errors in plain words, and help anywhere."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import xalign
from tests.conftest import run
from xalign.cli.usage import near, rearranged


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["align", "--debug", "-i", "x"], ["--debug", "align", "-i", "x"]),
        (["align", "x", "--version"], ["--version", "align", "x"]),
        (["help"], ["--help"]),
        (["help", "align"], ["align", "--help"]),
        (["help", "align", "more"], ["align", "--help"]),
        (["align", "--", "--debug"], ["align", "--", "--debug"]),
    ],
)
def test_help_and_common_options_may_stand_anywhere(
    arguments: list[str], expected: list[str]
) -> None:
    assert rearranged(arguments) == expected


def test_version_and_help_are_answered_anywhere() -> None:
    assert run("align", "x", "--version").stdout == f"xalign {xalign.__version__}\n"
    assert run("help", "align").stdout == run("align", "--help").stdout
    assert "COMMAND" in run("help").stdout


@pytest.mark.parametrize(
    ("value", "choices", "expected"),
    [
        ("gdfa", ["grow-diag", "grow-diag-final", "grow-diag-final-and"], "grow-diag-final-and"),
        ("gdf", ["grow-diag", "grow-diag-final", "grow-diag-final-and"], "grow-diag-final"),
        ("JSONL", ["pharaoh", "jsonl"], "jsonl"),
        ("i", ["intersect"], None),
        ("zebra", ["pharaoh", "jsonl"], None),
    ],
)
def test_the_near_name_has_the_initials_or_most_letters(
    value: str, choices: Sequence[str], expected: str | None
) -> None:
    assert near(value, choices) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["-i", "x", "--threshold=50"],
            "--threshold: expected a number from 0 to 0.999, found '50'",
        ),
        (["-qo", "x", "-o", "y"], "-o is given twice; give it once"),
        (["-o", "x", "--output=y"], "--output is given twice (as -o and --output)"),
        (["-oy", "-ox"], "-o is given twice"),
        (["--treshold", "0.5"], "there is no option --treshold; did you mean '--threshold'?"),
        (["--threads", "x"], "--threads: expected a whole number of at least 1, found 'x'"),
    ],
)
def test_a_wrong_option_is_one_line_on_stderr(arguments: list[str], message: str) -> None:
    done = run("align", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"xalign: {message}")
    assert done.stderr.endswith("; see 'xalign align --help'\n")
    assert done.stderr.count("\n") == 1


def test_a_value_may_look_like_an_option() -> None:
    done = run("align", "-i", "--none", "--threshold", "0.5")
    assert "there is no option" not in done.stderr


def test_a_file_in_the_place_of_a_command_is_answered_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "c.txt").touch()
    path = tmp_path / "c.txt"
    done = run(path, "-o", "out")
    assert done.exit_code == 2
    assert f"{path} is a file; run: xalign align {path} -o out" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_XALIGN_COMPLETE", f"source_{shell}")
    done = run()
    assert done.exit_code == 0
    assert "_XALIGN_COMPLETE" in done.stdout


def test_messages_keep_the_names_of_files(tmp_path: Path) -> None:
    done = run("train", "--config", tmp_path / "Run.json", "-o", "x")
    assert f"xalign: {tmp_path / 'Run.json'}: cannot be read" in done.stderr
    assert "see 'xalign align --help'" in run("align", "-o").stderr

"""The command line as a whole: errors, exit codes, streams, and the way from text to a score."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import xalign
from tests.conftest import EXAMPLES, run, run_process
from xalign.aligning.aligner import Aligner
from xalign.errors import InputError


def test_errors_are_one_line_and_a_traceback_only_with_debug() -> None:
    done = run("align", "-i", "none.txt")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "xalign: none.txt: cannot be read: No such file or directory\n"
    assert isinstance(run("--debug", "align", "-i", "none.txt").exception, InputError)
    process = run_process("--debug", "align", "-i", "none.txt")
    assert process.returncode == 1
    assert b"Traceback" in process.stderr


def test_a_full_disk_is_an_error(tiny: dict[str, Any]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = run("align", "-o", "/dev/full", stdin=b"abc ||| abc\n")
    assert (done.exit_code, done.stderr) == (1, "xalign: output: No space left on device\n")


@pytest.mark.parametrize("arguments", ["help", "score -g gold out", "--version"])
def test_a_full_disk_is_one_message_for_every_command(arguments: str, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    for name in ("gold", "out"):
        (tmp_path / name).write_text("0-0\n")
    command = f"{sys.executable} -m xalign {arguments} > /dev/full"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "xalign: output: No space left on device\n")


@pytest.mark.parametrize("redirection", [">> c.txt", "> c.txt", "< c.txt >> c.txt"])
def test_output_into_the_input_is_refused(redirection: str, tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("a ||| b\n")
    given = "" if "<" in redirection else "-i c.txt"
    command = f"{sys.executable} -m xalign align {given} {redirection}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("xalign: standard output: is an input of this command")
    assert (tmp_path / "c.txt").read_text() == ("" if redirection == "> c.txt" else "a ||| b\n")


def test_an_interrupt_during_the_first_imports_is_130(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["xalign.cli.main"] = type("Late", (), {"__getattr__": lambda *_: interrupt()})()
def interrupt():
    raise KeyboardInterrupt
from xalign.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "xalign: interrupted\n")


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Aligner, "from_settings", interrupt)
    done = run("align", stdin=b"")
    assert done.exit_code == 130
    assert done.stderr.startswith("xalign: interrupted; 0 pairs were aligned")


@pytest.mark.slow
def test_a_reader_that_closes_early_is_no_error() -> None:
    command = f"{sys.executable} -m xalign align -q -i {EXAMPLES / 'de-en.txt'} -m e5-small --layer 1 | head -n 0; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.slow
def test_closed_streams_are_no_crash(tmp_path: Path) -> None:
    corpus, out = EXAMPLES / "de-en.txt", tmp_path / "out"
    xalign = f"{sys.executable} -m xalign"
    for redirections in ("<&-", "2>&-", ">&- <&- 2>&-", "2> >(true)"):
        command = f"{xalign} align -m e5-small --layer 1 -i {corpus} -o {out} {redirections}"
        assert (
            subprocess.run(["bash", "-c", command], capture_output=True, check=False).returncode
            == 0
        )
        assert len(out.read_text().splitlines()) == 100
        out.unlink()
    for command in (f"{xalign} align <&-", f"{xalign} align -m e5-small --layer 1 -i {corpus} >&-"):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("xalign: <std")
        assert "is closed; name a file with -" in done.stderr


def test_help_and_version() -> None:
    assert run("--version").stdout == f"xalign {xalign.__version__}\n"
    assert run_process("-h").returncode == 0
    assert run("align", "--frobnicate").exit_code == 2


@pytest.mark.slow
def test_the_whole_way_in_processes_of_their_own(tmp_path: Path) -> None:
    links = tmp_path / "out.align"
    done = run_process("align", "--device", "cpu", "-i", EXAMPLES / "de-en.txt", "-o", links)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.startswith(b"xalign: 100 pairs, 0 empty, 0 bad, 0 windowed, ")
    first = b"".join(links.read_bytes().splitlines(keepends=True)[:20])
    scored = run_process("score", "--gold", EXAMPLES / "de-en.talp", "--json", stdin=first)
    assert json.loads(scored.stdout)["outputs"][0]["aer"] < 0.05


@pytest.mark.parametrize("arguments", ["--help", "align --help", "help align"])
def test_help_that_is_read_in_part_is_no_error(arguments: str) -> None:
    command = f"set -o pipefail; {sys.executable} -m xalign {arguments} | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

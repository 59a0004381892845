"""`xalign install-compat`: the names of other aligners."""

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import run


def test_another_program_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "atools").write_text("#!/bin/sh\necho mine\n")
    done = run("install-compat", tmp_path)
    assert done.exit_code == 1
    assert "is another program; choose another folder" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["atools"]


def test_programs_are_written_to_be_run_and_the_module_to_be_imported(tmp_path: Path) -> None:
    done = run("install-compat", tmp_path / "new")
    names = ["fast_align", "atools", "eflomal-align", "eflomal", "eflomal-makepriors"]
    programs = [tmp_path / "new" / name for name in [*names, "awesome-align"]]
    modules = [tmp_path / "new" / "python" / f"{name}.py" for name in ("eflomal", "simalign")]
    assert done.stdout.splitlines() == list(map(str, [*programs, *modules]))
    assert all(os.access(program, os.X_OK) for program in programs)
    assert "from xalign.compat.eflomal import Aligner" in modules[0].read_text()
    assert "from xalign.compat.simalign import SentenceAligner" in modules[1].read_text()


def test_programs_on_windows_are_command_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    run("install-compat", tmp_path)
    text = (tmp_path / "atools.cmd").read_text()
    assert text == f'@"{sys.executable}" -m xalign.compat.atools %*\n'


def test_a_file_is_no_folder_for_programs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "expected a folder, found a file" in run("install-compat", tmp_path / "file").stderr


def test_what_was_written_before_is_written_again(tmp_path: Path) -> None:
    assert [run("install-compat", tmp_path).exit_code for _ in range(2)] == [0, 0]

"""The drop-in programs, and a shell that finds them first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import run


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drop-ins."""
    folder = tmp_path_factory.mktemp("compat")
    done = run("install-compat", folder)
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

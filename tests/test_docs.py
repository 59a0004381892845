"""What README and docs/ show is what happens: transcripts are run, links lead somewhere."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.docs
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


def name(page: Path) -> str:
    """A page by its name alone."""
    return page.name


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of a page in one language."""
    return [text for found, text in BLOCK.findall(page.read_text()) if found == language]


def commands(block: str) -> list[tuple[str, str]]:
    """Commands of a transcript, each with the output shown below it."""
    steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (step.partition("\n") for step in steps)]


def pattern(expected: str) -> str:
    """A regular expression of shown output, in which an ellipsis stands for anything."""
    return ".*".join(map(re.escape, expected.split("…")))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=name)
def test_transcripts_show_what_happens(page: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for block in blocks(page, "console"):
        for command, expected in commands(block):
            done = subprocess.run(
                ["bash", "-c", f"exec 2>&1; set -o pipefail; {command}"],
                cwd=tmp_path,
                capture_output=True,
                env={**os.environ, "PATH": path, "CUDA_VISIBLE_DEVICES": ""},
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout
            if expected.strip() != "…":
                assert re.fullmatch(pattern(expected), done.stdout, re.DOTALL), done.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if ">>> " in page.read_text()], ids=name)
def test_python_sessions_show_what_happens(page: Path) -> None:
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_command_line_page_is_what_help_says() -> None:
    check = [sys.executable, "-m", "bin.recipes.make_docs", "--check"]
    assert subprocess.run(check, capture_output=True, text=True, check=False).stderr == ""


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [ROOT / "bin" / "site", "--site-dir", tmp_path / "site"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pages = {page.name for page in (tmp_path / "site").glob("*.html")}
    assert {f"{page.stem}.html" for page in PAGES[1:]} < pages
    assert "unpkg" not in (tmp_path / "site" / "index.html").read_text()


def test_links_of_the_site_stay_in_it() -> None:
    from bin.recipes.site import relinked

    assert relinked("[a](docs/view.md#b) [c](#d) [e](https://x.y)", "") == (
        "[a](view.md#b) [c](#d) [e](https://x.y)"
    )
    assert relinked("[card](../xalign/weights/default/README.md)", "docs") == "[card](card.md)"


def test_the_readme_shows_lines_in_and_lines_out_at_once() -> None:
    first = (ROOT / "README.md").read_text().splitlines()[:20]
    assert "0-0 1-1 2-2 3-3 4-4" in first

"""Every module has its tests in a module of its name, and the package offers what it promises."""

import re
from pathlib import Path

import pytest

import xalign
from tests.conftest import ROOT
from xalign.aligning.aligner import Aligner

PACKAGE = ROOT / "xalign"
MODULES = [
    path.relative_to(PACKAGE)
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py")
]
PROMISED = [
    "Aligner",
    "Alignment",
    "DeviceError",
    "EngineError",
    "GoldAlignment",
    "InputError",
    "ModelError",
    "Score",
    "ScoredAlignment",
    "SentencePair",
    "TrainingError",
    "WordProbabilities",
    "XalignError",
    "read_alignments",
    "read_gold",
    "read_pairs",
    "score",
    "show",
]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_a_test_module_of_its_name(module: Path) -> None:
    assert (ROOT / "tests" / module.parent / f"test_{module.name}").is_file()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_text_files_are_utf_8_on_every_system(module: Path) -> None:
    text = (PACKAGE / module).read_text(encoding="utf-8")
    calls = re.findall(r"\.(?:read|write)_text\(.*?\n?.*?\n", text)
    assert [call for call in calls if "utf-8" not in call] == []


def test_the_package_offers_what_it_promises() -> None:
    assert xalign.__all__ == PROMISED


@pytest.mark.parametrize("name", PROMISED)
def test_every_name_that_is_promised_is_there(name: str) -> None:
    assert name in dir(xalign)
    assert callable(getattr(xalign, name))


def test_the_aligner_is_imported_at_its_first_use() -> None:
    assert xalign.Aligner is Aligner


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Alinger'"):
        _ = xalign.Alinger

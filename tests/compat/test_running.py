"""What the drop-in programs share."""

import subprocess

import pytest

from tests.conftest import ROOT
from xalign.aligning.aligner import Aligner
from xalign.compat.running import guarded, load_aligner
from xalign.errors import InputError


@pytest.mark.slow
@pytest.mark.parametrize("program", ["fast_align", "atools", "eflomal-align"])
def test_launchers_of_the_checkout_answer(program: str) -> None:
    done = subprocess.run(
        [ROOT / "bin" / program, "--help"], capture_output=True, text=True, check=True
    )
    assert f"usage: {program}" in done.stdout


def test_an_error_is_one_line_without_our_name_and_1(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(arguments: list[str]) -> None:
        raise InputError("corpus", 3, "expected a pair")

    with pytest.raises(SystemExit, match=r"^1$"):
        guarded(fail, [])
    assert capsys.readouterr().err == "corpus:3: expected a pair\n"


def test_the_environment_names_the_model_the_device_and_the_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, str] = {}
    monkeypatch.setattr(Aligner, "from_pretrained", asked.update)
    monkeypatch.setenv("XALIGN_MODEL", "mine")
    monkeypatch.setenv("XALIGN_DEVICE", "cpu")
    monkeypatch.delenv("XALIGN_PRECISION", raising=False)
    load_aligner()
    assert asked == {"model": "mine", "device": "cpu"}

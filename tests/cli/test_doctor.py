"""`xalign doctor`: what this installation has."""

import socket

import pytest
import torch

from tests.conftest import run
from xalign.cli import doctor


@pytest.mark.usefixtures("tiny")
def test_the_parts_of_an_installation_are_listed_without_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(doctor, "SECONDS", 0.01)
    monkeypatch.setenv("XALIGN_OFFLINE", "1")
    done = run("doctor")
    assert done.exit_code == 0
    titles = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert titles == ["xalign", "machine", "model", "optional", "caches", "network"]
    for part in (
        f"torch {torch.__version__}",
        "usable cores of",
        "billion operations per second on one core",
        "'das Haus ||| the house' gives '",
        "--tokenize icu: ",
        "cut corpora: ",
        "nothing is ever fetched (XALIGN_OFFLINE=1)",
    ):
        assert part in done.stdout


def test_gpus_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"GPU {number}")
    assert list(doctor.gpus()) == ["2 GPUs: GPU 0, GPU 1 (--device all uses all of them)"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert list(doctor.gpus()) == ["a GPU of Apple's (--device mps)"]


def test_the_precision_has_a_reason() -> None:
    assert "has AVX2" in doctor.reason("cpu", "int8")
    assert "has no AVX2" in doctor.reason("cpu", "fp32")
    assert "this GPU" in doctor.reason("cuda", "bf16")


def test_a_missing_part_is_told_with_the_command_that_gets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "--engine ray: missing; pip install 'xalign[ray]'" in list(doctor.optional())

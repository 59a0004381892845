"""Events of a training run, in order."""

from pathlib import Path
from typing import Any

from tests.training.conftest import machine, stage_1_settings
from xalign.training.events import Phase, Resumed
from xalign.training.stages import train_tlm


def test_a_run_tells_of_its_phases_and_of_every_step(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    for is_again in (False, True):
        told: list[Any] = []
        chosen = stage_1_settings(encoder, corpus, steps=4, every=2)
        folder = tmp_path / "run"
        train_tlm(chosen, machine(tmp_path), folder, resume=is_again, show=told.append)
        shown = [
            str(event)
            if isinstance(event, Phase)
            else [record["step"] for record in event.before]
            if isinstance(event, Resumed)
            else (event["step"], "aer" in event)
            for event in told
        ]
        cutting = [f"cutting {corpus} into pieces"]
        steps = [(1, False), "validating", (2, True), (3, False), "validating", (4, True)]
        if is_again:
            assert shown == [[2, 4], "taking the first step"]
        else:
            assert shown == [*cutting, [], "taking the first step", *steps]

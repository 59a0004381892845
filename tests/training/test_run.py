"""The folder of a run: whole after any stop, and gone on with to the same bits."""

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch

from tests.training.conftest import machine, stage_1, stage_1_settings, weights
from xalign.errors import ModelError
from xalign.training.run import circumstances, differences, read_metrics
from xalign.training.stages import train_tlm
from xalign.weights.checkpoint import load


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_the_last_checkpoint_whole(
    encoder: str, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def fill_up(state: dict[str, torch.Tensor], path: Path) -> None:
        written.append(path)
        if len(written) > 3:  # the state at the start, model and state of the first validation
            path.write_bytes(b"half a file")
            raise safetensors.SafetensorError("No space left on device (os error 28)")
        save_file(state, path)

    save_file = safetensors.torch.save_file
    monkeypatch.setattr(safetensors.torch, "save_file", fill_up)
    with pytest.raises(OSError, match="No space left on device"):
        stage_1(encoder, corpus, tmp_path / "run", dev=())
    monkeypatch.undo()
    assert load(str(tmp_path / "run")).network.config.num_cross_layers == 1
    shown = stage_1(encoder, corpus, tmp_path / "run", dev=(), resume=True)
    assert [record["step"] for record in shown] == [3, 4, 5, 6]
    assert not list((tmp_path / "run").glob(".*"))


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    encoder: str, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_1(encoder, corpus, tmp_path / "whole", dev=())
    told: list[dict[str, Any]] = []

    class KilledError(Exception):
        pass

    def stop_at_5(event: Any) -> None:
        told.append(event)
        if isinstance(event, dict) and event["step"] == 5:
            raise KilledError

    chosen = stage_1_settings(encoder, corpus, dev=())
    with pytest.raises(KilledError):
        train_tlm(chosen, machine(tmp_path), tmp_path / "part", resume=False, show=stop_at_5)
    shown = stage_1(encoder, corpus, tmp_path / "part", resume=True, dev=())
    assert [record["step"] for record in shown] == [5, 6]
    ours, theirs = weights(tmp_path / "part"), weights(tmp_path / "whole")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    lines = (tmp_path / "part" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 6]


@pytest.mark.slow
@pytest.mark.parametrize("left", [[], ["metrics.jsonl", "state.safetensors"]])
def test_where_no_run_has_begun_resuming_begins(
    encoder: str, corpus: str, tmp_path: Path, left: list[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in left:
        (folder / name).write_text('{"step": 2, "mean_aer": 0.0}\n')
    shown = stage_1(encoder, corpus, folder, resume=True, dev=())
    assert [record["step"] for record in shown] == [1, 2, 3, 4, 5, 6]
    assert [record["step"] for record in read_metrics(folder / "metrics.jsonl")] == [2, 4, 6]
    assert "settings" in json.loads((folder / "run.json").read_text())


@pytest.mark.slow
def test_a_run_that_was_stopped_before_it_saved_goes_on_from_the_start(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    def stop(event: Any) -> None:
        if isinstance(event, dict) and event["step"] == 1:
            raise KeyboardInterrupt

    chosen = stage_1_settings(encoder, corpus, dev=())
    with pytest.raises(KeyboardInterrupt):
        train_tlm(chosen, machine(tmp_path), tmp_path / "run", resume=False, show=stop)
    started = (tmp_path / "run" / "run.json").read_bytes()
    shown = stage_1(encoder, corpus, tmp_path / "run", dev=(), resume=True)
    assert [record["step"] for record in shown] == [1, 2, 3, 4, 5, 6]
    assert (tmp_path / "run" / "run.json").read_bytes() == started


@pytest.mark.slow
def test_a_run_that_lost_a_file_is_kept_and_named(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    stage_1(encoder, corpus, folder, dev=())
    model = (folder / "model.safetensors").read_bytes()
    names = ("state.safetensors", "run.json", "metrics.jsonl")
    state, record, metrics = (folder / name for name in names)
    lines = metrics.read_text()
    for damage, message in (
        (lambda: metrics.write_text("{}\n"), r"metrics\.jsonl is damaged: "),
        (lambda: metrics.write_text("{\n"), r"metrics\.jsonl is damaged: "),
        (lambda: metrics.write_text("3\n"), r"metrics\.jsonl is damaged: "),
        (lambda: metrics.write_text(lines) and state.write_bytes(b""), r"state\.safetensors is da"),
        (lambda: state.write_bytes(state.read_bytes()[:1000]), r"state\.safetensors is damaged: "),
        (state.unlink, r"state\.safetensors is gone; name another folder to start anew$"),
        (lambda: record.write_text('{"settings": 3}'), r"run\.json is damaged: "),
        (lambda: record.write_text("{}"), r"run\.json is damaged: 'settings'"),
        (lambda: record.write_text("{"), r"run\.json is damaged: "),
    ):
        damage()
        with pytest.raises(ModelError, match=message):
            stage_1(encoder, corpus, folder, dev=(), resume=True)
    assert (folder / "model.safetensors").read_bytes() == model
    assert len(read_metrics(folder / "metrics.jsonl")) == 3


@pytest.mark.slow
def test_resuming_never_happens_unasked_nor_with_other_settings(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    stage_1(encoder, corpus, tmp_path / "run")
    with pytest.raises(
        ModelError, match="holds a run; go on with --resume, or name another folder"
    ):
        stage_1(encoder, corpus, tmp_path / "run")
    with pytest.raises(
        ModelError,
        match=r"other settings: lr was 0\.001, now 0\.5, steps was 6, now 7; go on with its own",
    ):
        stage_1(encoder, corpus, tmp_path / "run", resume=True, steps=7, lr=0.5)


def test_a_last_record_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 2}\n{"step": 4}\n{"ste')
    assert read_metrics(path) == [{"step": 2}, {"step": 4}]


def test_no_metrics_are_no_records(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.jsonl") == []


def test_a_run_tells_what_it_was_started_with() -> None:
    assert circumstances().keys() >= {"command", "xalign", "torch", "python", "machine", "started"}


def test_settings_that_older_runs_lack_are_no_difference() -> None:
    assert differences({"a": 1}, {"a": 1, "new": [], "other": None}) == ""
    assert differences({"a": 1}, {"a": 1, "new": ["x"]}) == "new"
    assert differences({"a": 1}, {"a": None}) == "a was 1, now None"

"""Workers that share one corpus: the same bytes, in order, whatever happens to them."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.conftest import EXAMPLES, tiny_checkpoint
from xalign.aligning.aligner import Aligner
from xalign.aligning.ray import (
    BlockWorker,
    align_with_ray,
    cut_into_blocks,
    lines_of,
    open_parts,
    read_report,
)
from xalign.aligning.settings import AlignerSettings
from xalign.cli.main import app
from xalign.errors import EngineError, InputError
from xalign.io.files import SUFFIXES, Source
from xalign.io.pairs import read_pairs
from xalign.io.pharaoh import pharaoh

pytestmark = pytest.mark.filterwarnings("ignore")  # ray warns of itself
SETTINGS = AlignerSettings(device="cpu", threads=1, precision="fp32")


@pytest.fixture(scope="module")
def ray_on_two_cores() -> Iterator[None]:
    """Ray on this machine, with two workers."""
    ray = pytest.importorskip("ray", reason="ray has no wheel for this Python")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, logging_level="ERROR")
        yield
        ray.shutdown()


def corpus(folder: Path) -> Path:
    """The example pairs, with lines that cannot be read among them."""
    path = folder / "corpus.txt"
    lines = (EXAMPLES / "de-en.txt").read_text().splitlines()
    lines[70:70] = ["no separator", "", " ||| a"]
    path.write_text("\n".join(lines) + "\n")
    return path


def expected(path: Path) -> bytes:
    """Links of all lines, by one aligner."""
    aligner = Aligner.from_pretrained(device="cpu", precision="fp32")
    pairs = read_pairs(Source(str(path)), str(path), lambda _: None)
    return b"".join(map(pharaoh, aligner.align(pairs)))


@given(
    text=st.binary(max_size=60).map(lambda text: text.replace(b"a", b"\n")), size=st.integers(1, 20)
)
def test_blocks_hold_every_line_once(
    text: bytes, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("blocks") / "in"
    path.write_bytes(text)
    lines = [line for block in cut_into_blocks(path, size) for line in lines_of(path, block)]
    assert lines == list(Source(str(path)))


def test_only_a_plain_file_is_cut(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        path = tmp_path / f"a{suffix}"
        path.touch()
        with pytest.raises(InputError, match="decompress it first"):
            cut_into_blocks(path)
    with pytest.raises(InputError, match="expected a plain file"):
        cut_into_blocks(tmp_path / "none")


@pytest.mark.slow
def test_workers_write_what_one_aligner_writes(ray_on_two_cores: None, tmp_path: Path) -> None:
    path = corpus(tmp_path)
    done = list(align_with_ray(path, tmp_path / "out", SETTINGS, workers=2, size=2000))
    assert (tmp_path / "out").read_bytes() == expected(path)
    assert len(done) == done[0][1] > 3
    assert sum(one.pairs for one, _ in done) == 103
    assert sum(one.bad for one, _ in done) == 1
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "out"]


@pytest.mark.slow
def test_the_command_line_names_bad_lines_of_the_whole_corpus(
    ray_on_two_cores: None, tmp_path: Path
) -> None:
    path, out = corpus(tmp_path), tmp_path / "out"
    command = f"align --engine ray --device cpu --precision fp32 -i {path} -o {out}"
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0
    assert "corpus.txt:71: expected 'source ||| target'" in done.stderr
    assert "103 pairs, 2 empty, 1 bad, 0 windowed, " in done.stderr
    assert out.read_bytes() == expected(path)


@pytest.mark.slow
def test_a_lost_worker_is_replaced(
    ray_on_two_cores: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, died = corpus(tmp_path), tmp_path / "died"

    class Mortal(BlockWorker):
        """Dies at the second block, once."""

        def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
            if row["number"] == 1 and not died.exists():
                died.touch()
                os._exit(1)
            return super().__call__(row)

    monkeypatch.setattr("xalign.aligning.ray.BlockWorker", Mortal)
    assert list(align_with_ray(path, tmp_path / "out", SETTINGS, workers=2, size=2000))
    assert died.exists()
    assert (tmp_path / "out").read_bytes() == expected(path)


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out, asked = corpus(tmp_path), tmp_path / "out", []
    blocks = cut_into_blocks(path, 2000)

    def one_by_one(
        corpus: Path, parts: Path, settings: AlignerSettings, left: Any, workers: Any
    ) -> Iterator[Any]:
        worker = BlockWorker(str(corpus), str(parts), settings)
        for block in left:
            asked.append(block.number)
            yield worker({"number": block.number, "start": block.start, "stop": block.stop})

    def in_this_process(*arguments: Any) -> Iterator[Any]:
        return (read_report(row["report"]) for row in one_by_one(*arguments))

    monkeypatch.setattr("xalign.aligning.ray.run_workers", in_this_process)
    run = align_with_ray(path, out, SETTINGS, size=2000)
    next(run)
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert not out.exists()
    assert len(list(align_with_ray(path, out, SETTINGS, size=2000))) == len(blocks)
    assert asked == [block.number for block in blocks]
    assert out.read_bytes() == expected(path)


def test_pairs_whose_results_are_not_numbers_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_checkpoint()
    with torch.no_grad():
        model.network.norm.weight[0] = torch.nan
    path = tmp_path / "corpus.txt"
    path.write_text("abc ||| abc\n\nde ||| de\n")
    aligner = Aligner(model, devices=[torch.device("cpu")], threads=1, batch_pieces=64)
    monkeypatch.setattr(Aligner, "from_settings", lambda _: aligner)

    def run_here(
        corpus: Path, parts: Path, settings: AlignerSettings, blocks: Any, workers: Any
    ) -> Iterator[Any]:
        worker = BlockWorker(str(corpus), str(parts), settings)
        for block in blocks:
            yield read_report(worker(asdict(block))["report"])

    monkeypatch.setattr("xalign.aligning.ray.run_workers", run_here)
    monkeypatch.setattr("xalign.aligning.ray.checkpoint_of", lambda _: model)
    done = CliRunner().invoke(app, f"align --engine ray -i {path} -o {tmp_path / 'out'}".split())
    assert done.exit_code == 1
    assert "2 pairs have no links, as their results are not numbers" in done.stderr
    assert (tmp_path / "out").read_text() == "\n\n\n"


def test_parts_of_other_options_are_not_taken(tmp_path: Path) -> None:
    path = corpus(tmp_path)
    parts = open_parts(path, tmp_path / "out", SETTINGS, 100)
    (parts / "00000000.json").write_text(json.dumps({}))
    assert (open_parts(path, tmp_path / "out", SETTINGS, 100) / "00000000.json").exists()
    parts = open_parts(path, tmp_path / "out", replace(SETTINGS, threshold=0.3), 100)
    assert not (parts / "00000000.json").exists()


def test_parts_of_a_model_that_changed_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = corpus(tmp_path)
    monkeypatch.setattr("xalign.aligning.ray.checkpoint_of", lambda _: tiny_checkpoint())
    parts = open_parts(path, tmp_path / "out", SETTINGS, 100)
    (parts / "00000000.json").write_text("{}")
    changed = tiny_checkpoint()
    with torch.no_grad():
        changed.network.norm.weight[0] += 1
    monkeypatch.setattr("xalign.aligning.ray.checkpoint_of", lambda _: changed)
    assert not (open_parts(path, tmp_path / "out", SETTINGS, 100) / "00000000.json").exists()


def test_without_ray_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(EngineError, match=r"pip install 'ray\[data\]'"):
        list(align_with_ray(corpus(tmp_path), tmp_path / "out", SETTINGS))


def test_ray_takes_files_only() -> None:
    done = CliRunner().invoke(app, ["align", "--engine", "ray"])
    assert done.exit_code == 2
    assert "--engine ray takes one file of pairs" in done.stderr

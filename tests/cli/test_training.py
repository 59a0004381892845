"""`xalign train` and `xalign finetune` on the command line, alone and under torchrun."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.conftest import EXAMPLES, run, save

CORPUS = EXAMPLES / "de-en.txt"
SMALL = ["--every", "2", "--device", "cpu", "--threads", "1"]
STAGE_1 = [
    "--self-layers",
    "2",
    "--cross-layers",
    "1",
    "--negatives",
    "10",
    "--init-cross",
    "random",
]


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An encoder of random weights over single letters; corpora are kept beside it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save(tmp_path / "encoder", "xlm-roberta")
    return str(tmp_path / "encoder")


@pytest.mark.slow
def test_both_stages_from_text_to_links(encoder: str, tmp_path: Path) -> None:
    dev, first, second = tmp_path / "dev.txt", tmp_path / "first", tmp_path / "second"
    dev.write_text("ab c ||| ab c\n")
    dev.with_suffix(".talp").write_text("0-0 1-1\n")
    short = [*SMALL, "--steps", "4", "--batch-pieces", "300"]
    done = run(
        "train",
        "-m",
        encoder,
        "-i",
        CORPUS,
        "-i",
        dev,
        "-o",
        first,
        "--dev",
        dev,
        "--temperature",
        "5",
        "--drop-case",
        "0.5",
        *STAGE_1,
        *short,
    )
    assert (done.exit_code, done.stdout) == (0, "")
    lines = [line for line in done.stderr.splitlines() if "are left out" not in line]
    assert [line[:17] for line in lines[:2]] == ["xalign: step 2/4 ", "xalign: step 4/4 "]
    assert lines[2].startswith(f"xalign: the model is in {first} (4 steps, ")
    assert lines[3].startswith("xalign: best AER ")
    assert lines[4] == f"xalign: next: xalign finetune -m {first} -i {CORPUS} -o {first}-2"
    assert "(dev " in lines[0]
    assert " pieces/s  0:0" in lines[1]
    record = json.loads((first / "run.json").read_text())["settings"]
    assert (record["text"]["temperature"], record["augmentation"]["drop_case"]) == (5, 0.5)
    assert record["schedule"]["precision"] == "fp32"
    done = run(
        "finetune",
        "-m",
        first,
        "-i",
        CORPUS,
        "--weight",
        "1",
        "-o",
        second,
        "--max-pieces",
        "30",
        "--scale",
        "0.07",
        "--recut",
        "0.5",
        "--label-threshold",
        "0.3",
        *short,
    )
    assert done.exit_code == 0
    record = json.loads((second / "run.json").read_text())["settings"]
    assert (record["augmentation"]["recut"], record["labels"]["label_threshold"]) == (0.5, [0.3])
    assert "AER" not in done.stderr
    config = json.loads((second / "config.json").read_text())
    assert config["extraction"]["scale"] == 0.07
    aligned = run("align", "-m", second, "-i", CORPUS, "--device", "cpu")
    assert len(aligned.stdout.splitlines()) == 100


@pytest.mark.slow
def test_a_run_is_repeated_by_its_file(encoder: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    options: list[str | Path] = [
        "-m",
        encoder,
        "-i",
        CORPUS,
        "--lr",
        "0.002",
        "--label-threshold",
        "0.2",
        *SMALL,
    ]
    done = run("finetune", *options, "--steps", "3", "--batch-pieces", "300", "-o", first)
    assert done.exit_code == 0, done.stderr
    done = run("finetune", "--config", first / "run.json", *SMALL, "-o", second)
    assert done.exit_code == 0, done.stderr
    ours, theirs = (
        json.loads((run / "run.json").read_text())["settings"] for run in (first, second)
    )
    assert ours == theirs
    weights = [safetensors.torch.load_file(f / "model.safetensors") for f in (first, second)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    done = run("finetune", "--config", first / "run.json", "--steps", "0", "-o", tmp_path / "other")
    assert done.exit_code == 0, done.stderr
    record = json.loads((tmp_path / "other" / "run.json").read_text())["settings"]
    assert record["schedule"] == {**ours["schedule"], "steps": 0}
    done = run("train", "--config", first / "run.json", "-o", tmp_path / "wrong")
    assert done.exit_code == 2
    assert "is a run of xalign finetune" in " ".join(done.stderr.split())
    done = run("finetune", "--config", CORPUS, "-o", tmp_path / "wrong")
    assert "expected the run.json of a run" in " ".join(done.stderr.replace("│", " ").split())


def test_given_links_are_learnt_and_validated_on_a_part_of_them(
    encoder: str, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    links.write_text("0-0\n" * 100)
    done = run(
        "finetune",
        "-m",
        encoder,
        "-i",
        CORPUS,
        "--links",
        links,
        "-o",
        tmp_path / "run",
        "--steps",
        "2",
        "--patience",
        "1",
        "--loss",
        "paper",
        *SMALL,
    )
    assert done.exit_code == 0, done.stderr
    assert "(de-en held out " in done.stderr
    rule = json.loads((tmp_path / "run" / "config.json").read_text())["extraction"]
    assert rule["method"] == "pieces"


def test_an_encoder_gets_the_depth_that_the_paper_gives_to_it(encoder: str, tmp_path: Path) -> None:
    done = run("train", "-m", encoder, "-i", CORPUS, "-o", tmp_path / "run", "--steps", "1", *SMALL)
    assert done.exit_code == 0, done.stderr
    network = json.loads((tmp_path / "run" / "config.json").read_text())["network"]
    layers = [network[f"num_{kind}_layers"] for kind in ("self", "cross")]
    assert (layers, network["align_layer"]) == ([1, 2], 2)


def test_sentences_may_be_in_two_files(encoder: str, tmp_path: Path) -> None:
    sides = zip(*(line.split(" ||| ") for line in CORPUS.read_text().splitlines()), strict=True)
    for name, lines in zip("st", sides, strict=True):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    files = ["-s", tmp_path / "s", "-t", tmp_path / "t"]
    done = run("train", "-m", encoder, *files, "-o", tmp_path / "two", "--steps", "1", *SMALL)
    assert done.exit_code == 0, done.stderr
    assert f"-s {tmp_path / 's'} -t {tmp_path / 't'} -o" in done.stderr
    run("train", "-m", encoder, "-i", CORPUS, "-o", tmp_path / "one", "--steps", "1", *SMALL)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]
    done = run("train", "-m", encoder, "-o", tmp_path / "none")
    assert (done.exit_code, "give sentence pairs: -i FILE" in done.stderr) == (2, True)


def test_other_corpora_take_the_place_of_those_of_a_config(encoder: str, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("a b ||| c d\ne f ||| g h\n")
    command = ["train", "-m", encoder, "-i", CORPUS, "--steps", "1", *SMALL]
    assert run(*command, "-o", tmp_path / "one").exit_code == 0
    repeat = ["train", "--config", tmp_path / "one" / "run.json"]
    for name, files in (("same", []), ("file", [other]), ("option", ["-i", other])):
        done = run(*repeat, *files, "-o", tmp_path / name)
        assert done.exit_code == 0, done.stderr
        text = json.loads((tmp_path / name / "run.json").read_text())["settings"]["text"]
        assert text["input"] == [str(other if files else CORPUS)]
    sides = ["-s", other, "-t", other]
    assert run(*repeat, *sides, "-o", tmp_path / "sides").exit_code == 0
    text = json.loads((tmp_path / "sides" / "run.json").read_text())["settings"]["text"]
    assert (text["input"], text["source"]) == ([], [str(other)])
    done = run(*repeat, "--weight", "1", "--weight", "1", "-o", tmp_path / "bad")
    assert "those of --config are for its own corpora" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--weight", "1", "--weight", "2"], "give a positive --weight once for each corpus"),
        (["--weight", "-1"], "give a positive --weight once for each corpus"),
        (["--links", "a", "--links", "b"], "give --links once for each corpus, in the same order"),
        (["-s", "a"], "give -s and -t as often as each other"),
        (["-s", "a", "-t", "-"], "training reads its files more than once"),
        (
            ["--label-threshold", "0.5", "--label-threshold", "0.5"],
            "give --label-threshold once for each corpus",
        ),
        (["--label-threshold", "5"], "--label-threshold: expected a number from 0 to 0.999"),
        (
            ["--label-threshold", "0.5", "--links", "a"],
            "--label-threshold is for a teacher's links, and there are none",
        ),
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    encoder: str, tmp_path: Path, options: list[str], message: str
) -> None:
    done = run("finetune", "-m", encoder, "-i", CORPUS, "-o", tmp_path / "run", *options)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    model = tmp_path / "odd"
    done = run("train", "-m", model, "-i", CORPUS, "-o", tmp_path / "run", *SMALL)
    assert (done.exit_code, done.stderr) == (1, f"xalign: {model}: no such folder\n")
    model.mkdir()
    (model / "config.json").write_text("{}")
    done = run("train", "-m", model, "-i", CORPUS, "-o", tmp_path / "run", *SMALL)
    assert done.exit_code == 1
    assert "odd' cannot be loaded: " in done.stderr


def test_the_folder_of_a_run_is_not_that_of_another_model(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("train", "-i", CORPUS, "-o", tmp_path / "file")
    assert "file: expected a folder for the run, found a file" in done.stderr
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").touch()
    done = run("train", "-i", CORPUS, "-o", tmp_path / "model")
    assert "model: this folder holds a model already; name another one" in done.stderr


@pytest.mark.slow
def test_two_processes_train_like_one(encoder: str, tmp_path: Path) -> None:
    options = [
        "train",
        "-m",
        encoder,
        "-i",
        str(CORPUS),
        *STAGE_1,
        *SMALL,
        "--steps",
        "2",
        "--batch-pieces",
        "9000",
    ]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo"}
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    for command, name in (([sys.executable], "one"), (torchrun, "two")):
        folders = ["-o", str(tmp_path / name), "--cache", str(tmp_path / f"{name}.cache")]
        whole = [*command, "-m", "xalign", *options, *folders]
        done = subprocess.run(whole, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    one, two = (
        safetensors.torch.load_file(tmp_path / name / "model.safetensors")
        for name in ("one", "two")
    )
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights)

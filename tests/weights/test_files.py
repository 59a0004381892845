"""Model folders of strangers: refused in one line, at once, and without taking memory."""

import json
import os
import random
import resource
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import FUZZ, run_process, save, small_sentencepiece, tiny_checkpoint
from xalign.errors import ModelError
from xalign.model.config import ExtractionRule
from xalign.weights.checkpoint import Checkpoint, load, save_folder
from xalign.weights.files import check_memory, read_json, weight_shapes

RULE = ExtractionRule(method="words", threshold=0.3, scale=0.3)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights."""
    folder = tmp_path_factory.mktemp("saved")
    save_folder(Checkpoint(tiny_checkpoint().network, small_sentencepiece(), RULE), folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of it, to be made hostile."""
    return shutil.copytree(saved, tmp_path / "model")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder as transformers saves it."""
    folder = tmp_path_factory.mktemp("encoder")
    save(folder, "bert")
    return folder


def changed(path: Path, change: Callable[[Any], object]) -> None:
    """Change the value in a JSON file in place."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def set_in(part: str, name: str, value: object) -> Callable[[Path], object]:
    """Change one value of config.json."""
    return lambda folder: changed(
        folder / "config.json", lambda config: config[part].__setitem__(name, value)
    )


def set_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    """Change the weights."""

    def apply(folder: Path) -> None:
        path = folder / "model.safetensors"
        weights = safetensors.torch.load_file(path)
        change(weights)
        safetensors.torch.save_file(weights, path)

    return apply


def with_header(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Change the header of the file of weights."""

    def apply(folder: Path) -> None:
        path = folder / "model.safetensors"
        content = path.read_bytes()
        size = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8 : 8 + size])
        change(header)
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])

    return apply


def overlap(header: dict[str, Any]) -> None:
    """Let two weights of the same shape be the same bytes."""
    twins = [name for name in header if name.endswith("attention_norm.weight")]
    header[twins[0]] = header[twins[1]]


def replace_text(name: str, old: str, new: str) -> Callable[[Path], object]:
    """Replace text in a file."""

    def apply(folder: Path) -> None:
        path = folder / name
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new, 1))

    return apply


def pipe_at(name: str) -> Callable[[Path], object]:
    """A named pipe in place of a file, which nobody ever writes to."""

    def apply(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return apply


def folder_at(name: str) -> Callable[[Path], object]:
    """A folder in place of a file."""

    def apply(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return apply


def sparse(folder: Path) -> None:
    """Sixty gigabytes that take no space on the disk."""
    header = json.dumps(
        {"pieces.weight": {"dtype": "F32", "shape": [15 * 10**9], "data_offsets": [0, 60 * 10**9]}}
    ).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 60 * 10**9)


NAN, INFINITE = float("nan"), float("inf")
FIRST = "layers.0.ffn_in.weight"
HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    **{
        f"{name} {size}": (set_in("network", name, size), f"expected {name} of at most")
        for name in ("vocab_size", "width", "ffn_width", "max_positions", "num_self_layers")
        for size in (10**9, 2**70)
    },
    "larger vocabulary": (set_in("network", "vocab_size", 96), "pieces.weight: expected the shape"),
    "negative size": (set_in("network", "width", -4), "expected sizes of at least 1"),
    "true as size": (set_in("network", "num_heads", True), "expected another type"),
    "calibration 3": (set_in("extraction", "calibration", 3), "calibration of pairs of numbers"),
    "calibration null": (set_in("extraction", "calibration", None), "calibration of pairs"),
    "calibration text": (set_in("extraction", "calibration", "ab"), "calibration of pairs"),
    "calibration deep": (set_in("extraction", "calibration", [[[0], 1]]), "calibration of pairs"),
    "scale 0": (set_in("extraction", "scale", 0), "expected a scale over 0"),
    "scale huge": (set_in("extraction", "scale", 1e300), "expected a scale over 0"),
    "scale NaN": (set_in("extraction", "scale", NAN), "expected a number, found NaN"),
    "scale infinite": (set_in("extraction", "scale", INFINITE), "expected a number, found Inf"),
    "epsilon NaN": (set_in("network", "layer_norm_eps", NAN), "expected a number, found NaN"),
    "epsilon negative": (set_in("network", "layer_norm_eps", -1), "expected layer_norm_eps"),
    "epsilon 0": (set_in("network", "layer_norm_eps", 0), "expected layer_norm_eps"),
    "threshold 2": (set_in("extraction", "threshold", 2), "expected a threshold"),
    "curve 3": (
        lambda f: changed(f / "config.json", lambda c: c.update(curve=3)),
        "curve: expected a list",
    ),
    "version true": (
        lambda f: changed(f / "config.json", lambda c: c.update(format_version=True)),
        "expected format_version 1 to 3, found True",
    ),
    "version 1.0": (
        lambda f: changed(f / "config.json", lambda c: c.update(format_version=1.0)),
        "expected format_version 1 to 3, found 1.0",
    ),
    "backbone list": (
        lambda f: changed(f / "config.json", lambda c: c.update(backbone=[1])),
        "expected the backbone",
    ),
    "another backbone": (
        lambda f: changed(f / "config.json", lambda c: c.update(backbone="e5-small")),
        "weights do not fit|expected 250037",
    ),
    "keys twice": (
        replace_text("config.json", '"backbone"', '"backbone": null, "backbone"'),
        "the key 'backbone' occurs twice",
    ),
    "nested deep": (
        replace_text("config.json", '"curve": []', '"curve": ' + "[" * 10**5 + "]" * 10**5),
        "nested too deep",
    ),
    "huge number": (
        replace_text("config.json", '"width": 32', '"width": ' + "9" * 10_000),
        "cannot be read",
    ),
    "not UTF-8": (lambda f: (f / "config.json").write_bytes(b'{"a": "\xff"}'), "UTF-8"),
    "weight NaN": (set_weights(lambda w: w[FIRST].fill_(NAN)), "a weight is not a number"),
    "weight infinite": (set_weights(lambda w: w[FIRST][0].fill_(INFINITE)), f"{FIRST}: a weight"),
    "weight missing": (set_weights(lambda w: w.pop(FIRST)), f"missing '{FIRST}'"),
    "weight too many": (
        set_weights(lambda w: w.update(more=torch.zeros(1))),
        "unexpected 'more'",
    ),
    "weight of another shape": (
        set_weights(lambda w: w.update({FIRST: torch.zeros(48, 31)})),
        "expected the shape",
    ),
    "complex weights": (
        with_header(lambda h: h[FIRST].update(dtype="C64")),
        "found C64",
    ),
    "whole numbers": (
        with_header(lambda h: h[FIRST].update(dtype="I64")),
        "found I64",
    ),
    "sparse file": (sparse, "unexpected|expected the shape|missing"),
    "header too long": (
        lambda f: (f / "model.safetensors").write_bytes(struct.pack("<Q", 2**63) + b"{}"),
        "its header does not fit it",
    ),
    "header deep": (
        lambda f: (
            (f / "model.safetensors").write_bytes(
                struct.pack("<Q", 2 * 10**5) + b"[" * 10**5 + b"]" * 10**5
            )
            and None
        ),
        "nested too deep",
    ),
    "header of a list": (
        lambda f: (f / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"[]"),
        "expected a header",
    ),
    "offsets outside": (
        with_header(lambda h: h[FIRST].update(data_offsets=[0, 2**62])),
        "does not fit its shape",
    ),
    "offsets reversed": (
        with_header(lambda h: h[FIRST].update(data_offsets=[9, 0])),
        "does not fit its shape",
    ),
    "weights of the same bytes": (
        with_header(overlap),
        "overlap",
    ),
    "infinite in fp32": (
        set_weights(lambda w: w.update({FIRST: w[FIRST].double().fill_(1e300)})),
        "a weight is not a number, or infinite",
    ),
    "shape of text": (with_header(lambda h: h[FIRST].update(shape=["a"])), "expected sizes"),
    "shape huge": (with_header(lambda h: h[FIRST].update(shape=[2**70])), "expected sizes"),
    "entry of a number": (with_header(lambda h: h.update({FIRST: 1})), "expected a type, a shape"),
    "weights cut off": (
        lambda f: os.truncate(f / "model.safetensors", 20_000),
        "does not fit its shape",
    ),
    "weights a pipe": (pipe_at("model.safetensors"), "found a folder, a pipe or a device"),
    "tokenizer a pipe": (pipe_at("sentencepiece.model"), "found a folder, a pipe or a device"),
    "tokenizer of nothing": (
        lambda f: (f / "sentencepiece.model").write_bytes(b""),
        "no sentencepiece model|has no pieces",
    ),
    "weights a folder": (folder_at("model.safetensors"), "found a folder, a pipe or a device"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_in_one_line(folder: Path, name: str) -> None:
    change, message = HOSTILE[name]
    change(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=message) as error:
        load(str(folder))
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value) or "tokenizer" in str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_the_folder_itself_is_loaded(folder: Path) -> None:
    assert load(str(folder)).rule == RULE


def test_pieces_beyond_the_vocabulary_are_refused(folder: Path) -> None:
    set_weights(lambda w: w.update({"pieces.weight": w["pieces.weight"][:10].contiguous()}))(folder)
    set_in("network", "vocab_size", 10)(folder)
    with pytest.raises(ModelError, match="expected at most 10 pieces, found a tokenizer of 24"):
        load(str(folder))


def test_a_link_out_of_the_folder_is_followed_only_when_trusted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = folder / "model.safetensors"
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match=r"is a link to .*; add --trust-links to follow it"):
        load(str(folder))
    monkeypatch.setenv("XALIGN_TRUST_LINKS", "1")
    load(str(folder))


def test_links_inside_the_cache_of_the_hub_are_followed(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "models--who--what"
    (cache / "blobs").mkdir(parents=True)
    (cache / "snapshots" / "1234").mkdir(parents=True)
    for path in folder.iterdir():
        path.rename(cache / "blobs" / path.name)
        (cache / "snapshots" / "1234" / path.name).symlink_to(f"../../blobs/{path.name}")
    load(str(cache / "snapshots" / "1234"))
    outside = tmp_path / "models--who--else"
    outside.mkdir()
    (cache / "blobs" / "model.safetensors").rename(outside / "m")
    link = cache / "snapshots" / "1234" / "model.safetensors"
    link.unlink()
    link.symlink_to(outside / "m")
    with pytest.raises(ModelError, match="add --trust-links"):
        load(str(cache / "snapshots" / "1234"))


def test_trust_links_is_an_option_of_all_commands(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = folder / "model.safetensors"
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    text = b"das Haus ||| the house\n"
    done = run_process("align", "-m", folder, stdin=text)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert run_process("align", "-m", folder, "--trust-links", stdin=text).returncode == 0


def far_special_piece(tokenizer: dict[str, Any]) -> None:
    """Give the piece before each sentence a number that the network does not have."""
    first = next(iter(tokenizer["post_processor"]["special_tokens"].values()))
    first["ids"] = [999_999]


ENCODERS: dict[str, tuple[Callable[[Path], object], str]] = {
    **{
        f"{name} {size}": (
            lambda f, name=name, size=size: changed(  # type: ignore[misc]
                f / "config.json", lambda c: c.update({name: size})
            ),
            "expected|memory|cannot be loaded",
        )
        for name in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
        for size in (10**9, 2**70, 5 * 10**6, -1, "a")
    },
    "weights a pipe": (pipe_at("model.safetensors"), "found a folder, a pipe or a device"),
    "tokenizer a pipe": (pipe_at("tokenizer.json"), "found a folder, a pipe or a device"),
    "nested deep": (
        lambda f: (f / "config.json").write_text("[" * 10**5),
        "nested too deep|cannot be read",
    ),
    "tokenizer nested deep": (
        lambda f: (f / "tokenizer.json").write_text("[" * 10**5),
        "nested too deep|cannot be read",
    ),
    "special piece beyond the vocabulary": (
        lambda f: changed(f / "tokenizer.json", far_special_piece),
        "expected one of .*, found a tokenizer of 1000000 pieces",
    ),
    "weight NaN": (
        set_weights(lambda w: w["encoder.layer.0.output.dense.bias"].fill_(NAN)),
        "a weight is not a number",
    ),
    "epsilon negative": (
        lambda f: changed(f / "config.json", lambda c: c.update(layer_norm_eps=-1.0)),
        "expected layer_norm_eps",
    ),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_a_hostile_encoder_is_refused_in_one_line(encoder: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(encoder, tmp_path / "encoder")
    change, message = ENCODERS[name]
    change(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=message) as error:
        load(str(folder))
    assert "\n" not in str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_weights_larger_than_the_memory_are_refused() -> None:
    with pytest.raises(ModelError, match=r"^m: its weights take 4,000,000 GB in memory; this mach"):
        check_memory({"a": (10**9, 10**6)}, "m")
    check_memory({"a": (10, 10)}, "m")


def test_a_file_of_json_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xalign.weights.files.MAX_JSON_BYTES", 10)
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert read_json(tmp_path / "a.json") == {"a": 1}
    (tmp_path / "a.json").write_text('{"a": 1000}')
    with pytest.raises(ModelError, match="expected at most 10 bytes"):
        read_json(tmp_path / "a.json")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150 * FUZZ)
@given(st.data())
def test_any_change_of_a_configuration_loads_or_is_one_error(
    saved: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fuzzed")
    for path in saved.iterdir():
        (folder / path.name).symlink_to(path)
    config = json.loads((saved / "config.json").read_text())
    part = data.draw(st.sampled_from([config, config["network"], config["extraction"]]))
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(VALUES)
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(config))
    os.environ["XALIGN_TRUST_LINKS"] = "1"
    try:
        load(str(folder))
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017
    finally:
        del os.environ["XALIGN_TRUST_LINKS"]
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "sentencepiece.model"])
def test_damaged_bytes_load_or_are_one_error(folder: Path, name: str) -> None:
    draw = random.Random(0 if FUZZ == 1 else None)
    whole = (folder / name).read_bytes()
    for _ in range(150 * FUZZ):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 5)):
            place = draw.randrange(min(len(content), draw.choice([50, 3000, 10**9])))
            content[place : place + draw.randint(0, 3)] = draw.randbytes(draw.randint(0, 3))
        (folder / name).write_bytes(content)
        try:
            load(str(folder))
        except ModelError as error:
            assert "\n" not in str(error)  # noqa: PT017


@given(st.binary(max_size=200))
def test_any_header_is_shapes_or_one_error(content: bytes) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"header-{os.getpid()}"
    path.write_bytes(struct.pack("<Q", len(content)) + content)
    try:
        weight_shapes(path)
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017
    finally:
        path.unlink()


def in_two_files(folder: Path, names: tuple[str, str]) -> None:
    """Divide the weights of an encoder among two files, which an index names."""
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    keys = sorted(weights)
    halves = keys[: len(keys) // 2], keys[len(keys) // 2 :]
    where = {key: name for half, name in zip(halves, names, strict=True) for key in half}
    for half, name in zip(halves, names, strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        part = {key: weights[key] for key in half}
        if name.endswith(".bin"):
            torch.save(part, folder / name)
        else:
            safetensors.torch.save_file(part, folder / name, {"format": "pt"})
    index = {"metadata": {"total_size": 1}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_an_encoder_in_several_files_is_checked_like_one(encoder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(encoder, tmp_path / "encoder")
    in_two_files(folder, ("a.safetensors", "b.safetensors"))
    (folder / "modules.json").write_text("[]")  # of sentence-transformers, which is not read
    (folder / "trainer_state.json").write_text('{"loss": NaN}')
    assert load(str(folder)).network.config.width == 32
    (folder / "b.safetensors").unlink()
    with pytest.raises(ModelError, match=r"b\.safetensors"):
        load(str(folder))
    os.mkfifo(folder / "b.safetensors")
    with pytest.raises(ModelError, match="found a folder, a pipe or a device"):
        load(str(folder))


@pytest.mark.parametrize("name", ["evil.bin", "../outside.safetensors", "sub/m.safetensors"])
def test_an_index_names_safetensors_beside_it_alone(
    encoder: Path, tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(encoder, tmp_path / "encoder")
    in_two_files(folder, ("a.safetensors", name))
    with pytest.raises(ModelError, match="expected a weight_map of files"):
        load(str(folder))

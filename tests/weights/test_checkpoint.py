"""Model folders."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import tokenizers
import torch
from tokenizers import models

from tests.conftest import save, small_sentencepiece, tiny_checkpoint, tiny_config, tiny_network
from xalign.errors import ModelError
from xalign.model.config import Depth, ExtractionRule
from xalign.model.packing import pack_pairs
from xalign.model.pieces import PieceSentence
from xalign.weights.backbones import separate
from xalign.weights.checkpoint import DEFAULT, Checkpoint, from_mapping, load, save_folder
from xalign.weights.names import E5_SMALL

BATCH = pack_pairs(
    [(PieceSentence([0, 5, 6, 2], [-1, 0, 1, -1]), PieceSentence([0, 7, 2], [-1, 0, -1]))]
)
RULE = ExtractionRule(method="pieces", threshold=0.3, scale=0.06, null_word=True)


@torch.no_grad()
def test_a_folder_gives_back_the_model_that_was_saved(tmp_path: Path) -> None:
    save(tmp_path / "encoder", "xlm-roberta")
    loaded = load(str(tmp_path / "encoder"))
    saved = Checkpoint(loaded.network, loaded.tokenizer, RULE)
    save_folder(saved, tmp_path / "model")
    found = load(str(tmp_path / "model"))
    assert (found.rule, found.network.config) == (RULE, saved.network.config)
    assert torch.equal(found.network(BATCH)[0], saved.network(BATCH)[0])
    assert found.tokenizer.word_pieces(["abc", "x"]) == saved.tokenizer.word_pieces(["abc", "x"])
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "README.md"}


@torch.no_grad()
def test_a_folder_on_the_embedded_encoder_leaves_out_what_the_package_has(tmp_path: Path) -> None:
    saved = load(E5_SMALL, separate(1))
    save_folder(saved, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "model.safetensors",
        "README.md",
    }
    found = load(str(tmp_path))
    assert torch.equal(found.network(BATCH)[0], saved.network(BATCH)[0])
    assert found.tokenizer.word_pieces(["Haus"]) == saved.tokenizer.word_pieces(["Haus"])


@torch.no_grad()
def test_only_trained_weights_are_kept_and_the_rest_comes_from_the_package(tmp_path: Path) -> None:
    depth = Depth(num_self_layers=2, num_cross_layers=1, align_layer=3)
    saved = load(E5_SMALL, depth, seed=1)
    saved.network.layers[1].get_parameter("ffn_in.bias").add_(1)
    save_folder(saved, tmp_path, torch.float16, "a card")
    weights = safetensors.torch.load_file(tmp_path / "model.safetensors")
    lower = {name for name in weights if not name.startswith("layers.2")}
    assert lower == {"layers.1.ffn_in.bias"}
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    assert (tmp_path / "README.md").read_text() == "a card"
    found = load(str(tmp_path)).network.state_dict()
    for name, value in saved.network.state_dict().items():
        expected = value.half().float() if name in weights else value
        assert torch.equal(found[name], expected), name


def test_the_model_that_xalign_comes_with_is_small_and_has_a_card() -> None:
    sizes = load().network.config
    assert (sizes.num_self_layers, sizes.num_cross_layers, sizes.align_layer) == (7, 1, 8)
    files = {path.name: path.stat().st_size for path in DEFAULT.iterdir()}
    assert files.keys() == {"config.json", "model.safetensors", "README.md"}
    assert sum(files.values()) < 40e6
    card = (DEFAULT / "README.md").read_text()
    assert all(word in card for word in ("licence", "How it was made", "AER", "Limits"))


def test_a_sentencepiece_model_is_kept_with_its_network(tmp_path: Path) -> None:
    tokenizer = small_sentencepiece()
    save_folder(Checkpoint(tiny_checkpoint().network, tokenizer, RULE), tmp_path)
    assert load(str(tmp_path)).tokenizer.word_pieces(["Haus"]) == tokenizer.word_pieces(["Haus"])


def change(folder: Path, **values: Any) -> None:
    """Change keys of the folder's config; ``...`` removes one."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny model."""
    folder = tmp_path_factory.mktemp("saved")
    tokenizer = small_sentencepiece()
    save_folder(Checkpoint(tiny_checkpoint().network, tokenizer, RULE), folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of `saved`, to be damaged."""
    return shutil.copytree(saved, tmp_path / "model")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"format_version": 4},
            r"config\.json: expected format_version 1 to 3, found 4; upgrade xalign",
        ),
        ({"color": "red"}, r"but see \['color'\]"),
        ({"extraction": ...}, r"but see \['extraction'\]"),
        (
            {"extraction": {"method": "argmax", "temperature": 1}},
            "unexpected key 'temperature'",
        ),
        (
            {"extraction": {"method": "best"}},
            "expected an extraction method of words, pieces, argmax, binary, found 'best'",
        ),
        ({"network": {"width": 32}}, "missing 7 required keyword-only arguments"),
        ({"network": {"width": "32"}}, "width: expected another type, found '32'"),
        ({"extraction": {"null_word": 1}}, "null_word: expected another type, found 1"),
        ({"extraction": {"scale": None}}, "scale: expected another type, found None"),
        ({"network": [1]}, r"expected an object, found \[1\]"),
        ({"backbone": "bert"}, "expected the backbone 'e5-small' or null"),
    ],
)
def test_a_config_that_says_something_else_is_refused(
    folder: Path, values: dict[str, Any], message: str
) -> None:
    change(folder, **values)
    with pytest.raises(ModelError, match=message):
        load(str(folder))


def test_weights_that_do_not_fit_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(folder, network={**config["network"], "num_cross_layers": 2})
    with pytest.raises(ModelError, match=r"weights do not fit config\.json: missing 'layers.3"):
        load(str(folder))


def test_damaged_or_missing_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read"):
        load(str(folder))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read: No such file"):
        load(str(folder))


def test_impossible_sizes_are_refused(folder: Path) -> None:
    network = json.loads((folder / "config.json").read_text())["network"]
    for name in ("num_heads", "vocab_size"):
        change(folder, network={**network, name: 0})
        with pytest.raises(ModelError, match="expected sizes of at least 1"):
            load(str(folder))


def test_a_missing_or_damaged_tokenizer_is_refused(folder: Path) -> None:
    (folder / "sentencepiece.model").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="no sentencepiece model"):
        load(str(folder))
    (folder / "sentencepiece.model").unlink()
    with pytest.raises(ModelError, match=r"sentencepiece\.model: cannot be read"):
        load(str(folder))
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json: cannot be read"):
        load(str(folder))
    tokenizers.Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(
        str(folder / "tokenizer.json")
    )
    with pytest.raises(ModelError, match="puts no special pieces around a text"):
        load(str(folder))


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_config_that_is_no_object_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json: "):
        load(str(folder))


def test_a_trained_model_has_its_own_layer(folder: Path) -> None:
    with pytest.raises(ModelError, match="drop --layer"):
        load(str(folder), separate(3))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_may_not_be_read_is_called_that(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_folder(tiny_checkpoint(), tmp_path / "model")
    plain = Path.open

    def locked(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name == name:
            raise PermissionError(13, "Permission denied", str(self))
        return plain(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(ModelError, match=f"{name}: cannot be read: Permission denied$"):
        load(str(tmp_path / "model"))


def test_a_pair_head_is_kept_with_its_weights(tmp_path: Path) -> None:
    network = tiny_network(replace(tiny_config(), pair_size=8))
    weights = (1.0, 2.0, 0.0, 0.5, -1.0, 0.25, 3.0)
    rule = replace(RULE, pair_weights=weights)
    save_folder(Checkpoint(network, small_sentencepiece(), rule), tmp_path)
    found = load(str(tmp_path))
    assert found.rule.pair_weights == weights
    assert found.network.pair_head is not None
    ours, theirs = found.network.state_dict(), network.state_dict()
    assert {name for name in ours if name.startswith("pair_head.")} == {
        "pair_head.project.weight",
        "pair_head.project.bias",
    }
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("version", [1, 2])
def test_folders_of_earlier_versions_load(folder: Path, version: int) -> None:
    config = json.loads((folder / "config.json").read_text())
    network = {k: v for k, v in config["network"].items() if k != "pair_size"}
    extraction = {k: v for k, v in config["extraction"].items() if k != "pair_weights"}
    change(folder, format_version=version, network=network, extraction=extraction)
    assert load(str(folder)).network.pair_head is None


@pytest.mark.parametrize("weights", [[1.0], 3, "1234567", [float("1e9")] * 7, [None] * 7])
def test_pair_weights_are_seven_numbers_or_none(folder: Path, weights: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(folder, extraction={**config["extraction"], "pair_weights": weights})
    with pytest.raises(ModelError, match="pair_weights"):
        load(str(folder))


@pytest.mark.parametrize("value", [None, False])
def test_a_key_of_any_characters_is_one_line(value: object, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"unexpected key '\\n'$"):
        from_mapping(ExtractionRule, {"\n": value}, tmp_path / "config.json")

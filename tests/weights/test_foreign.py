"""Foreign encoders: our layers against transformers' own, from folders made here."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import transformers

from tests.conftest import save
from xalign.aligning.aligner import Aligner
from xalign.errors import ModelError
from xalign.model.config import Depth
from xalign.model.packing import pack_pairs
from xalign.model.pieces import PieceSentence
from xalign.weights.backbones import separate
from xalign.weights.foreign import load_foreign


def sentence(*ids: int) -> PieceSentence:
    """A sentence of these pieces."""
    return PieceSentence(ids, [-1, *range(len(ids) - 2), -1])


@torch.no_grad()
@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_every_layer_equals_that_of_transformers(tmp_path: Path, kind: str) -> None:
    encoder = save(tmp_path, kind)
    network, _ = load_foreign(str(tmp_path), separate(3))
    src, tgt = sentence(2, 7, 8, 9, 3), sentence(2, *range(5, 30), 3)
    batch = pack_pairs([(src, tgt)])
    pad = encoder.config.pad_token_id
    ids = torch.full((2, len(tgt)), pad)
    ids[0, : len(src)], ids[1] = torch.tensor(src.ids), torch.tensor(tgt.ids)
    theirs = encoder(
        ids, attention_mask=batch.mask[:, : len(tgt)].long(), output_hidden_states=True
    )
    for ours, states in zip(network.layer_states(batch), theirs.hidden_states, strict=True):
        mask = batch.mask[:, : len(tgt)]
        torch.testing.assert_close(batch.unpack(ours)[:, : len(tgt)][mask], states[mask])


@pytest.mark.parametrize(("kind", "around"), [("bert", (2, 3)), ("xlm-roberta", (0, 2))])
def test_special_pieces_come_from_the_tokenizer(
    tmp_path: Path, kind: str, around: tuple[int, int]
) -> None:
    save(tmp_path, kind)
    _, tokenizer = load_foreign(str(tmp_path))
    sentence = tokenizer.encode(["abc", "d"])
    assert (sentence.ids[0], sentence.ids[-1]) == around
    assert [word for word in sentence.words if word >= 0] == [0, 0, 0, 1]


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_a_folder_of_transformers_aligns(tmp_path: Path, kind: str) -> None:
    save(tmp_path, kind)
    aligner = Aligner.from_pretrained(str(tmp_path), device="cpu")
    assert aligner.network.config.align_layer == 2
    assert (0, 0) in aligner.align_pair("abc", "abc")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "relu"}, "expected hidden_act 'gelu', found 'relu'"),
        ({"is_decoder": True}, "is_decoder"),
    ],
)
def test_another_architecture_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    save(tmp_path, "bert", **changes)
    with pytest.raises(ModelError, match=message):
        load_foreign(str(tmp_path))


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    transformers.GPT2Config(n_layer=1).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="expected model_type 'bert', found 'gpt2'"):
        load_foreign(str(tmp_path))


def test_an_encoder_without_some_of_its_weights_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "bert")
    path = tmp_path / "model.safetensors"
    state = safetensors.torch.load_file(path)
    kept = {name: value for name, value in state.items() if "layer.1." not in name}
    safetensors.torch.save_file(kept, path, {"format": "pt"})
    with pytest.raises(ModelError, match=r"its weights lack, or misshape, encoder\.layer\.1"):
        load_foreign(str(tmp_path))
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="its header does not fit it"):
        load_foreign(str(tmp_path))


def test_an_encoder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "bert")
    for path in tmp_path.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ModelError, match=r"tokenizer|cannot be loaded"):
        load_foreign(str(tmp_path))


@torch.no_grad()
@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_cross_layers_start_from_the_next_layers_or_at_random(tmp_path: Path, kind: str) -> None:
    save(tmp_path, kind)
    depth = Depth(num_self_layers=1, num_cross_layers=2, align_layer=2)
    whole, _ = load_foreign(str(tmp_path), separate(3))
    copied, _ = load_foreign(str(tmp_path), depth)
    first, same, other = (load_foreign(str(tmp_path), depth, seed)[0] for seed in (1, 1, 2))
    assert [getattr(layer, "is_cross") for layer in copied.layers] == [False, True, True]  # noqa: B009
    name = "layers.2.ffn_in.weight"
    states = [network.state_dict()[name] for network in (whole, copied, first, same, other)]
    equal = [[torch.equal(a, b) for b in states] for a in states]
    assert equal[0] == [True, True, False, False, False]
    assert equal[2] == [False, False, True, True, False]
    assert 0.01 < float(states[2].std()) < 0.03
    with pytest.raises(ModelError, match="expected a layer from 0 to 3, found 4"):
        load_foreign(str(tmp_path), Depth(num_self_layers=2, num_cross_layers=2, align_layer=3))


def test_a_folder_that_is_no_model_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded: .*expected a model folder"):
        load_foreign(str(tmp_path))

"""A model is a folder: ``config.json``, ``model.safetensors``, a tokenizer file, ``README.md``.

A folder made from the embedded encoder names it as its backbone and leaves out what it would only
copy: the piece embeddings, the tokenizer and all weights that were not trained, which come from the
installed package. The model that xalign comes with is such a folder.
"""

import dataclasses
import errno
import hashlib
import json
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from xalign.errors import ModelError
from xalign.io.outputs import whole
from xalign.model.config import CrossAlignConfig, Depth, ExtractionRule
from xalign.model.cross_align import CrossAlign
from xalign.weights.backbones import (
    E5_SMALL_RULE,
    PackedEmbedding,
    load_e5_small,
    packed_state,
)
from xalign.weights.embedded import embedded_encoder
from xalign.weights.files import read_json, read_weights
from xalign.weights.foreign import load_foreign
from xalign.weights.names import DEFAULT_NAME, E5_SMALL, check_name
from xalign.weights.packed import PackedEncoder
from xalign.weights.tokenizer import Tokenizer, read_tokenizer

Value = TypeVar("Value")
DEFAULT = Path(__file__).parent / "default"
"""The model that xalign comes with."""
FORMAT_VERSION = 3
"""Version 1 knows neither windows nor link heads, version 2 no pair heads."""
EXPECTED_TYPES: dict[Any, Any] = {int: int, float: (int, float), bool: bool}
"""Types that JSON may have for the type of a field; a Literal checks itself."""
KEYS = {"format_version", "backbone", "network", "extraction", "curve"}
CARD = """\
# An xalign model

Links words of sentence pairs: `xalign align -m FOLDER -i corpus.txt`. {layers}.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Mean AER (a share of 1) over the development sets, for one way to read off links."""

    layer: int
    scale: float
    threshold: float
    aer: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that aligning needs: a network, its tokenizer, and the rule that reads off links.

    ``curve`` has the AER by which the rule and the alignment layer were chosen, if they were.
    """

    network: CrossAlign
    tokenizer: Tokenizer
    rule: ExtractionRule
    curve: tuple[CurvePoint, ...] = ()


def load(
    name: str = DEFAULT_NAME,
    depth: Depth | None = None,
    seed: int | None = None,
    *,
    as_stored: bool = False,
) -> Checkpoint:
    """The model called ``name``: ``default``, which xalign comes with; else a folder or hub name.

    An encoder that was never trained to align can be given another ``depth``, with cross-attention
    layers to be trained. With a ``seed`` these are random; else they start from its next layers.
    Weights are fp32; ``as_stored``, those that a folder has in 16 bits stay so, to save memory.

    Errors: `ModelError` when nothing under that name can be loaded.
    """
    if name == E5_SMALL:
        return Checkpoint(*load_e5_small(depth, seed), E5_SMALL_RULE)
    check_name(name)
    folder = DEFAULT if name == DEFAULT_NAME else Path(name)
    config = folder / "config.json"
    if name == DEFAULT_NAME or (config.is_file() and "format_version" in read_json(config)):
        if depth is not None:
            raise ModelError(
                f"{name}: a trained model has its layers in config.json; drop --layer, or "
                f"name an encoder that was not trained to align, such as -m {E5_SMALL}"
            )
        checkpoint = load_folder(folder)
        if not as_stored:
            checkpoint.network.float()
        return checkpoint
    return Checkpoint(*load_foreign(name, depth, seed), ExtractionRule())


def load_folder(folder: Path) -> Checkpoint:
    """The model that `save_folder` wrote into ``folder``, its weights in their stored types."""
    path = folder / "config.json"
    config = read_json(path)
    version = config["format_version"]
    if type(version) is not int or version not in range(1, FORMAT_VERSION + 1):
        expected = f"expected format_version 1 to {FORMAT_VERSION}"
        raise ModelError(f"{path}: {expected}, found {version!r}; upgrade xalign")
    if unexpected := KEYS ^ config.keys():
        raise ModelError(f"{path}: expected the keys {sorted(KEYS)}, but see {sorted(unexpected)}")
    sizes = from_mapping(CrossAlignConfig, config["network"], path)
    rule = from_mapping(ExtractionRule, config["extraction"], path)
    if rule.method == "binary" and not sizes.has_link_head:
        raise ModelError(f"{path}: expected link_channels for the method 'binary'")
    is_packed = config["backbone"] == E5_SMALL
    if not is_packed and config["backbone"] is not None:
        raise ModelError(f"{path}: expected the backbone {E5_SMALL!r} or null")
    with torch.device("meta"):  # sizes alone, without memory
        network = CrossAlign(sizes, nn.Module() if is_packed else None)
    shapes = {name: data.shape for name, data in network.state_dict().items()}
    state = read_weights(folder / "model.safetensors", shapes, may_lack=is_packed)
    if is_packed:
        packed, tokenizer = embedded_encoder()
        check_sizes(sizes, packed, path)
        network.pieces = PackedEmbedding(packed.tensors["emb.word"], packed.width)
        state = complete(state, network, packed)
    else:
        tokenizer = read_tokenizer(folder)
    if tokenizer.num_pieces > sizes.vocab_size:
        found = f"a tokenizer of {tokenizer.num_pieces} pieces"
        raise ModelError(f"{path}: expected at most {sizes.vocab_size} pieces, found {found}")
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:  # missing weights, one a line
        reason = str(error).splitlines()[1].strip()
        raise ModelError(f"{folder}: weights do not fit config.json: {reason}") from error
    if not isinstance(config["curve"], list):
        raise ModelError(f"{path}: curve: expected a list, found {config['curve']!r}")
    curve = tuple(from_mapping(CurvePoint, point, path) for point in config["curve"])
    return Checkpoint(network, tokenizer, rule, curve)


def check_sizes(sizes: CrossAlignConfig, packed: PackedEncoder, path: Path) -> None:
    """Raise `ModelError` unless a network of ``sizes`` can start from a packed encoder."""
    for name in ("vocab_size", "width", "num_heads", "ffn_width", "max_positions"):
        expected, found = getattr(packed, name), getattr(sizes, name)
        if found != expected:
            raise ModelError(f"{path}: {name}: expected {expected} of {E5_SMALL}, found {found}")


def complete(
    state: dict[str, Tensor], network: CrossAlign, packed: PackedEncoder
) -> dict[str, Tensor]:
    """``state``, with the package's weights where it lacks those of lower layers of ``network``."""
    lacking = network.state_dict().keys() - state.keys()
    lower = range(network.config.num_self_layers)
    layers = [k for k in lower if any(name.startswith(f"layers.{k}.") for name in lacking)]
    return packed_state(packed, max(layers, default=-1) + 1) | state


def digest(checkpoint: Checkpoint) -> str:
    """SHA-256 of all that the links of a model depend on."""
    network = checkpoint.network
    found = hashlib.sha256(checkpoint.tokenizer.content)
    found.update(repr((network.config, checkpoint.rule)).encode())
    for name, data in sorted([*network.named_parameters(), *network.named_buffers()]):
        data = data.detach().float() if data.is_floating_point() else data
        found.update(f"{name} {tuple(data.shape)}".encode())
        found.update(data.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


def trained_weights(network: CrossAlign) -> dict[str, Tensor]:
    """Weights of a ``network`` on the embedded encoder that the package does not have."""
    state = dict(network.state_dict())
    kept = packed_state(embedded_encoder()[0], network.config.num_self_layers)
    for name, value in kept.items():
        if torch.equal(value, state[name].cpu()):
            del state[name]
    return state


def save_folder(
    checkpoint: Checkpoint, folder: Path, dtype: torch.dtype = torch.float32, card: str = ""
) -> None:
    """Write ``checkpoint`` into ``folder``, made if needed; each file whole or not at all.

    Weights are stored as ``dtype``. A ``card`` takes the place of the short one.
    """
    network, tokenizer = checkpoint.network, checkpoint.tokenizer
    is_packed = isinstance(network.pieces, PackedEmbedding)
    config = {
        "format_version": FORMAT_VERSION,
        "backbone": E5_SMALL if is_packed else None,
        "network": dataclasses.asdict(network.config),
        "extraction": dataclasses.asdict(checkpoint.rule),
        "curve": [dataclasses.asdict(point) for point in checkpoint.curve],
    }
    sizes = network.config
    layers = f"{sizes.num_self_layers} self-attention and {sizes.num_cross_layers} cross-attention"
    read_off = f"links are read off layer {sizes.align_layer}"
    card = card or CARD.format(layers=f"{layers} layers; {read_off}")
    folder.mkdir(parents=True, exist_ok=True)
    if not is_packed:
        with whole_file(folder / tokenizer.file) as part:
            part.write_bytes(tokenizer.content)
    state = trained_weights(network) if is_packed else network.state_dict()
    state = {name: data.to(dtype).contiguous() for name, data in state.items()}
    with whole_file(folder / "model.safetensors") as part:
        safetensors.torch.save_file(state, part)
    with whole_file(folder / "README.md") as part:
        part.write_text(card, encoding="utf-8")
    with whole_file(folder / "config.json") as part:
        part.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which takes its place once it is whole.

    Errors: `OSError`, for example on a full disk; the file at ``path`` stays as it was.
    """
    try:
        with whole(path) as part:
            yield part
    except safetensors.SafetensorError as error:
        raise OSError(errno.EIO, str(error), str(path)) from error


def from_mapping(kind: type[Value], values: dict[str, Any], path: Path) -> Value:
    """A dataclass of ``kind`` from JSON; unknown or missing keys and other types are errors."""
    if not isinstance(values, dict):
        raise ModelError(f"{path}: expected an object, found {values!r}")
    hints = typing.get_type_hints(kind)
    for key, value in values.items():
        if key not in hints:
            raise ModelError(f"{path}: unexpected key {key!r}")
        expected = EXPECTED_TYPES.get(hints[key], object)
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            raise ModelError(f"{path}: {key}: expected another type, found {value!r}")
    try:
        return kind(**values)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except TypeError as error:
        raise ModelError(f"{path}: {str(error).partition('__init__() ')[2]}") from error

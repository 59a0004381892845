"""Encoders of others: any of BERT's or XLM-R's shape, by folder or hub name.

Their weights come in through the tables of names below and nowhere else.
"""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from xalign.errors import ModelError
from xalign.model.config import MAX_SIZES, CrossAlignConfig, Depth
from xalign.model.cross_align import CrossAlign
from xalign.weights.backbones import E5_SMALL_LAYER, check_depth, grow, separate
from xalign.weights.files import (
    check_file,
    check_memory,
    finite,
    read_any_json,
    read_json,
    weight_shapes,
)
from xalign.weights.names import E5_SMALL, is_offline
from xalign.weights.tokenizer import Tokenizer, json_tokenizer

if TYPE_CHECKING:
    import transformers

BERT_NAMES = {
    "attention_out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "ffn_in": "intermediate.dense",
    "ffn_out": "output.dense",
    "ffn_norm": "output.LayerNorm",
}
BERT_QUERY_KEY_VALUE = tuple(f"attention.self.{name}" for name in ("query", "key", "value"))
INDEX = "model.safetensors.index.json"
READ_JSON = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    INDEX,
)
READ_SUFFIXES = (".safetensors", ".model", ".txt")
"""Files of an encoder that transformers reads."""
PARTS = ("embeddings.", "encoder.")
"""Beginnings of the names of weights, behind the name of the kind of encoder."""
FOREIGN_TYPES = {"bert": 0, "xlm-roberta": 2}
"""Kinds of encoder that can be loaded, and the position id of the first piece in each."""


def training_depth(name: str) -> Depth:
    """The default depth at which the encoder called ``name`` is trained.

    The embedded one keeps its layers up to the one that links best, and gets two cross layers on
    top. Others are treated as the paper treats mBERT: cross layers replace the upper two of
    12 layers (m=10, n=2, c=11).
    """
    if name == E5_SMALL:
        m = E5_SMALL_LAYER
        return Depth(num_self_layers=m, num_cross_layers=2, align_layer=m + 1)
    import transformers

    try:
        check_folder(Path(name))
        config = transformers.AutoConfig.from_pretrained(
            name, local_files_only=is_offline(), trust_remote_code=False
        )
        num_layers = config.num_hidden_layers
    except ModelError:
        raise
    except Exception as error:  # transformers raises all kinds
        raise ModelError(cannot_load(name, error)) from error
    kept = max(0, num_layers - 2)
    return Depth(num_self_layers=kept, num_cross_layers=2, align_layer=kept + 1)


def cannot_load(name: str, error: Exception) -> str:
    """Error message for an encoder that transformers does not load."""
    reason = str(error).strip().splitlines()[0]
    return (
        f"model {name!r} cannot be loaded: {reason}; expected a model folder, "
        f"'{E5_SMALL}', or an encoder with config.json, model.safetensors and a tokenizer"
    )


def load_foreign(
    name: str, depth: Depth | None = None, seed: int | None = None
) -> tuple[CrossAlign, Tokenizer]:
    """Load an encoder by folder or hub name through transformers; safetensors only.

    By default it aligns without training, by two thirds of its layers (layer 8 of 12), as in
    SimAlign; for ``depth`` and ``seed`` see `grow`.

    Errors: `ModelError` when it cannot be found, or is not BERT- or XLM-R-shaped.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        local = {"local_files_only": is_offline(), "trust_remote_code": False}
        check_folder(Path(name))
        config = transformers.AutoConfig.from_pretrained(name, **local)
        check_foreign(name, config)
        check_shapes(name, config, local)
        encoder, info = transformers.AutoModel.from_pretrained(
            name, use_safetensors=True, add_pooling_layer=False, output_loading_info=True, **local
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, use_fast=True, **local)
    except ModelError:
        raise
    except Exception as error:  # transformers raises all kinds
        raise ModelError(cannot_load(name, error)) from error
    if absent := sorted(info["missing_keys"]) + sorted(map(str, info["mismatched_keys"])):
        raise ModelError(f"model {name!r}: its weights lack, or misshape, {absent[0]}")
    state = encoder.float().state_dict()
    for key, data in state.items():
        finite(data, key, Path(name))
    network = from_bert(config, state, depth or two_thirds(config.num_hidden_layers), seed)
    return network, check_vocabulary(name, json_tokenizer(tokenizer.backend_tokenizer), config)


def check_folder(folder: Path) -> None:
    """Check the files in the ``folder`` of an encoder that transformers reads.

    Errors: `ModelError`.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name in READ_JSON or path.suffix in READ_SUFFIXES:
            check_file(path)
        if path.name in READ_JSON:
            read_any_json(path)


def check_shapes(name: str, config: "transformers.PretrainedConfig", local: dict[str, Any]) -> None:
    """Check that an encoder's weights are those that its ``config`` promises, and fit in memory.

    Errors: `ModelError`.
    """

    sizes = foreign_sizes(config, separate(0))
    depth, width = config.num_hidden_layers, sizes.width
    if not 0 <= depth <= MAX_SIZES["num_self_layers"]:
        raise ModelError(f"model {name!r}: expected some layers, found {depth}")
    expected: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (sizes.vocab_size, width),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, width),
    }
    for layer in range(depth):
        expected[f"encoder.layer.{layer}.intermediate.dense.weight"] = (sizes.ffn_width, width)
    check_memory(expected, name)
    found: dict[str, tuple[int, ...]] = {}
    for path in weight_files(name, local["local_files_only"]):
        found |= weight_shapes(path)
    check_memory(found, name)
    ends = {key[key.find(start) :]: key for key in found for start in PARTS if start in key}
    for key, shape in expected.items():
        if key in ends and found[ends[key]] != shape:
            wrong = f"{key}: expected the shape {list(shape)}, found {list(found[ends[key]])}"
            raise ModelError(f"model {name!r}: weights do not fit config.json: {wrong}")


def weight_files(name: str, is_local: bool) -> list[Path]:
    """The files of weights of an encoder: one, or those that an index names.

    Errors: `ModelError` when the index names other files than safetensors beside it.
    """
    import transformers

    def file(part: str) -> Path | None:
        found: str | None = transformers.utils.cached_file(
            name, part, local_files_only=is_local, _raise_exceptions_for_missing_entries=False
        )
        return None if found is None else Path(found)

    if (one := file("model.safetensors")) is not None:
        return [one]
    if (index := file(INDEX)) is None:
        raise ModelError(cannot_load(name, FileNotFoundError("it has no model.safetensors")))
    parts = read_json(index).get("weight_map")
    names = sorted(set(map(str, parts.values()))) if isinstance(parts, dict) else []
    if not names or not all(re.fullmatch(r"[\w.-]+\.safetensors", part) for part in names):
        raise ModelError(f"{index}: expected a weight_map of files .safetensors beside it")
    found = [file(part) for part in names]
    if None in found:
        missing = names[found.index(None)]
        raise ModelError(f"model {name!r}: {missing} is missing")
    return [path for path in found if path is not None]


def two_thirds(num_layers: int) -> Depth:
    """The depth at which an untrained encoder of ``num_layers`` links well."""
    return separate(round(num_layers * 2 / 3))


def check_vocabulary(name: str, tokenizer: Tokenizer, config: Any) -> Tokenizer:
    """Return ``tokenizer``, unless it is an empty stand-in for one that the folder lacks, or has
    pieces that the model has not."""
    if not config.vocab_size / 2 <= tokenizer.num_pieces <= config.vocab_size:
        found = f"a tokenizer of {tokenizer.num_pieces} pieces"
        raise ModelError(f"model {name!r}: expected one of {config.vocab_size}, found {found}")
    return tokenizer


def check_foreign(name: str, config: "transformers.PretrainedConfig") -> None:
    """Raise `ModelError` unless our layers compute the same as the encoder's."""
    expected = {
        "model_type": tuple(FOREIGN_TYPES),
        "hidden_act": ("gelu",),
        "position_embedding_type": ("absolute", None),
        "is_decoder": (False, None),
    }
    for key, allowed in expected.items():
        if (found := getattr(config, key, None)) not in allowed:
            raise ModelError(f"model {name!r}: expected {key} {allowed[0]!r}, found {found!r}")


def from_bert(
    config: Any, state: dict[str, Tensor], depth: Depth, seed: int | None = None
) -> CrossAlign:
    """Network that starts from the lower layers of an encoder of transformers.

    Its first token type, and the offset of its positions, become part of our position table.
    """
    ours = foreign_sizes(config, depth)
    first = FOREIGN_TYPES[config.model_type]
    positions = state["embeddings.position_embeddings.weight"][first:]
    renamed = {
        "pieces.weight": state["embeddings.word_embeddings.weight"],
        "positions.weight": positions + state["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": state["embeddings.LayerNorm.weight"],
        "norm.bias": state["embeddings.LayerNorm.bias"],
    }
    for layer in range(check_depth(depth, config.num_hidden_layers, seed)):
        theirs, our = f"encoder.layer.{layer}", f"layers.{layer}"
        for part in ("weight", "bias"):
            renamed[f"{our}.query_key_value.{part}"] = torch.cat(
                [state[f"{theirs}.{name}.{part}"] for name in BERT_QUERY_KEY_VALUE]
            )
            for name, foreign in BERT_NAMES.items():
                renamed[f"{our}.{name}.{part}"] = state[f"{theirs}.{foreign}.{part}"]
    return grow(empty_model(ours), renamed, seed)


def foreign_sizes(config: Any, depth: Depth) -> CrossAlignConfig:
    """Our sizes of an encoder of transformers with another ``depth``."""
    return CrossAlignConfig(
        vocab_size=config.vocab_size,
        width=config.hidden_size,
        num_heads=config.num_attention_heads,
        ffn_width=config.intermediate_size,
        max_positions=config.max_position_embeddings - FOREIGN_TYPES[config.model_type],
        layer_norm_eps=config.layer_norm_eps,
        **dataclasses.asdict(depth),
    )


def empty_model(config: CrossAlignConfig) -> CrossAlign:
    """Network with piece embeddings of its own, to be filled with weights."""
    vocab_size, width = config.vocab_size, config.width
    table = nn.Embedding(vocab_size, width, _weight=torch.empty(vocab_size, width))
    return CrossAlign(config, table)

"""Small things that many tests need: tiny networks, encoders, pairs, commands, and data."""

import io
import os
import random
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sentencepiece
import tokenizers
import torch
from tokenizers import models, normalizers, pre_tokenizers, processors
from typer.testing import CliRunner, Result

from xalign.aligning.aligner import Aligner
from xalign.aligning.settings import AlignerSettings
from xalign.alignment import SentencePair
from xalign.cli.main import app
from xalign.io.files import Source
from xalign.io.pairs import read_pairs
from xalign.model.config import CrossAlignConfig, ExtractionRule
from xalign.model.cross_align import CrossAlign, with_link_head
from xalign.model.pieces import PieceSentence
from xalign.weights.checkpoint import Checkpoint, load
from xalign.weights.tokenizer import Tokenizer, sentencepiece_tokenizer

hypothesis.settings.register_profile("xalign", deadline=None, derandomize=True)
hypothesis.settings.register_profile(
    "soak", deadline=None, derandomize=False, database=None, max_examples=1000
)
hypothesis.settings.register_profile("few", deadline=None, derandomize=True, max_examples=20)
hypothesis.settings.load_profile("xalign")

FUZZ = int(os.environ.get("XALIGN_FUZZ", "1"))
"""Factor of the numbers of random inputs; bin/soak fuzz raises it."""

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
GOLD_TEST = Path(os.environ.get("XALIGN_GOLD_TEST", "no-such-folder"))
"""The five published test sets: NAME.txt, NAME.talp and outputs of other systems."""

needs_gold_test = pytest.mark.skipif(
    not GOLD_TEST.is_dir(),
    reason="XALIGN_GOLD_TEST names no folder with the five published test sets",
)


def characters(word: str) -> list[int]:
    """Every character a piece, one of 90 ids."""
    return [5 + ord(character) % 90 for character in word]


def tiny_tokenizer() -> Tokenizer:
    """Tokenizer of `characters`."""
    return Tokenizer(
        characters,
        bos=0,
        eos=2,
        unk=3,
        start=None,
        mask=1,
        num_pieces=95,
        file="tokenizer.json",
        content=lambda: b"{}",
    )


def small_sentencepiece() -> Tokenizer:
    """Tokenizer of a sentencepiece model of a few words."""
    model = io.BytesIO()
    words = ["das Haus ist klein", "the house is small", "ein kleines Haus", "a small house"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words * 5), model_writer=model, vocab_size=24, minloglevel=2
    )
    return sentencepiece_tokenizer(model.getvalue())


def tiny_config(*, num_cross_layers: int = 1, max_positions: int = 64) -> CrossAlignConfig:
    """Sizes at which everything takes milliseconds."""
    return CrossAlignConfig(
        vocab_size=95,
        width=32,
        num_heads=4,
        ffn_width=48,
        max_positions=max_positions,
        num_self_layers=2,
        num_cross_layers=num_cross_layers,
        align_layer=2 + num_cross_layers,
    )


def tiny_network(config: CrossAlignConfig | None = None) -> CrossAlign:
    """Network of random weights, the same at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CrossAlign(config or tiny_config()).eval()


def tiny_checkpoint(rule: ExtractionRule | None = None, max_positions: int = 64) -> Checkpoint:
    """Model of random weights that aligns any text, badly but fast."""
    network = tiny_network(tiny_config(max_positions=max_positions))
    if rule and rule.method == "binary":
        network = with_link_head(network, 5, torch.Generator().manual_seed(0)).eval()
    return Checkpoint(network, tiny_tokenizer(), rule or ExtractionRule())


def tiny_aligner(
    rule: ExtractionRule | None = None,
    threads: int = 2,
    batch_pieces: int = 400,
    max_positions: int = 64,
    precision: str = "fp32",
    num_devices: int = 1,
    compiled: bool = False,
) -> Aligner:
    """Aligner over `tiny_checkpoint`."""
    return Aligner(
        tiny_checkpoint(rule, max_positions),
        devices=[torch.device("cpu")] * num_devices,
        threads=threads,
        batch_pieces=batch_pieces,
        precision=precision,
        compiled=compiled,
    )


def sentence(*ids: int) -> PieceSentence:
    """A sentence with a word for each piece but the first and the last."""
    return PieceSentence([0, *ids, 2], [-1, *range(len(ids)), -1])


def varied_pairs(count: int) -> list[SentencePair]:
    """Pairs of made-up words, some empty, some longer than the tiny encoder's limit."""
    draw = random.Random(0)

    def words() -> tuple[str, ...]:
        length = draw.choice([0, 1, 3, 10, 15, 40])
        return tuple("".join(draw.choices("abcdefgh", k=draw.randint(1, 6))) for _ in range(length))

    return [SentencePair(words(), words()) for _ in range(count)]


def example_pairs() -> list[SentencePair]:
    """A hundred German-English pairs."""
    path = str(EXAMPLES / "de-en.txt")
    return list(read_pairs(Source(path), path))


def default_with(rule: ExtractionRule | None = None, window: int | None = None) -> Aligner:
    """The embedded model with another rule, or another window."""
    checkpoint = load()
    if window is not None:
        checkpoint.network.config = replace(checkpoint.network.config, window=window)
    checkpoint = replace(checkpoint, rule=rule or checkpoint.rule)
    return Aligner(checkpoint, devices=[torch.device("cpu")], threads=2, batch_pieces=1024)


@pytest.fixture(scope="session")
def default_aligner() -> Aligner:
    """The embedded model, the same on every machine."""
    return Aligner.from_pretrained(device="cpu", precision="fp32")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace the embedded model by a tiny one; gives the options that it was asked for."""
    asked: dict[str, Any] = {}

    def from_settings(settings: AlignerSettings) -> Aligner:
        asked.update(asdict(settings))
        return tiny_aligner()

    monkeypatch.setattr(Aligner, "from_settings", from_settings)
    return asked


@pytest.fixture
def tiny_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the embedded model by a tiny one, whose threshold may be chosen."""

    def from_settings(settings: AlignerSettings) -> Aligner:
        chosen = 0.2 if settings.threshold is None else settings.threshold
        return tiny_aligner(ExtractionRule(method="words", threshold=chosen, scale=0.3))

    monkeypatch.setattr(Aligner, "from_settings", from_settings)


def run(*arguments: object, stdin: str | bytes = "") -> Result:
    """`xalign` in this process."""
    return CliRunner().invoke(app, list(map(str, arguments)), input=stdin)


def run_process(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`xalign` in a process of its own."""
    command = [sys.executable, "-m", "xalign", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


TINY_PROGRAM = """
import sys
from tests.conftest import tiny_checkpoint
from xalign.aligning import networks
from xalign.cli.main import app

networks.load = lambda *_, **__: tiny_checkpoint()
app(sys.argv[1:])
"""
"""`xalign` with a tiny model, for a process of its own."""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    buffer: Any = None

    def isatty(self) -> bool:
        return True


ENCODER_SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "initializer_range": 0.2,
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def bert_tokenizer() -> tokenizers.Tokenizer:
    """Word pieces of single letters."""
    names = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *LETTERS[:15],
        *(f"##{c}" for c in LETTERS[:15]),
    ]
    found = tokenizers.Tokenizer(
        models.WordPiece({name: k for k, name in enumerate(names)}, unk_token="[UNK]")
    )
    found.normalizer = normalizers.BertNormalizer()
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    found.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return found


def roberta_tokenizer() -> tokenizers.Tokenizer:
    """Unigrams of single letters, with word starts."""
    pieces = [
        ("<s>", 0.0),
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("▁", -1.0),
        *((c, -2.0) for c in LETTERS),
        ("<mask>", 0.0),
    ]
    found = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=3))
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    found.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return found


def save(folder: Path, kind: str, **changes: Any) -> Any:
    """An encoder of random weights in ``folder``, as transformers itself saves it."""
    import transformers

    torch.manual_seed(0)
    sizes = {**ENCODER_SIZES, **changes}
    if kind == "bert":
        encoder: Any = transformers.BertModel(transformers.BertConfig(**sizes))
        tokenizer, names = (
            bert_tokenizer(),
            {
                "unk_token": "[UNK]",
                "cls_token": "[CLS]",
                "sep_token": "[SEP]",
                "pad_token": "[PAD]",
            },
        )
    else:
        encoder = transformers.XLMRobertaModel(transformers.XLMRobertaConfig(**sizes))
        tokenizer, names = (
            roberta_tokenizer(),
            {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"},
        )
    encoder.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(
        folder
    )
    return encoder.eval()

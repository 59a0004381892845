"""Small things that many tests need: a tiny random network, its tokenizer, and where data lies."""

from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest
import torch

from xalign.aligning.aligner import Aligner
from xalign.model.config import CrossAlignConfig, ExtractionRule
from xalign.model.cross_align import CrossAlign, with_link_head
from xalign.weights.checkpoint import Checkpoint, load
from xalign.weights.tokenizer import Tokenizer

hypothesis.settings.register_profile("xalign", deadline=None, derandomize=True)
hypothesis.settings.load_profile("xalign")

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
GOLD_TEST = ROOT.parent / "shared" / "data" / "gold" / "test"

needs_gold_test = pytest.mark.skipif(
    not GOLD_TEST.is_dir(), reason="the five published test sets are not on this machine"
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
        content=b"{}",
    )


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

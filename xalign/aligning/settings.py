"""Settings of aligning, which are also the options of `xalign align`."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from xalign.alignment import Direction
from xalign.io.files import MAX_LINE_BYTES, MAX_OTHER_BYTES
from xalign.io.formats import Format
from xalign.links.segmentation import Level, Pieces, Rule
from xalign.model.config import Precision
from xalign.settings import Setting

DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")
Engine = Literal["local", "ray"]
TokenizerName = Literal["none", "moses", "icu"]


@dataclass(frozen=True, slots=True)
class Texts:
    """Sentence pairs in files, or in two side by side.

    Several ``input`` are read one after the other; without any, standard input is read.
    """

    input: Annotated[
        tuple[str, ...],
        Setting(
            "Sentence pairs; also .gz, .xz, .zst, .bz2; repeatable; default: standard input.",
            flags=("-i", "--input"),
        ),
    ] = ()
    source: Annotated[
        str | None, Setting("Source sentences, instead of -i.", flags=("-s", "--source"))
    ] = None
    target: Annotated[
        str | None, Setting("Target sentences, together with -s.", flags=("-t", "--target"))
    ] = None
    columns: Annotated[
        str | None,
        Setting("Columns of source and target between TABs, such as 1,2.", panel="Words"),
    ] = None

    @property
    def files(self) -> list[str]:
        """Paths of all files, ``-`` for standard input."""
        sides = [path for path in (self.source, self.target) if path is not None]
        return [*self.input, *sides] or ["-"]

    @property
    def inputs(self) -> "Inputs":
        """The same, whole."""
        return Inputs(self.input, self.source, self.target, self.columns)


@dataclass(frozen=True, slots=True)
class Inputs(Texts):
    """Sentence pairs to align, or a part of their lines."""

    shard: Annotated[
        str | None, Setting("Align only part I of N, given as I/N.", panel="Machine")
    ] = None
    max_line_bytes: Annotated[
        int,
        Setting(
            "Longest line in bytes; a longer one cannot be read.",
            min=1,
            max=MAX_OTHER_BYTES,
            panel="Machine",
        ),
    ] = MAX_LINE_BYTES


@dataclass(frozen=True, slots=True)
class Wanted:
    """The results to write: links of a direction in a format, and files of scores and matrices."""

    format: Annotated[Format, Setting("Format of links; scored is i-j:p.")] = "pharaoh"
    direction: Annotated[
        Direction,
        Setting("forward: one link per target word; reverse: one link per source word."),
    ] = "both"
    scores: Annotated[
        str | None, Setting("Write how likely each pair is a translation, from 0 to 1.")
    ] = None
    matrix: Annotated[
        str | None, Setting("Write the probability of every link as .npz or JSON lines.")
    ] = None
    line_buffered: Annotated[bool, Setting("Write each line before the next one is read.")] = False

    @property
    def is_plain(self) -> bool:
        """Whether only links are written, in Pharaoh format."""
        return (self.format, self.direction, self.scores, self.matrix) == (
            "pharaoh",
            "both",
            None,
            None,
        )


@dataclass(frozen=True, slots=True)
class Words:
    """Conversion of the user's words into words to align."""

    words: Annotated[
        Rule, Setting("Spaces between words: ASCII space and TAB, or all white space (unicode).")
    ] = "ascii"
    pieces: Annotated[
        Pieces | None,
        Setting("The text is cut into subwords, marked by @@ (bpe), ▁, or pyonmttok's ￭ (joiner)."),
    ] = None
    level: Annotated[
        Level | None,
        Setting(
            "Write links of subwords (pieces; --pieces), tokens (--tokenize), or words; default: "
            "pieces with --pieces, else words."
        ),
    ] = None
    tokenize: Annotated[
        TokenizerName,
        Setting("Tokenize raw text first; links are of its space-separated words, see --level."),
    ] = "none"
    languages: Annotated[str | None, Setting("With --tokenize: both languages, such as de,en.")] = (
        None
    )

    @property
    def cuts_all_scripts(self) -> bool:
        """Whether text without spaces becomes several words."""
        return self.tokenize == "icu" and self.level == "tokens"


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that share one corpus, each with its own model."""

    engine: Annotated[Engine, Setting("ray: workers on one machine or a cluster.")] = "local"
    workers: Annotated[
        int | None,
        Setting(
            "Processes, each with --threads of its own. Default: 1, or up to 8 for each GPU if the "
            "input has 20 MB; with Ray one for each GPU, or for every --threads cores.",
            min=1,
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class AlignerSettings:
    """A model, how to read links off it, and the machine that it runs on.

    The fields are the arguments of `xalign.aligning.aligner.Aligner.from_pretrained`.
    """

    model: Annotated[
        str,
        Setting(
            "Model folder, or hub name of an encoder.", flags=("-m", "--model"), panel="Common"
        ),
    ] = "default"
    layer: Annotated[
        int | None, Setting("Layer to read links off, for an encoder never trained to align.")
    ] = None
    threshold: Annotated[
        float | None,
        Setting(
            "Link words whose probability exceeds this; default: the model's own.",
            min=0,
            max=0.999,
        ),
    ] = None
    device: Annotated[
        str, Setting("auto, cpu, cuda, cuda:N, mps, several with commas, or all.", panel="Machine")
    ] = "auto"
    precision: Annotated[Precision, Setting("Precision of matrix products.", panel="Machine")] = (
        "auto"
    )
    threads: Annotated[
        int | None, Setting("CPU threads; default: one per core.", min=1, panel="Machine")
    ] = None
    batch_pieces: Annotated[
        int | None,
        Setting("Pieces aligned at once; a lower number saves memory.", min=1, panel="Machine"),
    ] = None
    compiled: Annotated[
        bool,
        Setting(
            "Compile the network first, for long runs on a GPU.",
            flags=("--compile",),
            panel="Machine",
        ),
    ] = False


def parse_device(names: str) -> str:
    """``names`` of devices, if they can be such.

    Errors: `ValueError`.
    """
    if names not in ("auto", "all") and not all(map(DEVICE.fullmatch, names.split(","))):
        expected = "expected auto, cpu, cuda, cuda:N, mps, several with commas, or all"
        raise ValueError(f"{expected}, found {names!r}")
    return names


def parse_one_device(name: str) -> str:
    """``name`` of a device to train on, if it can be one.

    Errors: `ValueError`.
    """
    if name != "auto" and not DEVICE.fullmatch(name):
        raise ValueError(f"expected auto, cpu, cuda, cuda:N or mps, found {name!r}")
    return name

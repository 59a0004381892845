"""Settings of training, which are also the options of the command line.

All but `Machine` affect the result of a run, and are recorded with it.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from xalign.model.config import Average
from xalign.settings import Setting

InitCross = Literal["identity", "random", "copy"]
LossName = Literal["auto", "binary", "words", "pieces", "paper"]
TrainingPrecision = Literal["auto", "fp32", "bf16"]
Files = tuple[str, ...]
"""Path of a file of sentence pairs, or paths of source sentences and of target sentences."""
NO_FILE = "none"
"""Takes the place of a file of links, where a teacher finds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Corpora to learn from, and development sets to validate on.

    Pairs are drawn from the corpora by ``weight`` or, without it, by their number of pairs to the
    power of 1 / ``temperature``.
    """

    input: Annotated[
        tuple[str, ...],
        Setting("Sentence pairs; repeatable; or give -s and -t.", flags=("-i", "--input")),
    ] = ()
    source: Annotated[
        tuple[str, ...],
        Setting("Source sentences of another corpus; repeatable.", flags=("-s", "--source")),
    ] = ()
    target: Annotated[
        tuple[str, ...],
        Setting("Target sentences, in the same order as -s.", flags=("-t", "--target")),
    ] = ()
    dev: Annotated[
        tuple[str, ...],
        Setting("Sentence pairs to validate on; dev.txt needs gold links in dev.talp."),
    ] = ()
    weight: Annotated[
        tuple[float, ...],
        Setting("Share of each corpus, -i before -s; default: by size.", panel="Schedule"),
    ] = ()
    temperature: Annotated[
        float,
        Setting("Without --weight, sizes count to the power of 1/T.", min=0.1, panel="Schedule"),
    ] = 1.0
    max_pieces: Annotated[
        int, Setting("Leave out pairs with more pieces on a side.", min=3, panel="Schedule")
    ] = 128

    @property
    def corpora(self) -> tuple[Files, ...]:
        """Files of each corpus."""
        pairs = zip(self.source, self.target, strict=True)
        return (*((path,) for path in self.input), *pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The network to start from: an encoder, and the depth of the network on top of it."""

    model: Annotated[str, Setting("Encoder to start from.", flags=("-m", "--model"))] = "e5-small"
    self_layers: Annotated[int | None, Setting("m: number of encoder layers to keep.", min=0)] = (
        None
    )
    cross_layers: Annotated[int | None, Setting("n: number of cross-attention layers.", min=0)] = (
        None
    )
    align_layer: Annotated[
        int | None,
        Setting("c: layer to read links off; default: the best on --dev.", min=0),
    ] = None
    init_cross: Annotated[
        InitCross,
        Setting("Cross-attention layers start as the identity, at random, or as encoder layers."),
    ] = "identity"
    negatives: Annotated[
        int, Setting("Negative pieces to sample for each batch.", min=1, panel="Schedule")
    ] = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The links to learn: given ones, a teacher's, or a mixture.

    ``links`` has a file for each corpus, or `NO_FILE` where the ``teacher`` (by default a frozen
    copy of the model) finds them. With ``evidence``, given links do not replace the teacher's but
    add to them, see `xalign.training.objectives.ssa_objective`.
    """

    links: Annotated[
        tuple[str, ...],
        Setting("Links of each corpus, -i before -s; 'none': the teacher finds them."),
    ] = ()
    teacher: Annotated[
        str | None, Setting("Model whose links are learnt; default: the model itself.")
    ] = None
    evidence: Annotated[
        float,
        Setting("Add --links to the teacher's links with this weight; 0: replace them.", min=0),
    ] = 0.0
    label_threshold: Annotated[
        tuple[float, ...],
        Setting(
            "Threshold of the teacher's links in each corpus, before calibration.",
            min=0,
            max=0.999,
        ),
    ] = ()
    doubt: Annotated[
        float,
        Setting(
            "Do not learn from word pairs at most this far below the teacher's threshold.",
            min=0,
            max=1,
        ),
    ] = 0.35
    loss: Annotated[
        LossName,
        Setting("binary: judge word pairs one by one; paper, pieces, words: softmaxes (eq. 12)."),
    ] = "auto"
    null_word: Annotated[bool, Setting("Label words without a link with the null word.")] = False
    average: Annotated[Average, Setting("How to average the two directions.", panel="Network")] = (
        "arithmetic"
    )
    scale: Annotated[
        float | None,
        Setting("Factor of similarities in softmaxes; default: 4/sqrt(width).", panel="Network"),
    ] = None
    threshold: Annotated[
        float | None,
        Setting(
            "Threshold of the new model, before calibration; default: chosen on --dev.",
            min=0,
            max=0.999,
            panel="Network",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Length of a run, its learning rates, and the weights that are trained.

    A step takes ``batch_pieces`` pieces in all, over all devices. ``lr`` is the learning
    rate of the cross-attention layers (and the TLM head), ``self_lr`` that of the top
    ``tune_self`` self-attention layers and, if asked, of the embeddings, ``head_lr`` that of the
    link head; all else is frozen. A share ``mask_rate`` of the pieces are masked: in stage 1 they
    are predicted, in stage 2 linked without being seen. A share ``join`` of the examples are
    several pairs end to end, of at most ``max_pieces`` on a side. Every ``every`` steps the run is
    validated and saved; it ends early after ``patience`` validations without a better mean AER.
    """

    steps: Annotated[int, Setting("Number of batches to learn from.", min=0)] = 200
    batch_pieces: Annotated[int, Setting("Pieces in a batch, over all devices.", min=1)] = 4096
    lr: Annotated[
        float | None, Setting("Learning rate of the cross-attention layers; default: by --loss.")
    ] = None
    self_lr: Annotated[
        float | None, Setting("Learning rate of the layers below; default: by --loss.")
    ] = None
    head_lr: Annotated[float, Setting("Learning rate of the link head.")] = 3e-3
    warmup: Annotated[int, Setting("Steps in which the learning rate rises.", min=0)] = 10
    mask_rate: Annotated[
        float | None,
        Setting("Share of pieces that are masked; default: by --loss.", min=0, max=0.9),
    ] = None
    join: Annotated[
        float,
        Setting(
            "Share of examples that are several pairs end to end.",
            min=0,
            max=1,
            panel="Augmentation",
        ),
    ] = 0.0
    tune_self: Annotated[
        int, Setting("Train only the top N self-attention layers.", min=0, panel="Network")
    ] = 12
    tune_embeddings: Annotated[
        bool, Setting("Train the embeddings too; those of the package stay.", panel="Network")
    ] = False
    every: Annotated[int, Setting("Validate and save every N steps.", min=1)] = 50
    patience: Annotated[
        int, Setting("Stop after N validations without a better AER; 0: never.", min=0)
    ] = 0
    seed: Annotated[int, Setting("Random seed.", min=0)] = 1
    precision: Annotated[
        TrainingPrecision, Setting("auto: bf16 on a GPU that has it.", panel="Machine")
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Shares of sentences that are changed; see `xalign.training.augment.augment`."""

    drop_case: Annotated[
        float, Setting("Share of sentences that are lower-cased.", min=0, max=1)
    ] = 0.0
    drop_diacritics: Annotated[
        float, Setting("Share of sentences that lose their diacritics.", min=0, max=1)
    ] = 0.0
    drop_final: Annotated[
        float, Setting("Share of sentences that lose their final punctuation.", min=0, max=1)
    ] = 0.0
    recut: Annotated[
        float,
        Setting(
            "Share of sentences whose words are cut elsewhere (Chinese, Japanese, -, ').",
            min=0,
            max=1,
        ),
    ] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Settings of stage 1, TLM."""

    text: Text
    start: Start
    schedule: Schedule
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneSettings:
    """Settings of stage 2, alignment; it starts from ``model``."""

    model: str
    text: Text
    labels: Labels
    schedule: Schedule
    augmentation: Augmentation = field(default_factory=Augmentation)


def default_cache() -> Path:
    """The folder of corpora that are cut into pieces."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "xalign" / "corpora"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine of a run, which does not affect its result.

    With ``recompute``, layers are computed again for their gradients, which saves memory.
    """

    device: Annotated[str, Setting("auto, cpu, cuda or cuda:N.")] = "auto"
    threads: Annotated[int | None, Setting("CPU threads; default: one per core.", min=1)] = None
    recompute: Annotated[bool, Setting("Save memory: compute layers again for gradients.")] = False
    cache: Annotated[Path, Setting("Folder of corpora that are cut into pieces.")] = field(
        default_factory=default_cache
    )

"""The commands that train: options, one call."""

import dataclasses
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xalign.console import training_talk

if TYPE_CHECKING:
    from xalign.training.settings import Machine, Settings


class InitCross(StrEnum):
    """How cross-attention layers start."""

    identity = "identity"
    random = "random"
    copy = "copy"


class LossForm(StrEnum):
    """What a piece is to give to the words that its own is linked to."""

    words = "words"
    pieces = "pieces"
    paper = "paper"


class Average(StrEnum):
    """What makes one probability of those of both directions."""

    geometric = "geometric"
    arithmetic = "arithmetic"


class Precision(StrEnum):
    """In what matrix products are computed."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


Corpora = Annotated[
    list[str],
    typer.Option("-i", "--input", help="Sentence pairs; give it again for more."),
]
Output = Annotated[str, typer.Option("-o", "--output", help="Folder of the run and its model.")]
Weights = Annotated[
    list[float] | None, typer.Option("--weight", help="Share of each -i, in turn; else by size.")
]
Temperature = Annotated[
    float, typer.Option(min=0.1, help="Without --weight: shares go by size to the power of 1/T.")
]
Steps = Annotated[int, typer.Option(min=0, help="Batches to learn from.")]
BatchPieces = Annotated[int, typer.Option(min=1, help="Pieces in a batch, over all devices.")]
Rate = Annotated[float, typer.Option("--lr", help="Learning rate of the cross-attention layers.")]
SelfRate = Annotated[float, typer.Option("--self-lr", help="That of all below.")]
TuneSelf = Annotated[int, typer.Option(min=0, help="So many top self-attention layers learn.")]
TuneEmbeddings = Annotated[
    bool, typer.Option("--tune-embeddings", help="Embeddings learn too (pieces: if not packed).")
]
Warmup = Annotated[int, typer.Option(min=0, help="Steps in which the learning rate rises.")]
MaxPieces = Annotated[int, typer.Option(min=3, help="Leave out pairs with a longer side.")]
DropCase = Annotated[
    float, typer.Option(min=0, max=1, help="Share of sentences that lose their case.")
]
DropDiacritics = Annotated[
    float, typer.Option(min=0, max=1, help="Share that lose their diacritics.")
]
Recut = Annotated[
    float,
    typer.Option(
        min=0, max=1, help="Share whose words are cut elsewhere (Chinese, Japanese, -, ')."
    ),
]
DropFinal = Annotated[
    float, typer.Option(min=0, max=1, help="Share that lose their final punctuation.")
]
Dev = Annotated[
    list[str] | None,
    typer.Option(help="Pairs to validate on, with gold beside them: dev.txt and dev.talp."),
]
Every = Annotated[int, typer.Option(min=1, help="Validate and save every so many steps.")]
Patience = Annotated[
    int, typer.Option(min=0, help="Stop after so many validations without a better AER; 0: never.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of every random draw.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
PrecisionOption = Annotated[Precision, typer.Option(help="auto: bf16 on a GPU that has it.")]
Recompute = Annotated[
    bool, typer.Option("--recompute", help="Save memory: compute layers again for gradients.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; by default one for each core.")
]


def train(
    input: Corpora, output: Output, weight: Weights = None, temperature: Temperature = 1.0,
    model: Annotated[
        str, typer.Option("-m", "--model", help="Encoder to start from.")
    ] = "e5-small",
    self_layers: Annotated[
        int | None, typer.Option(min=0, help="m: layers of the encoder to keep.")
    ] = None,
    cross_layers: Annotated[
        int | None, typer.Option(min=0, help="n: cross-attention layers.")
    ] = None,
    align_layer: Annotated[
        int | None, typer.Option(min=0, help="c: layer to read links off; else the best on --dev.")
    ] = None,
    init_cross: Annotated[
        InitCross,
        typer.Option(help="Start adding nothing, at random, or from the encoder's next layers."),
    ] = InitCross.identity,
    mask_rate: Annotated[float, typer.Option(min=0.01, max=0.9, help="Pieces masked.")] = 0.15,
    negatives: Annotated[
        int, typer.Option(min=1, help="Other pieces that a masked one is told from.")
    ] = 6000,
    steps: Steps = 1000, batch_pieces: BatchPieces = 4096, rate: Rate = 3e-4,
    self_rate: SelfRate = 1e-4, tune_self: TuneSelf = 12, tune_embeddings: TuneEmbeddings = False,
    warmup: Warmup = 50, max_pieces: MaxPieces = 128, drop_case: DropCase = 0.0,
    drop_diacritics: DropDiacritics = 0.0, drop_final: DropFinal = 0.0, recut: Recut = 0.0,
    dev: Dev = None,
    every: Every = 100, patience: Patience = 0, seed: Seed = 1, device: Device = "auto",
    precision: PrecisionOption = Precision.auto, recompute: Recompute = False,
    threads: Threads = None, resume: Resume = False,
) -> None:  # fmt: skip
    """Stage 1: teach an encoder to see each sentence in view of its translation (TLM).

    Masked pieces of both sides are predicted through cross-attention. The folder can be aligned
    with (`xalign align -m DIR`) and finetuned (`xalign finetune -m DIR`).
    """
    from xalign.training.stages import train_tlm
    from xalign.weights.backbones import training_depth

    given = locals()
    machine = training_machine(device, threads, recompute, batch_pieces)
    depth = training_depth(model)
    depth = dataclasses.replace(
        depth,
        num_self_layers=or_else(self_layers, depth.num_self_layers),
        num_cross_layers=or_else(cross_layers, depth.num_cross_layers),
    )
    first = depth.num_self_layers + min(1, depth.num_cross_layers)
    depth = dataclasses.replace(depth, align_layer=or_else(align_layer, first))
    with training_talk(steps) as show:
        train_tlm(
            settings_from(given, machine.device), machine, Path(output), model=model, depth=depth,
            init_cross=init_cross.value, negatives=negatives, choose_layer=align_layer is None,
            resume=resume, show=show,
        )  # fmt: skip


def finetune(
    input: Corpora, output: Output,
    model: Annotated[str, typer.Option("-m", "--model", help="Model of stage 1, or an encoder.")],
    links: Annotated[
        list[str] | None,
        typer.Option(help="Learn these links of each -i, in turn: gold, or an aligner's output."),
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Learn this model's links, not those of -m.")
    ] = None,
    evidence: Annotated[
        float, typer.Option(min=0, help="Weight of --links beside the links of a --teacher.")
    ] = 0.4,
    label_threshold: Annotated[
        list[float] | None,
        typer.Option(help="Of a teacher's links in each -i, in turn; else the teacher's own."),
    ] = None,
    weight: Weights = None, temperature: Temperature = 1.0,
    scale: Annotated[
        float | None, typer.Option(help="Factor of similarities in softmaxes; else 4/sqrt(width).")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=0.999, help="Of the model that comes out; else the best on --dev."),
    ] = None,
    average: Annotated[
        Average, typer.Option(help="Of what two words give to each other, to read links off by.")
    ] = Average.arithmetic,
    null_word: Annotated[
        bool, typer.Option("--null-word", help="Label words without a link with the null word.")
    ] = False,
    loss: Annotated[
        LossForm, typer.Option(help="Labels by words, by pieces, or as in the paper.")
    ] = LossForm.words,
    mask_rate: Annotated[
        float, typer.Option(min=0, max=0.9, help="Pieces masked; the teacher sees all.")
    ] = 0.3,
    steps: Steps = 200, batch_pieces: BatchPieces = 4096, rate: Rate = 1.5e-4,
    self_rate: SelfRate = 1.5e-4, tune_self: TuneSelf = 12, tune_embeddings: TuneEmbeddings = False,
    warmup: Warmup = 10, max_pieces: MaxPieces = 128, drop_case: DropCase = 0.0,
    drop_diacritics: DropDiacritics = 0.0, drop_final: DropFinal = 0.0, recut: Recut = 0.0,
    dev: Dev = None,
    every: Every = 50, patience: Patience = 0, seed: Seed = 1, device: Device = "auto",
    precision: PrecisionOption = Precision.auto, recompute: Recompute = False,
    threads: Threads = None, resume: Resume = False,
) -> None:  # fmt: skip
    """Stage 2: teach a model links of words: its own (self-supervised), or given ones.

    Given links (`--links`) come as Pharaoh `i-j` or talp (`i-j` sure, `ipj` possible), a line for
    each pair. Without --dev, every tenth of their pairs validates. With --teacher as well, they are
    evidence beside its links: `ipj` for a link that an aligner found in one direction only.
    """
    from xalign.training.stages import finetune_ssa

    given = locals()
    if links and len(links) != len(input):
        raise typer.BadParameter("give a --links file for each -i, in the same order")
    if label_threshold and len(label_threshold) != len(input):
        raise typer.BadParameter("give a --label-threshold for each -i, in the same order")
    if label_threshold and links and teacher is None:
        raise typer.BadParameter(
            "--label-threshold is for a teacher's links: give --teacher as well"
        )
    machine = training_machine(device, threads, recompute, batch_pieces)
    with training_talk(steps) as show:
        finetune_ssa(
            settings_from(given, machine.device), machine, Path(output), model=model,
            teacher=teacher, links=links or (), form=loss.value, scale=scale, threshold=threshold,
            evidence=evidence, average=average.value,
            null_word=null_word, resume=resume, show=show,
        )  # fmt: skip


def or_else(given: Any, default: Any) -> Any:
    """``given``, unless it is None."""
    return default if given is None else given


def settings_from(given: dict[str, Any], device: str) -> "Settings":
    """The options that both commands have, checked."""
    import torch

    from xalign.training.augment import Augmentation
    from xalign.training.settings import Settings

    weights, paths = tuple(given["weight"] or ()), tuple(given["input"])
    if weights and (len(weights) != len(paths) or min(weights) <= 0):
        raise typer.BadParameter("give a positive --weight for each -i")
    precision = given["precision"].value
    if precision == "auto":
        has_bf16 = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        precision = "bf16" if has_bf16 else "fp32"
    changes = ("drop_case", "drop_diacritics", "drop_final", "recut", "seed")
    rates = {name: given[name] for name in changes}
    same = (
        "temperature", "steps", "batch_pieces", "rate", "self_rate", "tune_self",
        "tune_embeddings", "warmup", "mask_rate", "max_pieces", "every", "patience", "seed",
    )  # fmt: skip
    return Settings(
        corpora=paths, weights=weights, augmentation=Augmentation(**rates),
        dev=tuple(given["dev"] or ()), precision=precision,
        label_thresholds=tuple(given.get("label_threshold") or ()),
        **{name: given[name] for name in same},
    )  # fmt: skip


def training_machine(
    device: str, threads: int | None, recompute: bool, batch_pieces: int
) -> "Machine":  # fmt: skip
    """Where training runs; under torchrun, one of its processes.

    On a CPU a batch is cut into two shards or more, whatever the number of threads.
    """
    from xalign.aligning.devices import choose_device, usable_cores
    from xalign.training.loop import join_processes
    from xalign.training.settings import Machine

    chosen = join_processes(choose_device(device))
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    is_cpu = chosen.type == "cpu"
    return Machine(
        device=str(chosen), threads=threads or (usable_cores() if is_cpu else 1),
        cache=home / "xalign" / "corpora", recompute=recompute,
        shard_pieces=min(2048, max(1, batch_pieces // 2)) if is_cpu else 16384,
    )  # fmt: skip

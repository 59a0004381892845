"""The commands that train: options, one call."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xalign.console import TrainingTalk

if TYPE_CHECKING:
    from xalign.training.stages import Machine

Corpora = Annotated[
    list[str],
    typer.Option("-i", "--input", help="Sentence pairs; give it again for more."),
]
Output = Annotated[str, typer.Option("-o", "--output", help="Folder of the run and its model.")]
Weights = Annotated[
    list[float] | None, typer.Option("--weight", help="Share of each -i, in turn; else by size.")
]
Steps = Annotated[int, typer.Option(min=1, help="Batches to learn from.")]
BatchPieces = Annotated[int, typer.Option(min=1, help="Pieces in a batch, over all devices.")]
Rate = Annotated[float, typer.Option("--lr", help="Learning rate of the cross-attention layers.")]
SelfRate = Annotated[float, typer.Option("--self-lr", help="That of the self-attention layers.")]
TuneSelf = Annotated[int, typer.Option(min=0, help="So many top self-attention layers learn.")]
Warmup = Annotated[int, typer.Option(min=0, help="Steps in which the learning rate rises.")]
MaxPieces = Annotated[int, typer.Option(min=3, help="Leave out pairs with a longer side.")]
Dev = Annotated[
    list[str] | None,
    typer.Option(help="Pairs to validate on, with gold beside them: dev.txt and dev.talp."),
]
Every = Annotated[int, typer.Option(min=1, help="Validate and save every so many steps.")]
Seed = Annotated[int, typer.Option(min=0, help="Of every random draw.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; by default one for each core.")
]


def train(
    input: Corpora, output: Output, weight: Weights = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="Encoder; else the embedded one.")
    ] = None,
    self_layers: Annotated[int, typer.Option(min=0, help="m: layers of the encoder to keep.")] = 6,
    cross_layers: Annotated[int, typer.Option(min=0, help="n: cross-attention layers.")] = 2,
    align_layer: Annotated[int, typer.Option(min=0, help="c: layer to read links off.")] = 7,
    copy_cross: Annotated[
        bool, typer.Option("--copy-cross", help="Copy the encoder's next layers.")
    ] = False,
    mask_rate: Annotated[float, typer.Option(min=0.01, max=0.9, help="Pieces masked.")] = 0.15,
    negatives: Annotated[
        int, typer.Option(min=1, help="Other pieces that a masked one is told from.")
    ] = 6000,
    steps: Steps = 2000, batch_pieces: BatchPieces = 8192, rate: Rate = 5e-4,
    self_rate: SelfRate = 5e-5, tune_self: TuneSelf = 6, warmup: Warmup = 100,
    max_pieces: MaxPieces = 128, dev: Dev = None, every: Every = 200, seed: Seed = 1,
    device: Device = "auto", threads: Threads = None, resume: Resume = False,
) -> None:  # fmt: skip
    """Stage 1: teach an encoder to see each sentence in view of its translation (TLM).

    Masked pieces of both sides are predicted through cross-attention. The folder can be aligned
    with (`xalign align -m DIR`) and finetuned (`xalign finetune -m DIR`).
    """
    from xalign.model.config import Depth
    from xalign.training.stages import Settings, train_tlm

    settings = Settings(
        corpora=tuple(input), weights=corpus_weights(input, weight), steps=steps,
        batch_pieces=batch_pieces, rate=rate, self_rate=self_rate, tune_self=tune_self,
        warmup=warmup, max_pieces=max_pieces, every=every, dev=tuple(dev or ()), seed=seed,
    )  # fmt: skip
    depth = Depth(
        num_self_layers=self_layers, num_cross_layers=cross_layers, align_layer=align_layer
    )
    train_tlm(
        settings, training_machine(device, threads), Path(output), model=model, depth=depth,
        copy_cross=copy_cross, mask_rate=mask_rate, negatives=negatives, resume=resume,
        show=TrainingTalk(steps),
    )  # fmt: skip


def finetune(
    input: Corpora, output: Output,
    model: Annotated[str, typer.Option("-m", "--model", help="Model of stage 1, or an encoder.")],
    weight: Weights = None,
    scale: Annotated[float, typer.Option(help="Factor of similarities in softmaxes.")] = 0.05,
    threshold: Annotated[
        float, typer.Option(min=0, max=0.999, help="Threshold of the model that comes out.")
    ] = 0.15,
    null_word: Annotated[
        bool, typer.Option("--null-word", help="Label words without a link with the null word.")
    ] = False,
    whole_labels: Annotated[
        bool, typer.Option("--whole-labels", help="Count labels whole, as the paper does.")
    ] = False,
    steps: Steps = 500, batch_pieces: BatchPieces = 8192, rate: Rate = 1e-4,
    self_rate: SelfRate = 2e-5, tune_self: TuneSelf = 12, warmup: Warmup = 20,
    max_pieces: MaxPieces = 128, dev: Dev = None, every: Every = 100, seed: Seed = 1,
    device: Device = "auto", threads: Threads = None, resume: Resume = False,
) -> None:  # fmt: skip
    """Stage 2: teach a model its own links, raised to whole words (self-supervised alignment)."""
    from xalign.model.config import ExtractionRule
    from xalign.training.stages import Settings, finetune_ssa

    settings = Settings(
        corpora=tuple(input), weights=corpus_weights(input, weight), steps=steps,
        batch_pieces=batch_pieces, rate=rate, self_rate=self_rate, tune_self=tune_self,
        warmup=warmup, max_pieces=max_pieces, every=every, dev=tuple(dev or ()), seed=seed,
    )  # fmt: skip
    rule = ExtractionRule(method="threshold", threshold=threshold, scale=scale, null_word=null_word)
    finetune_ssa(
        settings, training_machine(device, threads), Path(output), model=model, rule=rule,
        normalize=not whole_labels, resume=resume, show=TrainingTalk(steps),
    )  # fmt: skip


def corpus_weights(paths: list[str], weights: list[float] | None) -> tuple[float, ...]:
    """The weights given, one for each corpus; else the sizes of the files."""
    if weights is None or not weights:
        return tuple(float(Path(path).stat().st_size or 1) for path in paths)
    if len(weights) != len(paths) or min(weights) <= 0:
        raise typer.BadParameter("give a positive --weight for each -i")
    return tuple(weights)


def training_machine(device: str, threads: int | None) -> "Machine":
    """Where training runs; under torchrun, one of its processes."""
    from xalign.devices import choose_device, usable_cores
    from xalign.training.loop import join_processes
    from xalign.training.stages import Machine

    chosen = join_processes(choose_device(device))
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    is_cpu = chosen.type == "cpu"
    return Machine(
        device=str(chosen), threads=threads or (usable_cores() if is_cpu else 1),
        cache=home / "xalign" / "corpora", shard_pieces=2048 if is_cpu else 16384,
    )  # fmt: skip

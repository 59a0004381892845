"""The commands that train: options, one call."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from xalign.aligning.settings import parse_one_device
from xalign.cli.align import Files
from xalign.cli.inputs import usable, with_files
from xalign.cli.options import Config, grouped
from xalign.cli.usage import COMMON
from xalign.console import say
from xalign.errors import InputError
from xalign.progress import training_talk
from xalign.training.settings import (
    NO_FILE,
    Augmentation,
    FinetuneSettings,
    Labels,
    Machine,
    Schedule,
    Start,
    Text,
    TrainSettings,
)
from xalign.weights.names import DEFAULT_NAME, check_name

Output = Annotated[
    str,
    typer.Option("-o", "--output", help="Folder of the run and its model.", rich_help_panel=COMMON),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the run in the folder, or begin if there is none.",
        rich_help_panel=COMMON,
    ),
]
OF_CONFIG = "; those of --config are for its own corpora"
STAGE_1 = Schedule(steps=1000, warmup=50, every=100)


@grouped
def train(
    text: Annotated[Text, COMMON],
    output: Output,
    start: Annotated[Start, "Network"],
    augmentation: Annotated[Augmentation, "Augmentation"],
    machine: Annotated[Machine, "Machine"],
    schedule: Annotated[Schedule, "Schedule"] = STAGE_1,
    resume: Resume = False,
    config: Config = None,
    files: Files = None,
) -> None:
    """Stage 1: teach an encoder to read each sentence beside its translation (TLM).

    \b
    xalign train -i corpus.txt -o stage1
    xalign train -i de-en.txt -i fr-en.txt --dev dev.txt --steps 2000 -o stage1
    xalign train --config stage1/run.json -o again

    The network learns to predict masked pieces of both sides. Its folder can be aligned with
    (`xalign align -m DIR`) and finetuned (`xalign finetune -m DIR`).
    """
    from xalign.training.stages import train_tlm

    text = with_files(text, files)
    check_text(text, output, config)
    usable("--device", parse_one_device, machine.device)
    if start.model == DEFAULT_NAME:
        advice = "it starts from an encoder such as e5-small; for the default model use finetune"
        raise typer.BadParameter(f"train -m {DEFAULT_NAME}: {advice}")
    check_name(start.model)
    settings = TrainSettings(text=text, start=start, schedule=schedule, augmentation=augmentation)
    with training_talk(schedule.steps) as show:
        train_tlm(settings, machine, Path(output), resume=resume, show=show)
    flags = ("-i",) if text.input else ("-s", "-t")
    given = [f"{flag} {quote(path)}" for flag, path in zip(flags, text.corpora[0], strict=True)]
    advice = f"xalign finetune -m {quote(output)} {' '.join(given)} -o {quote(output)}-2"
    for line in show.summary(output, advice):
        say(line)


@grouped
def finetune(
    text: Annotated[Text, COMMON],
    output: Output,
    model: Annotated[
        str,
        typer.Option("-m", "--model", help="Model to start from.", rich_help_panel=COMMON),
    ],
    labels: Annotated[Labels, "Labels"],
    schedule: Annotated[Schedule, "Schedule"],
    augmentation: Annotated[Augmentation, "Augmentation"],
    machine: Annotated[Machine, "Machine"],
    resume: Resume = False,
    config: Config = None,
    files: Files = None,
) -> None:
    """Stage 2: teach a model links of words: its own, a better model's, or yours.

    \b
    xalign finetune -m default -i mine.txt --links mine.talp -o mine
    xalign finetune -m default -i mine.txt --links mine.talp -i more.txt --links none -o mine
    xalign finetune -m stage1 -i corpus.txt --dev dev.txt -o stage2

    Given links (`--links`) are talp (`i-j` sure, `ipj` possible), or in any format of
    `xalign align`. Without --dev, every tenth pair with given links validates.
    """
    from xalign.training.stages import finetune as finetune_model

    text = with_files(text, files)
    check_text(text, output, config)
    usable("--device", parse_one_device, machine.device)
    for name in filter(None, (model, labels.teacher)):
        check_name(name)
    for name, given in (("links", labels.links), ("label-threshold", labels.label_threshold)):
        if given and len(given) != len(text.corpora):
            message = f"give --{name} once for each corpus, in the same order"
            raise typer.BadParameter(f"{message}{OF_CONFIG if config else ''}")
    has_teacher = not labels.links or labels.evidence or NO_FILE in labels.links
    if labels.label_threshold and not has_teacher:
        raise typer.BadParameter("--label-threshold is for a teacher's links, and there are none")
    settings = FinetuneSettings(
        model=model, text=text, labels=labels, schedule=schedule, augmentation=augmentation
    )
    with training_talk(schedule.steps) as show:
        finetune_model(settings, machine, Path(output), resume=resume, show=show)
    for line in show.summary(output, f"xalign align -m {quote(output)} -i corpus.txt > out.align"):
        say(line)


def check_text(text: Text, output: str, config: str | None) -> None:
    """Stop if the weights do not fit the corpora, or the folder of the run is something else."""
    if Path(output).exists() and not Path(output).is_dir():
        raise InputError(output, 0, "expected a folder for the run, found a file")
    if (Path(output) / "config.json").exists() and not (Path(output) / "run.json").exists():
        raise InputError(output, 0, "this folder holds a model already; name another one")
    if len(text.source) != len(text.target):
        raise typer.BadParameter("give -s and -t as often as each other")
    if not text.corpora:
        raise typer.BadParameter("give sentence pairs: -i FILE, or -s FILE and -t FILE")
    if "-" in (*text.input, *text.source, *text.target, *text.dev):
        raise typer.BadParameter(
            "training reads its files more than once; write standard input to a file first"
        )
    if text.weight and (len(text.weight) != len(text.corpora) or min(text.weight) <= 0):
        message = "give a positive --weight once for each corpus"
        raise typer.BadParameter(f"{message}{OF_CONFIG if config else ''}")

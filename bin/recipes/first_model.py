"""A model that learns from text alone, without human links.

The first default model of xalign was made so, from text of the first five files alone.

1. Text: natural pairs under open or research licences, five languages with English; of Japanese
   and French also the domains of their test sets.
2. Teacher: the untrained encoder's own links, learnt with a part of the input masked (stage 2).
3. Votes: eflomal aligns the text in both directions, up to 250,000 pairs of each.
4. Student: an encoder with a cross-attention layer learns the teacher's links, to which what
   eflomal found in one or both directions adds or takes away. With `--rounds`, a student teaches
   the next one, which starts anew.

`bin/train-default` goes on from here; `python -m bin.recipes.first_model DATA --work FOLDER` makes
this model alone. Each step is done once: what the working folder holds is not done again, and
training goes on where it was stopped. Every command is printed before it runs.
"""

import argparse
import itertools
import json
import lzma
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xalign.training.run import read_metrics

TEXTS = ("de-en", "fr-en", "ro-en", "zh-en", "ja-en", "ja-en.kyoto", "fr-en.hansards")
"""Files of text; those that the data does not have are left out."""
LICENCES = ("open", "research")
MAX_WORDS, MAX_DEV_PAIRS = 120, 120
READING = ("--threshold", "0.525")
"""Chosen on the development sets: their mean AER is flat around it (docs/benchmarks.md)."""
AUGMENTATION = ("--drop-case", "0.2", "--drop-diacritics", "0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much of everything; eflomal gets up to ``all_pairs`` of a text, training ``pairs``."""

    all_pairs: int = 250_000
    pairs: int = 20_000
    teacher_steps: int = 80
    student_steps: int = 600
    every: int = 100
    batch_pieces: int = 4096


FULL = Scale()
TINY = Scale(pairs=200, teacher_steps=2, student_steps=4, every=2, batch_pieces=400)


@dataclass(frozen=True, slots=True)
class FirstModel:
    """Makes the model in the folder ``work``, at a ``scale``, on ``texts``.

    ``options`` are further ones of training, such as a device.
    """

    work: Path
    scale: Scale
    texts: tuple[str, ...] = TEXTS
    options: tuple[str, ...] = ()

    def make(self, data: Path, cross_layers: int, rounds: int = 1) -> Path:
        """Take all steps; ``data`` has ``train/`` and ``gold/dev/``. Gives the model's folder."""
        here = [name for name in self.texts if (data / "train" / f"{name}.tsv.xz").exists()]
        if not here:
            sys.exit(f"{data}/train: expected {self.texts[0]}.tsv.xz and its like, found none")
        for name in here:
            self.text(data / "train" / f"{name}.tsv.xz", name)
        self.dev(data / "gold" / "dev")
        model = self.teacher(here)
        for name in here:
            self.votes(name)
        for number in range(1, rounds + 1):
            model = self.student(here, cross_layers, model, number)
        return model

    def text(self, source: Path, name: str) -> None:
        """Write natural text, and a sample of it, with the numbers of its lines."""
        if self.path(f"{name}.txt").exists():
            return
        rows = list(natural_pairs(source))
        if len(rows) > self.scale.all_pairs:
            rows = random.Random(1).sample(rows, self.scale.all_pairs)
        numbers = sorted(
            random.Random(1).sample(range(len(rows)), min(self.scale.pairs, len(rows)))
        )
        self.path(f"{name}.all").write_text("".join(f"{a} ||| {b}\n".lower() for a, b in rows))
        self.path(f"{name}.numbers").write_text(json.dumps(numbers))
        lines = (f"{a} ||| {b}\n" for a, b in (rows[k] for k in numbers))
        self.path(f"{name}.txt").write_text("".join(lines))
        say(f"{name}: {len(numbers)} of {len(rows)} pairs")

    def dev(self, source: Path) -> None:
        """Copy the development sets, the first pairs of each."""
        self.path("dev").mkdir(exist_ok=True)
        for path in itertools.chain(source.glob("*.txt"), source.glob("*.talp")):
            lines = path.read_text().splitlines(keepends=True)[:MAX_DEV_PAIRS]
            self.path("dev").joinpath(path.name).write_text("".join(lines))

    def votes(self, name: str) -> None:
        """Write eflomal's links of the sample: sure if found in both directions, else possible."""
        if self.path(f"{name}.talp").exists():
            return
        ways = [self.path(f"{name}.{way}") for way in ("forward", "reverse")]
        eflomal = Path(sys.executable).with_name("eflomal-align")
        text = self.path(f"{name}.all")
        run([eflomal, "--overwrite", "-i", text, "-f", ways[0], "-r", ways[1]])
        numbers = set(json.loads(self.path(f"{name}.numbers").read_text()))
        lines = []
        with ways[0].open() as forward, ways[1].open() as reverse:
            for number, (one, other) in enumerate(zip(forward, reverse, strict=True)):
                if number in numbers:
                    lines.append(as_talp(set(one.split()), set(other.split())))
        self.path(f"{name}.talp").write_text("".join(lines))

    def teacher(self, texts: list[str]) -> Path:
        """The encoder after self-supervised alignment."""
        options = ["-m", "e5-small", "--average", "geometric"]
        return self.train("teacher", texts, self.scale.teacher_steps, options)

    def student(self, texts: list[str], cross_layers: int, teacher: Path, number: int) -> Path:
        """A network that starts with ``cross_layers``, after learning the weighed links."""
        start = "e5-small"
        if cross_layers:
            start = str(self.path(f"start-{cross_layers}"))
            if not Path(start, "config.json").exists():
                first = self.path(f"{texts[0]}.txt")
                depth = ["--cross-layers", str(cross_layers), "--align-layer", "8"]
                run([*XALIGN, "train", "-i", first, *depth, "--steps", "0", "-o", start])
        links = [option for name in texts for option in ("--links", str(self.path(f"{name}.talp")))]
        options = ["-m", start, "--teacher", str(teacher), *links, *READING, "--evidence", "0.4"]
        name = f"student-{cross_layers}" + (f"-{number}" if number > 1 else "")
        return self.train(name, texts, self.scale.student_steps, options)

    def train(self, name: str, texts: list[str], steps: int, options: list[str]) -> Path:
        """Run or go on with stage 2 in the folder ``name``."""
        folder = self.path(name)
        done = [record["step"] for record in read_metrics(folder / "metrics.jsonl")]
        if done and done[-1] == steps:
            return folder
        corpora = [("-i", str(self.path(f"{text}.txt"))) for text in texts]
        dev = [("--dev", str(path)) for path in sorted(self.path("dev").glob("*.txt"))]
        run(
            [
                *XALIGN,
                "finetune",
                *options,
                *AUGMENTATION,
                *self.options,
                *itertools.chain(*corpora),
                *itertools.chain(*dev),
                *(["--weight", "1"] * len(corpora)),
                "--steps",
                str(steps),
                "--every",
                str(min(steps, self.scale.every)),
                "--batch-pieces",
                str(self.scale.batch_pieces),
                "-o",
                str(folder),
                "--resume",
            ]
        )
        return folder

    def path(self, name: str) -> Path:
        """A file or folder of the recipe."""
        return self.work / name


XALIGN = (sys.executable, "-m", "xalign")


def run(command: "list[str | Path]") -> None:
    """Print a command, and run it."""
    words = [str(word) for word in command]
    say(" ".join(words))
    subprocess.run(words, check=True)


def say(text: str) -> None:
    """Print what happens."""
    print(text, flush=True)


def natural_pairs(source: Path) -> Iterator[tuple[str, str]]:
    """Pairs of a table of source, licence class, kind, text and English that a model may ship with."""
    with lzma.open(source, "rt", encoding="utf-8") as lines:
        for line in lines:
            _, licence, kind, text, english = line.rstrip("\n").split("\t")
            sides = " ".join(text.split()), " ".join(english.split())
            lengths = [side.count(" ") + 1 for side in sides if side]
            is_whole = len(lengths) == 2 and max(lengths) <= MAX_WORDS
            if is_whole and licence in LICENCES and kind == "natural":
                yield sides


def as_talp(one: set[str], other: set[str]) -> str:
    """A line of talp: links of both directions are sure, those of one possible.

    >>> as_talp({"0-0", "1-2"}, {"0-0"})
    '0-0 1p2\\n'
    """
    links = sorted(one | other, key=lambda link: [int(number) for number in link.split("-")])
    marked = (link if link in one & other else link.replace("-", "p") for link in links)
    return " ".join(marked) + "\n"


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder with train/ and gold/dev/")
    parser.add_argument("-w", "--work", required=True, help="folder of all that is made on the way")
    parser.add_argument("--cross-layers", type=int, default=2, help="n")
    parser.add_argument("--rounds", type=int, default=1, help="students, each taught by the last")
    parser.add_argument("--device", default="auto", help="where it trains")
    parser.add_argument("--precision", default="auto", help="of training")
    given = parser.parse_args()
    work = Path(given.work)
    work.mkdir(parents=True, exist_ok=True)
    options = ("--device", given.device, "--precision", given.precision)
    recipe = FirstModel(work, FULL, options=options)
    say(str(recipe.make(Path(given.data), given.cross_layers, given.rounds)))


if __name__ == "__main__":
    main()

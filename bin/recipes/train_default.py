"""The recipe of the model that xalign includes, from data to the folder that ships.

1. The first model (`bin.recipes.first_model`) learns from text alone.
2. Several networks go on from it. They learn human links, mixed with links that the first model
   finds in text of many languages; some examples are several pairs end to end.
3. Each of these networks labels the text; their probabilities are averaged.
4. A network goes on from the first model again, with the human links and the averaged labels.
5. It gets a pair head (`bin.recipes.pair_head`), which learns from the same text, and is saved in
   half precision, with the card of the folder that it goes to.

Each step is done once: what the working folder holds is not done again, and training goes on where
it was stopped. Every command is printed before it runs. On two cores all steps take most of a day;
with ``--device cuda`` minutes.
"""

import argparse
import contextlib
import itertools
import lzma
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bin.recipes import EXAMPLES
from bin.recipes.first_model import FULL as FIRST_FULL
from bin.recipes.first_model import (
    LICENCES,
    MAX_DEV_PAIRS,
    TEXTS,
    XALIGN,
    FirstModel,
    Scale,
    run,
    say,
)
from bin.recipes.pair_head import with_pair_head
from xalign.alignment import Link
from xalign.io.files import Source
from xalign.io.links import read_any_links
from xalign.io.outputs import whole
from xalign.training.run import read_metrics
from xalign.weights.checkpoint import DEFAULT, Checkpoint, load, save_folder

HUMAN = {
    "cdt.da-en": 2.0,
    "cdt.da-it": 1.0,
    "cdt.da-es": 1.0,
    "cdt.da-de": 1.0,
    "czenali.en-cs": 2.0,
    "europarl-ges.en-sv": 1.0,
    "alibi.fr-en": 1.0,
    "kftt.en-ja": 3.0,
    "wpt05.en-ro": 2.0,
    "nist02.zh-en": 2.0,
    "hansards.en-fr": 0.5,
}
"""Sets of human links, and their weights."""
APART = {
    "cdt.da-it": 100,
    "cdt.da-es": 46,
    "cdt.da-de": 39,
    "kftt.en-ja": 100,
    "wpt05.en-ro": 40,
    "nist02.zh-en": 30,
    "hansards.en-fr": 7,
}
"""The last pairs of these sets are not learnt: they validate."""
TEXT = {
    "de-en": (8_000, 1.0),
    "fr-en": (6_000, 0.7),
    "ro-en": (8_000, 1.0),
    "zh-en": (12_000, 1.5),
    "ja-en": (8_000, 1.0),
    "ja-en.kyoto": (11_000, 1.5),
    "fr-en.hansards": (7_000, 0.8),
    "many-en": (190, 4.0),
}
"""Text to label: pairs (of many-en, pairs of each language) and weight."""
CAPS = {"cataclysm-dda": 300, "wesnoth": 300, "bible": 800}
"""Most pairs of a source in one language; games and the Bible would be most of the text."""
WORDS = range(3, 61)
"""Words that a side may have."""
LEAST_PROBABILITY = 0.02
"""Labels below this are left out."""
COMMON = ("--max-pieces", "256", "--join", "0.2", "--drop-case", "0.15", "--tune-embeddings")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondScale:
    """How much of everything in the second round."""

    networks: int = 4
    steps: int = 450
    last_steps: int = 750
    every: int = 150
    batch_pieces: int = 8192
    pairs: int = 50_000
    first: Scale = field(default_factory=lambda: FIRST_FULL)


FULL = SecondScale()
TINY = SecondScale(
    networks=2,
    steps=2,
    last_steps=2,
    every=2,
    batch_pieces=600,
    pairs=100,
    first=Scale(pairs=100, teacher_steps=2, student_steps=2, every=2, batch_pieces=400),
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Makes everything in the folder ``work``, by ``options`` of training such as a device."""

    work: Path
    scale: SecondScale
    first_texts: tuple[str, ...] = TEXTS
    options: tuple[str, ...] = ()

    def make(self, data: Path, output: Path, start: str | None, cross_layers: int) -> None:
        """Take all steps; ``data`` has ``train/`` and ``gold/``, the model goes to ``output``.

        With the model ``start``, the first step is left out.
        """
        if start is None:
            first = FirstModel(self.path("first"), self.scale.first, self.first_texts)
            first.work.mkdir(exist_ok=True)
            start = str(first.make(data, cross_layers))
        human = [name for name in HUMAN if self.human(data / "gold", name)]
        text = [name for name in TEXT if self.text(data / "train", name)]
        self.dev(data / "gold" / "dev")
        unlabelled = dict.fromkeys(text, "none")
        for number in range(self.scale.networks):
            masked = ["--mask-rate", "0.1", "--lr", "1e-4", "--self-lr", "1e-4"]
            seed = ["--seed", str(number + 1)]
            self.train(f"network-{number}", start, human, unlabelled, 0.15, [*masked, *seed])
        labels = {name: str(self.labels(name)) for name in text}
        last = self.train("last", start, human, labels, 0.45, masked)
        texts = [str(self.path(f"text/{name}.txt")) for name in text]
        ship(with_pair_head(str(last), texts, self.scale.pairs), output)

    def human(self, gold: Path, name: str) -> bool:
        """Copy a set of human links, without the pairs that are kept apart, if it is there."""
        found = [
            path for path in (gold / "dev", gold / "supervised") if (path / f"{name}.txt").exists()
        ]
        if not found:
            return False
        apart = APART.get(name, 0)
        for suffix in (".txt", ".talp"):
            lines = (found[0] / f"{name}{suffix}").read_text().splitlines(keepends=True)
            self.write("human", f"{name}{suffix}", lines[: len(lines) - apart])
            if apart:
                self.write("dev", f"{name}{suffix}", lines[len(lines) - apart :])
        return True

    def dev(self, source: Path) -> None:
        """Copy the first pairs of the development sets that nothing is learnt from."""
        for path in sorted(source.glob("*.txt")):
            if path.stem not in HUMAN:
                for suffix in (".txt", ".talp"):
                    lines = path.with_suffix(suffix).read_text().splitlines(keepends=True)
                    self.write("dev", f"{path.stem}{suffix}", lines[:MAX_DEV_PAIRS])

    def text(self, source: Path, name: str) -> bool:
        """Write a sample of a text, if it is there."""
        path = source / f"{name}.tsv.xz"
        if not path.exists():
            return False
        if not self.path(f"text/{name}.txt").exists():
            draw = random.Random(7)
            count, _ = TEXT[name]
            rows = list(sample(path, count, draw, by_language=name == "many-en"))
            draw.shuffle(rows)
            self.write("text", f"{name}.txt", (f"{one} ||| {other}\n" for one, other in rows))
        return True

    def train(
        self,
        name: str,
        start: str,
        human: list[str],
        text: dict[str, str],
        share: float,
        options: list[str],
    ) -> Path:
        """Learn human links, and ``text`` with its labels as a ``share`` of the examples."""
        folder = self.path(name)
        steps = self.scale.last_steps if name == "last" else self.scale.steps
        done = [record["step"] for record in read_metrics(folder / "metrics.jsonl")]
        if done and done[-1] == steps:
            return folder
        arguments: list[str] = []
        total = sum(HUMAN[one] for one in human), sum(TEXT[one][1] for one in text)
        for one in human:
            weight = (1 - share) * HUMAN[one] / total[0]
            files = self.path(f"human/{one}.txt"), self.path(f"human/{one}.talp")
            arguments += ["-i", str(files[0]), "--links", str(files[1]), "--weight", str(weight)]
        for one, labels in text.items():
            weight = share * TEXT[one][1] / total[1]
            file = str(self.path(f"text/{one}.txt"))
            arguments += ["-i", file, "--links", labels, "--weight", str(weight)]
        dev = [("--dev", str(path)) for path in sorted(self.path("dev").glob("*.txt"))]
        schedule = [
            "--steps",
            str(steps),
            "--every",
            str(min(steps, self.scale.every)),
            "--batch-pieces",
            str(self.scale.batch_pieces),
            "--warmup",
            "20",
        ]
        run(
            [
                *XALIGN,
                "finetune",
                "-m",
                start,
                *arguments,
                *itertools.chain(*dev),
                *COMMON,
                *schedule,
                *options,
                *self.options,
                "-o",
                str(folder),
                "--resume",
            ]
        )
        return folder

    def labels(self, name: str) -> Path:
        """Links of a text with the mean probability that all networks give to them."""
        target = self.path(f"text/{name}.scored")
        if target.exists():
            return target
        found = []
        for number in range(self.scale.networks):
            scored = self.path(f"text/{name}.{number}.scored")
            found.append(scored)
            if not scored.exists():
                least = ["--format", "scored", "--threshold", str(LEAST_PROBABILITY)]
                files = ["-i", str(self.path(f"text/{name}.txt")), "-o", str(scored)]
                model = ["-m", str(self.path(f"network-{number}"))]
                run([*XALIGN, "align", "-q", *model, *least, *files])
        self.write("text", target.name, averaged(found))
        return target

    def write(self, folder: str, name: str, lines: Iterable[str]) -> None:
        """Write a file of the recipe, whole or not at all."""
        self.path(folder).mkdir(exist_ok=True)
        with whole(self.path(folder) / name) as part:
            part.write_text("".join(lines))

    def path(self, name: str) -> Path:
        """A file or folder of the recipe."""
        return self.work / name


def sample(
    source: Path, count: int, draw: random.Random, *, by_language: bool
) -> Iterator[tuple[str, str]]:
    """``count`` pairs of a table of source, licence class, kind, text and English.

    Of a source in `CAPS`, no more than that; ``by_language``, ``count`` pairs of each language,
    which is the first part of the source.
    """
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with lzma.open(source, "rt", encoding="utf-8") as lines:
        for line in lines:
            origin, licence, kind, one, other = line.rstrip("\n").split("\t")
            pair = " ".join(one.split()), " ".join(other.split())
            is_usable = all(len(side.split()) in WORDS and "|||" not in side for side in pair)
            if is_usable and licence in LICENCES and kind == "natural":
                groups[origin.partition("/")[0]].append(pair)
    chosen = [
        draw.sample(pairs, min(len(pairs), count, CAPS.get(name, count)))
        for name, pairs in groups.items()
    ]
    rows = list(itertools.chain(*chosen))
    yield from rows if by_language else draw.sample(rows, min(count, len(rows)))


def averaged(paths: list[Path]) -> Iterator[str]:
    """Lines of links with the mean of their probabilities in several files."""
    with ExitStack() as stack:
        sources = [stack.enter_context(contextlib.closing(Source(str(path)))) for path in paths]
        streams = [
            read_any_links(source, str(path)) for source, path in zip(sources, paths, strict=True)
        ]
        for alignments in zip(*streams, strict=True):
            sums: dict[Link, float] = defaultdict(float)
            for one in alignments:
                for link, probability in one.probabilities.items():
                    sums[link] += probability / len(paths)
            yield " ".join(f"{i}-{j}:{p:.4f}" for (i, j), p in sorted(sums.items())) + "\n"


def ship(checkpoint: Checkpoint, output: Path) -> None:
    """Write a model in half precision, with the card that ``output`` has."""
    card = output / "README.md"
    text = card.read_text() if card.exists() else ""
    save_folder(checkpoint, output, torch.float16, text)
    size = sum(path.stat().st_size for path in output.iterdir())
    say(f"{output}: {size / 1e6:.1f} MB")


def tiny_data(folder: Path) -> Path:
    """The example pairs, laid out as training data, human links and development set."""
    lines = (EXAMPLES / "de-en.txt").read_text().splitlines(keepends=True)
    gold = (EXAMPLES / "de-en.talp").read_text().splitlines(keepends=True)
    (folder / "train").mkdir(parents=True)
    with lzma.open(folder / "train" / "de-en.tsv.xz", "wt", encoding="utf-8") as file:
        for line in lines:
            sides = line.rstrip("\n").split(" ||| ")
            file.write("\t".join(["examples", "open", "natural", *sides]) + "\n")
    for name in ("dev/de-en", "supervised/cdt.da-en"):
        path = folder / "gold" / name
        path.parent.mkdir(parents=True)
        Path(f"{path}.txt").write_text("".join(lines[: len(gold)]), encoding="utf-8")
        Path(f"{path}.talp").write_text("".join(gold), encoding="utf-8")
    return folder


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(prog="bin/train-default", description=__doc__)
    parser.add_argument("data", nargs="?", help="folder with train/ and gold/")
    parser.add_argument("-w", "--work", help="folder of all that is made on the way")
    parser.add_argument("-o", "--output", default=str(DEFAULT), help="folder of the model")
    parser.add_argument("--start", help="a first model that is there already")
    parser.add_argument("--cross-layers", type=int, default=1, help="n of the first model")
    parser.add_argument("--device", default="auto", help="where the second round trains")
    parser.add_argument("--precision", default="auto", help="precision of the second round")
    parser.add_argument("--tiny", action="store_true", help="a minute, on the example pairs")
    given = parser.parse_args()
    if given.tiny:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "work").mkdir()
            recipe = Recipe(folder / "work", TINY, ("de-en",))
            recipe.make(
                tiny_data(folder / "data"), folder / "model", given.start, given.cross_layers
            )
            assert load(str(folder / "model")).rule.method == "binary"
    elif not (given.data and given.work):
        parser.error("expected a folder of data and --work, or --tiny")
    else:
        work = Path(given.work)
        work.mkdir(parents=True, exist_ok=True)
        options = ("--device", given.device, "--precision", given.precision)
        with contextlib.suppress(KeyboardInterrupt):
            recipe = Recipe(work, FULL, options=options)
            recipe.make(Path(given.data), Path(given.output), given.start, given.cross_layers)


if __name__ == "__main__":
    main()

"""A smaller and faster model that learns the probabilities of another one.

    python -m bin.recipes.distil DATA --work FOLDER --layers 0 3 6 7 -o MODEL

It starts from some layers of the default model, the last one being the cross-attention layer, and
learns the probabilities that the default model gives to the links of text, mixed with human links:
those of `bin.recipes.train_default`, in the same folders of DATA. Each step is done once: what the
working folder holds is not done again, and training goes on where it was stopped.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from bin.recipes.first_model import XALIGN, run
from bin.recipes.pair_head import with_pair_head
from bin.recipes.train_default import (
    FULL,
    HUMAN,
    LEAST_PROBABILITY,
    TEXT,
    TINY,
    Recipe,
    ship,
    tiny_data,
)
from xalign.weights.checkpoint import Checkpoint, load, save_folder

SHARE = 0.6
"""Share of text among the examples."""


def with_layers(checkpoint: Checkpoint, numbers: Sequence[int]) -> Checkpoint:
    """A model with only the layers of these ``numbers``, counted from 0, in rising order."""
    numbers = sorted(set(numbers))
    network, depth = checkpoint.network, checkpoint.network.config.num_self_layers
    num_self = sum(number < depth for number in numbers)
    network.layers = nn.ModuleList(network.layers[number] for number in numbers)
    network.config = replace(
        network.config,
        num_self_layers=num_self,
        num_cross_layers=len(numbers) - num_self,
        align_layer=len(numbers),
    )
    return replace(checkpoint, network=network, curve=())


def distil(recipe: Recipe, data: Path, layers: Sequence[int], output: Path, rate: str) -> None:
    """Take all steps with the human links and the text in ``data``; the model goes to ``output``."""
    human = [name for name in HUMAN if recipe.human(data / "gold", name)]
    text = [name for name in TEXT if recipe.text(data / "train", name)]
    recipe.dev(data / "gold" / "dev")
    labels = {name: str(labelled(recipe, name)) for name in text}
    start = recipe.path(f"layers-{'-'.join(map(str, layers))}")
    if not (start / "config.json").exists():
        save_folder(with_layers(load(), layers), start)
    rates = ["--lr", rate, "--self-lr", rate, "--mask-rate", "0"]
    learnt = recipe.train(f"{start.name}-{rate}", str(start), human, labels, SHARE, rates)
    texts = [str(recipe.path(f"text/{name}.txt")) for name in text]
    ship(with_pair_head(str(learnt), texts, recipe.scale.pairs), output)


def labelled(recipe: Recipe, name: str) -> Path:
    """Links of a text with the probabilities that the default model gives to them."""
    target = recipe.path(f"text/{name}.default.scored")
    if not target.exists():
        least = ["--format", "scored", "--threshold", str(LEAST_PROBABILITY)]
        files = ["-i", str(recipe.path(f"text/{name}.txt")), "-o", str(target)]
        run([*XALIGN, "align", "-q", *least, *files])
    return target


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(
        prog="distil", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", help="folder with train/ and gold/")
    parser.add_argument("-w", "--work", help="folder of all that is made on the way")
    parser.add_argument("-o", "--output", help="folder of the model")
    parser.add_argument("--layers", type=int, nargs="+", default=[0, 3, 6, 7])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rate", default="3e-4", help="learning rate")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--tiny", action="store_true", help="a minute, on the example pairs")
    given = parser.parse_args()
    if given.tiny:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "work").mkdir()
            recipe = Recipe(folder / "work", TINY, ("de",))
            distil(recipe, tiny_data(folder / "data"), given.layers, folder / "out", given.rate)
            assert len(load(str(folder / "out")).network.layers) == len(given.layers)
    elif not (given.data and given.work and given.output):
        parser.error("expected a folder of data, --work and --output, or --tiny")
    else:
        Path(given.work).mkdir(parents=True, exist_ok=True)
        options = ("--device", given.device, "--precision", given.precision)
        recipe = Recipe(Path(given.work), replace(FULL, steps=given.steps), options=options)
        distil(recipe, Path(given.data), given.layers, Path(given.output), given.rate)


if __name__ == "__main__":
    main()

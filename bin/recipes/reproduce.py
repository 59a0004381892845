"""The paper's ablations: no training, TLM, SSA, for n cross layers, every c.

Every network keeps seven self-attention layers of the embedded encoder, puts its cross layers on
top, sees the same data in the same steps, and learns the links of the same teacher, the untrained
encoder. Links are read off the first cross layer (without any, the last layer) by the same rule,
with scale and threshold chosen on the same development sets. By default it is at the scale of a CPU.
What was done already in the output folder is not done again, and a stage that was stopped goes on.

The paper's setting, a bilingual model on text of the domain:

    bin/reproduce -i kyoto.txt --dev kftt.txt --test jaen.txt -n 0 1 2 --own-labels \\
        --steps 320 --ssa-steps 80 --batch-pieces 32768 --mask-rate 0.15 --device cuda -o results
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bin.recipes import EXAMPLES
from xalign.aligning.devices import choose_device, usable_cores
from xalign.training.run import read_metrics
from xalign.training.settings import (
    FinetuneSettings,
    InitCross,
    Labels,
    Machine,
    Schedule,
    Start,
    Text,
    TrainSettings,
)
from xalign.training.setup import STAGE_1_SCALES
from xalign.training.stages import finetune, train_tlm
from xalign.training.tuning import Choices, open_dev_set, tune
from xalign.weights.checkpoint import load

STAGES = ("none", "tlm", "ssa")
SAME = Schedule(steps=40, warmup=10, batch_pieces=4096, mask_rate=0.3, seed=1)
STAGE_1 = replace(SAME, lr=3e-4, self_lr=5e-5)
STAGE_2 = replace(SAME, lr=1.5e-4, self_lr=1.5e-4)


@dataclass(frozen=True, slots=True)
class Variant:
    """A network to train: n, how its cross layers start, and the layer c that SSA tunes."""

    num_cross_layers: int
    init: InitCross = "identity"

    @property
    def align_layer(self) -> int:
        """Links are read off the first cross layer or, without one, the last layer."""
        return 8 if self.num_cross_layers else 7

    @property
    def name(self) -> str:
        """For folders."""
        return f"n{self.num_cross_layers}-{self.init}"


VARIANTS = (
    Variant(0),
    Variant(1),
    Variant(2),
    Variant(4),
    Variant(2, "copy"),
    Variant(2, "random"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How each stage trains: stage 1 and stage 2 for every variant, by the links of a teacher.

    The ``teacher`` is a model, or None for the network's own links after stage 1, as in the paper.
    """

    variants: Sequence[Variant] = VARIANTS
    stage_1: Schedule = STAGE_1
    stage_2: Schedule = STAGE_2
    teacher: str | None = "e5-small"
    device: str = "cpu"
    test: Sequence[str] = ()


def run_all(corpora: Sequence[str], dev: Sequence[str], output: Path, plan: Plan) -> None:
    """Train every variant, and write ``results.json``, ``results.md`` and ``results.png``."""
    threads = usable_cores() if choose_device(plan.device).type == "cpu" else 1
    machine = Machine(device=plan.device, threads=threads, cache=output / "corpora")
    results = [run_one(variant, corpora, dev, output, machine, plan) for variant in plan.variants]
    (output / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    text = as_tables(results)
    (output / "results.md").write_text(text)
    draw(results, output / "results.png")
    print(text)


def run_one(
    variant: Variant,
    corpora: Sequence[str],
    dev: Sequence[str],
    output: Path,
    machine: Machine,
    plan: Plan,
) -> dict[str, Any]:
    """Mean AER of a variant untrained, after TLM, and after SSA; and by layer after TLM.

    A stage that was stopped goes on from its last checkpoint.
    """
    folder, threads = output / variant.name, machine.threads or 1
    result: dict[str, Any] = {"n": variant.num_cross_layers, "init": variant.init}
    text = Text(input=tuple(corpora), weight=(1.0,) * len(corpora), dev=tuple(dev))
    start = Start(
        self_layers=7,
        cross_layers=variant.num_cross_layers,
        init_cross=variant.init,
        align_layer=variant.align_layer,
    )
    labels = Labels(teacher=plan.teacher, average="geometric", loss="words")
    for stage, schedule in (
        ("none", replace(plan.stage_1, steps=0)),
        ("tlm", plan.stage_1),
        ("ssa", plan.stage_2),
    ):
        schedule = replace(schedule, every=max(1, min(schedule.every, schedule.steps)))
        done = steps_done(folder / stage)
        if done != schedule.steps:
            print(f"{variant.name}: {stage}", file=sys.stderr, flush=True)
            if stage == "ssa":
                second = FinetuneSettings(
                    model=str(folder / "tlm"), text=text, labels=labels, schedule=schedule
                )
                finetune(second, machine, folder / stage, resume=True, show=lambda _: None)
            else:
                first = TrainSettings(text=text, start=start, schedule=schedule)
                train_tlm(first, machine, folder / stage, resume=True, show=lambda _: None)
        *_, last = (folder / stage / "metrics.jsonl").read_text().splitlines()
        result[stage] = json.loads(last)["mean_aer"]
        result[f"{stage} on test sets"] = test_rates(folder / stage, plan.test, threads)
    result["by_layer"] = layers_after_tlm(variant, folder, dev, threads)
    return result


def steps_done(folder: Path) -> int | None:
    """Steps of a run up to its last checkpoint; None before the first one."""
    records = read_metrics(folder / "metrics.jsonl")
    return int(records[-1]["step"]) if records else None


def test_rates(folder: Path, test: Sequence[str], threads: int) -> dict[str, float]:
    """AER of a model on test sets, by the rule that its development sets chose."""
    if not test:
        return {}
    path = folder / "test.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    model = load(str(folder))
    layer, rule = model.network.config.align_layer, model.rule
    choices = Choices((layer,), (rule.scale,), (rule.threshold,))
    rates = tune(model, [open_dev_set(name) for name in test], choices, threads).rates
    path.write_text(json.dumps(rates) + "\n")
    return rates


def layers_after_tlm(
    variant: Variant, folder: Path, dev: Sequence[str], threads: int
) -> dict[int, float]:
    """Mean AER of every layer from the fourth on, each at its best scale and threshold."""
    path = folder / "by_layer.json"
    if not path.exists():
        model = load(str(folder / "tlm"))
        scales = tuple(scale / math.sqrt(model.network.config.width) for scale in STAGE_1_SCALES)
        choices = Choices(tuple(range(4, 7 + variant.num_cross_layers + 1)), scales)
        tuned = tune(model, [open_dev_set(name) for name in dev], choices, threads)
        best: dict[int, float] = {}
        for point in tuned.checkpoint.curve:
            best[point.layer] = min(point.aer, best.get(point.layer, 1.0))
        path.write_text(json.dumps(best) + "\n")
    return {int(layer): aer for layer, aer in json.loads(path.read_text()).items()}


def as_tables(results: Sequence[dict[str, Any]]) -> str:
    """Mean AER in % by stage, and after TLM by layer, as Markdown."""
    lines = ["| n | cross layers start | untrained | + TLM | ++ SSA |", "|---|---|---|---|---|"]
    for result in results:
        start = result["init"] if result["n"] else "(none)"
        stages = " | ".join(f"{100 * result[stage]:.2f}" for stage in STAGES)
        lines.append(f"| {result['n']} | {start} | {stages} |")
    for name in results[0]["none on test sets"]:
        lines += ["", f"| n | {name}, untrained | + TLM | ++ SSA |", "|---|---|---|---|"]
        for result in results:
            found = (result[f"{stage} on test sets"][name] for stage in STAGES)
            lines.append(f"| {result['n']} | {' | '.join(f'{100 * aer:.2f}' for aer in found)} |")
    layers = sorted({layer for result in results for layer in result["by_layer"]})
    header = " | ".join(f"c={layer}" for layer in layers)
    lines += ["", f"| n | cross layers start | {header} |", "|---|---|" + "---|" * len(layers)]
    for result in results:
        cells = (
            f"{100 * result['by_layer'][layer]:.2f}" if layer in result["by_layer"] else ""
            for layer in layers
        )
        start = result["init"] if result["n"] else "(none)"
        lines.append(f"| {result['n']} | {start} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(results: Sequence[dict[str, Any]], path: Path) -> None:
    """AER by number of cross layers, and by layer."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    identical = [result for result in results if result["init"] == "identity"]
    for stage, label in (("none", "untrained"), ("tlm", "+ TLM"), ("ssa", "++ SSA")):
        numbers = [result["n"] for result in identical]
        left.plot(numbers, [100 * result[stage] for result in identical], marker="o", label=label)
    left.set(xlabel="cross-attention layers (n)", ylabel="mean AER (%)", xticks=[0, 1, 2, 4])
    left.legend()
    for result in results:
        label = f"n={result['n']}, {result['init']}" if result["n"] else "n=0"
        layers, rates = zip(*result["by_layer"].items(), strict=True)
        right.plot(layers, [100 * aer for aer in rates], marker="o", label=label)
    right.set(xlabel="layer (c), after TLM", ylabel="mean AER (%)")
    right.legend()
    figure.savefig(path, dpi=120)


def tiny_data(folder: Path) -> tuple[list[str], list[str]]:
    """The example pairs to train on, and those with gold links to validate on."""
    lines = (EXAMPLES / "de-en.txt").read_text().splitlines(keepends=True)
    gold = (EXAMPLES / "de-en.talp").read_text()
    dev = folder / "dev.txt"
    dev.write_text("".join(lines[: gold.count("\n")]))
    dev.with_suffix(".talp").write_text(gold)
    return [str(EXAMPLES / "de-en.txt")], [str(dev)]


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(prog="bin/reproduce", description=__doc__)
    parser.add_argument("-i", "--input", action="append", default=[], help="a corpus; repeat")
    parser.add_argument("--dev", action="append", default=[], help="pairs beside gold; repeat")
    parser.add_argument("-o", "--output", help="folder of all runs and results")
    parser.add_argument("--test", action="append", default=[], help="like --dev, to report only")
    parser.add_argument("--steps", type=int, default=40, help="of stage 1")
    parser.add_argument("--ssa-steps", type=int, help="of stage 2; default: as many")
    parser.add_argument("--batch-pieces", type=int, default=4096)
    parser.add_argument("--mask-rate", type=float, default=0.3, help="of stage 1")
    parser.add_argument("--every", type=int, default=100, help="steps between two checkpoints")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-n", type=int, nargs="+", help="numbers of cross layers; default: all")
    parser.add_argument("--own-labels", action="store_true", help="SSA by the network's own links")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--tiny", action="store_true", help="a minute, on the example pairs")
    options = parser.parse_args()
    steps, pieces = (2, 500) if options.tiny else (options.steps, options.batch_pieces)
    chosen = {"batch_pieces": pieces, "every": options.every}
    chosen |= {"seed": options.seed, "precision": options.precision}
    stages = [
        replace(STAGE_1, steps=steps, mask_rate=options.mask_rate, **chosen),
        replace(STAGE_2, steps=options.ssa_steps or steps, **chosen),
    ]
    variants = VARIANTS if options.n is None else [Variant(number) for number in options.n]
    teacher = None if options.own_labels else "e5-small"
    plan = Plan(variants, stages[0], stages[1], teacher, options.device, options.test)
    if options.tiny:
        with tempfile.TemporaryDirectory() as folder:
            run_all(*tiny_data(Path(folder)), Path(options.output or folder), plan)
    elif not (options.input and options.dev and options.output):
        parser.error("expected -i, --dev and -o, or --tiny")
    else:
        run_all(options.input, options.dev, Path(options.output), plan)


if __name__ == "__main__":
    main()

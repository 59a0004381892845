"""What ``xalign score`` prints: a table or JSON of scores, a signature, and the worst pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xalign
from xalign.alignment import Alignment, GoldAlignment, SentencePair
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.gold import Gold, read_gold
from xalign.io.pharaoh import read_alignments
from xalign.metrics import SEED, Score, interval, p_value, score_pair, worst


@dataclass(frozen=True, slots=True)
class Output:
    """An aligner's output: its name, its alignments, and the score of every pair."""

    name: str
    alignments: tuple[Alignment, ...]
    pairs: tuple[Score, ...]

    @property
    def total(self) -> Score:
        """Score over the corpus."""
        return sum(self.pairs, Score())


def open_gold(path: str, base: int | None) -> Gold:
    """The gold file at ``path``."""
    source = Source(path)
    gold = read_gold(source, source.name, base)
    if not gold.alignments:
        raise InputError(source.name, 0, "expected gold links, found an empty file")
    return gold


def open_output(path: str, gold: Gold, gold_path: str) -> Output:
    """The output at ``path``, scored; it must have a line for each gold line."""
    source = Source(path)
    alignments = tuple(read_alignments(source, source.name))
    found, expected = len(alignments), len(gold.alignments)
    if found != expected:
        raise InputError(
            source.name, 0, f"expected {expected} lines, as many as {gold_path} has, "
            f"found {found}; an unaligned pair is an empty line",
        )  # fmt: skip
    pairs = map(score_pair, alignments, gold.alignments)
    return Output(source.name, alignments, tuple(pairs))


def signature(gold: Gold, path: str, samples: int) -> str:
    """One line that says how a score came about, fit for a footnote."""
    sure = sum(len(alignment.sure) for alignment in gold.alignments)
    possible = sum(len(alignment.possible) for alignment in gold.alignments)
    parts = [
        f"gold:{Path(path).name}", f"pairs:{len(gold.alignments)}", f"format:{gold.format}",
        f"base:{gold.base}({gold.base_from})", f"sure:{sure}", f"possible:{possible}",
    ]  # fmt: skip
    if samples:
        parts += [f"samples:{samples}", f"seed:{SEED}"]
    return "|".join([*parts, f"xalign:{xalign.__version__}"])


def as_record(output: Output, first: Output, samples: int) -> dict[str, Any]:
    """Score of ``output`` as a JSON object; ratios from 0 to 1, ``p`` against the ``first`` one."""
    total = output.total
    record = {
        "name": output.name, "aer": total.aer, "precision": total.precision,
        "recall": total.recall, "f1": total.f1, "links": total.links,
        "sure": total.sure, "possible": total.possible,
        "links_sure": total.links_sure, "links_possible": total.links_possible,
    }  # fmt: skip
    if samples:
        record["aer_interval"] = interval(output.pairs, samples)
        record["p"] = None if output is first else p_value(first.pairs, output.pairs, samples)
    return record


def table(records: Sequence[dict[str, Any]]) -> str:
    """Scores in percent, a line for each output, columns aligned."""
    with_samples = "p" in records[0]
    head = [
        "",
        "AER",
        *(["95% interval", "p"] if with_samples else []),
        "prec",
        "rec",
        "F1",
        "links",
    ]
    rows = [head] + [as_row(record) for record in records]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def as_row(record: dict[str, Any]) -> list[str]:
    """Cells of one output."""
    extra = []
    if "p" in record:
        low, high = record["aer_interval"]
        p = record["p"]
        extra = [f"{100 * low:.2f}-{100 * high:.2f}", "" if p is None else f"{p:.4f}"]
    ratios = [f"{100 * record[name]:.2f}" for name in ("aer", "precision", "recall", "f1")]
    return [record["name"], ratios[0], *extra, *ratios[1:], str(record["links"])]


def worst_pairs(
    output: Output, gold: Sequence[GoldAlignment], number: int, texts: Sequence[SentencePair]
) -> str:
    """The pairs with the most mistakes: their line, AER, wrong and missing links.

    Words are shown as far as ``texts`` has the pairs.
    """
    blocks = [f"worst of {output.name}:"]
    for place in worst(output.pairs, number):
        wrong = Alignment(output.alignments[place].links - gold[place].possible)
        missing = Alignment(gold[place].sure - output.alignments[place].links)
        text = texts[place] if place < len(texts) else None
        blocks.append(
            f"line {place + 1}: AER {100 * output.pairs[place].aer:.1f}\n"
            + (
                f"  source   {' '.join(text.src)}\n  target   {' '.join(text.tgt)}\n"
                if text
                else ""
            )
            + f"  wrong    {in_words(wrong, text)}\n  missing  {in_words(missing, text)}"
        )
    return "\n".join(blocks)


def in_words(alignment: Alignment, pair: SentencePair | None) -> str:
    """Links as ``i-j``, with the words they link where the pair is known."""
    if not alignment.links:
        return "none"
    if pair is None:
        return str(alignment)
    return "  ".join(f"{i}-{j} {word(pair.src, i)}~{word(pair.tgt, j)}" for i, j in alignment)


def word(words: Sequence[str], place: int) -> str:
    """The word at ``place``; ``?`` beyond the end."""
    return words[place] if place < len(words) else "?"

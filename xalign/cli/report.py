"""Output of ``xalign score``: scores as a table or JSON, a signature, and the worst pairs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xalign
from xalign.alignment import Alignment, GoldAlignment, Link, SentencePair
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.gold import Gold, read_gold
from xalign.io.links import find_links
from xalign.io.pairs import read_pairs
from xalign.links.metrics import SEED, Score, interval, p_value, padded, score_pair, worst

HINT_AER = 0.2
"""An output that another form would improve by so much is probably not what its user thinks."""


@dataclass(frozen=True, slots=True)
class ScoredFile:
    """An aligner's output: its name, its alignments, and the score of every pair."""

    name: str
    alignments: tuple[Alignment, ...]
    pairs: tuple[Score, ...]


def open_gold(path: str, base: int | None) -> Gold:
    """The gold file at ``path``."""
    source = Source(path)
    gold = read_gold(source, source.name, base)
    if not gold.alignments:
        raise InputError(source.name, 0, "expected gold links, found an empty file")
    return gold


def open_scored(path: str, gold: Gold, gold_path: str) -> ScoredFile:
    """The output at ``path``, scored; it must have a line for each gold line.

    A NAACL file does not say how many pairs follow its last link: they count as pairs without one.
    """
    source = Source(path)
    links = find_links(source, source.name)
    alignments, references = padded(
        [found.alignment for found in links.pairs],
        gold.alignments,
        found_is_open=links.is_open,
        gold_is_open=gold.is_open,
    )
    if (found := len(alignments)) != (number := len(references)):
        advice = "an unaligned pair is an empty line"
        if found > number:
            advice = (
                f"score the pairs that have gold links, for example the first: head -n {number}"
            )
        message = f"expected {number} lines, as many as {gold_path} has, found {found}; {advice}"
        raise InputError(source.name, 0, message)
    scores = tuple(map(score_pair, alignments, references))
    return ScoredFile(source.name, tuple(alignments), scores)


def hint(output: ScoredFile, gold: Gold) -> str | None:
    """The usual mistake without which an output would score much better, if there is one."""
    usual = sum(output.pairs, Score()).aer
    found = {
        name: sum(map(score_pair, changed, gold.alignments), Score()).aer
        for name, changed in other_forms(output.alignments)
    }
    best = min(found, key=found.__getitem__)
    if usual - found[best] < HINT_AER:
        return None
    return f"the AER would be {100 * found[best]:.2f} if {best}"


def other_forms(alignments: Sequence[Alignment]) -> Iterator[tuple[str, list[Alignment]]]:
    """Alignments as they would be without a usual mistake, which is described."""

    def changed(change: Callable[[Link], Link]) -> list[Alignment]:
        return [Alignment(frozenset(map(change, one.links))) for one in alignments]

    yield "links were counted from 0 instead of from 1", changed(lambda k: (k[0] - 1, k[1] - 1))
    yield (
        "links were counted one higher: gold and output differ",
        changed(lambda k: (k[0] + 1, k[1] + 1)),
    )
    yield (
        "source and target were exchanged: xalign symmetrize -c invert -i FILE",
        changed(lambda k: (k[1], k[0])),
    )
    yield (
        "source and target were exchanged and counted from 0",
        changed(lambda k: (k[1] - 1, k[0] - 1)),
    )
    nothing = Alignment()
    yield "every line stood one line higher", [*alignments[1:], nothing]
    yield "every line stood one line lower", [nothing, *alignments[:-1]]


def open_texts(path: str, gold: Gold) -> tuple[SentencePair, ...]:
    """The sentence pairs at ``path``, which must be those of the gold links."""
    source = Source(path)
    texts = tuple(read_pairs(source, source.name))
    if len(texts) < len(gold.alignments):
        expected = f"expected the {len(gold.alignments)} pairs of the gold links"
        raise InputError(source.name, 0, f"{expected}, found {len(texts)}")
    return texts


def signature(gold: Gold, path: str, samples: int) -> str:
    """One line that says how a score was computed, fit for a footnote."""
    sure = sum(len(alignment.sure) for alignment in gold.alignments)
    possible = sum(len(alignment.possible) for alignment in gold.alignments)
    parts = [
        f"gold:{Path(path).name}",
        f"pairs:{len(gold.alignments)}",
        f"format:{gold.format}",
        f"base:{gold.base}({gold.base_from})",
        f"sure:{sure}",
        f"possible:{possible}",
    ]
    if samples:
        parts += [f"samples:{samples}", f"seed:{SEED}"]
    return "|".join([*parts, f"xalign:{xalign.__version__}"])


def as_records(
    outputs: Sequence[ScoredFile],
    gold: Gold,
    *,
    samples: int,
    num_worst: int,
    texts: Sequence[SentencePair],
) -> list[dict[str, Any]]:
    """Scores as JSON objects, ratios from 0 to 1; ``p`` is that of the difference to the first."""
    records = []
    for output in outputs:
        total = sum(output.pairs, Score())
        record: dict[str, Any] = {
            "name": output.name,
            "aer": total.aer,
            "precision": total.precision,
            "recall": total.recall,
            "f1": total.f1,
            "links": total.links,
            "sure": total.sure,
            "possible": total.possible,
            "links_sure": total.links_sure,
            "links_possible": total.links_possible,
        }
        if samples:
            first = outputs[0]
            record["aer_interval"] = interval(output.pairs, samples)
            record["p"] = None if output is first else p_value(first.pairs, output.pairs, samples)
        if num_worst:
            record["worst"] = [
                mistakes(output, gold, place, texts) for place in worst(output.pairs, num_worst)
            ]
        records.append(record)
    return records


def mistakes(
    output: ScoredFile, gold: Gold, place: int, texts: Sequence[SentencePair]
) -> dict[str, Any]:
    """Line, AER, wrong and missing links of a pair, and its words if ``texts`` has them."""
    found, reference = output.alignments[place], GoldAlignment()
    if place < len(gold.alignments):
        reference = gold.alignments[place]
    text = texts[place] if place < len(texts) else None
    record = {
        "line": place + 1,
        "aer": output.pairs[place].aer,
        "wrong": in_words(Alignment(found.links - reference.possible), text),
        "missing": in_words(Alignment(reference.sure - found.links), text),
    }
    return record | ({"source": " ".join(text.src), "target": " ".join(text.tgt)} if text else {})


def in_words(alignment: Alignment, pair: SentencePair | None) -> list[str]:
    """Links as ``i-j``, with the words they link where the pair is known."""
    if pair is None:
        return [f"{i}-{j}" for i, j in alignment]
    return [f"{i}-{j} {word(pair.src, i)}~{word(pair.tgt, j)}" for i, j in alignment]


def word(words: Sequence[str], place: int) -> str:
    """The word at ``place``; ``?`` beyond the end."""
    return words[place] if place < len(words) else "?"


def as_text(records: Sequence[dict[str, Any]], signature: str) -> str:
    """Scores in percent as a table, the signature, and the worst pairs."""
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
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    worst_pairs = [line for record in records if "worst" in record for line in as_lines(record)]
    return "\n".join([*lines, signature, *worst_pairs])


def as_row(record: dict[str, Any]) -> list[str]:
    """Cells of one output."""
    extra = []
    if "p" in record:
        low, high = record["aer_interval"]
        p = record["p"]
        extra = [f"{100 * low:.2f}-{100 * high:.2f}", "" if p is None else f"{p:.4f}"]
    ratios = [f"{100 * record[name]:.2f}" for name in ("aer", "precision", "recall", "f1")]
    return [record["name"], ratios[0], *extra, *ratios[1:], str(record["links"])]


def as_lines(record: dict[str, Any]) -> list[str]:
    """The worst pairs of one output."""
    lines = [f"worst of {record['name']}:"]
    for pair in record["worst"]:
        lines.append(f"line {pair['line']}: AER {100 * pair['aer']:.1f}")
        lines += [f"  {side}   {pair[side]}" for side in ("source", "target") if side in pair]
        lines.append(f"  wrong    {'  '.join(pair['wrong']) or 'none'}")
        lines.append(f"  missing  {'  '.join(pair['missing']) or 'none'}")
    return lines

"""Links by way of other languages, for text that has the same English sentences in several of them.

    python -m bin.recipes.pivot measure $data/gold/dev/xlwa.en-??.txt
    python -m bin.recipes.pivot label $data/train/many-en.tsv.xz -o FOLDER

The links of an English sentence and its translation X can be found through a translation Y in a
third language: P(en, Y) P(Y, X) as a product of matrices, at most 1. The mean over up to eight third
languages is averaged with P(en, X) itself, with the weight ``--share``.

``measure`` prints AER on gold links with several weights. ``label`` writes pairs (``text.txt``) and
both kinds of links for them (``own.scored``, ``pivot.scored``), to learn from.
"""

import argparse
import lzma
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bin.recipes.first_model import LICENCES, say
from xalign.aligning.aligner import Aligner
from xalign.alignment import Alignment, GoldAlignment, ScoredAlignment, SentencePair
from xalign.io.files import Source
from xalign.io.gold import read_gold
from xalign.links.metrics import Score, score_pair

Matrix = NDArray[np.float32]
Translations = dict[str, tuple[str, ...]]
"""Words of the translations of one English sentence, by language."""
Linked = tuple[tuple[str, ...], GoldAlignment]
"""Words of a translation, and its gold links."""
SHARES = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
THRESHOLDS = tuple(k / 20 for k in range(4, 17))
WORDS = range(1, 61)
LEAST = 0.02
"""Lower probabilities are not written."""
WITHOUT_ENGLISH = re.compile("[a-z]{3}-[a-z]{3}")
CHUNK = 16
"""English sentences whose matrices are held at once."""


def matrices(
    aligner: Aligner, groups: list[tuple[tuple[str, ...], Translations]], third: int
) -> Iterator[tuple[int, str, Matrix, Matrix | None]]:
    """For every sentence and language: its number, the language, P(en, X), and the mean over up to
    ``third`` languages Y of P(en, Y) P(Y, X), None if there is no third language."""
    for first in range(0, len(groups), CHUNK):
        pairs: dict[tuple[int, str, str], SentencePair] = {}
        chosen: dict[tuple[int, str], list[str]] = {}
        for number, (english, translations) in enumerate(groups[first : first + CHUNK], first):
            for name, words in translations.items():
                pairs[number, "", name] = SentencePair(english, words)
            draw = random.Random(number)
            shuffled = draw.sample(sorted(translations), len(translations))
            for name in translations:
                others = [other for other in shuffled if other != name][:third]
                chosen[number, name] = others
                for other in others:
                    one, two = sorted((name, other))
                    pairs[number, one, two] = SentencePair(translations[one], translations[two])
        found = aligner.probabilities(pairs.values())
        table = {key: each.matrix() for key, each in zip(pairs, found, strict=True)}
        for (number, name), others in chosen.items():
            ways = []
            for other in others:
                one, two = sorted((name, other))
                between = table[number, one, two]  # (words of one, words of two)
                ways.append(table[number, "", other] @ (between if one == other else between.T))
            mean = np.minimum(ways, 1).mean(0) if ways else None
            yield number, name, table[number, "", name], mean


def mixed(own: Matrix, pivot: Matrix | None, share: float) -> Matrix:
    """The mean of both, of which ``share`` comes from other languages."""
    return own if pivot is None else (1 - share) * own + share * pivot


def measure(given: argparse.Namespace) -> None:
    """AER with several weights of other languages, at the best common threshold of each."""
    gold: dict[tuple[str, ...], dict[str, Linked]] = defaultdict(dict)
    for path in given.files:
        lines = path.read_text(encoding="utf-8").splitlines()
        alignments = read_gold(Source(str(path.with_suffix(".talp"))), str(path)).alignments
        for line, each in zip(lines, alignments, strict=True):
            english, _, other = line.partition(" ||| ")
            gold[tuple(english.split())][path.stem] = tuple(other.split()), each
    groups = [(en, {name: words for name, (words, _) in all.items()}) for en, all in gold.items()]
    named = sorted(path.stem for path in given.files)
    sums = {
        (share, threshold): dict.fromkeys(named, Score())
        for share in SHARES
        for threshold in THRESHOLDS
    }
    shared = 0
    for number, name, own, pivot in matrices(load(given), groups, given.third):
        shared += pivot is not None
        expected = gold[groups[number][0]][name][1]
        for share in SHARES:
            table = mixed(own, pivot, share)
            for threshold in THRESHOLDS:
                rows = np.argwhere(table > threshold).tolist()
                links = Alignment(frozenset((i, j) for i, j in rows))
                sums[share, threshold][name] += score_pair(links, expected)
    say(f"{shared} of {sum(len(all) for all in gold.values())} pairs have a third language\n")
    say(f"| share | threshold | mean | {' | '.join(named)} |\n|{'---|' * (len(named) + 3)}")
    for share in SHARES:
        rates = {t: [100 * sums[share, t][name].aer for name in named] for t in THRESHOLDS}
        best = min(THRESHOLDS, key=lambda t: sum(rates[t]))
        figures = " | ".join(f"{rate:.2f}" for rate in rates[best])
        say(f"| {share} | {best} | {np.mean(rates[best]):.2f} | {figures} |")


def label(given: argparse.Namespace) -> None:
    """Write pairs of a table of text, and their links without and with other languages."""
    groups = list(translated(given.table).items())
    groups = [(english, all) for english, all in groups if len(all) > given.third]
    random.Random(1).shuffle(groups)
    given.out.mkdir(parents=True, exist_ok=True)
    names = ("text.txt", "own.scored", "pivot.scored")
    text, own_file, pivot_file = (given.out.joinpath(name).open("w") for name in names)
    with text, own_file, pivot_file:
        chosen = groups[: given.sentences]
        for number, name, own, pivot in matrices(load(given), chosen, given.third):
            english, translations = chosen[number]
            text.write(f"{' '.join(english)} ||| {' '.join(translations[name])}\n")
            own_file.write(f"{scored(own)}\n")
            pivot_file.write(f"{scored(mixed(own, pivot, given.share))}\n")
    say(f"{given.out}: {len(chosen)} sentences")


def translated(table: Path) -> dict[tuple[str, ...], Translations]:
    """Translations of each English sentence in a table of language/source, licence, kind, text,
    English."""
    found: dict[tuple[str, ...], Translations] = defaultdict(dict)
    with lzma.open(table, "rt", encoding="utf-8") as lines:
        for line in lines:
            origin, licence, kind, text, english = line.rstrip("\n").split("\t")
            language = origin.partition("/")[0]
            sides = tuple(text.split()), tuple(english.split())
            is_usable = all(len(side) in WORDS and "|||" not in side for side in sides)
            is_usable = is_usable and licence in LICENCES and kind == "natural"
            if is_usable and not WITHOUT_ENGLISH.fullmatch(language):
                found[sides[1]][language] = sides[0]
    return found


def scored(table: Matrix) -> ScoredAlignment:
    """All word pairs whose probability is not negligible."""
    rows = np.argwhere(table >= LEAST).tolist()
    return ScoredAlignment({(i, j): round(float(table[i, j]), 3) for i, j in rows})


def load(given: argparse.Namespace) -> Aligner:
    """The model that links."""
    return Aligner.from_pretrained(given.model)


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("measure", help="AER with and without other languages")
    command.add_argument("files", type=Path, nargs="+", help="pairs, with gold links beside them")
    command.set_defaults(run=measure)
    command = commands.add_parser("label", help="pairs and links to learn from")
    command.add_argument("table", type=Path, help="table of language/source, ..., text, English")
    command.add_argument("-o", "--out", type=Path, required=True, help="folder")
    command.add_argument("--sentences", type=int, default=100, help="in English")
    command.add_argument("--share", type=float, default=0.5, help="weight of other languages")
    command.set_defaults(run=label)
    for command in commands.choices.values():
        command.add_argument("-m", "--model", default="default")
        command.add_argument("--third", type=int, default=8, help="most third languages of a pair")
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()

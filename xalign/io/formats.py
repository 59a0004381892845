"""Alignments with their words, probabilities and scores as text: six formats, to write and to read.

Each format has a writer for one pair and a reader for a stream, which is the writer's inverse as
far as the format goes: Pharaoh format keeps links alone, for example. Parts that a format leaves
out are read as empty words, a probability of 1, a score of 0. Pairs are numbered from 1.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from xalign.alignment import Link, ScoredAlignment, SentencePair, Span, split_words
from xalign.errors import InputError
from xalign.io.gold import MAX_GAP
from xalign.io.json_text import parse_json
from xalign.io.pairs import decode
from xalign.io.pharaoh import parse_link, read_alignments

Format = Literal["pharaoh", "scored", "jsonl", "tsv", "naacl", "giza"]
SCORED_LINK = re.compile(r"(\d{1,9})-(\d{1,9}):(\d*\.?\d+(?:e-?\d+)?)", re.ASCII)
GIZA_HEAD = re.compile(
    r"# Sentence pair \(\d+\) source length \d+ target length \d+ alignment score : (\S+)"
)
GIZA_WORD = re.compile(r"([^ ]+) \(\{((?: [1-9]\d{0,8})*) \}\)", re.ASCII)
MAX_PLACE = 999_999_999
"""Largest number of a word that is read."""
NULL = "NULL"
EMPTY = SentencePair((), ())


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """A sentence pair, its links with their probabilities, its score, and where links are in raw
    text (``spans``), if that is known."""

    pair: SentencePair
    links: ScoredAlignment
    score: float = 0.0
    spans: tuple[Span, ...] = ()


Writer = Callable[[int, AlignedPair], str]
Reader = Callable[[Iterable[bytes], str], Iterator[AlignedPair]]


def sorted_links(aligned: AlignedPair) -> list[tuple[Link, float]]:
    """Links in order, each with its probability."""
    return sorted(aligned.links.probabilities.items())


def write_pharaoh(number: int, aligned: AlignedPair) -> str:
    """Links alone, as ``0-0 1-2``."""
    return f"{aligned.links.alignment}\n"


def read_pharaoh(lines: Iterable[bytes], path: str) -> Iterator[AlignedPair]:
    """The inverse of `write_pharaoh`."""
    for alignment in read_alignments(lines, path):
        yield AlignedPair(EMPTY, ScoredAlignment(dict.fromkeys(alignment, 1.0)))


def write_scored(number: int, aligned: AlignedPair) -> str:
    """Links with their probabilities, as ``0-0:0.98 1-2:0.7``."""
    return f"{aligned.links}\n"


def read_scored(lines: Iterable[bytes], path: str) -> Iterator[AlignedPair]:
    """The inverse of `write_scored`.

    Errors: `InputError` at the first word that is not ``i-j:p``.
    """
    for number, line in enumerate(lines, 1):
        links = (scored_link(word, path, number) for word in words_of(line))
        yield AlignedPair(EMPTY, ScoredAlignment(dict(links)))


def words_of(line: bytes) -> list[str]:
    """Words of a line that should be ASCII."""
    return line.decode(errors="backslashreplace").split()


def scored_link(word: str, path: str, number: int) -> tuple[Link, float]:
    """Parse a link with its probability."""
    found = SCORED_LINK.fullmatch(word)
    if not found:
        expected = "expected a link with its probability such as 3-4:0.9"
        raise InputError(path, number, f"{expected}, found {word[:40]!r}")
    return (int(found[1]), int(found[2])), float(found[3])


def write_jsonl(number: int, aligned: AlignedPair) -> str:
    """An object with ``src``, ``tgt`` (words), ``links`` (``[i, j, p]``), ``score``, and perhaps
    ``spans`` (``[src start, src end, tgt start, tgt end, p]``)."""
    links = [[i, j, p] for (i, j), p in sorted_links(aligned)]
    record: dict[str, Any] = {"src": aligned.pair.src, "tgt": aligned.pair.tgt, "links": links}
    record["score"] = aligned.score
    if aligned.spans:
        record["spans"] = aligned.spans
    return json.dumps(record, ensure_ascii=False) + "\n"


def read_jsonl(lines: Iterable[bytes], path: str) -> Iterator[AlignedPair]:
    """The inverse of `write_jsonl`.

    Errors: `InputError` at a line that is not such an object.
    """
    for number, line in enumerate(lines, 1):
        try:
            found: dict[str, Any] = parse_json(line)
            pair = SentencePair(as_word_list(found["src"]), as_word_list(found["tgt"]))
            links = {(as_place(i), as_place(j)): as_number(p) for i, j, p in found["links"]}
            spans = tuple(
                (as_place(a), as_place(b), as_place(c), as_place(d), as_number(p))
                for a, b, c, d, p in found.get("spans", ())
            )
            yield AlignedPair(pair, ScoredAlignment(links), as_number(found["score"]), spans)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            expected = "expected an object with src, tgt, links and score"
            raise InputError(path, number, f"{expected}: {error!r}") from error


def as_word_list(value: Any) -> tuple[str, ...]:
    """Words in JSON: a list of texts. Errors: `ValueError`."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError(f"expected a list of words, found {str(value)[:40]!r}")
    return tuple(value)


def as_place(value: Any) -> int:
    """Place of a word or a character in JSON, counted from 0. Errors: `ValueError`."""
    if type(value) is not int or not 0 <= value <= MAX_PLACE:
        raise ValueError(f"expected a place counted from 0, found {str(value)[:40]!r}")
    return value


def as_number(value: Any) -> float:
    """A finite number in JSON or text. Errors: `ValueError`, `TypeError`, `OverflowError`."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"expected a number, found {number}")
    return number


def write_tsv(number: int, aligned: AlignedPair) -> str:
    """Source, target and links separated by TABs, as Marian and OpusTrainer read them."""
    src, tgt = " ".join(aligned.pair.src), " ".join(aligned.pair.tgt)
    return f"{src}\t{tgt}\t{aligned.links.alignment}\n"


def read_tsv(lines: Iterable[bytes], path: str) -> Iterator[AlignedPair]:
    """The inverse of `write_tsv`.

    Errors: `InputError` at a line without three columns, or whose third one is not links.
    """
    for number, line in enumerate(lines, 1):
        columns = decode(line, path, number).split("\t")
        if len(columns) != 3:
            found = f"expected source TAB target TAB links, found {len(columns)} columns"
            raise InputError(path, number, found)
        links = (parse_link(word.encode(), path, number) for word in columns[2].split())
        pair = SentencePair.from_text(columns[0], columns[1])
        yield AlignedPair(pair, ScoredAlignment(dict.fromkeys(links, 1.0)))


def write_naacl(number: int, aligned: AlignedPair) -> str:
    """One line per link: sentence, source word, target word (from 1), ``S``, probability."""
    rows = (f"{number} {i + 1} {j + 1} S {p}\n" for (i, j), p in sorted_links(aligned))
    return "".join(rows)


def read_naacl(lines: Iterable[bytes], path: str) -> Iterator[AlignedPair]:
    """The inverse of `write_naacl`, up to the last sentence that has a link; blank lines are none.

    Errors: `InputError` at a line that is not such a link, or whose sentence is out of order or far
    beyond the others.
    """
    links: dict[Link, float] = {}
    at, linked = 1, 0
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            sentence, i, j = map(int, words[:3])
            probability = as_number(words[4]) if len(words) > 4 else 1.0
            if sentence < at or not 1 <= min(i, j) <= max(i, j) <= MAX_PLACE:
                raise ValueError
        except ValueError as error:
            expected = "expected 'sentence source target S probability', in order and from 1"
            found = line[:40].decode(errors="backslashreplace")
            raise InputError(path, number, f"{expected}, found {found!r}") from error
        if sentence > MAX_GAP * (linked + 1):
            expected = "expected sentences numbered from 1"
            raise InputError(
                path, number, f"{expected}, found {sentence} after {linked} with links"
            )
        linked += sentence > at or not links
        while at < sentence:
            yield AlignedPair(EMPTY, ScoredAlignment(links))
            links, at = {}, at + 1
        links[i - 1, j - 1] = probability
    if links:
        yield AlignedPair(EMPTY, ScoredAlignment(links))


def write_giza(number: int, aligned: AlignedPair) -> str:
    """Three lines, as in GIZA++'s ``.A3.final``: a header, the target, and the source words.

    Each source word is followed by the target words that it is linked to, counted from 1. Before
    all source words, ``NULL`` is followed by those that have no link.
    """
    src, tgt = aligned.pair.src, aligned.pair.tgt
    linked: dict[int, list[int]] = {}
    for i, j in aligned.links.alignment:
        linked.setdefault(i, []).append(j)
    free = sorted(set(range(len(tgt))).difference(*linked.values()))
    words = [(NULL, free), *((word, linked.get(i, [])) for i, word in enumerate(src))]
    return (
        f"# Sentence pair ({number}) source length {len(src)} target length {len(tgt)} "
        f"alignment score : {aligned.score}\n"
        f"{' '.join(tgt)}\n"
        + " ".join(f"{word} ({{{''.join(f' {j + 1}' for j in js)} }})" for word, js in words)
        + "\n"
    )


def read_giza(lines: Iterable[bytes], path: str) -> Iterator[AlignedPair]:
    """The inverse of `write_giza`; probabilities are not in the format.

    Errors: `InputError` at a block that is not three such lines.
    """
    stream = iter(lines)
    number = 1
    for line in stream:
        if not line.strip():
            number += 1
            continue
        text = decode(line, path, number)
        try:
            score = float(GIZA_HEAD.fullmatch(text.strip())[1])  # type: ignore[index]
        except (ValueError, TypeError) as error:
            expected = "expected '# Sentence pair (1) ... alignment score : 0.5'"
            raise InputError(path, number, f"{expected}, found {text[:40]!r}") from error
        rest = [decode(next(stream, b""), path, number + k) for k in (1, 2)]
        tgt, words = split_words(rest[0]), GIZA_WORD.findall(rest[1])
        whole = " ".join(f"{word} ({{{js} }})" for word, js in words)
        if not words or words[0][0] != NULL or whole != rest[1].strip(" "):
            found = f"expected 'NULL ({{ }}) word ({{ 1 }}) ...', found {rest[1][:40]!r}"
            raise InputError(path, number + 2, found)
        src = tuple(word for word, _ in words[1:])
        links = {(i, int(j) - 1): 1.0 for i, (_, js) in enumerate(words[1:]) for j in js.split()}
        yield AlignedPair(SentencePair(src, tgt), ScoredAlignment(links), score)
        number += 3


WRITERS: dict[Format, Writer] = {
    "pharaoh": write_pharaoh,
    "scored": write_scored,
    "jsonl": write_jsonl,
    "tsv": write_tsv,
    "naacl": write_naacl,
    "giza": write_giza,
}
READERS: dict[Format, Reader] = {
    "pharaoh": read_pharaoh,
    "scored": read_scored,
    "jsonl": read_jsonl,
    "tsv": read_tsv,
    "naacl": read_naacl,
    "giza": read_giza,
}

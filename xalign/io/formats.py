"""Alignments with their words, probabilities and scores as text: six formats, to write and to read.

Each format has a writer for one pair and a reader for a stream, which is the writer's inverse as
far as the format goes: Pharaoh format keeps links alone, for example. Parts that a format leaves
out are read as empty words, a probability of 1, a score of 0. Pairs are numbered from 1.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from xalign.alignment import Link, ScoredAlignment, SentencePair, Span, split_words
from xalign.errors import InputError
from xalign.io.gold import MAX_GAP
from xalign.io.json_text import parse_json
from xalign.io.pharaoh import parse_link, read_alignments

Format = Literal["pharaoh", "scored", "jsonl", "tsv", "naacl", "giza"]
SCORED_LINK = re.compile(r"(\d{1,9})-(\d{1,9}):(\d*\.?\d+(?:e-?\d+)?)", re.ASCII)
GIZA_HEAD = re.compile(
    r"# Sentence pair \((\d+)\) source length \d+ target length \d+ alignment score : (\S+)"
)
GIZA_WORD = re.compile(r"([^ ]+) \(\{((?: \d+)*) \}\)")
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
            pair = SentencePair(tuple(found["src"]), tuple(found["tgt"]))
            links = {(int(i), int(j)): float(p) for i, j, p in found["links"]}
            spans = tuple((a, b, c, d, float(p)) for a, b, c, d, p in found.get("spans", ()))
            yield AlignedPair(pair, ScoredAlignment(links), float(found["score"]), spans)
        except (ValueError, KeyError, TypeError) as error:
            expected = "expected an object with src, tgt, links and score"
            raise InputError(path, number, f"{expected}: {error!r}") from error


def write_tsv(number: int, aligned: AlignedPair) -> str:
    """Source, target and links separated by TABs, as Marian and OpusTrainer read them."""
    src, tgt = " ".join(aligned.pair.src), " ".join(aligned.pair.tgt)
    return f"{src}\t{tgt}\t{aligned.links.alignment}\n"


def read_tsv(lines: Iterable[bytes], path: str) -> Iterator[AlignedPair]:
    """The inverse of `write_tsv`.

    Errors: `InputError` at a line without three columns, or whose third one is not links.
    """
    for number, line in enumerate(lines, 1):
        columns = decoded(line, path, number).split("\t")
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
    """The inverse of `write_naacl`, up to the last sentence that has a link.

    Errors: `InputError` at a line that is not such a link, or whose sentence is out of order or far
    beyond the others.
    """
    links: dict[Link, float] = {}
    at, linked = 1, 0
    for number, line in enumerate(lines, 1):
        words = line.split()
        try:
            sentence, i, j = map(int, words[:3])
            probability = float(words[4]) if len(words) > 4 else 1.0
            if sentence < at or min(i, j) < 1:
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
    for number, line in zip(count(1, 3), stream, strict=False):
        text = decoded(line, path, number)
        head = GIZA_HEAD.match(text)
        if not head:
            expected = "expected '# Sentence pair (1) ...'"
            raise InputError(path, number, f"{expected}, found {text[:40]!r}")
        rest = [decoded(next(stream, b""), path, number + k) for k in (1, 2)]
        tgt, words = split_words(rest[0]), GIZA_WORD.findall(rest[1])
        if not words or words[0][0] != NULL:
            found = f"expected 'NULL ({{ }}) word ({{ 1 }}) ...', found {rest[1][:40]!r}"
            raise InputError(path, number + 2, found)
        src = tuple(word for word, _ in words[1:])
        links = {(i, int(j) - 1): 1.0 for i, (_, js) in enumerate(words[1:]) for j in js.split()}
        yield AlignedPair(SentencePair(src, tgt), ScoredAlignment(links), float(head[2]))


def decoded(line: bytes, path: str, number: int) -> str:
    """Text of a line in UTF-8.

    Errors: `InputError` if it is not.
    """
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InputError(path, number, f"expected UTF-8: {error}") from error


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

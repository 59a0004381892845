"""Tags, spans of characters and markup of source texts, carried over line by line."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from xalign.alignment import Link, ScoredAlignment, SentencePair
from xalign.errors import InputError
from xalign.io.char_spans import CharLabel, Labels, read_char_spans, write_char_spans
from xalign.io.files import Source
from xalign.links.inline_tags import project_markup
from xalign.links.markup import Markup, read_markup
from xalign.links.projection import (
    LabelledSpan,
    Resolved,
    Scheme,
    project_spans,
    read_bio,
    write_bio,
)
from xalign.links.segmentation import Cut, Rule, Side, cut_raw, place_links, words_at


@dataclass(frozen=True, slots=True)
class Work:
    """A pair to carry labels over: both texts, their words with their characters, and markup.

    ``src_text`` is the source without its markup.
    """

    src_text: str
    tgt_text: str
    src: Side
    tgt: Side
    markup: Markup | None = None

    @property
    def pair(self) -> SentencePair:
        """The words that links count."""
        return SentencePair(self.src.words, self.tgt.words)

    @property
    def is_blank(self) -> bool:
        """Whether neither side has a word."""
        return not (self.src.words or self.tgt.words)


Row = tuple[ScoredAlignment, Work]
"""Links of a pair, and the pair."""


def worker(
    cuts: tuple[Cut, Cut] | None, rule: Rule, *, has_markup: bool
) -> Callable[[str, str], Work]:
    """Function that makes `Work` of the two texts of a pair.

    Its words are those that white space separates by ``rule``, or, with ``cuts``, tokens of raw
    text.
    """

    def side(text: str, number: int) -> Side:
        return cut_raw(text, cuts[number], rule) if cuts else words_at(text, rule)

    def work(src: str, tgt: str) -> Work:
        markup = read_markup(src, tgt) if has_markup else None
        plain = markup.plain if markup else src
        return Work(plain, tgt, side(plain, 0), side(tgt, 1), markup)

    return work


def inline_lines(rows: Iterable[Row], resolved: Resolved) -> Iterator[str]:
    """Target text of every pair, with the markup of the source."""
    for links, work in rows:
        assert work.markup
        spans = work.src.spans, work.tgt.spans
        yield project_markup(work.markup, spans[0], work.tgt_text, spans[1], links, resolved)


def bio_lines(rows: Iterable[Row], tags: str, resolved: Resolved, scheme: Scheme) -> Iterator[str]:
    """Tags of the words of every target, by those at ``tags``; see `carry_tags`.

    Errors: `InputError` at a line that does not fit its pair, or when there are more or fewer lines
    than pairs.
    """
    for number, line, links, work in with_lines(rows, tags):
        given = line.decode(errors="backslashreplace").split()
        try:
            yield " ".join(carry_tags(given, links, work, resolved, scheme))
        except ValueError as error:
            raise InputError(tags, number, str(error)) from error


def carry_tags(
    tags: Sequence[str], links: ScoredAlignment, work: Work, resolved: Resolved, scheme: Scheme
) -> list[str]:
    """Tags of the words of a target, by the ``tags`` of its source; those of a blank pair are lost.

    Tags count words between white space, also where links count tokens.

    Errors: `ValueError` at a word that is no tag, or if there are more or fewer than source words.
    """
    sizes = num_words(work.src), num_words(work.tgt)
    if len(tags) != sizes[0] and not work.is_blank:
        expected = f"expected {sizes[0]} tags, one for each source word"
        raise ValueError(f"{expected}, found {len(tags)}")
    spans = read_bio(tags)
    if work.is_blank:
        resolved.lost += len(spans)
        spans = []
    found = project_spans(spans, place_links(links, work.src, work.tgt), sizes[1], resolved)
    return write_bio(found, sizes[1], scheme)


def num_words(side: Side) -> int:
    """Number of words between white space."""
    return max((place for places in side.places for place in places), default=-1) + 1


def span_lines(rows: Iterable[Row], path: str, resolved: Resolved) -> Iterator[str]:
    """Lines of JSON with spans of every target, by those of the source at ``path``.

    Spans may overlap: each is carried over by itself.

    Errors: `InputError` at a line that does not fit its pair, or when there are more or fewer lines
    than pairs.
    """
    for number, line, links, work in with_lines(rows, path):
        labels = read_char_spans(line, path, number)
        check_spans(labels, work, path, number)
        yield write_char_spans(labels, carry_spans(labels, links, work, resolved), work.tgt_text)


def check_spans(labels: Labels, work: Work, path: str, number: int) -> None:
    """Raise an error if the spans are of another text than the pair's; a blank pair has none."""
    if work.is_blank:
        return
    text = labels.record.get("text") if isinstance(labels.record, dict) else None
    if text is not None and text != work.src_text:
        found = f"expected spans of the text {work.src_text[:40]!r}, found {str(text)[:40]!r}"
        raise InputError(path, number, found)
    for label in labels.spans:
        if label.stop > len(work.src_text):
            expected = f"expected spans within {len(work.src_text)} characters"
            raise InputError(path, number, f"{expected}, found {label.start} to {label.stop}")


def carry_spans(
    labels: Labels, links: ScoredAlignment, work: Work, resolved: Resolved
) -> list[CharLabel]:
    """The spans of the target for those of the source that have linked words."""
    by_source: dict[int, dict[Link, float]] = {}
    by_target: dict[int, dict[Link, float]] = {}
    for link, p in links.probabilities.items():
        by_source.setdefault(link[0], {})[link] = p
        by_target.setdefault(link[1], {})[link] = p
    starts, ends = [a for a, _ in work.src.spans], [b for _, b in work.src.spans]
    spans = []
    for label in labels.spans:
        first, last = bisect_right(ends, label.start), bisect_left(starts, label.stop)
        own = {k: p for i in range(first, last) for k, p in by_source.get(i, {}).items()}
        if not own:
            resolved.lost += 1
            continue
        # only words between its own can split a span
        low, high = min(j for _, j in own), max(j for _, j in own) + 1
        near = {
            (i, j - low): p
            for at in range(low, high)
            for (i, j), p in by_target.get(at, {}).items()
        }
        span = LabelledSpan(label.label, first, last)
        for found in project_spans([span], ScoredAlignment(near), high - low, resolved):
            start = work.tgt.spans[low + found.start][0]
            stop = work.tgt.spans[low + found.stop - 1][1]
            spans.append(CharLabel(label.label, start, stop, label.record))
    return spans


def with_lines(
    rows: Iterable[Row], path: str
) -> Iterator[tuple[int, bytes, ScoredAlignment, Work]]:
    """Rows, each with its number and its line of the file at ``path``.

    Errors: `InputError` when there are more or fewer lines than rows.
    """
    with closing(Source(path)) as source:
        lines = iter(source)
        number = 0
        for number, (links, work) in enumerate(rows, 1):
            line = next(lines, None)
            if line is None:
                expected = f"expected a line of labels for pair {number}, found the end"
                raise InputError(path, number, expected)
            yield number, line, links, work
        if next(lines, None) is not None:
            expected = f"expected {number} lines of labels, as many as there are pairs, found more"
            raise InputError(path, number + 1, expected)

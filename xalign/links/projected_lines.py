"""Lines of labels and of tagged text, one for each pair, carried over by links."""

from collections.abc import Iterable, Iterator
from contextlib import closing

from xalign.alignment import ScoredAlignment, split_words
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.links.inline_tags import Tagged, project_tags, read_tagged
from xalign.links.projection import Resolved, project_spans, read_bio, write_bio

Row = tuple[ScoredAlignment, tuple[Tagged, tuple[str, ...]]]
"""Links of a pair, its source, and the words of its target."""


def tagged(src: str, tgt: str) -> tuple[Tagged, tuple[str, ...]]:
    """A source with tags in it, and the words of its target."""
    return read_tagged(src), split_words(tgt)


def plain(src: str, tgt: str) -> tuple[Tagged, tuple[str, ...]]:
    """A source without tags, and the words of its target."""
    words = split_words(src)
    return Tagged(words, ((),) * len(words), (), frozenset(), ()), split_words(tgt)


def bio_lines(rows: Iterable[Row], tags: str, resolved: Resolved) -> Iterator[str]:
    """BIO tags of every target; those of a blank pair are lost.

    Errors: `InputError` at a line that does not fit its pair, or when there are more or fewer lines
    than pairs.
    """
    with closing(Source(tags)) as tag_lines:
        lines = iter(tag_lines)
        number = 0
        for number, (links, (src, tgt)) in enumerate(rows, 1):
            line = next(lines, None)
            if line is None:
                found = f"expected a line of tags for pair {number}, found the end"
                raise InputError(tags, number, found)
            words = line.decode(errors="backslashreplace").split()
            is_blank = not (src.words or tgt)
            if len(words) != len(src.words) and not is_blank:
                expected = f"expected {len(src.words)} tags, one for each source word"
                raise InputError(tags, number, f"{expected}, found {len(words)}")
            try:
                spans = read_bio(words)
            except ValueError as error:
                raise InputError(tags, number, str(error)) from error
            if is_blank:
                resolved.lost += len(spans)
                spans = []
            yield " ".join(write_bio(project_spans(spans, links, len(tgt), resolved), len(tgt)))
        if next(lines, None) is not None:
            found = f"expected {number} lines of tags, as many as there are pairs, found more"
            raise InputError(tags, number + 1, found)


def inline_lines(rows: Iterable[Row], resolved: Resolved) -> Iterator[str]:
    """Target text of every pair, with the source's tags."""
    for links, (src, tgt) in rows:
        yield project_tags(src, tgt, links, resolved)

"""Sentence pairs from what Python programs hold: tuples, rows of data sets, tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xalign.alignment import SentencePair, as_words
from xalign.errors import InputError


def as_pairs(items: Any, src: str | None = None, tgt: str | None = None) -> Iterator[SentencePair]:
    """Sentence pairs of ``items``, each of which is one of these:

    - a `SentencePair`;
    - two sentences, each as text (split at spaces) or as words;
    - a mapping, such as a row of a data set, with the sentences under the names ``src`` and
      ``tgt``, perhaps within ``translation``.

    ``items`` may also be a table with columns of these names, such as a pandas DataFrame.

    Errors: `InputError` at the first item that is none of these.

    >>> list(as_pairs([("das Haus", ["the", "house"])]))
    [SentencePair(src=('das', 'Haus'), tgt=('the', 'house'))]
    >>> list(as_pairs([{"translation": {"de": "ja", "en": "yes"}}], "de", "en"))
    [SentencePair(src=('ja',), tgt=('yes',))]
    """
    if isinstance(items, str | SentencePair | Mapping):
        kind = type(items).__name__
        raise InputError("pairs", 0, f"expected a sequence of sentence pairs, found one {kind}")
    if (src is None) != (tgt is None):
        raise InputError("pairs", 0, "give both src= and tgt=, the names of the columns")
    if hasattr(items, "columns") and src is not None and tgt is not None:
        items = zip(column(items, src), column(items, tgt), strict=True)
        src = tgt = None
    for number, item in enumerate(items, 1):
        yield item if type(item) is SentencePair else as_pair(item, src, tgt, number)


def column(table: Any, name: str) -> Any:
    """The column ``name`` of a table."""
    if name not in list(table.columns):
        found = ", ".join(map(str, table.columns))
        raise InputError("pairs", 0, f"expected a column {name!r}, found {found}")
    return table[name]


def as_pair(item: Any, src: str | None, tgt: str | None, number: int) -> SentencePair:
    """The pair that ``item`` stands for; see `as_pairs`."""
    if src is not None and tgt is not None:
        item = named(item, src, tgt, number)
    is_two = isinstance(item, Sequence) and not isinstance(item, str | bytes) and len(item) == 2
    if not is_two or not all(map(is_sentence, item)):
        names = "; name the columns with src= and tgt=" if isinstance(item, Mapping) else ""
        expected = "expected two sentences, as text or as words"
        raise InputError("pairs", number, f"{expected}, found {short(item)}{names}")
    return SentencePair(as_words(item[0]), as_words(item[1]))


def named(item: Any, src: str, tgt: str, number: int) -> tuple[Any, Any]:
    """The two sentences under their names in a row."""
    for row in (item, item.get("translation") if isinstance(item, Mapping) else None):
        try:
            return row[src], row[tgt]  # type: ignore[index]
        except (KeyError, TypeError, IndexError):
            continue
    raise InputError("pairs", number, f"expected {src!r} and {tgt!r} in it, found {short(item)}")


def is_sentence(side: Any) -> bool:
    """Whether ``side`` is text or a sequence of words."""
    if isinstance(side, str):
        return True
    return isinstance(side, Sequence) and all(isinstance(word, str) for word in side)


def short(item: Any) -> str:
    """The start of what an item looks like."""
    text = repr(item)
    return text if len(text) <= 80 else f"{text[:80]}..."

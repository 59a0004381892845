"""Labelled spans of characters, as annotation tools export them: a line of JSON for each text.

A line is a list of spans, or an object that has one under ``spans``, ``entities``, ``ents``,
``labels`` or ``label`` (spaCy, doccano, Label Studio). A span is ``[start, end, label]``, or an
object with ``start``, ``end`` and ``label`` (or a list ``labels``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xalign.errors import InputError
from xalign.io.json_text import parse_json

KEYS = ("spans", "entities", "ents", "labels", "label")


@dataclass(frozen=True, slots=True)
class CharLabel:
    """Characters from ``start`` up to ``stop`` (exclusive) with one label.

    ``record`` is the span as it was read; it may say more than these.
    """

    label: str
    start: int
    stop: int
    record: Any = None


@dataclass(frozen=True, slots=True)
class Labels:
    """The spans of a text, and the ``record`` that they stand in."""

    spans: tuple[CharLabel, ...]
    record: Any = None


def read_char_spans(line: bytes, path: str, number: int) -> Labels:
    """The spans of a line; a blank line has none.

    Errors: `InputError` if the line is something else.

    >>> read_char_spans(b'[[0, 4, "PER"]]', "labels.jsonl", 1).spans[0].label
    'PER'
    """
    if not line.strip():
        return Labels(())
    try:
        record = parse_json(line)
        found = record
        if isinstance(record, dict):
            found = record[next(key for key in KEYS if isinstance(record.get(key), list))]
        return Labels(tuple(map(read_span, found)), record)
    except (ValueError, LookupError, TypeError, StopIteration) as error:
        expected = "expected spans such as [[0, 4, \"PER\"]], or an object with 'spans'"
        found = line[:60].decode(errors="backslashreplace")
        raise InputError(path, number, f"{expected}, found {found!r}") from error


def read_span(record: Any) -> CharLabel:
    """One span.

    Errors: `ValueError`, `KeyError` or `TypeError` if it is something else.
    """
    if isinstance(record, dict):
        label = record["label"] if "label" in record else record["labels"][0]
        start, stop = record["start"], record["end"]
    else:
        start, stop, label = record
    if not (isinstance(start, int) and isinstance(stop, int) and 0 <= start <= stop):
        raise ValueError
    return CharLabel(str(label), start, stop, record)


def write_char_spans(labels: Labels, spans: Sequence[CharLabel], text: str) -> str:
    """A line like that of ``labels``, with other ``spans``, which are of ``text``."""
    written = [written_span(span, text) for span in spans]
    record: Any = written
    if isinstance(labels.record, dict):
        key = next(key for key in KEYS if isinstance(labels.record.get(key), list))
        record = {**labels.record, key: written}
        if "text" in record:
            record["text"] = text
    return json.dumps(record, ensure_ascii=False)


def written_span(span: CharLabel, text: str) -> Any:
    """A span in the form in which it was read."""
    if not isinstance(span.record, dict):
        return [span.start, span.stop, span.label]
    record = {**span.record, "start": span.start, "end": span.stop}
    if "text" in record:
        record["text"] = text[span.start : span.stop]
    return record

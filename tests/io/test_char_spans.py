"""Labelled spans of characters as annotation tools export them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.errors import InputError
from xalign.io.char_spans import CharLabel, read_char_spans, write_char_spans

SPANS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(5, 9), st.text("AB", min_size=1, max_size=3))
)


@given(SPANS)
def test_spans_are_read_as_they_were_written(spans: list[tuple[int, int, str]]) -> None:
    labels = tuple(CharLabel(label, start, stop) for start, stop, label in spans)
    line = write_char_spans(read_char_spans(b"", "x", 1), labels, "text")
    found = read_char_spans(line.encode(), "x", 1).spans
    assert [(s.label, s.start, s.stop) for s in found] == [
        (s.label, s.start, s.stop) for s in labels
    ]


FORMS = [
    '[[0, 4, "PER"]]',
    '[{"start": 0, "end": 4, "label": "PER", "id": 7}]',
    '{"text": "Anna", "spans": [{"start": 0, "end": 4, "labels": ["PER"], "text": "Anna"}]}',
    '{"id": 1, "entities": [[0, 4, "PER"]]}',
    '{"ents": [{"start": 0, "end": 4, "label": "PER"}], "spans": "none"}',
    '{"labels": [[0, 4, "PER"]]}',
    '{"label": [[0, 4, "PER"]], "text": "Anna"}',
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str) -> None:
    (span,) = read_char_spans(form.encode(), "x", 1).spans
    assert (span.label, span.start, span.stop) == ("PER", 0, 4)


@pytest.mark.parametrize("form", FORMS)
def test_other_spans_are_written_in_the_form_that_was_read(form: str) -> None:
    labels = read_char_spans(form.encode(), "x", 1)
    moved = [replace(span, start=3, stop=7) for span in labels.spans]
    written = json.loads(write_char_spans(labels, moved, "La Änne"))
    expected = json.loads(
        form.replace("0, 4", "3, 7").replace("Anna", "Änne"), object_hook=at_3_to_7
    )
    if isinstance(expected, dict) and "text" in expected:
        expected["text"] = "La Änne"
    assert written == expected


def at_3_to_7(record: dict[str, Any]) -> dict[str, Any]:
    """A span at the other place; other objects are left as they are."""
    return {**record, "start": 3, "end": 7} if "start" in record else record


def test_letters_are_written_as_they_are() -> None:
    span = CharLabel("Ä", 0, 1)
    assert write_char_spans(read_char_spans(b"", "x", 1), [span], "Ä") == '[[0, 1, "Ä"]]'


@pytest.mark.parametrize("line", [b"[[4, 0, 1]]", b"[[-1, 0, 1]]", b'[["0", 4, 1]]', b"[[0, 4]]"])
def test_spans_that_are_none_are_errors(line: bytes) -> None:
    with pytest.raises(InputError, match="expected spans"):
        read_char_spans(line, "x", 1)

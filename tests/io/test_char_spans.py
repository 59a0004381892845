"""Labelled spans of characters as annotation tools export them."""

from hypothesis import given
from hypothesis import strategies as st

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

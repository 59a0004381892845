"""Labels carried over, by worked examples and by what must always hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.links.conftest import links
from xalign.links.projection import Resolved, project_spans, read_bio, write_bio


@given(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])))
def test_bio_tags_are_written_as_they_were_read(tags: list[str]) -> None:
    spans = read_bio(tags)
    assert read_bio(write_bio(spans, len(tags))) == spans
    assert [tag == "O" for tag in write_bio(spans, len(tags))] == [tag == "O" for tag in tags]


@pytest.mark.parametrize("tag", ["X-PER", "B", "B-", "PER"])
def test_other_tags_are_errors(tag: str) -> None:
    with pytest.raises(ValueError, match="expected O, B-label or I-label"):
        read_bio(["O", tag])


@pytest.mark.parametrize(
    ("tags", "alignment", "expected", "counts"),
    [
        ("B-PER I-PER O", "0-0 1-1 2-2", "B-PER I-PER O", (0, 0, 0, 1)),
        ("B-PER I-PER O", "0-2 1-1 2-0", "O B-PER I-PER", (0, 0, 0, 1)),  # turned around
        ("B-PER I-PER O", "0-0 1-2", "B-PER I-PER I-PER", (0, 0, 0, 1)),  # a free word between
        ("B-PER I-PER O", "0-0 1-2 2-1", "B-PER O O", (0, 1, 0, 1)),  # another word between
        ("B-PER O B-LOC", "0-0:0.4 2-0:0.9 2-1", "B-LOC I-LOC O", (1, 0, 1, 1)),
        ("B-PER O O", "1-0", "O O O", (0, 0, 1, 0)),
        ("O O O", "0-0 1-1", "O O O", (0, 0, 0, 0)),
    ],
)
def test_spans_are_carried_over(
    tags: str, alignment: str, expected: str, counts: tuple[int, ...]
) -> None:
    resolved = Resolved()
    spans = project_spans(read_bio(tags.split()), links(alignment), 3, resolved)
    assert " ".join(write_bio(spans, 3)) == expected
    assert (resolved.contested, resolved.split, resolved.lost, resolved.carried) == counts

"""Labels carried over, by worked examples and by what must always hold."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.links.conftest import links
from xalign.alignment import ScoredAlignment
from xalign.links.projection import LabelledSpan, Resolved, project_spans, read_bio, write_bio


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


def test_counts_add_up_over_pairs_and_probabilities_over_links() -> None:
    resolved, spans = Resolved(), [LabelledSpan("PER", 0, 2), LabelledSpan("LOC", 2, 3)]
    contested = ScoredAlignment({(0, 0): 0.4, (1, 0): 0.4, (2, 0): 0.7})
    split = ScoredAlignment({(0, 0): 0.9, (3, 1): 0.9, (1, 2): 0.9})
    for _ in range(2):
        assert project_spans(spans, contested, 1, resolved) == [LabelledSpan("PER", 0, 1)]
        assert project_spans(spans, split, 3, resolved) == [LabelledSpan("PER", 0, 1)]
    counts = (resolved.contested, resolved.split, resolved.lost, resolved.carried)
    assert counts == (2, 2, 4, 4)


def test_many_spans_take_linear_time() -> None:
    spans = [LabelledSpan("A", k, k + 1) for k in range(0, 40_000, 2)]
    links = ScoredAlignment({(i, i): 0.9 for i in range(40_000)})
    started = time.perf_counter()
    assert project_spans(spans, links, 40_000, Resolved()) == spans
    assert time.perf_counter() - started < 5


def test_spans_are_in_the_order_of_the_target() -> None:
    spans = [LabelledSpan("A", 0, 1), LabelledSpan("B", 1, 2)]
    found = project_spans(spans, ScoredAlignment({(0, 1): 0.9, (1, 0): 0.9}), 2, Resolved())
    assert found == [LabelledSpan("B", 0, 1), LabelledSpan("A", 1, 2)]


def test_labels_may_have_hyphens_and_a_span_that_ended_is_not_continued() -> None:
    assert read_bio(["B-a-b", "I-a-b"]) == [LabelledSpan("a-b", 0, 2)]
    assert read_bio(["B-x", "O", "I-x"]) == [LabelledSpan("x", 0, 1), LabelledSpan("x", 2, 3)]
    assert read_bio(["B-x", "E-x", "I-x"]) == [LabelledSpan("x", 0, 2), LabelledSpan("x", 2, 3)]

"""Pharaoh lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.alignment import Alignment
from xalign.errors import InputError
from xalign.io.pharaoh import pharaoh, read_alignments, read_two_alignments

index = st.integers(0, 300)
alignments = st.builds(Alignment, st.frozensets(st.tuples(index, index)))


@given(alignments)
def test_the_reader_is_the_inverse_of_the_writer(alignment: Alignment) -> None:
    assert list(read_alignments([pharaoh(alignment).removesuffix(b"\n")], "out")) == [alignment]


def test_links_are_sorted_by_number_and_an_empty_line_has_no_space() -> None:
    assert pharaoh(Alignment(frozenset({(10, 0), (2, 11), (2, 3)}))) == b"2-3 2-11 10-0\n"
    assert pharaoh(Alignment()) == b"\n"


@pytest.mark.parametrize("word", ["3:4", "3-", "-3", "3-4-5", "a-b", "3p4", "1-2:0.5", "٣-٤"])
def test_what_is_not_a_link_is_named(word: str) -> None:
    with pytest.raises(InputError, match=r"^out:2: expected a link such as 3-4, found '"):
        list(read_alignments([b"0-0", b"0-0 " + word.encode()], "out"))


def test_two_files_of_links_are_read_side_by_side() -> None:
    one, other = [b"0-0", b"a ||| b ||| 1-1"], [b"", b"a ||| 0-1"]
    found = read_two_alignments(one, other, "x", "y")
    assert [(str(a), str(b)) for a, b in found] == [("0-0", ""), ("1-1", "0-1")]
    for lines, message in (
        ((one, other[:1]), "y:2: expected a line for line 2 of x, found the end"),
        ((one[:1], other), "x:2: expected a line for line 2 of y, found the end"),
        (([b"x"], [b""]), "x:1: expected a link such as 3-4, found 'x'"),
        (([b""], [b"x"]), "y:1: expected a link such as 3-4, found 'x'"),
    ):
        with pytest.raises(InputError) as caught:
            list(read_two_alignments(*lines, "x", "y"))
        assert str(caught.value) == message


def test_an_alignment_is_a_sorted_collection_of_links() -> None:
    alignment = Alignment(frozenset({(1, 0), (0, 1)}))
    assert list(alignment) == [(0, 1), (1, 0)]
    assert len(alignment) == 2
    assert (1, 0) in alignment

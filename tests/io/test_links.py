"""Links in any format, found by content."""

import io

import pytest

from xalign.alignment import ScoredAlignment, SentencePair
from xalign.errors import InputError
from xalign.io.formats import WRITERS, AlignedPair, Format
from xalign.io.links import FoundLinks, find_links, first_words, read_any_links, two_by_two

PAIRS = [
    AlignedPair(
        SentencePair("das Haus", "the house"), ScoredAlignment({(0, 0): 0.75, (1, 1): 0.5})
    ),
    AlignedPair(SentencePair((), ()), ScoredAlignment({})),
    AlignedPair(SentencePair("ja", "yes"), ScoredAlignment({(0, 0): 1.0})),
]


def written(format: Format) -> list[bytes]:
    """Lines of `PAIRS` in a format."""
    text = "".join(WRITERS[format](number, pair) for number, pair in enumerate(PAIRS, 1))
    return list(io.BytesIO(text.encode()).read().split(b"\n"))[:-1]


@pytest.mark.parametrize("format", WRITERS)
def test_every_format_that_is_written_is_found_and_read(format: Format) -> None:
    found = find_links(written(format), "out")
    assert found.format == format
    alignments = [links.alignment for links in found.pairs]
    assert alignments == [pair.links.alignment for pair in PAIRS]


@pytest.mark.parametrize("format", ["scored", "jsonl", "naacl"])
def test_probabilities_are_kept_where_the_format_has_them(format: Format) -> None:
    found = find_links(written(format), "out")
    assert found.has_probabilities
    assert [links.probabilities for links in found.pairs] == [p.links.probabilities for p in PAIRS]


def test_links_without_probabilities_have_1() -> None:
    (links,) = read_any_links([b"0-0 1-1"], "out")
    assert links.probabilities == {(0, 0): 1.0, (1, 1): 1.0}


def test_blank_lines_before_the_first_links_are_pairs() -> None:
    found = find_links([b"", b"", b"0-0:0.5"], "out")
    assert [str(links) for links in found.pairs] == ["", "", "0-0:0.5"]
    assert [str(links) for links in find_links([b"", b""], "out").pairs] == ["", ""]


def test_text_before_links_is_skipped() -> None:
    lines = [b"das Haus ||| the house ||| 1-1 0-0", b"0-0"]
    assert [str(links.alignment) for links in find_links(lines, "out").pairs] == ["0-0 1-1", "0-0"]


def test_links_with_and_without_probabilities_may_be_mixed() -> None:
    assert [links.probabilities for links in read_any_links([b"0-0 1-1:0.5"], "out")] == [
        {(0, 0): 1.0, (1, 1): 0.5}
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([b"0-0", b"x"], "out:2: expected a link such as 3-4, found 'x'"),
        ([b"0-0:1", b"0-0:x"], "out:2: expected a link with its probability"),
        ([b'{"links": []}'], "out:1: expected an object with src, tgt, links and score"),
    ],
)
def test_a_line_in_another_format_is_an_error(lines: list[bytes], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        list(find_links(lines, "out").pairs)


def test_pairs_after_the_last_link_of_a_naacl_file_have_no_links() -> None:
    found = find_links([b"2 1 1"], "out")
    rows = list(found.beside(["a", "b", "c"], "text"))
    assert [(other, str(links.alignment)) for other, links in rows] == [
        ("a", ""),
        ("b", "0-0"),
        ("c", ""),
    ]


def test_files_of_other_lengths_are_errors() -> None:
    with pytest.raises(
        InputError, match="out:2: expected a line for line 2 of text, found the end"
    ):
        list(find_links([b"0-0"], "out").beside("ab", "text"))
    with pytest.raises(
        InputError, match="text:2: expected a line for line 2 of out, found the end"
    ):
        list(find_links([b"0-0", b"0-0"], "out").beside("a", "text"))


def test_two_files_are_read_pair_by_pair() -> None:
    def sides(one: FoundLinks, other: FoundLinks) -> list[tuple[str, str]]:
        return [(str(a.alignment), str(b.alignment)) for a, b in two_by_two(one, other)]

    plain = [b"0-0", b"1-1", b""]
    naacl = [b"1 1 2 S 0.5"]
    expected = [("0-0", "0-1"), ("1-1", ""), ("", "")]
    assert sides(find_links(plain, "a"), find_links(naacl, "b")) == expected
    assert sides(find_links(naacl, "b"), find_links(plain, "a")) == [(b, a) for a, b in expected]
    with pytest.raises(InputError, match="b:2: expected a line for line 2 of a"):
        sides(find_links(plain, "a"), find_links([b"0-0"], "b"))
    with pytest.raises(InputError, match="b:2: expected a line for line 2 of a"):
        sides(find_links([b"0-0"], "b"), find_links(plain, "a"))


def test_lines_of_spaces_before_the_first_links_are_pairs() -> None:
    found = find_links([b" \r", b"  ", b"0-0"], "out")
    assert [str(links.alignment) for links in found.pairs] == ["", "", "0-0"]


@pytest.mark.parametrize("format", ["jsonl", "tsv", "giza"])
def test_the_first_words_of_a_file_are_found(format: Format) -> None:
    size = 3 if format == "giza" else 1  # lines of a pair
    assert first_words(written(format), "out") == PAIRS[0].pair
    assert first_words(written(format)[size:], "out") == PAIRS[2].pair  # after one without words


@pytest.mark.parametrize("lines", [[], [b""], [b"0-0"], [b"1 1 1"], [b"0-0:0.5"]])
def test_a_file_without_words_has_none(lines: list[bytes]) -> None:
    assert first_words(lines, "out") == SentencePair((), ())


def test_links_between_tabs_are_no_table() -> None:
    found = find_links([b"0-0\t1-1\t2-2"], "out")
    assert [str(links.alignment) for links in found.pairs] == ["0-0 1-1 2-2"]

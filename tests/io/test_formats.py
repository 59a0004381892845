"""Every format's reader is the inverse of its writer."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import EXAMPLES
from xalign.alignment import ScoredAlignment, SentencePair
from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.formats import READERS, WRITERS, AlignedPair, Format
from xalign.io.links import find_links

WORDS = st.lists(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters=" \t\r\n"),
        min_size=1,
        max_size=6,
    ),
    max_size=5,
).map(tuple)


@st.composite
def aligned_pairs(draw: st.DrawFn) -> AlignedPair:
    """A pair of any words, and links with probabilities between them."""
    pair = SentencePair(draw(WORDS), draw(WORDS))
    cells = [(i, j) for i in range(len(pair.src)) for j in range(len(pair.tgt))]
    links = (
        draw(st.dictionaries(st.sampled_from(cells), st.floats(0, 1, width=32), max_size=8))
        if cells
        else {}
    )
    return AlignedPair(pair, ScoredAlignment(links), draw(st.floats(0, 1)))


KEPT: dict[Format, tuple[bool, bool, bool]] = {  # words, probabilities, score
    "pharaoh": (False, False, False),
    "scored": (False, True, False),
    "jsonl": (True, True, True),
    "tsv": (True, False, False),
    "naacl": (False, True, False),
    "giza": (True, False, True),
}


def as_far_as(format: Format, aligned: AlignedPair) -> AlignedPair:
    """What a format keeps of a pair."""
    words, probabilities, score = KEPT[format]
    links = aligned.links.probabilities
    return AlignedPair(
        aligned.pair if words else SentencePair((), ()),
        ScoredAlignment(dict(links) if probabilities else dict.fromkeys(links, 1.0)),
        aligned.score if score else 0.0,
    )


def through(format: Format, pairs: list[AlignedPair]) -> list[AlignedPair]:
    """Pairs written, and read again."""
    text = "".join(WRITERS[format](number, pair) for number, pair in enumerate(pairs, 1))
    return list(READERS[format](text.encode().split(b"\n")[:-1], "it"))


@pytest.mark.parametrize("format", WRITERS)
@given(pairs=st.lists(aligned_pairs(), max_size=4))
def test_what_is_read_is_what_was_written(format: Format, pairs: list[AlignedPair]) -> None:
    expected = [as_far_as(format, pair) for pair in pairs]
    if format == "naacl":  # has no line for a sentence without links
        while expected and not expected[-1].links.probabilities:
            expected.pop()
    assert through(format, pairs) == expected


PAIR = AlignedPair(
    SentencePair(("das", "Haus"), ("a", "house")), ScoredAlignment({(1, 1): 0.75, (0, 0): 0.5}), 0.9
)
EXPECTED: dict[Format, str] = {
    "pharaoh": "0-0 1-1\n",
    "scored": "0-0:0.5 1-1:0.75\n",
    "jsonl": '{"src": ["das", "Haus"], "tgt": ["a", "house"], "links": [[0, 0, 0.5], [1, 1, 0.75]], "score": 0.9}\n',
    "tsv": "das Haus\ta house\t0-0 1-1\n",
    "naacl": "3 1 1 S 0.5\n3 2 2 S 0.75\n",
    "giza": "# Sentence pair (3) source length 2 target length 2 alignment score : 0.9\na house\nNULL ({ }) das ({ 1 }) Haus ({ 2 })\n",
}


def test_letters_are_written_as_they_are_in_jsonl() -> None:
    pair = AlignedPair(SentencePair(("Äpfel",), ("苹果",)), ScoredAlignment({}))
    assert WRITERS["jsonl"](1, pair).startswith('{"src": ["Äpfel"], "tgt": ["苹果"], ')


def test_spans_of_raw_text_are_kept_in_jsonl() -> None:
    spans = ((0, 3, 0, 1, 0.5), (4, 8, 2, 7, 1.0))
    pair = AlignedPair(PAIR.pair, PAIR.links, 0.9, spans)
    line = WRITERS["jsonl"](1, pair)
    assert json.loads(line)["spans"] == [list(span) for span in spans]
    assert through("jsonl", [pair]) == [pair]


def test_a_naacl_file_may_leave_out_many_sentences() -> None:
    found = list(READERS["naacl"]([b"1000 1 1", b"1000 2 2", b"2000 1 1"], "it"))
    assert [number for number, pair in enumerate(found, 1) if pair.links.probabilities] == [
        1000,
        2000,
    ]


def test_a_naacl_line_without_probability_has_1() -> None:
    (found,) = READERS["naacl"]([b"1 1 2"], "it")
    assert found.links.probabilities == {(0, 1): 1.0}


@pytest.mark.parametrize("format", WRITERS)
def test_lines_are_those_of_the_tools_around_us(format: Format) -> None:
    assert WRITERS[format](3, PAIR) == EXPECTED[format]


JSONL = EXPECTED["jsonl"].rstrip("\n")
HEAD = EXPECTED["giza"].split("\n")[0]


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("jsonl", JSONL.replace("[1, 1, 0.75]", "[-1, 1, 0.75]")),
        ("jsonl", JSONL.replace("[1, 1, 0.75]", "[1.5, 1, 0.75]")),
        ("jsonl", JSONL.replace("[1, 1, 0.75]", "[true, 1, 0.75]")),
        ("jsonl", JSONL.replace("[1, 1, 0.75]", "[1e999, 1, 0.75]")),
        ("jsonl", JSONL.replace("0.75", "1e999")),
        ("jsonl", JSONL.replace("0.75", "9" * 400)),
        ("jsonl", JSONL.replace('["das", "Haus"]', '"das Haus"')),
        ("jsonl", JSONL.replace('"Haus"', "7")),
        ("jsonl", JSONL.replace("0.9}", '0.9, "spans": [[0, -1, 0, 1, 1]]}')),
        ("naacl", "1 1 1 S nan"),
        ("naacl", "1 9999999999 1"),
        ("giza", f"{HEAD.replace('0.9', 'abc')}\na\nNULL ({{ 1 }})"),
        ("giza", f"{HEAD}\na\nNULL ({{ }}) b ({{ 0 }})"),
        ("giza", f"{HEAD}\na\nNULL ({{ }}) b ({{ x }})"),
        ("giza", f"{HEAD}\na\nNULL ({{ }}) b c ({{ 1 }})"),
    ],
)
def test_values_that_no_writer_writes_are_errors(format: Format, text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        list(READERS[format](text.encode().split(b"\n"), "it"))


@pytest.mark.parametrize("format", ["naacl", "giza"])
def test_blank_lines_between_blocks_say_nothing(format: Format) -> None:
    block = [
        line.encode() for line in EXPECTED[format].replace("3 ", "1 ").rstrip("\n").split("\n")
    ]
    lines = [b"", *block, b" ", b""]
    found = [pair.links.alignment for pair in READERS[format](lines, "it")]
    assert found == [PAIR.links.alignment]
    assert [links.alignment for links in find_links(lines, "it").pairs] == found
    with pytest.raises(InputError, match=rf"^it:{len(lines) + 1}: expected"):
        list(READERS[format]([*lines, b"x"], "it"))


@pytest.mark.parametrize(
    ("format", "text", "message"),
    [
        (
            "scored",
            "0-0",
            "it:1: expected a link with its probability such as 3-4:0.9, found '0-0'",
        ),
        ("jsonl", "{}", "it:1: expected an object with src, tgt, links and score"),
        ("tsv", "a\tb", "it:1: expected source TAB target TAB links, found 2 columns"),
        ("tsv", "a\tb\tc", "it:1: expected a link such as 3-4, found 'c'"),
        ("naacl", "1 0 1", "it:1: expected 'sentence source target S probability'"),
        ("giza", "a\nb\nc", "it:1: expected '# Sentence pair (1) ... alignment score : 0.5'"),
        (
            "giza",
            EXPECTED["giza"].split("NULL")[0] + "x",
            "it:3: expected 'NULL ({ }) word ({ 1 }) ...'",
        ),
    ],
)
def test_other_lines_are_errors_that_name_the_line(format: Format, text: str, message: str) -> None:
    with pytest.raises(InputError, match="^" + re.escape(message)):
        list(READERS[format](text.encode().split(b"\n"), "it"))


def test_the_example_links_are_read() -> None:
    source = Source(str(EXAMPLES / "de-en.align"))
    assert (
        sum(len(found.links.probabilities) for found in READERS["pharaoh"](source, source.name))
        > 100
    )

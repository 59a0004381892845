"""Lines to sentence pairs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.alignment import SentencePair
from xalign.errors import InputError
from xalign.io.pairs import (
    parse_columns,
    pick_columns,
    read_pairs,
    read_two_files,
    split_pair,
)

EMPTY = SentencePair((), ())

HOUSE = SentencePair(("das", "Haus"), ("the", "house"))


def read(*lines: bytes) -> tuple[list[SentencePair], list[str]]:
    """Pairs of ``lines``, and the messages of the bad ones."""
    errors: list[InputError] = []
    pairs = list(read_pairs(lines, "corpus.txt", errors.append))
    return pairs, [str(error) for error in errors]


@pytest.mark.parametrize(
    "line",
    [
        b"das Haus ||| the house",
        b"das Haus\tthe house",
        b"  das   Haus  |||  the house ",
        b"das Haus |||\tthe house",
        b"das Haus\t the\thouse",
    ],
)
def test_every_separator_and_any_run_of_spaces_is_read(line: bytes) -> None:
    assert read(line) == ([HOUSE], [])


def test_the_first_separator_splits() -> None:
    pairs, errors = read(b"a ||| b ||| c", b"a\tb ||| c", b"a ||| b\tc")
    assert [pair.src for pair in pairs] == [("a",)] * 3
    assert [pair.tgt for pair in pairs] == [("b", "|||", "c"), ("b", "|||", "c"), ("b", "c")]
    assert not errors


@pytest.mark.parametrize("line", [b"", b"   ", b"|||", b" ||| ", b"\t", b"a |||", b"||| b", b"a\t"])
def test_a_side_without_words_is_empty_and_not_an_error(line: bytes) -> None:
    pairs, errors = read(line)
    assert pairs[0].is_empty
    assert not errors


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            b"das Haus",
            "corpus.txt:2: expected 'source ||| target' or 'source TAB target', found 'das Haus'",
        ),
        (
            b"Haus|||house",
            "corpus.txt:2: expected spaces around '|||', as in 'das Haus ||| the house', found 'Haus|||house'",
        ),
        (
            b"Stra\xdfe ||| street",
            "corpus.txt:2: expected UTF-8, found b'\\xdfe |' at byte 4; convert the file first, for example with iconv -f latin1 -t utf-8",
        ),
    ],
)
def test_a_bad_line_is_named_and_keeps_its_place(line: bytes, message: str) -> None:
    assert read(b"das Haus ||| the house", line, b"") == ([HOUSE, EMPTY, EMPTY], [message])


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("a ||| b", ("a", "b")),
        ("a  |||  b", ("a ", " b")),
        ("a\tb", ("a", "b")),
        (" a \t b ", (" a ", " b ")),
        ("  ", ("", "")),
        ("X", None),
        ("|||b", None),
    ],
)
def test_the_text_of_both_sides_is_kept_to_the_letter(
    text: str, sides: tuple[str, str] | None
) -> None:
    assert split_pair(text) == sides


@pytest.mark.parametrize(
    ("columns", "sides"), [((1, 3), ("a b", "")), ((3, 2), ("", "c")), ((2, 1), ("c", "a b"))]
)
def test_columns_are_picked(columns: tuple[int, int], sides: tuple[str, str]) -> None:
    assert pick_columns("a b\tc\t", columns) == sides
    assert pick_columns(" \t ", (1, 3)) == ("", "")
    assert pick_columns("X\t", (1, 3)) is None


def test_columns_are_two_numbers_from_1() -> None:
    assert parse_columns("12,9999") == (12, 9999)
    for text in ("1,1", "0,1", "1", "1,2,3", "01,2", "10000,1", "1, 2"):
        with pytest.raises(ValueError, match="expected two columns") as caught:
            parse_columns(text)
        assert str(caught.value) == (
            f"expected two columns such as 1,2, counted from 1, found {text!r}"
        )


def test_sides_of_50_000_words_are_read() -> None:
    words = b"a " * 49_999 + b"a"
    pairs, errors = read(words + b"\t" + words)
    assert (len(pairs[0].src), errors) == (50_000, [])


def test_a_bad_line_has_its_bytes() -> None:
    errors: list[InputError] = []
    lines = [b"a", b"a " * 50_001 + b"\tb"]
    list(read_pairs(lines, "x", errors.append))
    list(read_two_files(lines[1:], [b"b"], "x", "y", errors.append))
    assert [error.raw for error in errors] == [*lines, lines[1] + b"\tb"]


def test_a_bad_line_is_raised_unless_something_else_was_said() -> None:
    with pytest.raises(InputError, match=r"^corpus\.txt:1: expected 'source"):
        list(read_pairs([b"das Haus"], "corpus.txt"))


def test_a_long_line_is_cut_in_its_message() -> None:
    _, (message,) = read(b"x" * 1_000_000)
    assert message.endswith("found '" + "x" * 40 + "…'")


@pytest.mark.parametrize(
    "space", ["\u00a0", "\u3000", "\u2028", "\x0b", "\x0c", "\x85", "\x00", "\x1c"]
)
def test_only_ascii_spaces_and_tabs_split_words(space: str) -> None:
    pairs, _ = read(f"a{space}b ||| c".encode())
    assert pairs[0].src == (f"a{space}b",)


word = st.text(st.characters(exclude_characters=" \t\n", exclude_categories=["Cs"]), min_size=1)
words = st.lists(word.filter(lambda text: text != "|||"))


@given(words, words, st.sampled_from([" ||| ", "\t"]))
def test_words_come_back_as_they_were_written(
    src: list[str], tgt: list[str], separator: str
) -> None:
    pairs, errors = read((" ".join(src) + separator + " ".join(tgt)).encode())
    assert (pairs, errors) == ([SentencePair(tuple(src), tuple(tgt))], [])


def test_two_files_are_read_side_by_side() -> None:
    pairs = read_two_files([b"das Haus", b"ja"], [b"the house", b""], "a.de", "a.en")
    assert list(pairs) == [HOUSE, SentencePair(("ja",), ())]


def test_a_shorter_file_is_an_error_that_names_both() -> None:
    pairs = read_two_files([b"ja", b"nein"], [b"yes"], "a.de", "a.en")
    assert next(pairs) == SentencePair(("ja",), ("yes",))
    message = r"^a\.en:2: expected a line for line 2 of a\.de, found the end"
    with pytest.raises(InputError, match=message):
        next(pairs)


def test_a_line_that_is_not_utf8_empties_its_pair_only() -> None:
    errors: list[InputError] = []
    src, tgt = [b"\xff", b"ja", b"ja"], [b"\xff", b"yes", b"\xff"]
    pairs = read_two_files(src, tgt, "a.de", "a.en", errors.append)
    assert list(pairs) == [EMPTY, SentencePair(("ja",), ("yes",)), EMPTY]
    assert [(error.path, error.line) for error in errors] == [("a.de", 1), ("a.en", 3)]

"""Lines of labels, one for each pair."""

import json
import time
from pathlib import Path

import pytest

from tests.links.conftest import links
from xalign.errors import InputError
from xalign.links.projected_lines import Work, bio_lines, inline_lines, span_lines, worker
from xalign.links.projection import Resolved


def plain(src: str, tgt: str) -> Work:
    """A pair without markup."""
    return worker(None, "ascii", has_markup=False)(src, tgt)


PAIR = plain("das Haus", "the house")


def test_bio_lines_follow_their_pairs_and_blank_pairs_lose_theirs(tmp_path: Path) -> None:
    tags = tmp_path / "tags"
    tags.write_text("O B-X\nB-X\n")
    rows = [(links("0-0 1-1"), PAIR), (links(""), plain("", ""))]
    resolved = Resolved()
    assert list(bio_lines(rows, str(tags), resolved, "bioes")) == ["O S-X", ""]
    assert (resolved.carried, resolved.lost) == (1, 1)


def test_tags_are_of_white_space_words_where_links_are_of_tokens(tmp_path: Path) -> None:
    tags = tmp_path / "tags"
    tags.write_text("O B-X\n")
    cut = str.split
    work = worker((lambda text: cut(text.replace("!", " !")),) * 2, "ascii", has_markup=False)
    row = links("0-0 1-1 2-2"), work("das Haus!", "the house!")
    assert list(bio_lines([row], str(tags), Resolved(), "bio")) == ["O B-X"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("O\n", "tags:1: expected 2 tags, one for each source word"),
        ("", "tags:1: expected a line of labels for pair 1, found the end"),
        ("O O\nO\n", "tags:2: expected 1 lines of labels, as many as there are pairs, found more"),
    ],
)
def test_tags_that_do_not_fit_are_named(text: str, message: str, tmp_path: Path) -> None:
    tags = tmp_path / "tags"
    tags.write_text(text)
    with pytest.raises(InputError, match=message):
        list(bio_lines([(links("0-0"), PAIR)], str(tags), Resolved(), "bio"))


def test_inline_lines_are_the_targets_with_the_markup_of_the_sources() -> None:
    work = worker(None, "ascii", has_markup=True)("<b>das</b> Haus", "the  house")
    resolved = Resolved()
    assert list(inline_lines([(links("0-0 1-1"), work)], resolved)) == ["<b>the</b>  house"]
    assert resolved.carried == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ([[4, 8, "X"]], [[4, 9, "X"]]),
        ([[0, 8, "X"], [5, 6, "Y"]], [[0, 9, "X"], [4, 9, "Y"]]),  # they may overlap
        (
            [{"start": 4, "end": 8, "label": "X", "id": 7}],
            [{"start": 4, "end": 9, "label": "X", "id": 7}],
        ),
        (
            {"text": "das Haus", "ents": [{"start": 4, "end": 8, "label": "X"}]},
            {"text": "the house", "ents": [{"start": 4, "end": 9, "label": "X"}]},
        ),
        (
            {
                "text": "das Haus",
                "label": [{"start": 4, "end": 8, "text": "Haus", "labels": ["X"]}],
            },
            {
                "text": "the house",
                "label": [{"start": 4, "end": 9, "text": "house", "labels": ["X"]}],
            },
        ),
        ({"id": 3, "label": [[4, 8, "X"]]}, {"id": 3, "label": [[4, 9, "X"]]}),
        ([], []),
    ],
)
def test_spans_of_characters_go_over_in_the_form_of_their_tool(
    line: object, expected: object, tmp_path: Path
) -> None:
    path = tmp_path / "spans"
    path.write_text(json.dumps(line) + "\n")
    (found,) = span_lines([(links("0-0 1-1"), PAIR)], str(path), Resolved())
    assert json.loads(found) == expected


def test_spans_without_links_are_lost_and_blank_lines_have_none(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    path.write_text('[[0, 3, "X"], [3, 4, "Y"]]\n\n')
    resolved = Resolved()
    rows = [(links("1-1"), PAIR), (links("0-0"), PAIR)]
    assert list(span_lines(rows, str(path), resolved)) == ["[]", "[]"]
    assert (resolved.lost, resolved.carried) == (2, 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{}", "spans:1: expected spans such as"),
        ("[[0, 1]]", "spans:1: expected spans such as"),
        ('[{"start": 0, "end": 1, "labels": []}]', "spans:1: expected spans such as"),
        ("[" * 20000, "spans:1: expected spans such as"),
        ('[[3, 1, "X"]]', "spans:1: expected spans such as"),
        ('[["a", 1, "X"]]', "spans:1: expected spans such as"),
        ("x", "spans:1: expected spans such as"),
        ('[[0, 9, "X"]]', "spans:1: expected spans within 8 characters, found 0 to 9"),
        (
            '{"text": "das", "ents": []}',
            "spans:1: expected spans of the text 'das Haus', found 'das'",
        ),
    ],
)
def test_spans_that_do_not_fit_are_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "spans"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        list(span_lines([(links("0-0"), PAIR)], str(path), Resolved()))


def test_a_pair_that_cannot_be_read_loses_its_spans_alone(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    path.write_text('{"text": "das", "ents": [[0, 3, "X"]]}\n[[0, 3, "Y"]]\n')
    resolved = Resolved()
    rows = [(links(""), plain("", "")), (links("0-0"), PAIR)]
    found = list(span_lines(rows, str(path), resolved))
    assert found == ['{"text": "", "ents": []}', '[[0, 3, "Y"]]']
    assert (resolved.lost, resolved.carried) == (1, 1)


def test_many_spans_of_a_long_line_take_linear_time(tmp_path: Path) -> None:
    path, count = tmp_path / "spans", 8_000
    spans = [[2 * k, 2 * k + 1, "X"] for k in range(0, count, 2)]
    path.write_text(json.dumps(spans) + "\n")
    text = "a " * count
    row = links(" ".join(f"{k}-{k}" for k in range(count))), plain(text, text)
    started = time.perf_counter()
    (found,) = span_lines([row], str(path), Resolved())
    assert json.loads(found) == spans
    assert time.perf_counter() - started < 5


def test_a_span_that_other_words_split_keeps_its_longest_part(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    path.write_text('[[0, 8, "X"]]\n')
    pair = plain("das Haus ist", "house is the big")
    (found,) = span_lines([(links("0-2 1-0 2-1 1-3"), pair)], str(path), Resolved())
    assert found == '[[9, 16, "X"]]'

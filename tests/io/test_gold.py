"""Gold files of every format, and the base they count from."""

import json

import pytest

from xalign.errors import InputError
from xalign.io.gold import Gold, read_gold, stream_talp


def gold(text: str, base: int | None = None) -> Gold:
    """Gold of a file with this text."""
    return read_gold(text.encode().splitlines(), "test.gold", base)


def links(found: Gold) -> list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """Sure and possible links of every pair, sorted."""
    return [(sorted(a.sure), sorted(a.possible)) for a in found.alignments]


def test_talp_marks_sure_and_possible_links() -> None:
    found = gold("0-0 1p2 2?1\n\n3-3")
    assert links(found) == [([(0, 0)], [(0, 0), (1, 2), (2, 1)]), ([], []), ([(3, 3)], [(3, 3)])]
    assert (found.format, found.base, found.base_from) == ("talp", 0, "found")


def test_links_without_index_0_are_counted_from_1() -> None:
    found = gold("1-1 2p3\n4-1")
    assert links(found) == [([(0, 0)], [(0, 0), (1, 2)]), ([(3, 0)], [(3, 0)])]
    assert (found.base, found.base_from) == (1, "found")


def test_one_index_0_on_either_side_is_enough_to_count_from_0() -> None:
    assert gold("1-1\n2-0").base == 0
    assert gold("1-1\n0p2").base == 0


def test_the_base_can_be_forced() -> None:
    found = gold("1-1 2-2", base=0)
    assert links(found) == [([(1, 1), (2, 2)], [(1, 1), (2, 2)])]
    assert (found.base, found.base_from) == (0, "given")


@pytest.mark.parametrize("text", ["1 1 1", "1 1", "<s><sure>1-1</sure></s>", "a\tb\t1-1"])
def test_the_base_can_be_forced_in_every_format(text: str) -> None:
    assert [links(gold(text, base)) for base in (0, 1)] == [
        [([(1, 1)], [(1, 1)])],
        [([(0, 0)], [(0, 0)])],
    ]
    assert gold(text, 0).base_from == "given"


@pytest.mark.parametrize("base", [None, 0, 1])
@pytest.mark.parametrize("text", ["1-1 2p3\n\n4-1", "1-1\n0p2 1-1"])
def test_links_of_a_long_file_are_those_of_a_short_one(text: str, base: int | None) -> None:
    found = stream_talp(lambda: text.encode().splitlines(), "x", base)
    assert tuple(found) == gold(text, base).alignments


def test_a_wrong_link_of_a_long_file_is_named() -> None:
    for base in (None, 0):
        with pytest.raises(InputError) as caught:
            list(stream_talp(lambda: [b"1-1", b"\xff"], "x", base))
        assert str(caught.value) == (
            "x:2: expected a link such as 3-4 (sure) or 3p4 (possible), found '\\\\xff'"
        )


def test_naacl_counts_from_1_and_knows_the_null_word() -> None:
    found = gold("0001 1 1 S\n0001 2 0 S\n0001 2 3 P\n0003 1 2\n0003 2 2 S 0.75\n")
    assert links(found) == [
        ([(0, 0)], [(0, 0), (1, 2)]),
        ([], []),
        ([(0, 1), (1, 1)], [(0, 1), (1, 1)]),
    ]
    assert (found.format, found.base, found.base_from) == ("naacl", 1, "format")


def test_xl_wa_counts_from_0() -> None:
    found = gold("the house\tdas Haus\t1-1\n\na b\tc\t\n")
    assert links(found) == [([(1, 1)], [(1, 1)]), ([], []), ([], [])]
    assert (found.format, found.base, found.base_from) == ("xl-wa", 0, "format")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "0-0\n1:1",
            r"^test\.gold:2: expected a link such as 3-4 \(sure\) or 3p4 \(possible\), found '1:1'",
        ),
        (
            "1 1 1 S\n1 x 1",
            r"^test\.gold:2: expected 'sentence i j \[S\|P\] \[confidence\]'.*found '1 x 1'",
        ),
        ("0 1 1", r"^test\.gold:1: .*sentences numbered from 1, found '0 1 1'"),
        (
            "1 1 1\n100000000 1 1",
            r"^test\.gold: expected sentences numbered from 1, found sentence 100000000, but only",
        ),
        ("9999999999-1", r"^test\.gold:1: expected a link"),
        (
            "a\tb\t0-0\na\tb",
            r"^test\.gold:2: expected source TAB target TAB links, found 2 columns",
        ),
        ("a\tb\t0-0\na\tb\t0+0", r"^test\.gold:2: expected a link"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gold(text)


def test_an_empty_file_has_no_pairs() -> None:
    assert gold("").alignments == ()


def test_links_may_have_a_mark_or_a_probability() -> None:
    found = gold("0-0S 1-1P 2-2/S 3-3/P 4-4:0.9 5-5:0.2 6p6")
    assert sorted(found.alignments[0].sure) == [(0, 0), (2, 2), (4, 4)]
    assert len(found.alignments[0].possible) == 7


def test_blinker_has_a_link_in_a_line_and_blank_lines_between_pairs() -> None:
    found = gold("1 1\n2 0\n2 3\n\n\n1 2\n")
    sure = [sorted(one.sure) for one in found.alignments]
    assert sure == [[(0, 0), (1, 2)], [], [(0, 1)]]
    assert (found.format, found.base) == ("blinker", 1)
    with pytest.raises(InputError, match=r"test\.gold:2: expected a link as 'i j', found 'x'"):
        gold("1 1\nx")


def test_czenali_has_sure_and_possible_links_in_xml() -> None:
    text = """<?xml version="1.0"?>
<sentences>
<s id="a"><english>a b</english><czech>c d</czech>
 <sure>1-1</sure> <possible>1-2 2-2</possible></s>
<s id="b"><sure></sure><possible/></s>
<s id="c"/>
<s id="d"><sure>2-1</sure></s>
</sentences>"""
    found = gold(text)
    first, last = [(0, 0)], [(1, 0)]
    assert links(found) == [(first, [(0, 0), (0, 1), (1, 1)]), ([], []), ([], []), (last, last)]
    assert (found.format, found.base_from) == ("czenali", "format")
    with pytest.raises(InputError, match="expected XML with <s>"):
        gold("<html></html>")


def test_clear_has_records_of_tokens_by_verse() -> None:
    records = [
        {"source": ["n40005004002"], "target": ["40005004001", "40005004003"]},
        {"source": ["400050030011"], "target": ["40005003001"], "meta": {"id": "x"}},
    ]
    found = gold(json.dumps({"records": records}, indent=1))
    assert [sorted(one.sure) for one in found.alignments] == [[(0, 0)], [(1, 0), (1, 2)]]
    assert found.format == "clear"
    for text in ("{}", '{"records": [{"source": ["x"], "target": ["40005003001"]}]}', "{x"):
        with pytest.raises(InputError, match="expected JSON with records of source and target"):
            gold(text)


def test_links_between_tabs_are_no_table() -> None:
    assert sorted(gold("0-0\t1-1\t2-2").alignments[0].sure) == [(0, 0), (1, 1), (2, 2)]

"""Tags apart from text, and elements as a tree."""

import time

import pytest

from xalign.links.markup import Element, Token, find_words, read_markup, tokens
from xalign.links.segmentation import words_at


@pytest.mark.parametrize(
    "text",
    [
        "I <3 you -> now",
        "a < b > c",
        "if a<b and c>d then",
        "x <- y; 1<2",
        "<>",
        "< b >",
        "a <b",
        "{} {a} { 1 }",
        "100 % </>",
    ],
)
def test_text_is_no_tag(text: str) -> None:
    assert tokens(text) == [text]


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("<b>", "open"),
        ("</b >", "close"),
        ('<a title="1 > 0">', "open"),
        ("<a href='x>y' id=z>", "open"),
        ("<input disabled>", "single"),
        ("<br>", "single"),
        ("<BR/>", "single"),
        ('<x id="1"/>', "single"),
        ('<bx id="1"/>', "open"),
        ('<ex id="1"/>', "close"),
        ("<ns:tag a:b='c'>", "open"),
        ("<!-- a > b -->", "single"),
        ("<?xml version='1.0'?>", "single"),
        ("<![CDATA[ <b> ]]>", "single"),
        ('<ph id="1">&lt;br></ph>', "single"),
        ('<bpt id="1">{\\b <i></bpt>', "open"),
        ('<ept id="1">}</ept>', "close"),
        ("{12}", "single"),
    ],
)
def test_tags_are_found_whole(tag: str, kind: str) -> None:
    before, found, after = tokens(f"a {tag} b")
    assert (before, after) == ("a ", " b")
    assert isinstance(found, Token)
    assert (found.text, found.kind) == (tag, kind)


def test_a_placeholder_that_the_target_has_is_text() -> None:
    assert tokens("press {1} now", "{1} drücken") == ["press {1} now"]
    assert len(tokens("press {1} now", "{2} drücken")) == 3


def shape(element: Element) -> list[object]:
    """Tags of a tree as nested lists."""
    return [[child.opening, child.closing, *shape(child)] for child in element.children]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>a <i>b</i></b>", [["<b>", "</b>", ["<i>", "</i>"]]]),
        ("<b>a</b><i>b</i>", [["<b>", "</b>"], ["<i>", "</i>"]]),
        ("<b>a", [["<b>", ""]]),
        ("a</b>", [["</b>", ""]]),
        ("<b><i>a</b></i>", [["<b>", "</b>", ["<i>", ""]], ["</i>", ""]]),
        ("<B>a</b>", [["<B>", "</b>"]]),
        ("<i><i>a</i></i>", [["<i>", "</i>", ["<i>", "</i>"]]]),
        (
            '<bpt id="1">x</bpt>a<bpt id="2">y</bpt>b<ept id="2">y</ept><ept id="1">x</ept>',
            [
                [
                    '<bpt id="1">x</bpt>',
                    '<ept id="1">x</ept>',
                    ['<bpt id="2">y</bpt>', '<ept id="2">y</ept>'],
                ]
            ],
        ),
        ('<bx id="1"/>a<ex id="1"/>', [['<bx id="1"/>', '<ex id="1"/>']]),
        (  # ids are those of tags, rids those of spans
            '<bx id="1" rid="7"/>a<ex id="2" rid="7"/>',
            [['<bx id="1" rid="7"/>', '<ex id="2" rid="7"/>']],
        ),
        ("<bx/>a<ex/>", [["<bx/>", "<ex/>"]]),
        (  # TMX
            '<bpt i="1">x</bpt>a<ept i="1">x</ept>',
            [['<bpt i="1">x</bpt>', '<ept i="1">x</ept>']],
        ),
    ],
)
def test_tags_form_a_tree(text: str, expected: list[object]) -> None:
    assert shape(read_markup(text).root) == expected


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<td>A</td><td>B</td>", "A B"),
        ("one<br>two", "one two"),
        ("H<b>au</b>s", "Haus"),
        ("a<x/>b", "ab"),
        ("<p>a</p> <p>b</p>", "a b"),
    ],
)
def test_tags_that_separate_text_cut_words(text: str, plain: str) -> None:
    assert read_markup(text).plain.split() == plain.split()


def test_the_words_of_elements_are_those_in_them() -> None:
    markup = read_markup("x <b>H<i>au</i>s da</b><u>s</u> <s>y</s> <br>z")
    find_words(markup, words_at(markup.plain).spans)
    found = {child.opening: child.words for child in markup.root.children}
    assert markup.plain == "x Haus das y z"
    assert found == {"<b>": (1, 3), "<u>": (3, 3), "<s>": (3, 4), "<br>": (4, 4)}
    assert markup.root.children[0].children[0].words == (1, 2)


def test_a_comment_without_an_end_is_text() -> None:
    assert tokens("a <!-- b <? c") == ["a <!-- b <? c"]
    assert len(tokens("a <!-- b --> <!-- c")) == 3


def test_tags_that_are_too_deep_have_no_partner() -> None:
    deep = read_markup("<b>" * 300 + "x" + "</b>" * 300)
    assert deep.num_tags == 200 + 2 * 100


@pytest.mark.parametrize(
    "part", ["<?", "<!--", "<a>", "</a>", "<x/> w ", '<a b="', "<a ", "{1} ", "<ph>", "<IT>"]
)
def test_hostile_lines_are_read_in_linear_time(part: str) -> None:
    started = time.perf_counter()
    find_words(markup := read_markup(part * 20_000), words_at(markup.plain).spans)
    assert time.perf_counter() - started < 5

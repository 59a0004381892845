"""Markup carried over: worked examples, and what must always hold."""

import random
import re

import pytest

from tests.links.conftest import links
from xalign.alignment import ScoredAlignment
from xalign.links.inline_tags import project_markup
from xalign.links.markup import Element, Markup, read_markup
from xalign.links.projection import Resolved
from xalign.links.segmentation import words_at


def project(source: str, target: str, alignment: ScoredAlignment, resolved: Resolved) -> str:
    """The target with the markup of the source, by links of words."""
    markup = read_markup(source, target)
    spans = words_at(markup.plain).spans, words_at(target).spans
    return project_markup(markup, spans[0], target, spans[1], alignment, resolved)


@pytest.mark.parametrize(
    ("source", "target", "alignment", "expected"),
    [
        ("<td>A</td><td>B</td>", "a b", "0-0 1-1", "<td>a</td> <td>b</td>"),
        ("<td>A</td><td>B</td>", "b a", "0-1 1-0", "<td>b</td> <td>a</td>"),
        ("one<br>two three", "eins zwei drei", "0-0 1-1 2-2", "eins <br>zwei drei"),
        (
            '<a href="u"><img src="i"/> Home</a>',
            "Accueil",
            "0-0",
            '<a href="u"><img src="i"/>Accueil</a>',
        ),
        ("x <i></i> y", "X Y", "0-0 1-1", "X <i></i>Y"),
        ("<b>Llueve</b>", "it is raining", "0-2", "<b>it is raining</b>"),
        ("<p><b>Llueve</b></p>", "it is raining", "0-2", "<p><b>it is raining</b></p>"),
        ("I <3 you -> now", "a b", "0-0", "a b"),
        ('<a title="1 > 0">x</a>', "X", "0-0", '<a title="1 > 0">X</a>'),
        ("a < b > c", "A < B > C", "0-0 2-2", "A < B > C"),
        # reordered, split, nested
        ("<b>das</b> Haus", "house the", "0-1 1-0", "house <b>the</b>"),
        ("<b>das Haus</b> ist da", "the is house da", "0-0 1-2 2-1 3-3", "<b>the</b> is house da"),
        ("<b>das Haus ist</b> da", "the house is da", "0-0 2-2 3-3", "<b>the house is</b> da"),
        (
            "<b>das <i>Haus</i></b> ist",
            "the house is",
            "0-0 1-1 2-2",
            "<b>the <i>house</i></b> is",
        ),
        (
            "<ul><li>eins</li><li>zwei <b>drei</b></li></ul>",
            "one two three",
            "0-0 1-1 2-2",
            "<ul><li>one</li> <li>two <b>three</b></li></ul>",
        ),
        # words without links
        (
            "das <b>sehr</b> alte Haus",
            "the very old house",
            "0-0 2-2 3-3",
            "the <b>very</b> old house",
        ),
        ("das <b>sehr</b> alte Haus", "the old house", "0-0 2-1 3-2", "the <b></b>old house"),
        ("<b>sehr</b> <i>alt</i>", "very old", "", "<b></b>very old<i></i>"),
        # tags that touch words, and tags in words
        ("<b>Ha</b><i>us</i> da", "house there", "0-0 1-1", "<b>house</b> <i></i>there"),
        ("H<b>au</b>s ist", "house is", "0-0 1-1", "<b>house</b> is"),
        ("Seite<x id='1'/> zwei", "page two", "0-0 1-1", "page<x id='1'/> two"),
        ("das Haus<br/>", "the house", "0-0 1-1", "the house<br/>"),
        ("<br/>das Haus", "the house", "0-0 1-1", "<br/>the house"),
        # XLIFF and placeholders
        (
            '<g id="1">Hallo</g> <x id="2"/>Welt',
            "Hello world",
            "0-0 1-1",
            '<g id="1">Hello</g> <x id="2"/>world',
        ),
        (
            '<bpt id="1">{</bpt>Hallo<ept id="1">}</ept> Welt<ph id="2">b r</ph>',
            " Hello  world ",
            "0-0 1-1",
            ' <bpt id="1">{</bpt>Hello<ept id="1">}</ept>  world<ph id="2">b r</ph> ',
        ),
        ("Drücke {1} und {2}", "press {1} and {2}", "0-0 2-2", "press {1} and {2}"),
        ("Drücke {1} nun", "press now", "0-0 1-1", "press {1}now"),
        # what has no partner stays where it was
        ("das <b>Haus ist", "the house is", "0-0 1-1 2-2", "the <b>house is"),
        ("das Haus</b> ist", "the house is", "0-0 1-1 2-2", "the house</b> is"),
        ("<b>x</b>", "", "", "<b></b>"),
        ("", "the house", "", "the house"),
    ],
)
def test_markup_is_carried_over(source: str, target: str, alignment: str, expected: str) -> None:
    resolved = Resolved()
    assert project(source, target, links(alignment), resolved) == expected
    assert resolved.lost == 0


def test_what_a_rule_decided_is_counted() -> None:
    resolved = Resolved()
    project(
        "<b>a</b> <i>b</i> <u>c d</u> <s>e</s>",
        "x y z w",
        links("0-0:0.3 1-0:0.6 2-1 3-3"),
        resolved,
    )
    assert (resolved.carried, resolved.contested, resolved.split, resolved.empty) == (4, 1, 0, 2)
    project("<u>a b</u> c", "x y z", links("0-0 1-2 2-1"), resolved)
    assert resolved.split == 1


@pytest.mark.parametrize(
    ("source", "alignment", "contested"),
    [
        ("<b>a</b> <i>b</i> <u>c</u>", "0-0 1-0 2-0", 1),  # a word is contested once
        ("<b>a</b> b", "0-0 1-0", 0),  # by no element
        ("<b>a b</b>", "0-0 1-0", 0),
        ("<b>a <i>b</i></b>", "0-0 1-0", 1),
    ],
)
def test_words_of_several_elements_are_contested(
    source: str, alignment: str, contested: int
) -> None:
    resolved = Resolved()
    project(source, "x", links(alignment), resolved)
    assert resolved.contested == contested


NAMES = ("b", "i", "td", "br")


def random_markup(draw: random.Random, depth: int = 0) -> str:
    """Well-formed markup of words, elements and single tags, each tag another one."""
    parts = []
    for _ in range(draw.randint(0, 3)):
        kind = draw.random()
        identity = draw.randrange(10**9)
        if kind < 0.45 or depth > 3:
            parts.append(draw.choice(["w", "w v", " w ", "w ", " w"]))
        elif kind < 0.6:
            parts.append(draw.choice([f"<br id='{identity}'>", f'<x id="{identity}"/>']))
        else:
            name = draw.choice(NAMES[:3])
            parts.append(f"<{name} id='{identity}'>{random_markup(draw, depth + 1)}</{name}>")
    return "".join(parts)


def tree(element: Element) -> list[tuple[str, str, object]]:
    """Elements with their children in the order of their tags."""
    found = [(child.opening, child.closing, tree(child)) for child in element.children]
    return sorted(found, key=lambda child: child[0])


def singles(markup: Markup, text: str) -> list[str]:
    """Single tags directly under the root, in the order of ``text``."""
    found = [child.opening for child in markup.root.children if not child.closing]
    return sorted(found, key=text.index)


def test_ten_thousand_random_trees_stay_trees() -> None:
    draw = random.Random(1)
    some_moved = 0
    for _ in range(10_000):
        source = random_markup(draw)
        markup = read_markup(source)
        length = draw.randint(0, 6)
        target = "".join(draw.choice(["t", "tt"]) + draw.choice([" ", "  "]) for _ in range(length))
        num_words = len(words_at(markup.plain).words)
        pairs = [(i, j) for i in range(num_words) for j in range(length)]
        count = draw.randint(0, min(len(pairs), 8))
        alignment = ScoredAlignment({pair: draw.random() for pair in draw.sample(pairs, count)})
        text = project(source, target, alignment, Resolved())
        assert re.sub(r"<[^>]*>", "", text) == target  # to the byte
        assert sorted(re.findall(r"<[^>]*>", text)) == sorted(re.findall(r"<[^>]*>", source))
        assert tree(read_markup(text).root) == tree(
            markup.root
        )  # each tag once, nothing nests anew
        assert singles(markup, text) == singles(markup, source)
        some_moved += text != target
    assert some_moved > 5000

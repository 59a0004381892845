"""Tags in the text, carried over."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.links.conftest import links
from xalign.alignment import ScoredAlignment, split_words
from xalign.links.inline_tags import INLINE_TAG, project_tags, read_tagged
from xalign.links.projection import Resolved


@pytest.mark.parametrize(
    ("source", "alignment", "expected", "counts"),
    [
        ("<b>das Haus</b> ist", "0-0 1-1 2-2", "<b>the house</b> is", (0, 0, 0, 1)),
        ("<b>das Haus</b> ist", "0-0 1-2 2-1", "<b>the</b> house <b>is</b>", (0, 1, 0, 1)),
        ("<b>das Haus ist</b>", "0-0 2-2", "<b>the house is</b>", (0, 0, 0, 1)),
        ("<b>das <i>Haus</i></b> ist", "0-0 1-1 2-2", "<b>the <i>house</i></b> is", (0, 0, 0, 2)),
        (
            'das <a href="x y">Haus</a> ist',
            "0-2 1-0 2-1",
            '<a href="x y">the</a> house is',
            (0, 0, 0, 1),
        ),
        ("das<br/> Haus ist", "0-0 1-1 2-2", "the <br/>house is", (0, 0, 0, 1)),
        ("das Haus ist<br/>", "0-0 1-1 2-2", "the house is <br/>", (0, 0, 0, 1)),
        ("das <b>Haus ist", "0-0 1-1 2-2", "the <b>house is", (0, 0, 0, 1)),
        ("das Haus</b> ist", "0-0 1-1 2-2", "the house </b>is", (0, 0, 0, 1)),
        ("<b>das</b> <i>Haus</i> ist", "0-0:0.3 1-0:0.6", "<i>the</i> house is", (1, 0, 1, 1)),
        ("<b></b>das H<b>au</b>s ist", "0-0 1-1 2-2", "the <b>house</b> is", (0, 0, 1, 1)),
        ("a < b", "0-0 1-1 2-2", "the house is", (0, 0, 0, 0)),
    ],
)
def test_tags_are_carried_over(
    source: str, alignment: str, expected: str, counts: tuple[int, ...]
) -> None:
    resolved = Resolved()
    tgt = ("the", "house", "is")
    assert project_tags(read_tagged(source), tgt, links(alignment), resolved) == expected
    assert (resolved.contested, resolved.split, resolved.lost, resolved.carried) == counts


PARTS = st.lists(
    st.sampled_from(["a", "b", " ", "<b>", "</b>", "<i>", "</i>", "<br/>", "<"]), max_size=12
)


@given(PARTS, st.integers(0, 4), st.data())
def test_text_stays_and_tags_never_cross(
    parts: list[str], length: int, data: st.DataObject
) -> None:
    source = read_tagged("".join(parts))
    assert source.words == split_words(INLINE_TAG.sub("", "".join(parts)))
    assert len(source.open_at) == len(source.words)
    tgt = tuple(f"w{k}" for k in range(length))
    cells = [(i, j) for i in range(len(source.words)) for j in range(length)]
    found = data.draw(
        st.dictionaries(st.sampled_from(cells), st.floats(0, 1)) if cells else st.just({})
    )
    text = project_tags(source, tgt, ScoredAlignment(found), Resolved())
    assert split_words(INLINE_TAG.sub("", text)) == tgt
    singles = [single for single, _ in source.singles]
    for single in singles:  # each once
        text = text.replace(single, "", 1)
    if any(not single.endswith("/>") for single in singles):
        return  # one without its partner may stand anywhere
    stack: list[str] = []
    for tag in re.findall(r"<(/?[bi])>", text):
        if tag.startswith("/"):
            assert stack.pop() == tag[1:]
        else:
            stack.append(tag)
    assert stack == []

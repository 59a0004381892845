"""The picture of a pair in SVG."""

import xml.etree.ElementTree as ET

from xalign.drawing.picture import Picture
from xalign.drawing.svg import AMBER, INK, RED, draw

SVG = "{http://www.w3.org/2000/svg}"
PICTURE = Picture(
    ["das", "<b>&"],
    ["the", "house"],
    frozenset({(0, 0), (1, 0)}),
    {(0, 0): 0.98, (0, 1): 0.2},
    frozenset({(0, 0), (1, 1)}),
    frozenset({(0, 0), (1, 1), (0, 1)}),
)


def test_a_picture_is_well_formed_and_has_all_words() -> None:
    root = ET.fromstring(draw(PICTURE))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert texts[:4] == ["das", "<b>&", "the", "house"]
    assert root.find(f"{SVG}title").text == "das <b>& | the house | 0-0 1-0"  # type: ignore[union-attr]


def test_each_kind_has_its_sign() -> None:
    cells = {
        group.find(f"{SVG}title").text: ET.tostring(group).decode()  # type: ignore[union-attr]
        for group in ET.fromstring(draw(PICTURE)).iter(f"{SVG}g")
        if group.find(f"{SVG}title") is not None
    }
    assert f'fill="{INK}"' in cells["das – the: 0.98"]
    assert 'fill-opacity="0.73"' in cells["das – the: 0.98"]
    assert f'stroke="{RED}"' in cells["<b>& – the"]
    assert f'r="6" fill="none" stroke="{AMBER}"' in cells["<b>& – house"]
    assert f'r="3" fill="none" stroke="{AMBER}"' in cells["das – house: 0.20"]


def test_only_gold_links_need_a_legend() -> None:
    assert "not in gold" in draw(PICTURE)
    plain = draw(Picture(["das"], ["the"], frozenset({(0, 0)})))
    assert "gold" not in plain
    assert draw(Picture([], [], frozenset())).endswith("</svg>\n")

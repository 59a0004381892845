"""The page as text: complete, safe, and its data compact."""

import json
import re
from html.parser import HTMLParser

from xalign.alignment import GoldAlignment, SentencePair
from xalign.view.pairs import Found, ViewedPair
from xalign.view.report import MODULES, report, script, web_file

EVIL = "</script><script>alert(1)</script>"
PAIRS = [
    ViewedPair(
        1,
        SentencePair(f"das {EVIL}", "the \u2028 house"),
        (Found(frozenset({(0, 0)}), {(0, 0): 0.875, (0, 1): 0.25}), Found(frozenset({(1, 1)}))),
        GoldAlignment(frozenset({(0, 0)}), frozenset({(1, 2)})),
        0.5,
    )
]


def data_of(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_the_data_is_compact_and_complete() -> None:
    data = data_of(report(PAIRS, ["ours", "theirs"], "test", "set"))
    assert data["pairs"] == [
        [
            f"das {EVIL}",
            "the \u2028 house",
            [0, 0, 1, 1, 2, 0],
            0.5,
            [[0, 0, 876, 0, 1, -251], [1, 1, 1001]],
        ]
    ]
    assert data["systems"] == [
        {"name": "ours", "probabilities": True},
        {"name": "theirs", "probabilities": False},
    ]
    assert (data["gold"], data["scores"], data["numbers"], data["name"]) == (
        True,
        True,
        None,
        "set",
    )


def test_numbers_are_told_only_where_pairs_were_chosen() -> None:
    pair = ViewedPair(7, SentencePair("a", "b"), (Found(),))
    assert data_of(report([pair], ["ours"]))["numbers"] == [7]


def test_the_key_is_that_of_the_text() -> None:
    (pair,) = PAIRS
    other = ViewedPair(1, SentencePair("a", "b"), pair.found)
    keys = [data_of(report([one], ["a", "b"]))["key"] for one in (pair, pair, other)]
    assert keys[0] == keys[1] != keys[2]


def test_no_text_can_end_the_data_or_become_markup() -> None:
    class Elements(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []
            self.texts: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.names.append(tag)

        def handle_data(self, data: str) -> None:
            self.texts.append(data)

    parser = Elements()
    parser.feed(report(PAIRS, ["<img src=x>", "b"], "<i>{{data}}", "x"))
    assert parser.names.count("script") == 2
    assert not {"i", "img"} & set(
        parser.names[: parser.names.index("svg")] if "svg" in parser.names else parser.names
    )
    assert "<i>{{data}}" in parser.texts


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    page = report(PAIRS, ["a", "b"])
    assert "default-src 'none'" in page
    assert re.findall(r"\b(?:src|href)=\"(?!#)", page) == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page) == []


def test_half_a_surrogate_is_no_error() -> None:
    page = report([ViewedPair(1, SentencePair("\ud800", "b"), (Found(),))], ["a"])
    assert page.encode()


def test_all_modules_are_joined_and_none_imports_another() -> None:
    joined = script()
    assert not re.search(r"^(import|export) ", joined, re.MULTILINE)
    names = {name for name in MODULES if web_file(f"{name}.js")[:40] in joined}
    assert names == set(MODULES)
    declared = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", joined, re.MULTILINE)
    assert sorted(declared) == sorted(set(declared)), "one name, one thing"


def test_modules_import_only_what_comes_before() -> None:
    for place, name in enumerate(MODULES):
        needed = re.findall(r'from "\./(\w+)\.js"', web_file(f"{name}.js"))
        assert set(needed) <= set(MODULES[:place])

"""Values that show themselves in notebooks."""

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import xalign
from xalign import Alignment, GoldAlignment, SentencePair, WordProbabilities, XalignError
from xalign.alignment import ScoredAlignment
from xalign.view.notebook import as_found, show

PAIR = SentencePair("das Haus", "the house")
LINKS = Alignment.from_text("0-0 1-1")


def words() -> WordProbabilities:
    values = np.array([0.9, 0.3], dtype=np.float32)
    linked = np.array([True, False])
    places = np.array([0, 1]), np.array([0, 1])
    return WordProbabilities(*places, values, values, values, linked, (2, 2))


def test_one_pair_is_a_picture_with_its_words() -> None:
    page = show(PAIR, LINKS)._repr_html_()
    assert page.startswith("<svg")
    assert ">Haus</text>" in page
    assert show([PAIR], {"ours": [LINKS], "theirs": [words()]})._repr_html_().count("<svg") == 2


def test_several_pairs_are_a_page_in_a_frame() -> None:
    html = xalign.show([PAIR, ("ja", "yes")], [LINKS, words()])._repr_html_()
    assert html.startswith("<iframe srcdoc=")
    assert html.endswith("</iframe>")
    page = unescape(re.findall('srcdoc="(.*?)"', html, re.DOTALL)[0])
    assert page.startswith("<!doctype html>")
    assert '"das Haus","the house"' in page


def test_gold_links_stand_beside_those_that_were_found() -> None:
    page = show(PAIR, LINKS, GoldAlignment(frozenset({(0, 1)})))._repr_html_()
    assert "linked, not in gold" in page


def test_links_of_all_kinds_are_shown() -> None:
    assert as_found(LINKS).probabilities == {}
    assert as_found(ScoredAlignment({(0, 0): 0.5})).probabilities == {(0, 0): 0.5}
    assert as_found(words()).links == {(0, 0)}
    assert show(PAIR, words()).pairs[0].score == pytest.approx(0.6)


def test_a_page_can_be_saved(tmp_path: Path) -> None:
    show([PAIR], [LINKS]).save(tmp_path / "report.html")
    assert "<title>report</title>" in (tmp_path / "report.html").read_text()


def test_numbers_that_differ_are_an_error() -> None:
    with pytest.raises(XalignError, match="theirs: expected 1 alignments, found 2"):
        show([PAIR], {"ours": [LINKS], "theirs": [LINKS, LINKS]})
    for gold in ([GoldAlignment()] * 2, []):
        with pytest.raises(XalignError, match=f"gold: expected 1 alignments, found {len(gold)}"):
            show([PAIR], [LINKS], gold)
    with pytest.raises(XalignError, match="gold: expected 1 alignments, found 2"):
        show([PAIR], {"gold": [LINKS, LINKS]}, [GoldAlignment()])


def test_values_without_words_show_numbers() -> None:
    assert LINKS._repr_html_().count("<text") == 4
    assert "<title>1 – 1: 0.30</title>" in words()._repr_html_()
    assert Alignment()._repr_html_().startswith("<svg")
    assert Alignment.from_text("0-99999999")._repr_html_() == "<code>0-99999999</code>"

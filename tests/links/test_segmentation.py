"""Subwords and raw text, and the way back."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.alignment import ScoredAlignment, SentencePair, split_words
from xalign.errors import XalignError
from xalign.links.segmentation import (
    Level,
    Pieces,
    cut_raw,
    join_pieces,
    parse_languages,
    segmenter,
    tokenizer,
    words_at,
)

LINKS = ScoredAlignment({(0, 1): 0.9, (1, 0): 0.5})


@pytest.mark.parametrize(
    ("kind", "level", "src", "words", "shown", "links"),
    [
        (
            "bpe",
            "pieces",
            "re@@ port es@@",
            ("report", "es"),
            ("re@@", "port", "es@@"),
            "0-1:0.9 1-1:0.9 2-0:0.5",
        ),
        ("bpe", "words", "re@@ port es@@", ("report", "es"), ("report", "es"), "0-1:0.9 1-0:0.5"),
        (
            "sentencepiece",
            "pieces",
            "▁re port ▁ es",
            ("report", "es"),
            ("▁re", "port", "▁", "es"),
            "0-1:0.9 1-1:0.9 2-0:0.5 3-0:0.5",
        ),
        (
            "sentencepiece",
            "words",
            "re port ▁es",
            ("report", "es"),
            ("report", "es"),
            "0-1:0.9 1-0:0.5",
        ),
    ],
)
def test_a_link_of_a_word_is_one_of_each_of_its_subwords(
    kind: Pieces, level: Level, src: str, words: tuple[str, ...], shown: tuple[str, ...], links: str
) -> None:
    found = segmenter(kind, level, None)(src, "a b" if kind == "bpe" else "▁a ▁b")
    assert found.pair.src == words
    assert found.shown.src == shown
    assert str(found.place(LINKS)) == links
    assert found.spans(LINKS) == ()


@pytest.mark.parametrize(
    ("kind", "pieces", "words"),
    [
        ("sentencepiece", "▁ 私 は 、 東京 に 行く 。", "私 は 、 東京 に 行く 。"),
        ("sentencepiece", "▁私は ！ ▁WTO に", "私は ！ WTO に"),
        ("sentencepiece", "▁don ' t ▁go .", "don't go."),
        ("bpe", "東@@ 京 に 行@@ く 。", "東 京 に 行 く 。"),
        ("bpe", "well @-@ kno@@ wn", "well - known"),
        ("joiner", "well ￭-￭ kno￭ wn ￭.", "well - known ."),
        ("joiner", "re ￭port ￭, it", "report , it"),
    ],
)
def test_subwords_become_words_of_their_script(kind: Pieces, pieces: str, words: str) -> None:
    side = join_pieces(pieces.split(), kind)
    assert " ".join(side.words) == words
    assert [place for places in side.places for place in places] == list(range(len(pieces.split())))


def test_tokens_are_linked_themselves_on_request() -> None:
    cuts = (lambda text: list(text),) * 2
    found = segmenter(None, "tokens", cuts)(" 東京 ", "ab")
    assert found.shown == SentencePair("東 京", "a b")
    assert str(found.place(LINKS)) == "0-1:0.9 1-0:0.5"
    assert found.spans(LINKS) == ((0, 1, 1, 2, 0.9), (1, 2, 0, 1, 0.5))


def test_words_are_separated_by_the_white_space_of_a_rule() -> None:
    text = "12\u00a0000 euros", "12 000 euros"
    assert segmenter(None, "words", None)(*text).shown.src == ("12\u00a0000", "euros")
    assert segmenter(None, "words", None, "unicode")(*text).shown.src == ("12", "000", "euros")
    assert words_at("a\u00a0b  c", "unicode").spans == ((0, 1), (2, 3), (5, 6))


@given(st.lists(st.text("ab@▁￭、語", min_size=1, max_size=4)))
def test_every_subword_has_one_word(pieces: list[str]) -> None:
    kinds: tuple[Pieces, ...] = ("bpe", "sentencepiece", "joiner")
    for kind in kinds:
        side = join_pieces(pieces, kind)
        assert [place for places in side.places for place in places] == list(range(len(pieces)))
        assert len(side.words) == len(side.places)
        assert all(side.words)


def test_tokens_are_linked_as_white_space_words_with_their_characters() -> None:
    cut = str.split, lambda text: ["the", "house", "!"]
    found = segmenter(None, "pieces", cut)("  das  Haus!", " the house! ")
    assert found.src.words == ("das", "Haus!")
    assert found.tgt.words == ("the", "house", "!")
    links = ScoredAlignment({(0, 0): 0.9, (1, 1): 0.8, (1, 2): 0.7})
    assert str(found.place(links)) == "0-0:0.9 1-1:0.8"
    assert found.spans(links) == ((0, 3, 0, 3, 0.9), (5, 10, 4, 9, 0.8), (5, 10, 9, 10, 0.7))
    assert found.shown.tgt == ("the", "house!")


@given(st.text("ab, \t\u3000", max_size=12), st.lists(st.text("ab,", min_size=1, max_size=3)))
def test_whatever_cuts_no_word_is_lost(text: str, tokens: list[str]) -> None:
    side = cut_raw(text, lambda _: tokens)
    words = split_words(text)
    assert {place for places in side.places for place in places} == set(range(len(words)))
    assert [text[a:b] for a, b in side.spans] == list(side.words)
    for token, places in zip(side.words, side.places, strict=True):
        assert any(token in words[place] for place in places)


def test_moses_keeps_what_it_would_escape() -> None:
    pytest.importorskip("sacremoses", reason="pip install sacremoses")
    assert tokenizer("moses", "en")("AT&T isn't here.") == [
        "AT",
        "&",
        "T",
        "isn",
        "'t",
        "here",
        ".",
    ]


def test_icu_cuts_text_without_white_space_and_counts_characters() -> None:
    pytest.importorskip("icu", reason="pip install pyicu-wheels")
    side = cut_raw("😀私は東京へ。", tokenizer("icu", "ja"))
    assert side.words[:3] == ("😀", "私", "は")
    assert side.spans[0] == (0, 1)
    assert "".join(side.words) == "😀私は東京へ。"
    assert set(side.places) == {(0,)}


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    with pytest.raises(XalignError, match="needs sacremoses: pip install sacremoses"):
        tokenizer("moses", "en")


def test_regions_of_languages_are_dropped() -> None:
    assert parse_languages("FR,en_US") == parse_languages(" fr-CA , en") == ("fr", "en")
    for text in ("fr", "french,english", "fr,en,de", "fr,"):
        with pytest.raises(ValueError, match="expected two languages as codes, such as de,en"):
            parse_languages(text)


def test_languages_without_rules_are_told(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("sacremoses", reason="sacremoses is not installed")
    with caplog.at_level("WARNING"):
        cuts = [tokenizer("moses", code) for code in ("fra", "mni", "sw", "fr")]
    assert [record.args[0] for record in caplog.records if record.args] == ["fra"]  # type: ignore[index]
    assert cuts[3]("L'ami") == ["L'", "ami"]

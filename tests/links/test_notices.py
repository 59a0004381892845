"""Signs that words of a text are not what its user thinks."""

import pytest

from xalign.alignment import SentencePair
from xalign.links.notices import ALIGN, NOTICES, Kind, Watched


def of_align(kind: Kind) -> str:
    """What `xalign align` says."""
    return NOTICES[kind].format(ALIGN[kind])


def notices(*pairs: tuple[str, str], one_file: bool = True, is_cut: bool = False) -> list[str]:
    """Notices on texts, in order."""
    told: list[str] = []
    watched = Watched(SentencePair.from_text, told.append, one_file=one_file, is_cut=is_cut)
    for src, tgt in pairs:
        assert watched(src, tgt) == SentencePair.from_text(src, tgt)
    return told


def test_another_column_is_told_once() -> None:
    assert notices(("a", "b\t0.9"), ("a", "b\t0.8")) == [of_align("columns")]
    assert notices(("a", "b ||| c")) == [of_align("columns")]
    assert notices(("a", "b\t0.9"), one_file=False) == []


@pytest.mark.parametrize(
    "text",
    [
        "我们明天一起去北京看朋友。",
        "私は明日、東京に行きます。",
        "เราจะไปกรุงเทพพรุ่งนี้",
        "ຂ້ອຍຈະໄປວຽງຈັນມື້ອື່ນ",
        "ကျွန်တော်မနက်ဖြန်ရန်ကုန်သွားမယ်",
        "ខ្ញុំនឹងទៅភ្នំពេញថ្ងៃស្អែក",
    ],
)
def test_text_without_spaces_is_told_once(text: str) -> None:
    assert notices((text, "We go ."), ("We go .", text)) == [of_align("uncut")]
    assert notices((text, "We go ."), is_cut=True) == []


def test_text_in_words_is_not_told() -> None:
    assert (
        notices(
            ("我们 明天 一起 去 北京", "Donaudampfschifffahrtsgesellschaft"),
            ("プログラミング 言語", "한국어로 쓰여진 문장입니다"),
            ("", ""),
        )
        == []
    )


def test_pairs_are_counted_by_whether_they_are_text() -> None:
    watched = Watched(SentencePair.from_text, lambda _: None)
    for src, tgt in (("a", "b"), ("", ""), ("a\0", "b"), ("", "b")):
        watched(src, tgt)
    assert (watched.good, watched.garbled) == (2, 1)


def test_other_spaces_are_told_once_and_counted() -> None:
    told: list[str] = []
    watched = Watched(SentencePair.from_text, told.append)
    for src in ("12\u00a0000", "a\u3000b", "a b"):
        watched(src, "x")
    assert (told, watched.other_spaces) == ([of_align("spaces")], 2)
    Watched(SentencePair.from_text, told.append, unicode=True)("12\u00a0000", "x")
    assert len(told) == 1


def test_a_command_without_options_names_none() -> None:
    told: list[str] = []
    watched = Watched(SentencePair.from_text, told.append, advice={})
    watched("12\u00a0000", "我们明天一起去北京看朋友。")
    watched("a", "b\tc")
    assert len(told) == 3
    assert not any("--" in notice or "{" in notice for notice in told)

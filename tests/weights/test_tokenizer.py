"""Words to pieces."""

import pytest

from tests.conftest import tiny_tokenizer
from xalign.weights import tokenizer as module


def test_a_sentence_stands_between_special_pieces() -> None:
    sentence = tiny_tokenizer().encode(["ab", "c"])
    assert sentence.ids == [0, 12, 13, 14, 2]
    assert sentence.words == [-1, 0, 0, 1, -1]


def test_a_word_without_pieces_is_unknown_and_not_lost() -> None:
    assert tiny_tokenizer().encode(["a", "", "b"]).words == [-1, 0, 1, 2, -1]
    assert tiny_tokenizer().word_pieces([""]) == [[3]]


def test_a_very_long_word_keeps_its_first_pieces() -> None:
    assert tiny_tokenizer().word_pieces(["a" * 1_000_000]) == [[12] * module.MAX_WORD_PIECES]


def test_a_repeated_word_is_cut_once() -> None:
    asked: list[str] = []

    def cut(word: str) -> list[int]:
        asked.append(word)
        return [len(word)]

    known = module.WordPieces(cut, unk=3)
    for _ in range(2):
        assert [known[word] for word in ("das", "Haus", "das")] == [[3], [4], [3]]
    assert asked == ["das", "Haus"]


def test_the_cache_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_WORDS", 10)
    tokenizer = tiny_tokenizer()
    long = "a" * 1_000_000
    tokenizer.word_pieces([long])
    assert list(map(len, tokenizer._known)) == [module.MAX_WORD_CHARACTERS]
    for number in range(100):
        assert tokenizer.word_pieces([f"{number}"]) == [
            [5 + ord(digit) % 90 for digit in str(number)]
        ]
    assert len(tokenizer._known) <= 10


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("בְּרֵאשִׁ֖ית", "בראשית"),
        ("אֱלֹהִ֑ים", "אלהים"),
        ("كِتَابٌ", "كتاب"),
        ("ٱلرَّحْمَـٰنِ", "ٱلرحمـن"),
        ("доро\u0301га", "дорога"),
        ("Македони\u0300ја", "Македонија"),
        ("ќе", "ќе"),
        ("к\u0301е", "к\u0301е"),
        ("élève", "élève"),
        ("\u0301", "\u0301"),
        ("\u05b0", "\u05b0"),
    ],
)
def test_marks_that_most_text_leaves_out_are_not_seen(marked: str, plain: str) -> None:
    assert module.without_reading_marks(marked) == plain
    seen: list[str] = []

    def cut(word: str) -> list[int]:
        seen.append(word)
        return [1]

    assert module.WordPieces(cut, unk=3)[marked] == [1]
    assert seen == [plain]

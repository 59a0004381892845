"""Sentence pairs from what Python programs hold."""

from typing import Any, NamedTuple

import pytest

from xalign.alignment import SentencePair
from xalign.errors import InputError
from xalign.io.items import as_pairs

PAIR = SentencePair("das Haus", "the house")


class Two(NamedTuple):
    """A row of a table, as its iterators give it."""

    de: str
    en: str


class Row:
    """A row of a table, which is no mapping but has named items, as pandas' have."""

    def __getitem__(self, name: str) -> str:
        return {"de": "das Haus", "en": "the house"}[name]

    def get(self, name: str) -> None:
        """No item."""


class Table:
    """A table with named columns, as pandas' and polars' are."""

    columns = ("de", "en")

    def __getitem__(self, name: str) -> list[str]:
        return {"de": ["das Haus"], "en": ["the house"]}[name]


@pytest.mark.parametrize(
    "item",
    [
        PAIR,
        ("das Haus", "the house"),
        ["das Haus", ["the", "house"]],
        (("das", "Haus"), ("the", "house")),
        Two("das Haus", "the house"),
    ],
)
def test_two_sentences_are_a_pair(item: Any) -> None:
    assert list(as_pairs([item])) == [PAIR]


@pytest.mark.parametrize(
    "items",
    [
        [{"de": "das Haus", "en": ["the", "house"], "id": 7}],
        [{"translation": {"de": "das Haus", "en": "the house"}}],
        [Row()],
        Table(),
    ],
)
def test_rows_and_tables_are_read_by_the_names_of_their_columns(items: Any) -> None:
    assert list(as_pairs(items, "de", "en")) == [PAIR]


@pytest.mark.parametrize(
    ("items", "names", "message"),
    [
        (
            ["das Haus"],
            (),
            "pairs:1: expected two sentences, as text or as words, found 'das Haus'",
        ),
        (["ab"], (), "pairs:1: expected two sentences"),
        ([("a", "b"), ("a", "b", "c")], (), "pairs:2: expected two sentences"),
        ([("a", 3)], (), "pairs:1: expected two sentences"),
        ([(["a", 3], "b")], (), "pairs:1: expected two sentences"),
        ([b"ab"], (), "pairs:1: expected two sentences"),
        ([{"de": "a", "en": "b"}], (), "name the columns with src= and tgt="),
        ([{"de": "a"}], ("de", "en"), "pairs:1: expected 'de' and 'en' in it, found {'de': 'a'}"),
        (Table(), ("de", "fr"), "pairs: expected a column 'fr', found de, en"),
        ("das Haus", (), "expected a sequence of sentence pairs, found one str"),
        (PAIR, (), "expected a sequence of sentence pairs, found one SentencePair"),
        ([], ("de", None), "give both src= and tgt="),
    ],
)
def test_anything_else_is_an_error_that_says_what_was_found(
    items: Any, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        list(as_pairs(items, *names))
    assert message in str(caught.value)

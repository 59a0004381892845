"""JSON of strangers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.io.json_text import parse_json, parse_strict_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(VALUES)
def test_json_is_read_as_by_everyone(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_strict_json(json.dumps(value)) == value


@pytest.mark.parametrize("text", ["[" * 10**5 + "]" * 10**5, '{"a":' * 10**5, "[", "", b"\xff"])
def test_any_fault_is_one_kind_of_error(text: str | bytes) -> None:
    for parse in (parse_json, parse_strict_json):
        with pytest.raises(ValueError, match=r"."):
            parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[NaN]", "found NaN"),
        ("-Infinity", "found -Infinity"),
        ('{"a": 1, "b": {"c": 1, "d": 2, "c": 3}}', "the key 'c' occurs twice"),
    ],
)
def test_strict_json_has_numbers_and_keys_once(text: str, message: str) -> None:
    parse_json(text)
    with pytest.raises(ValueError, match=message):
        parse_strict_json(text)

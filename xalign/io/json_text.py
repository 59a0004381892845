"""JSON from files of strangers: every fault in it is a `ValueError`."""

import json
from typing import Any


def parse_json(text: str | bytes, **options: Any) -> Any:
    """The value in ``text``; ``options`` are those of `json.loads`.

    Errors: `ValueError`, also when it is nested too deep for Python.
    """
    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def parse_strict_json(text: str | bytes) -> Any:
    """The value in ``text``, in which all numbers are finite and no key occurs twice.

    Errors: `ValueError`.

    >>> parse_strict_json('{"a": [1, 0.5]}')
    {'a': [1, 0.5]}
    """
    return parse_json(text, parse_constant=refuse, object_pairs_hook=unique)


def refuse(constant: str) -> None:
    """Raise `ValueError` for NaN or infinity."""
    raise ValueError(f"expected a number, found {constant}")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; `ValueError` if a key occurs twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice")
    return found

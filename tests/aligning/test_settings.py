"""Settings of aligning."""

import inspect
from dataclasses import fields
from typing import Any

import pytest

from xalign.aligning.aligner import Aligner
from xalign.aligning.settings import AlignerSettings, Wanted


def test_the_arguments_of_from_pretrained_are_the_settings_in_order_with_their_defaults() -> None:
    parameters = inspect.signature(Aligner.from_pretrained).parameters.values()
    settings = [(field.name, field.default) for field in fields(AlignerSettings)]
    assert [(parameter.name, parameter.default) for parameter in parameters] == settings


@pytest.mark.parametrize(
    ("wanted", "is_plain"),
    [
        ({}, True),
        ({"line_buffered": True}, True),
        ({"format": "scored"}, False),
        ({"direction": "forward"}, False),
        ({"scores": "scores"}, False),
        ({"matrix": "matrix.npz"}, False),
    ],
)
def test_links_of_both_directions_in_pharaoh_format_alone_are_plain(
    wanted: dict[str, Any], is_plain: bool
) -> None:
    assert Wanted(**wanted).is_plain == is_plain

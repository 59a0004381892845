"""Sizes of a network and rules of extraction: those that cannot be are refused."""

from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import tiny_config
from xalign.errors import ModelError
from xalign.model.config import ExtractionRule


@pytest.mark.parametrize(
    ("name", "value"), [("num_heads", 5), ("align_layer", 4), ("align_layer", -1)]
)
def test_impossible_sizes_are_refused(name: str, value: int) -> None:
    with pytest.raises(ModelError, match=r"^expected "):
        replace(tiny_config(), **{name: value})


@pytest.mark.parametrize(
    "points",
    [
        ((0, 0),),
        ((0, 0), (1, 1.1)),
        ((0, 0.1), (1, 1)),
        ((0, 0), (0.5, 0.5), (0.4, 0.6), (1, 1)),
        ((0, 0), (0.9, 0.9)),
    ],
)
def test_points_that_do_not_rise_are_an_error(points: Any) -> None:
    with pytest.raises(ModelError, match="expected a calibration of rising pairs"):
        ExtractionRule(calibration=points)


def test_a_side_has_as_many_pieces_as_the_window_or_else_as_there_are_positions() -> None:
    assert tiny_config(max_positions=64).max_pieces == 64
    assert replace(tiny_config(max_positions=64), window=20).max_pieces == 20


@pytest.mark.parametrize("window", [-1, 15, 65])
def test_a_window_that_is_too_short_or_too_long_is_refused(window: int) -> None:
    with pytest.raises(ModelError, match="expected a window from 16 to 64 pieces, or 0, found"):
        replace(tiny_config(max_positions=64), window=window)

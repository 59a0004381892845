"""Events of a training run: phases, steps, and a run that goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True, slots=True)
class Phase:
    """Something that takes a while: its name and, if it is known, the ``share`` that is done."""

    name: str
    share: float | None = None

    def __str__(self) -> str:
        return self.name


class Metrics(TypedDict, total=False):
    """A step, as a line of ``metrics.jsonl`` has it; AER (from 0 to 1) only after a validation."""

    step: int
    loss: float
    pieces_per_second: float
    aer: dict[str, float]
    mean_aer: float | None


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run goes on, or begins, after the steps that are recorded ``before``."""

    before: Sequence[Metrics]


Show = Callable[[Phase | Resumed | Metrics], None]
"""Function that is called with each event."""

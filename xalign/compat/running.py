"""Common parts of the drop-in programs: the aligner, messages, errors as one line."""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from xalign import console
from xalign.weights.names import DEFAULT_NAME

if TYPE_CHECKING:
    from xalign.aligning.aligner import Aligner

SETTINGS = {"model": "XALIGN_MODEL", "device": "XALIGN_DEVICE", "precision": "XALIGN_PRECISION"}
"""Environment variables for settings that the programs have no options for."""


def load_aligner(**given: str) -> "Aligner":
    """The aligner of the settings that are ``given`` or, for the rest, in the environment."""
    from xalign.aligning.memory import prepare_process

    named = {key: os.environ[name] for key, name in SETTINGS.items() if name in os.environ}
    named |= given
    prepare_process(named.get("model", DEFAULT_NAME))
    from xalign.aligning.aligner import Aligner

    return Aligner.from_pretrained(**named)  # type: ignore[arg-type]


say = partial(console.say, prefix="")
"""Print a line on stderr, as the programs that are replaced do."""


def guarded(run: Callable[[list[str]], None], arguments: list[str]) -> None:
    """Run a program; an error is one line on stderr, without xalign's name."""
    code, message = console.outcome(partial(run, arguments))
    if code:
        say(message)
        sys.exit(code)

"""Common parts of the drop-in programs: the aligner, messages, errors as one line."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from xalign.errors import XalignError

if TYPE_CHECKING:
    from xalign.aligning.aligner import Aligner

SETTINGS = {"model": "XALIGN_MODEL", "device": "XALIGN_DEVICE", "precision": "XALIGN_PRECISION"}
"""Environment variables for settings that the programs have no options for."""


def load_aligner() -> "Aligner":
    """The aligner that the environment names, else the default."""
    from xalign.aligning.aligner import Aligner
    from xalign.aligning.devices import prepare_memory

    prepare_memory()
    named = {key: os.environ[name] for key, name in SETTINGS.items() if name in os.environ}
    return Aligner.from_pretrained(**named)  # type: ignore[arg-type]


def say(message: str) -> None:
    """Print ``message`` on stderr, if it is open."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(message, file=sys.stderr, flush=True)


def guarded(run: Callable[[list[str]], None], arguments: list[str]) -> None:
    """Run a program; an error is one line on stderr and exit code 1."""
    try:
        run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)
    except (XalignError, OSError) as error:
        say(str(error))
        sys.exit(1)

"""Names of models, checked before anything slow is imported or fetched."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from xalign.errors import ModelError

DEFAULT_NAME, E5_SMALL = "default", "e5-small"
INCLUDED = (DEFAULT_NAME, E5_SMALL)
"""Models that need no file but those of the installed packages."""
KNOWN = (
    "bert-base-multilingual-cased",
    "FacebookAI/xlm-roberta-base",
    "FacebookAI/xlm-roberta-large",
    "intfloat/multilingual-e5-base",
    "intfloat/multilingual-e5-large",
    "intfloat/multilingual-e5-small",
    "sentence-transformers/LaBSE",
)
"""Hub names of encoders that xalign loads, to compare misspelt names with."""
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
OFFLINE = ("XALIGN_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
"""Environment variables that forbid to fetch anything, each if set to other than 0 or no."""
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
SECONDS = 0.7
"""Time in which the hub must answer."""


def check_name(name: str) -> None:
    """Check that a model called ``name`` is here or can be fetched; takes less than a second.

    Errors: `ModelError` with what to type instead.
    """
    folder = Path(name)
    if name in INCLUDED or (folder / "config.json").is_file():
        return
    if folder.is_dir():
        raise ModelError(f"{name}: this folder has no config.json; name a folder of a model")
    if folder.exists():
        raise ModelError(f"{name}: expected a model folder, found a file")
    if name.startswith((".", "/", "~")) or not HUB_NAME.fullmatch(name):
        raise ModelError(f"{name}: no such folder")
    if is_cached(name):
        return
    if is_offline():
        why = f"{next(filter(forbids, OFFLINE))} forbids to fetch it"
    elif can_reach_hub():
        return
    else:
        why = "the hub cannot be reached"
    raise ModelError(f"model {name!r} is not on this machine, and {why}{advice(name)}")


def advice(name: str) -> str:
    """Near names, and how to get an encoder."""
    found = near(name)
    if found in INCLUDED:
        return f"; did you mean {found!r}?"
    meant = f"; did you mean {found!r}" if found not in (None, name) else ""
    return (
        f"{meant}; with a network, the same command fetches an encoder by its full name; "
        "without, copy its folder (config.json, model.safetensors, tokenizer) and give -m FOLDER"
    )


def near(name: str) -> str | None:
    """The known name that is most like ``name``.

    >>> near("e5-smal"), near("LaBSE"), near("mbert-base")
    ('e5-small', 'sentence-transformers/LaBSE', None)
    """
    import difflib

    known = {key.lower(): full for full in KNOWN for key in (full.rpartition("/")[2], full)}
    known |= {full: full for full in INCLUDED}
    found = difflib.get_close_matches(name.lower(), known, 1, 0.8)
    return known[found[0]] if found else None


def is_offline() -> bool:
    """Whether the environment forbids to fetch anything."""
    return any(map(forbids, OFFLINE))


def forbids(name: str) -> bool:
    """Whether an environment variable is set to other than 0 or no."""
    return os.environ.get(name, "0").lower() not in ("", "0", "no", "false")


def hub_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Folder in which encoders of the hub are kept."""
    if given := environment.get("HF_HUB_CACHE"):
        return Path(given)
    cache = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(environment.get("HF_HOME") or Path(cache) / "huggingface") / "hub"


def is_cached(name: str) -> bool:
    """Whether the hub's cache has an encoder."""
    folder = hub_cache() / f"models--{name.replace('/', '--')}" / "snapshots"
    return folder.is_dir() and any(folder.iterdir())


def can_reach_hub() -> bool:
    """Whether the hub accepts a connection; behind a proxy, this is not known and assumed."""
    import socket
    import threading

    if any(map(os.environ.get, PROXIES)):
        return True
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    scheme, _, rest = endpoint.partition("://")
    host, _, port = rest.partition("/")[0].partition(":")
    usual = 80 if scheme == "http" else 443
    answers: list[bool] = []

    def connect() -> None:
        try:
            address = host, int(port) if port.isdigit() else usual
            socket.create_connection(address, timeout=SECONDS).close()
            answers.append(True)
        except OSError:
            pass

    # in a thread, because looking up a name may take long without a network
    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(SECONDS)
    return bool(answers)

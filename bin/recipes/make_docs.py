"""Writes docs/cli.md, docs/xalign.1, docs/api.md and xalign/sbom.cdx.json from the code.

With ``--check``, fails if a page is another.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args, get_origin

import typer
from typer.main import get_group

import xalign
from bin.recipes import ROOT
from bin.recipes.sbom import sbom
from xalign.cli.main import app
from xalign.cli.usage import COMMON

HIDDEN = (None, False, True, ())
"""Defaults that a reader knows without the table."""
CLI_HEAD = """\
# The command line

`bin/fix` writes this page from `xalign --help`; do not edit it. An option without a default is
off, or the program chooses, as its text says. `xalign help COMMAND` shows a command in the
terminal; `--debug` (show the traceback of an error),
`--trust-links` (follow links from a model folder to other folders) and `--version` may stand
anywhere.
"""
API_HEAD = """\
# The Python interface

`bin/fix` writes this page from the docstrings; do not edit it. Every example is a test. Everything
here is imported from `xalign` itself:

```python
>>> from xalign import *

```
"""
MADE_OTHERWISE = ("Aligner",)
"""Classes whose constructor is not for users."""
INTERNAL = ("from_settings", "from_checkpoint", "run")
"""Methods for the other modules of xalign, which take values that `xalign` does not export."""
ROLE = re.compile(r"``(.+?)``", re.DOTALL)


def cli_page() -> str:
    """The page of all commands and their options."""
    return "\n".join(
        [CLI_HEAD, *(cli_section(name, command) for name, command in commands().items())]
    )


def commands() -> dict[str, Any]:
    """All commands by name."""
    return dict(get_group(app).commands)


def panels(name: str, command: Any) -> dict[str, list[Any]]:
    """Parameters of a command by panel."""
    parent = typer.Context(get_group(app), info_name="xalign")
    groups: dict[str, list[Any]] = {}
    for option in command.get_params(typer.Context(command, info_name=name, parent=parent)):
        groups.setdefault(getattr(option, "rich_help_panel", None) or COMMON, []).append(option)
    return groups


def cli_section(name: str, command: Any) -> str:
    """One command: its help text, and a table for each group of options."""
    parts = [f"## xalign {name}\n"]
    for text in command.help.split("\n\n"):
        if text.startswith("\b"):
            lines = text.removeprefix("\b").strip("\n")
            parts.append(f"```sh\n{lines}\n```\n")
        else:
            parts.append(f"{text}\n")
    for title, options in panels(name, command).items():
        parts.append(f"**{title}**\n\n| option | meaning | default |\n|---|---|---|")
        parts.append("\n".join(map(row, options)) + "\n")
    return "\n".join(parts)


def names_of(option: Any) -> list[str]:
    """Flags of an option, or the name of an argument."""
    flags = sorted(option.opts, key=len)
    return flags if flags[0].startswith("-") else [str(option.metavar or option.name.upper())]


def choices_of(option: Any) -> list[str]:
    """Values that an option may have, if they are few."""
    kind = option.type_descriptor.annotation
    return list(map(str, get_args(kind))) if get_origin(kind) is Literal else []


def default_of(option: Any) -> str:
    """The default of an option, where it is worth to be shown."""
    if option.required:
        return "to be given"
    return "" if option.default in HIDDEN or option.name == "cache" else f"`{option.default}`"


def row(option: Any) -> str:
    """An option, or an argument, as a row of a table."""
    flags = ", ".join(f"`{flag}`" for flag in names_of(option))
    if choices := choices_of(option):
        flags += " " + " \\| ".join(choices)
    text = (option.help or "").replace("|", "\\|")
    return f"| {flags} | {text} | {default_of(option)} |"


def man_page() -> str:
    """The manual page, in the language of man."""
    parts = [
        f'.TH XALIGN 1 "" "xalign {xalign.__version__}" "User Commands"',
        ".SH NAME",
        "xalign \\- link the words of sentence pairs",
        ".SH SYNOPSIS",
        ".B xalign",
        ".I COMMAND",
        "[\\fIoptions\\fR]",
        ".SH DESCRIPTION",
        roff(
            "Reads pairs `source ||| target`, one in a line, and writes links `i-j` in Pharaoh format,"
        ),
        roff("one line for each pair, in order."),
        ".SH COMMANDS",
    ]
    for name, command in commands().items():
        parts += man_section(name, command)
    parts += [
        ".SH EXIT STATUS",
        "0: done. 1: an error, which is named. 2: wrong usage. 130: interrupted.",
        ".SH ENVIRONMENT",
        roff("XALIGN_OFFLINE=1 forbids to fetch an encoder. XDG_CACHE_HOME holds cut corpora."),
    ]
    return "\n".join(parts) + "\n"


def man_section(name: str, command: Any) -> Iterator[str]:
    """One command of the manual page."""
    yield f".SS xalign {roff(name)}"
    for text in command.help.split("\n\n"):
        if text.startswith("\b"):
            yield ".nf"
            yield from map(roff, text.removeprefix("\b").strip("\n").split("\n"))
            yield ".fi"
        else:
            yield roff(text)
        yield ".PP"
    for options in panels(name, command).values():
        for option in options:
            yield ".TP"
            yield f"\\fB{roff(', '.join(names_of(option)))}\\fR"
            choices = f" One of {', '.join(found)}." if (found := choices_of(option)) else ""
            default = default_of(option).strip("`")
            given = f" Default: {default}." if default and not option.required else ""
            yield roff(f"{option.help or ''}{choices}{given}")


def roff(text: str) -> str:
    """Text as roff reads it."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def api_page() -> str:
    """The page of all public names, in the order of their modules."""
    parts = [API_HEAD]
    for name in xalign.__all__:
        value = getattr(xalign, name)
        parts.append(f"## `{name}`\n")
        if name not in MADE_OTHERWISE:
            parts.append(f"```python\n{signature(name, value)}\n```\n")
        parts.append(markdown(inspect.getdoc(value) or ""))
        if inspect.isclass(value) and not issubclass(value, Exception):
            parts += list(members(name, value))
    return "\n".join(parts)


def members(owner: str, kind: type) -> Iterator[str]:
    """Public methods and properties of a class that have docstrings."""
    for name, value in vars(kind).items():
        plain = value.__func__ if isinstance(value, classmethod) else value
        if (
            name.startswith("_")
            or name in INTERNAL
            or not (inspect.isfunction(plain) or isinstance(plain, property))
        ):
            continue
        yield f"### `{owner}.{name}`\n"
        if inspect.isfunction(plain):
            yield f"```python\n{signature(name, plain)}\n```\n"
        yield markdown(inspect.getdoc(plain) or "")


def signature(name: str, value: Any) -> str:
    """A call of ``value`` as its definition shows it, on several lines if it is long."""
    try:
        found = inspect.signature(value)
    except ValueError:
        return name
    kept = [p for p in found.parameters.values() if p.name not in ("self", "cls")]
    text = str(found.replace(parameters=kept))
    for module in (
        "xalign.alignment.",
        "xalign.links.metrics.",
        "collections.abc.",
        "typing.",
        "pathlib.",
    ):
        text = text.replace(module, "")
    text = re.sub(r"xalign\.[a-z_.]+\.(?=[A-Z])", "", text).replace("'", '"')
    if len(name + text) <= 100:
        return f"{name}{text}"
    inside, _, result = text[1:].rpartition(")")
    lines = ",\n    ".join(re.split(r", (?=\w+:|\*)", inside))
    return f"{name}(\n    {lines},\n){result}"


def markdown(doc: str) -> str:
    """A docstring as Markdown: its examples become blocks of code."""
    lines: list[str] = []
    is_code = False
    for line in ROLE.sub(r"`\1`", doc).splitlines():
        if line.startswith(">>> ") and not is_code:
            lines.append("```python")
            is_code = True
        elif is_code and not line:
            lines += ["", "```"]
            is_code = False
        lines.append(line.removeprefix("    ") if line.startswith("    ") and not is_code else line)
    return "\n".join([*lines, *(["", "```"] if is_code else [])]) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/cli.md": cli_page,
    "docs/xalign.1": man_page,
    "docs/api.md": api_page,
    "xalign/sbom.cdx.json": sbom,
}


def main() -> None:
    """Write the pages, or check them."""
    for name, make in PAGES.items():
        path = ROOT / name
        if "--check" not in sys.argv:
            path.write_text(make(), encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != make():
            sys.exit(f"{name} is not what the code says: run bin/fix")


if __name__ == "__main__":
    main()

"""Writes docs/cli.md from the command line; with ``--check``, fails if the page is another."""

import sys
from typing import Any, Literal, get_args, get_origin

import typer
from typer.main import get_group

from bin.recipes import ROOT
from xalign.cli.main import app
from xalign.cli.usage import COMMON

PAGE = ROOT / "docs" / "cli.md"
HIDDEN = (None, False, True, ())
"""Defaults that a reader knows without the table."""
HEAD = """\
# The command line

`bin/fix` writes this page from `xalign --help`; do not edit it. An option without a default is
off, or has to be given where the table says so.
"""


def page() -> str:
    """The whole page."""
    group = get_group(app)
    context = typer.Context(group, info_name="xalign")
    return "\n".join(
        [HEAD, *(section(name, command, context) for name, command in group.commands.items())]
    )


def section(name: str, command: Any, parent: Any) -> str:
    """One command: its help text, and a table for each group of options."""
    parts = [f"## xalign {name}\n"]
    for text in command.help.split("\n\n"):
        if text.startswith("\b"):
            lines = text.removeprefix("\b").strip("\n")
            parts.append(f"```sh\n{lines}\n```\n")
        else:
            parts.append(f"{text}\n")
    groups: dict[str, list[str]] = {}
    for option in command.get_params(typer.Context(command, info_name=name, parent=parent)):
        panel = getattr(option, "rich_help_panel", None) or COMMON
        groups.setdefault(panel, []).append(row(option))
    for title, rows in groups.items():
        parts.append(f"**{title}**\n\n| option | meaning | default |\n|---|---|---|")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def row(option: Any) -> str:
    """An option, or an argument, as a row of a table."""
    flags = ", ".join(f"`{flag}`" for flag in sorted(option.opts, key=len))
    kind = option.type_descriptor.annotation
    if get_origin(kind) is Literal:
        flags += " " + " \\| ".join(map(str, get_args(kind)))
    default = "" if option.default in HIDDEN or option.name == "cache" else f"`{option.default}`"
    if option.required:
        default = "to be given"
    text = (option.help or "").replace("|", "\\|")
    return f"| {flags} | {text} | {default} |"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/cli.md is not what --help says: run bin/fix")

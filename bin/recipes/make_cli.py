"""Writes docs/cli.md from the help texts; with ``--check``, fails if it is not what they say."""

import os
import sys

from bin.recipes import ROOT

PAGE = ROOT / "docs" / "cli.md"
HEAD = """\
# The command line

Written by `bin/fix` from `xalign --help`; do not edit.
"""


def page() -> str:
    """The whole page."""
    os.environ.update(TERMINAL_WIDTH="100", NO_COLOR="1")
    from typer.main import get_group
    from typer.testing import CliRunner

    from xalign.cli.main import app

    parts = [HEAD]
    for command in ([], *([name] for name in get_group(app).commands)):
        text = CliRunner().invoke(app, [*command, "--help"], prog_name="xalign").output
        lines = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
        parts.append(f"## {' '.join(['xalign', *command])}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/cli.md is not what --help says: run bin/fix")

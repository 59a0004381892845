"""Options made from settings."""

import re
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from xalign.cli.options import grouped, help_text
from xalign.cli.usage import COMMON, command_class
from xalign.settings import Setting


@dataclass(frozen=True)
class Paint:
    """Settings of a made-up command."""

    colour: Annotated[str, Setting("Colour.", flags=("-c", "--colour"))]
    shades: Annotated[tuple[int, ...], Setting("Shades.", panel="Output")] = ()
    num_coats: Annotated[int, Setting("Number of coats.", min=1, panel="Machine")] = 2
    is_matt: Annotated[bool, Setting("Not glossy.")] = False


@dataclass(frozen=True)
class Wall:
    """Settings whose defaults a command may change."""

    height: Annotated[int, Setting("Height.")] = 2


def paint(*arguments: str) -> tuple[Result, list[tuple[Paint, Wall]]]:
    """The made-up command, and the settings that it was called with."""
    called = []

    def command(
        paint: Annotated[Paint, COMMON], wall: Annotated[Wall, "Words"] = Wall(height=3)
    ) -> None:
        """Paint a wall."""
        called.append((paint, wall))

    app = typer.Typer(add_completion=False)
    made = grouped(command)
    app.command(cls=command_class(made))(made)
    return CliRunner().invoke(app, list(arguments)), called


def test_options_that_are_not_given_have_the_defaults_of_the_fields_or_of_the_command() -> None:
    assert paint("-c", "red")[1] == [(Paint("red"), Wall(height=3))]


def test_options_that_are_given_fill_their_fields() -> None:
    options = "--colour red --shades 3 --shades 1 --num-coats 4 --is-matt --height 5"
    expected = Paint("red", shades=(3, 1), num_coats=4, is_matt=True), Wall(height=5)
    assert paint(*options.split())[1] == [expected]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "Missing option"),
        ("-c red --num-coats 0", "--num-coats"),
        ("-c red --no-is-matt", "there is no option --no-is-matt"),
    ],
)
def test_options_that_do_not_fit_their_settings_are_refused(options: str, message: str) -> None:
    done, called = paint(*options.split())
    assert (done.exit_code, called) == (2, [])
    assert message in done.stderr


def test_groups_are_shown_in_one_order_with_help_among_the_common_options() -> None:
    text = paint("--help")[0].stdout
    panels = re.findall(r"─ (Common|Output|Words|Machine) ─", text)
    assert panels == ["Common", "Output", "Words", "Machine"]
    assert text.index("--colour") < text.index("--help") < text.index("─ Output ─")


def test_help_is_the_docstring_with_its_paragraphs_on_one_line_each() -> None:
    def command() -> None:
        """Paint a wall.

        \b
        paint --colour red
        paint --colour blue

        Paint dries
        slowly.
        """

    assert help_text(command) == (
        "Paint a wall.\n\n\b\npaint --colour red\npaint --colour blue\n\nPaint dries slowly."
    )

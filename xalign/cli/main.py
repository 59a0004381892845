"""The command line: options, one call, print. Slow imports are inside functions."""

import functools
import os
from collections.abc import Callable
from typing import Annotated, ParamSpec

import typer

import xalign
from xalign.cli.align import align
from xalign.cli.doctor import doctor
from xalign.cli.install_compat import install_compat
from xalign.cli.links import rethreshold, score, symmetrize
from xalign.cli.options import help_text
from xalign.cli.serve import serve
from xalign.cli.text import lexicon, project
from xalign.cli.training import finetune, train
from xalign.cli.usage import Group, command_class
from xalign.cli.view import view
from xalign.console import catch_signals, outcome, print_warnings, say

P = ParamSpec("P")

app = typer.Typer(
    name="xalign",
    help="Link the words of sentence pairs. Reads `src ||| tgt`, writes Pharaoh `i-j`.",
    no_args_is_help=True,
    cls=Group,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"xalign {xalign.__version__}")
        raise typer.Exit


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    trust_links: Annotated[
        bool,
        typer.Option("--trust-links", help="Follow links from a model folder to other folders."),
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Link the words of sentence pairs. Reads `src ||| tgt`, writes Pharaoh `i-j`."""
    os.environ["XALIGN_DEBUG"] = "1" if debug else ""
    if trust_links:
        os.environ["XALIGN_TRUST_LINKS"] = "1"
    catch_signals()
    print_warnings()


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """``command`` with errors as one line on stderr; see `outcome`."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        debug = bool(os.environ.get("XALIGN_DEBUG"))
        code, message = outcome(functools.partial(command, *args, **kwargs), reraise=debug)
        if code:
            say(message)
            raise typer.Exit(code)

    return run


for command in (
    align,
    symmetrize,
    rethreshold,
    score,
    lexicon,
    project,
    view,
    install_compat,
    train,
    finetune,
    serve,
    doctor,
):
    app.command(cls=command_class(command), help=help_text(command))(guarded(command))

"""Usage errors in plain words: wrong values with near names, options given twice, help anywhere."""

import inspect
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from xalign.console import is_closed_early, outcome, say

USAGE_ERROR: Any = typer.BadParameter.__base__
"""Root of the errors of usage, which versions of Typer keep in different packages."""
EXTRA = re.compile(r"got unexpected extra arguments?(?:\(s\))? \((.*)\)")
LIKE_AN_OPTION = re.compile(r"--?[A-Za-z][\w-]*")
LEAVE_OUT = "nothing is learnt from the input here; leave it out"
OTHER_UNITS = "its numbers mean something else here; leave it out"
OTHER_ALIGNERS = "for programs with the options of other aligners run xalign install-compat DIR"
THEIRS = {
    "-d": LEAVE_OUT,
    "-v": "for the version give --version; fast_align's -v has no use here",
    "-r": "--direction reverse",
    "reverse": "--direction reverse",
    "favor-diagonal": LEAVE_OUT,
    "optimize-tension": LEAVE_OUT,
    "variational-bayes": LEAVE_OUT,
    "priors": LEAVE_OUT,
    "iterations": "--steps",
    "cpu": "--device cpu",
    "gpu": "--device cuda",
    "cuda": "--device cuda",
    "no-cuda": "--device cpu",
    "src": "--source",
    "tgt": "--target",
    "trg": "--target",
    "sep": "--columns",
    "softmax-threshold": OTHER_UNITS,
    "data-file": "--input",
    "output-file": "--output",
    "model-name-or-path": "--model",
    "batch-size": OTHER_UNITS,
    "heuristic": "--command",
}
"""Options of other programs, and what to give instead."""
ANYWHERE = ("--debug", "--trust-links", "--version")
"""Options of all commands, which may stand at any place."""
LIKENESS = 0.7
"""Least likeness of a name that may be meant, from 0 to 1."""
LEAST_PERCENT = 5
"""From this number on, a number in place of a share of 1 is probably a percentage."""
CORPORA = ("input", "source", "target")
"""Options of files of sentences."""
FILE_FLAGS = ("-i", "--input", "-o", "--output", "-s", "--source", "-t", "--target")
COMMON = "Common"


class Command(TyperCommand):
    """A command that checks the values of its options before Typer does; see `command_class`."""

    annotations: ClassVar[dict[str, Any]] = {}

    def get_help_option(self, ctx: Any) -> Any:
        """The option ``--help``, which is among the common options."""
        option: Any = super().get_help_option(ctx)
        if option is not None:
            option.rich_help_panel = COMMON
        return option

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments of the command; errors say what was expected."""
        if ctx.resilient_parsing:  # of a command line that is completed
            return super().parse_args(ctx, args)
        self._check_names(ctx, args)
        seen: dict[str, str] = {}
        for flag, option, value in given_options(self.get_params(ctx), args):
            if option.name in seen and not getattr(option, "multiple", False):
                again = "" if seen[option.name] == flag else f" (as {seen[option.name]} and {flag})"
                raise typer.BadParameter(f"{flag} is given twice{again}; give it once", ctx=ctx)
            seen[option.name] = flag
            if value is not None and LIKE_AN_OPTION.fullmatch(value):
                found = f"expected a value, found the option {value!r}"
                advice = f"; a file of this name is ./{value}" if flag in FILE_FLAGS else ""
                raise typer.BadParameter(f"{flag}: {found}{advice}", ctx=ctx)
            if value is not None and (kind := self.annotations.get(option.name)):
                check_value(flag, value, kind, ctx)
        try:
            rest = super().parse_args(ctx, args)
        except USAGE_ERROR as error:
            error.ctx = error.ctx or ctx
            raise
        if ctx.params.get("files") or not seen.keys().isdisjoint(CORPORA):
            for name in CORPORA:
                if name not in seen and name in (ctx.default_map or {}):
                    ctx.params[name] = ()  # other corpora take the place of those of --config
        return rest

    def _check_names(self, ctx: Any, args: Sequence[str]) -> None:
        """Check that options exist, also those after the first that does not."""
        options = self.get_params(ctx)
        known = list(ANYWHERE)
        for option in options:
            known += [*getattr(option, "opts", ()), *getattr(option, "secondary_opts", ())]
        values = {value for _, _, value in given_options(options, args)}
        end = args.index("--") if "--" in args else len(args)
        for word in args[:end]:
            flag = word.partition("=")[0] if word.startswith("--") else word[:2]
            if LIKE_AN_OPTION.fullmatch(flag) and flag not in known and word not in values:
                advice = advice_for(flag, known)
                raise typer.BadParameter(f"there is no option {flag}{advice}", ctx=ctx)


def advice_for(flag: str, known: Sequence[str]) -> str:
    """Advice on an option that a command does not have: the option that is probably meant.

    ``known`` are the options of the command.

    >>> advice_for("--reverse", ["--resume", "--direction"])
    '; give --direction reverse'
    >>> advice_for("--treshold", ["--threshold"])
    "; did you mean '--threshold'?"
    """
    name = flag.strip("-").replace("_", "-").lower()
    meant = THEIRS.get(flag) or THEIRS.get(name) or ""
    is_align = "--direction" in known  # the command that stands for other aligners
    if meant.partition(" ")[0] in known:
        return f"; give {meant}"
    if meant and is_align and not meant.startswith("-"):
        return f"; {meant}"
    if found := near(name, [one.strip("-") for one in known if one.startswith("--")]):
        return f"; did you mean {f'--{found}'!r}?"
    return f"; {OTHER_ALIGNERS}" if is_align and not flag.startswith("--") else ""


def command_class(function: Callable[..., None]) -> type[Command]:
    """`Command` that knows the types and bounds of the parameters of ``function``."""
    hints = get_type_hints(function, include_extras=True)
    hints |= {
        name: parameter.annotation
        for name, parameter in inspect.signature(function).parameters.items()
    }
    return type("Command", (Command,), {"annotations": hints})


def given_options(
    options: Sequence[Any], arguments: Sequence[str]
) -> Iterator[tuple[str, Any, str | None]]:
    """Options in ``arguments``, each as flag, option and value (None for a switch)."""
    known = {flag: option for option in options for flag in getattr(option, "opts", ())}
    words = iter(arguments)
    for word in words:
        if word == "--":
            return
        if word.startswith("--"):
            flag, has_value, value = word.partition("=")
            if option := known.get(flag):
                is_switch = getattr(option, "is_flag", False)
                yield flag, option, None if is_switch else value if has_value else next(words, None)
        elif word.startswith("-"):
            letters = word[1:]
            while letters and (option := known.get(f"-{letters[0]}")):
                flag, letters = f"-{letters[0]}", letters[1:]
                if getattr(option, "is_flag", False):
                    yield flag, option, None
                else:
                    yield flag, option, letters.removeprefix("=") or next(words, None)
                    break


def check_value(flag: str, value: str, annotation: Any, ctx: Any) -> None:
    """Check the ``value`` of an option annotated as ``Annotated[kind, typer.Option(...)]``.

    Errors: `typer.BadParameter`.
    """
    kind, option = get_args(annotation)[:2] if get_args(annotation) else (annotation, None)
    kinds = [one for one in get_args(kind) if one is not type(None)]
    if get_origin(kind) is not Literal and kinds:
        kind = kinds[0]  # of a list, or of a value that may be None
    if get_origin(kind) is Literal and value not in (choices := list(map(str, get_args(kind)))):
        meant = f"; did you mean {found!r}?" if (found := near(value, choices)) else ""
        expected = f"expected {', '.join(choices[:-1])} or {choices[-1]}"
        raise typer.BadParameter(f"{flag}: {expected}, found {value!r}{meant}", ctx=ctx)
    if kind in (int, float):
        low, high = getattr(option, "min", None), getattr(option, "max", None)
        if not is_number(value, kind, low, high):
            found = f"found {value!r}{as_share(value, high) if kind is float else ''}"
            raise typer.BadParameter(
                f"{flag}: {expected_number(kind, low, high)}, {found}", ctx=ctx
            )


def is_number(value: str, kind: type, low: float | None, high: float | None) -> bool:
    """Whether ``value`` is a number of a ``kind`` between bounds."""
    try:
        number = kind(value)
    except ValueError:
        return False
    return (low is None or number >= low) and (high is None or number <= high)


def expected_number(kind: type, low: float | None, high: float | None) -> str:
    """Name of the numbers between bounds."""
    name = "a whole number" if kind is int else "a number"
    if low is not None and high is not None:
        return f"expected {name} from {low:g} to {high:g}"
    if low is not None:
        return f"expected {name} of at least {low:g}"
    return f"expected {name}" if high is None else f"expected {name} of at most {high:g}"


def as_share(value: str, high: float | None) -> str:
    """Advice for a percentage where a share of 1 is expected."""
    number = value.removesuffix("%")
    least = 0 if number != value else LEAST_PERCENT
    is_percent = high is not None and high <= 1 and is_number(number, float, least, 100)
    share = float(number) / 100 if is_percent else 0
    return f"; {number}% is {share:g}" if high is not None and 0 < share <= high else ""


def near(value: str, choices: Sequence[str]) -> str | None:
    """The choice that ``value`` may stand for, by its initials or a slip.

    >>> near("gdfa", ["grow-diag", "grow-diag-final-and"]), near("intersection", ["intersect"])
    ('grow-diag-final-and', 'intersect')
    """
    for choice in choices:
        words = choice.split("-")
        if len(words) > 1 and value.lower() == "".join(word[:1] for word in words):
            return choice
    import difflib

    return next(iter(difflib.get_close_matches(value.lower(), choices, 1, LIKENESS)), None)


class Group(TyperGroup):
    """All commands: ``help COMMAND``, options anywhere, and usage errors as lines on stderr."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that ``args`` name; a file where a command should be is told apart."""
        is_known = not args or args[0] in self.commands
        if not (is_known or ctx.resilient_parsing) and Path(args[0]).is_file():
            words = " ".join(map(shlex.quote, args))
            raise typer.BadParameter(f"{args[0]} is a file; run: xalign align {words}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line, and exit."""
        given = rearranged(sys.argv[1:] if args is None else args)
        name = prog_name or "xalign"
        codes: list[int | None] = []
        try:
            run = partial(super().main, given, name, complete_var, False, **extra)
            is_debug = "--debug" in given
            failed, message = outcome(lambda: codes.append(run()), reraise=is_debug)
        except USAGE_ERROR as error:
            failed, message = error.exit_code, ""
            tell(error)
        except SystemExit as error:
            if not is_closed_early(error.__context__):
                raise
            failed, message = 0, ""  # what reads the help has read enough
        if message:
            say(message)
        sys.exit(failed or next(iter(codes), 0) or 0)


def rearranged(arguments: Sequence[str]) -> list[str]:
    """Arguments with options for all commands at the start, and ``help X`` as ``X --help``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    first = [word for word in arguments[:end] if word in ANYWHERE]
    rest = [word for word in arguments[:end] if word not in ANYWHERE] + list(arguments[end:])
    if rest[:1] == ["help"]:
        rest = [*rest[1:2], "--help"]
    return [*first, *rest]


def tell(error: Any) -> None:
    """Print an error of usage; without any argument, the help."""
    command = error.ctx.command_path if error.ctx else "xalign"
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    if type(error) is typer.BadParameter:  # ours
        message = str(error.message)
    else:
        message = str(error.format_message()).rstrip(".")
        message = f"{message[:1].lower()}{message[1:]}"
        message = EXTRA.sub(r"expected no more arguments, found \1", message)
    say(f"{message}; see '{command} --help'")

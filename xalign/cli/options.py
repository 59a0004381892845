"""Options made from settings: one field of a dataclass is one option, in its group."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from xalign.cli.usage import COMMON
from xalign.io.json_text import parse_json
from xalign.settings import Setting

GROUPS = (
    COMMON,
    "Output",
    "Words",
    "Model",
    "Network",
    "Labels",
    "Schedule",
    "Augmentation",
    "Machine",
)
"""Groups of options, in the order of a help page."""


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with an option for every field of its parameters that are dataclasses.

    Such a parameter is annotated as ``Annotated[Kind, "Group"]``. Defaults of its fields are those
    of the dataclass or, if the parameter has a default, of that.
    """
    hints = get_type_hints(command, include_extras=True)
    kinds: dict[str, type] = {}
    parameters: list[Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        kind, *extra = get_args(hints[name]) or (hints[name],)
        if dataclasses.is_dataclass(kind):
            assert isinstance(kind, type)
            kinds[name] = kind
            parameters += options_of(kind, extra[0], parameter.default)
        else:
            keyword = parameter.replace(annotation=hints[name], kind=Parameter.KEYWORD_ONLY)
            parameters.append(keyword)

    parameters.sort(key=lambda parameter: GROUPS.index(panel_of(parameter)))

    @wraps(command)
    def run(**given: Any) -> None:
        for name, kind in kinds.items():
            values = {field.name: given.pop(field.name) for field in dataclasses.fields(kind)}
            given[name] = kind(**{**values, **lists_of(kind, values)})
        command(**given)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__
    return run


def lists_of(kind: type, values: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Tuples of the ``values`` of options that can be given several times."""
    hints = get_type_hints(kind)
    names = [name for name in values if get_origin(hints[name]) is tuple]
    return {name: tuple(values[name] or ()) for name in names}


def options_of(kind: type, group: str, default: Any) -> Iterator[Parameter]:
    """Options for the fields of a dataclass, in a ``group``; ``default`` may be an instance."""
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        value_type, setting = get_args(hints[field.name])
        assert isinstance(setting, Setting)
        is_list = get_origin(value_type) is tuple
        flags = setting.flags or (
            (f"--{field.name.replace('_', '-')}",) if value_type is bool else ()
        )
        option = typer.Option(
            *flags,
            help=setting.help,
            min=setting.min,
            max=setting.max,
            rich_help_panel=setting.panel or group,
        )
        value = default_of(field) if default is Parameter.empty else getattr(default, field.name)
        yield Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=list(value) or None if isinstance(value, tuple) else value,
            annotation=Annotated[list_of(value_type) if is_list else value_type, option],
        )


def list_of(tuple_type: Any) -> Any:
    """``list[str]`` for ``tuple[str, ...]``: the type of an option that is given several times."""
    return list[get_args(tuple_type)[0]]  # type: ignore[misc]


def panel_of(parameter: Parameter) -> str:
    """The group of an option."""
    option = get_args(parameter.annotation)[1]
    return str(option.rich_help_panel or COMMON)


def help_text(command: Callable[..., None]) -> str:
    """The docstring of a command, one line per paragraph; lines after ``\\b`` stay as they are."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(
        text if text.startswith("\b") else " ".join(text.split("\n")) for text in paragraphs
    )


def default_of(field: "dataclasses.Field[Any]") -> Any:
    """The default of a field; `Parameter.empty` if it has none."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return Parameter.empty


def read_config(ctx: typer.Context, path: str | None) -> str | None:
    """Take the defaults of all options from the file at ``path``, a run's ``run.json``."""
    if path is None:
        return None
    try:
        settings = parse_json(Path(path).read_text(encoding="utf-8"))["settings"]
    except OSError as error:
        raise typer.BadParameter(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise typer.BadParameter(f"{path}: expected the run.json of a run: {error}") from error
    if settings.get("command", ctx.info_name) != ctx.info_name:
        raise typer.BadParameter(f"{path}: is a run of xalign {settings['command']}")
    values: dict[str, Any] = {}
    for name, value in settings.items():
        values |= value if isinstance(value, dict) else {name: value}
    known = {parameter.name for parameter in ctx.command.params}
    ctx.default_map = {name: value for name, value in values.items() if name in known}
    return path


Config = Annotated[
    str | None,
    typer.Option(
        "--config",
        callback=read_config,
        is_eager=True,
        rich_help_panel=COMMON,
        help="Repeat a run: take all options that are not given from its run.json.",
    ),
]

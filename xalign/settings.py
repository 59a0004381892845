"""Description of a settings field as an option of the command line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """Help text of a field, with its bounds; to be used with `typing.Annotated`.

    ``flags`` are the option's names where they differ from the field's; ``panel`` is the group of
    options that it belongs to, by default the group of its dataclass.
    """

    help: str
    flags: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    panel: str | None = None

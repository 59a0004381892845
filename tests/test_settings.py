"""What every setting says of itself."""

from dataclasses import is_dataclass
from typing import get_args, get_type_hints

import pytest

import xalign.aligning.settings
import xalign.training.settings
from xalign.settings import Setting

KINDS = [
    kind
    for module in (xalign.aligning.settings, xalign.training.settings)
    for kind in vars(module).values()
    if is_dataclass(kind) and isinstance(kind, type) and kind is not Setting
]
SETTINGS = {
    f"{kind.__name__}.{name}": extra[0]
    for kind in KINDS
    for name, hint in get_type_hints(kind, include_extras=True).items()
    if (extra := get_args(hint)[1:]) and isinstance(extra[0], Setting)
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_help_is_a_line_that_ends_with_a_full_stop(setting: Setting) -> None:
    assert setting.help.endswith(".")
    assert "\n" not in setting.help


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_flags_start_with_dashes_and_one_of_them_is_long(setting: Setting) -> None:
    assert all(flag.startswith("-") for flag in setting.flags)
    assert not setting.flags or any(flag.startswith("--") for flag in setting.flags)

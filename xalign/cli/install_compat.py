"""The command `xalign install-compat`: names of other aligners for pipelines to call."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from xalign.errors import InputError

PROGRAMS = {
    "fast_align": "fast_align",
    "atools": "atools",
    "eflomal-align": "eflomal",
    "eflomal": "eflomal_core",
    "eflomal-makepriors": "eflomal_makepriors",
    "awesome-align": "awesome_align",
}
LAUNCHER = """\
#!/bin/sh
exec "{python}" -m xalign.compat.{module} "$@"
"""
WINDOWS_LAUNCHER = """\
@"{python}" -m xalign.compat.{module} %*
"""
MODULES = {
    "eflomal": ("Aligner", "calculate_priors", "read_text", "write_priors", "write_text"),
    "simalign": ("SentenceAligner",),
}
"""Python modules, and the names that programs import from them."""
MODULE = """\
\"\"\"xalign under the name of {name}, for Python's path.\"\"\"

from xalign.compat.{name} import {names}

__all__ = [{quoted}]
"""


def module_text(name: str) -> str:
    """A module that stands for another project's."""
    names = MODULES[name]
    quoted = ", ".join(f'"{one}"' for one in names)
    return MODULE.format(name=name, names=", ".join(names), quoted=quoted)


def install_compat(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder; it is made if needed.")],
) -> None:
    """Write fast_align, atools, eflomal and awesome-align into DIR; xalign does their work.

    \b
    xalign install-compat ~/xalign-bin
    PATH=~/xalign-bin:$PATH ./my-pipeline.sh

    Put DIR first on PATH where a pipeline looks for them. DIR/python, on PYTHONPATH, gives
    `import eflomal` and `import simalign`. Other programs of these names are never overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(str(folder), 0, "expected a folder, found a file")
    is_windows = sys.platform == "win32"
    launcher, suffix = (WINDOWS_LAUNCHER, ".cmd") if is_windows else (LAUNCHER, "")
    files = {
        f"{name}{suffix}": launcher.format(python=sys.executable, module=module)
        for name, module in PROGRAMS.items()
    }
    files |= {f"python/{name}.py": module_text(name) for name in MODULES}
    for name in files:
        path = folder / name
        if path.exists() and "xalign.compat" not in path.read_text("utf-8", "replace"):
            raise InputError(str(path), 0, "is another program; choose another folder")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix != ".py":
            path.chmod(0o755)
        typer.echo(path)

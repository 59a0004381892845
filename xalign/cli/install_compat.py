"""The command `xalign install-compat`: names of other aligners for pipelines to call."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from xalign.errors import InputError

PROGRAMS = {"fast_align": "fast_align", "atools": "atools", "eflomal-align": "eflomal"}
LAUNCHER = """\
#!/bin/sh
exec "{python}" -m xalign.compat.{module} "$@"
"""
WINDOWS_LAUNCHER = """\
@"{python}" -m xalign.compat.{module} %*
"""
MODULE = '''\
"""xalign under the name of eflomal, for Python's path."""

from xalign.compat.eflomal import Aligner, calculate_priors, write_priors

__all__ = ["Aligner", "calculate_priors", "write_priors"]
'''


def install_compat(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder; it is made if needed.")],
) -> None:
    """Write the programs fast_align, atools and eflomal-align into DIR; xalign does their work.

    \b
    xalign install-compat ~/xalign-bin
    PATH=~/xalign-bin:$PATH ./my-pipeline.sh

    Put DIR first on PATH where a pipeline looks for them. DIR/python, on PYTHONPATH, gives
    `import eflomal`. Other programs of these names are never overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(str(folder), 0, "expected a folder, found a file")
    is_windows = sys.platform == "win32"
    launcher, suffix = (WINDOWS_LAUNCHER, ".cmd") if is_windows else (LAUNCHER, "")
    files = {
        f"{name}{suffix}": launcher.format(python=sys.executable, module=module)
        for name, module in PROGRAMS.items()
    }
    files["python/eflomal.py"] = MODULE
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

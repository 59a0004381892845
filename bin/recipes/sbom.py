"""The list of what the wheel holds and needs (SBOM, CycloneDX 1.6), from pyproject.toml."""

import json
import re
import tomllib
from typing import Any

import xalign
from bin.recipes import ROOT

INCLUDED = [
    {
        "type": "machine-learning-model",
        "name": "default model, trained from multilingual-e5-small",
        "licenses": [{"license": {"id": "Apache-2.0"}}, {"license": {"id": "MIT"}}],
        "description": "xalign/weights/default; its README.md lists the training data",
    },
    {
        "type": "data",
        "name": "nmt_nfkc table of sentencepiece",
        "version": "0.2.3",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "purl": "pkg:pypi/sentencepiece@0.2.3",
        "description": "xalign/weights/nmt_nfkc.xz",
    },
]
"""Parts of the wheel that come from elsewhere."""


def sbom() -> str:
    """List what the wheel holds and the packages that it needs, as JSON text."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = []
    for requirement in project["dependencies"]:
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        needed.append(
            {
                "type": "library",
                "name": name[0],
                "bom-ref": f"pkg:pypi/{name[0].lower()}",
                "purl": f"pkg:pypi/{name[0].lower()}",
                "properties": [{"name": "requirement", "value": requirement}],
            }
        )
    this = f"pkg:pypi/xalign@{xalign.__version__}"
    found: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "xalign",
                "version": xalign.__version__,
                "bom-ref": this,
                "purl": this,
                "licenses": [{"license": {"id": project["license"]}}],
                "components": INCLUDED,
            }
        },
        "components": needed,
        "dependencies": [{"ref": this, "dependsOn": [part["bom-ref"] for part in needed]}],
    }
    return json.dumps(found, indent=1) + "\n"

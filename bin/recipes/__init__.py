"""Programs around the package: the recipe of the shipped model, measurements, generated pages."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"

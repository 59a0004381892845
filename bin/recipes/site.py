"""Hooks of the documentation site: pages that stand elsewhere in the repository.

README.md is the first page, and the card of the default model a page of its own. Links between
them and docs/ are made to fit.
"""

import re
from typing import Any

from bin.recipes import ROOT

CARD = "xalign/weights/default/README.md"
ELSEWHERE = {"README.md": "index.md", CARD: "card.md"}
"""Files outside of docs/, and the names of their pages."""
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that stand elsewhere."""
    from mkdocs.structure.files import File

    for path, name in ELSEWHERE.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        folder = path.rpartition("/")[0]
        files.append(File.generated(config, name, content=relinked(text, folder)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Text of a page, with its links."""
    return relinked(markdown, "docs")


def relinked(text: str, folder: str) -> str:
    """``text`` of a page in a ``folder``, with links as pages of the site have them.

    >>> relinked("[a](docs/a.md#b) [c](LICENSE)", "")
    '[a](a.md#b) [c](LICENSE)'
    >>> relinked("[card](../xalign/weights/default/README.md)", "docs")
    '[card](card.md)'
    """

    def change(found: re.Match[str]) -> str:
        path = str((ROOT / folder / found[1]).resolve().relative_to(ROOT))
        name = ELSEWHERE.get(path) or path.removeprefix("docs/")
        return f"]({name}{found[2] or ''})"

    return LINK.sub(change, text)

"""Options of `xalign view`, in groups."""

from dataclasses import dataclass
from typing import Annotated

import typer

from xalign.aligning.settings import Texts
from xalign.io.files import stem
from xalign.settings import Setting


@dataclass(frozen=True, slots=True)
class Shown(Texts):
    """Sentence pairs to show."""

    @property
    def name(self) -> str:
        """Name of the text without folders and endings."""
        path = self.input[0] if self.input else self.source or "-"
        return "pairs" if path == "-" else stem(path)


@dataclass(frozen=True, slots=True)
class Compared:
    """Links to show, and gold links beside them."""

    links: Annotated[
        tuple[str, ...],
        Setting(
            "Links in any format; repeat it to compare; default: align the pairs.",
            flags=("-a", "--links"),
        ),
    ] = ()
    align: Annotated[bool, Setting("Align the pairs as well, beside the links of -a.")] = False
    gold: Annotated[
        str | None, Setting("Gold links, in any format of xalign score.", flags=("-g", "--gold"))
    ] = None
    gold_base: Annotated[
        int | None,
        Setting("First index in the gold file; default: detected.", min=0, max=1, panel="Words"),
    ] = None

    @property
    def is_aligned(self) -> bool:
        """Whether a model aligns the pairs."""
        return self.align or not self.links


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pairs to show, and whether by pages."""

    line: Annotated[
        tuple[int, ...], Setting("Show pair N; repeat it.", flags=("-n", "--line"), min=1)
    ] = ()
    worst: Annotated[
        int | None,
        Setting("Show the N pairs with the most mistakes, by the first -a; needs --gold.", min=1),
    ] = None
    pager: Annotated[bool, Setting("Turn pages in the terminal by keys.")] = False


@dataclass(frozen=True, slots=True)
class Pages:
    """Files to write instead of grids in the terminal."""

    html: Annotated[str | None, Setting("Write a page for a browser.")] = None
    svg: Annotated[str | None, Setting("Write a picture of one pair.")] = None
    png: Annotated[str | None, Setting("Write a picture of one pair; needs matplotlib.")] = None
    tikz: Annotated[str | None, Setting("Write a picture of one pair, for LaTeX.")] = None

    @property
    def by_kind(self) -> dict[str, str]:
        """All files to write, by kind."""
        found = {"html": self.html, "svg": self.svg, "png": self.png, "tikz": self.tikz}
        return {kind: path for kind, path in found.items() if path is not None}

    @property
    def paths(self) -> list[str]:
        """All files to write."""
        return list(self.by_kind.values())

    @property
    def has_picture(self) -> bool:
        """Whether a picture of one pair is wanted."""
        return not (self.svg is self.png is self.tikz is None)


def check(texts: Shown, compared: Compared, chosen: Chosen, pages: Pages) -> None:
    """Stop if options do not fit together."""
    read = [*texts.input, texts.source, texts.target, *compared.links, compared.gold]
    if read.count("-") + (not texts.input and texts.source is None) > 1:
        raise typer.BadParameter("only one of the files can be standard input")
    if pages.paths.count("-") > 1:
        raise typer.BadParameter("only one output can be standard output")
    if chosen.worst and not compared.gold:
        raise typer.BadParameter("--worst counts mistakes; add --gold FILE")
    if chosen.worst and chosen.line:
        raise typer.BadParameter("give --worst or --line, not both")
    if pages.has_picture and len(compared.links) + compared.align > 1:
        raise typer.BadParameter("--svg, --png and --tikz show the links of one -a")
    if chosen.pager and pages.paths:
        raise typer.BadParameter("--pager shows pairs in the terminal; leave out the files")

"""Options of `xalign view` that do not fit together, and names of what is shown."""

import pytest
import typer

from xalign.cli.view_options import Chosen, Compared, Pages, Shown, check

CORPUS = Shown(input=("c.txt",))
LINKS = Compared(links=("a.align",))


def test_a_text_has_the_name_of_its_first_file() -> None:
    assert Shown(input=("a/c.txt", "d.txt")).name == "c"
    assert Shown(source="x.de", target="x.en").name == "x"
    assert Shown().name == Shown(input=("-",)).name == "pairs"


def test_pairs_are_aligned_if_there_are_no_links_or_if_asked() -> None:
    assert Compared().is_aligned
    assert not LINKS.is_aligned
    assert Compared(links=("a",), align=True).is_aligned


@pytest.mark.parametrize(
    ("texts", "compared", "chosen", "pages", "message"),
    [
        (Shown(), Compared(links=("-",)), Chosen(), Pages(), "only one of the files"),
        (CORPUS, LINKS, Chosen(), Pages(svg="-", png="-"), "only one output"),
        (CORPUS, LINKS, Chosen(worst=3), Pages(), "add --gold FILE"),
        (CORPUS, Compared(gold="g"), Chosen(worst=3, line=(1,)), Pages(), "not both"),
        (CORPUS, LINKS, Chosen(pager=True), Pages(html="x"), "leave out the files"),
        (CORPUS, Compared(links=("a", "b")), Chosen(), Pages(svg="x"), "the links of one -a"),
        (CORPUS, Compared(links=("a",), align=True), Chosen(), Pages(svg="x"), "of one -a"),
    ],
)
def test_options_that_do_not_fit_together(
    texts: Shown, compared: Compared, chosen: Chosen, pages: Pages, message: str
) -> None:
    with pytest.raises(typer.BadParameter, match=message):
        check(texts, compared, chosen, pages)


def test_options_that_fit_together() -> None:
    check(CORPUS, Compared(gold="g"), Chosen(worst=3), Pages(html="x"))
    check(Shown(), LINKS, Chosen(line=(1, 2)), Pages(svg="a", png="b"))

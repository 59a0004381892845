"""The page in a browser: clicks, keys, the threshold, corrections that are saved, sizes, colours."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run
from xalign.alignment import GoldAlignment, SentencePair
from xalign.view.pairs import Found, ViewedPair
from xalign.view.report import report

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EVIL = "<script>window.evil=1</script>"
Open = Callable[..., Any]


def found(*links: tuple[int, int, float]) -> Found:
    """Links above 0.5, with the probabilities of all."""
    known = {(i, j): p for i, j, p in links}
    return Found(frozenset(place for place, p in known.items() if p > 0.5), known)


def gold(sure: list[tuple[int, int]], possible: list[tuple[int, int]]) -> GoldAlignment:
    return GoldAlignment(frozenset(sure), frozenset(possible))


PAIRS = [
    ViewedPair(
        1,
        SentencePair("das Haus", "the house"),
        (found((0, 0, 0.98), (1, 1, 0.9)), Found(frozenset({(0, 0), (1, 1)}))),
        gold([(0, 0), (1, 1)], []),
        0.99,
    ),
    ViewedPair(
        2,
        SentencePair(f"ja {EVIL}", "yes it is"),
        (found((0, 0, 0.97), (1, 1, 0.6), (1, 2, 0.3)), Found(frozenset({(0, 0)}))),
        gold([(0, 0), (1, 2)], [(1, 1)]),
        0.4,
    ),
    ViewedPair(3, SentencePair("", "nothing"), (Found(), Found()), gold([], []), 0.0),
    ViewedPair(
        4,
        SentencePair("שלום לכולם", "peace to all"),
        (found((0, 0, 0.9), (1, 2, 0.8)), Found(frozenset({(0, 1)}))),
        gold([(0, 0), (1, 1), (1, 2)], []),
        0.7,
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Function that opens a page of pairs; errors of the page fail the test."""
    errors: list[str] = []
    contexts = []

    def opened(pairs: list[ViewedPair] = PAIRS, hash: str = "", **options: Any) -> Any:
        aligners = ["ours", "theirs", "third"][: len(pairs[0].found)]
        path = tmp_path / "report.html"
        path.write_text(report(pairs, aligners, "test", "test"), encoding="utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text))
        page.goto(f"{path.as_uri()}{hash}")
        page.wait_for_selector("html[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def without_gold(pair: ViewedPair, kept: int = 2) -> ViewedPair:
    return ViewedPair(pair.number, pair.pair, pair.found[2 - kept :])


def rows(page: Any) -> list[str]:
    """Numbers of the pairs in the list."""
    return list(page.locator("#list .number").all_inner_texts())


def totals(page: Any) -> list[str]:
    return [" ".join(row.split()) for row in page.locator("#totals tbody tr").all_inner_texts()]


def set_threshold(page: Any, value: float) -> None:
    page.locator("#threshold").fill(str(value))


def test_the_page_shows_the_first_pair_and_all_scores(open_page: Open) -> None:
    page = open_page()
    assert rows(page) == ["1", "2", "3", "4"]
    assert page.locator("#pair-title").inner_text() == "Pair 1"
    assert totals(page) == ["ours 15.4 100.0 71.4 6", "theirs 45.5 75.0 42.9 4"]
    assert page.locator(".matrix").count() == 2


def test_scores_are_those_of_the_command_line(open_page: Open, tmp_path: Path) -> None:
    lines = [" ".join(f"{i}-{j}" for i, j in sorted(pair.found[0].links)) for pair in PAIRS]
    (tmp_path / "links").write_text("\n".join(lines) + "\n")
    (tmp_path / "gold").write_text("".join(f"{pair.gold}\n" for pair in PAIRS))
    done = run("score", "-g", str(tmp_path / "gold"), str(tmp_path / "links"))
    table = done.stdout.split("\n")[1].split()[1:]
    found = totals(open_page())[0].split()[1:]
    assert [f"{float(value):.1f}" for value in (*table[:3],)] == found[:3]
    assert table[-1] == found[-1]


def test_the_threshold_redraws_links_and_scores(open_page: Open) -> None:
    page = open_page(hash="#2")
    assert page.locator(".matrix").first.locator("td.right").count() == 2
    set_threshold(page, 0.25)
    assert page.locator(".matrix").first.locator("td.right").count() == 3
    assert totals(page)[0] == "ours 7.1 100.0 85.7 7"
    assert totals(page)[1] == "theirs 45.5 75.0 42.9 4", "which has no probabilities"
    set_threshold(page, 0.99)
    assert totals(page)[0].endswith(" 0")
    assert page.locator("#threshold-value").inner_text() == "0.99"
    page.click("#as-aligned")
    assert totals(page)[0] == "ours 15.4 100.0 71.4 6"


def test_a_pair_has_its_own_address(open_page: Open) -> None:
    page = open_page(hash="#4")
    assert page.locator("#pair-title").inner_text() == "Pair 4"
    page.click("#previous")
    assert page.url.endswith("#3")
    assert "A side without words" in page.locator("#matrices").inner_text()
    page.evaluate("location.hash = '#2'")
    page.locator("#pair-title", has_text="Pair 2").wait_for()


def test_text_is_never_markup(open_page: Open) -> None:
    page = open_page(hash="#2")
    assert page.evaluate("window.evil") is None
    assert page.locator("#lines .word").nth(1).inner_text() == EVIL
    assert EVIL in page.locator("#list").inner_text()


def test_filters_and_orders(open_page: Open) -> None:
    page = open_page()
    page.fill("#search", "YES")
    assert (rows(page), page.locator("#count").inner_text()) == (["2"], "1 of 4 pairs")
    page.fill("#search", "")
    page.select_option("#order", "aer")
    assert rows(page) == ["2", "4", "1", "3"]
    page.select_option("#order", "score")
    assert rows(page) == ["3", "2", "4", "1"]
    page.select_option("#order", "long")
    assert rows(page) == ["2", "4", "1", "3"]
    page.select_option("#order", "number")
    page.select_option("#only", "differ")
    assert rows(page) == ["2", "4"]
    page.select_option("#only", "wrong")
    assert rows(page) == ["2", "4"]
    page.select_option("#only", "")
    page.fill("#least", "3")
    assert rows(page) == ["2", "4"]
    page.fill("#most-score", "0.5")
    assert rows(page) == ["2"]
    page.fill("#least", "")
    page.fill("#most-score", "")
    page.fill("#least-aer", "20")
    assert rows(page) == ["2"]


def test_the_aligner_that_is_chosen_is_drawn(open_page: Open) -> None:
    page = open_page(hash="#4")
    assert page.locator("#lines path").count() == 3
    page.get_by_role("radio", name="theirs").check()
    assert page.locator("#lines path.wrong").count() == 1
    assert "AER 75.0" not in page.locator("#list").inner_text()


def test_words_light_up_with_their_links(open_page: Open) -> None:
    page = open_page()
    page.hover("#lines .word >> nth=1")
    assert page.locator("#lines .word.on").all_inner_texts() == ["Haus", "house"]
    page.hover("#pair-title")
    assert page.locator("#lines .word.on").count() == 0
    page.click("#lines .word >> nth=0")
    page.hover("#pair-title")
    assert page.locator("#lines .word.on").all_inner_texts() == ["das", "the"]
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert page.locator("#lines .word.on").all_inner_texts() == ["Haus", "house"]
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "house"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "house: Haus"


def test_everything_can_be_reached_by_keys(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("j")
    assert page.locator("#pair-title").inner_text() == "Pair 2"
    page.keyboard.press("k")
    page.focus("#list")
    page.keyboard.press("End")
    assert page.locator("#pair-title").inner_text() == "Pair 4"
    page.keyboard.press("Home")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("j")
    assert page.locator("#search").input_value() == "j"
    page.fill("#search", "")
    page.focus("td[data-i='0'][data-j='0']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label == "Haus – house: 90.0%, linked, as in gold"


def save(page: Any, button: str, tmp_path: Path) -> list[str]:
    """Lines of the file that a button saves."""
    with page.expect_download() as download:
        page.click(button)
    path = tmp_path / str(download.value.suggested_filename)
    download.value.save_as(path)
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def test_corrected_links_are_saved_and_read_back(open_page: Open, tmp_path: Path) -> None:
    page = open_page([without_gold(pair) for pair in PAIRS], hash="#2")
    page.click("#edit")
    page.click("td[data-i='1'][data-j='2']")
    page.focus("td[data-i='1'][data-j='1']")
    page.keyboard.press("Enter")
    assert save(page, "#save-talp", tmp_path) == ["0-0 1-1", "0-0 1p1 1-2", "", "0-0 1-2"]
    assert save(page, "#save-pharaoh", tmp_path) == ["0-0 1-1", "0-0 1-2", "", "0-0 1-2"]
    page.select_option("#which", "checked")
    assert save(page, "#save-talp", tmp_path) == ["0-0 1p1 1-2"]
    assert save(page, "#save-text", tmp_path) == [f"ja {EVIL} ||| yes it is"]
    done = run("score", "-g", str(tmp_path / "test.talp"), str(tmp_path / "test.align"))
    assert done.stdout.split("\n")[1].split()[1] == "0.00"


def test_corrections_start_from_gold_are_kept_and_can_be_undone(
    open_page: Open, tmp_path: Path
) -> None:
    page = open_page(hash="#2")
    page.keyboard.press("e")
    assert page.locator("td.sure").count() == 2
    for kinds in ((3, 0), (2, 1), (2, 0)):  # one more is sure, then possible, then no link
        page.click("td[data-i='0'][data-j='1']")
        found = page.locator("td.sure").count(), page.locator("td.possible").count() - 1
        assert found == kinds
    page.click("td[data-i='0'][data-j='1']")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert "checked" in page.locator("#chosen").inner_text()
    assert page.locator("#checked").is_checked()
    assert save(page, "#save-talp", tmp_path)[1] == "0-0 0-1 1p1 1-2"
    page.click("#undo")
    assert save(page, "#save-talp", tmp_path)[1] == "0-0 1p1 1-2"
    page.check("#checked")
    assert "checked" in page.locator("#chosen").inner_text()


def test_a_pair_that_is_checked_keeps_the_links_that_were_seen(
    open_page: Open, tmp_path: Path
) -> None:
    page = open_page([without_gold(pair) for pair in PAIRS], hash="#2")
    set_threshold(page, 0.25)
    page.check("#checked")
    set_threshold(page, 0.7)
    page.get_by_role("radio", name="theirs").check()
    assert save(page, "#save-talp", tmp_path)[1] == "0-0 1-1 1-2"
    page.uncheck("#checked")
    page.click("#undo")
    assert save(page, "#save-talp", tmp_path)[1] == "0-0"


def test_two_pages_of_one_report_keep_the_work_of_both(open_page: Open) -> None:
    one = open_page(hash="#1")
    other = one.context.new_page()
    other.goto(one.url)
    other.wait_for_selector("html[data-ready]")
    one.check("#checked")
    other.locator("#checked:checked").wait_for()
    other.keyboard.press("j")
    other.check("#checked")
    one.reload()
    one.wait_for_selector("html[data-ready]")
    assert one.locator("#list .facts").all_inner_texts()[0].endswith("checked")
    assert one.locator("#list .facts").all_inner_texts()[1].endswith("checked")


def test_corrections_belong_to_the_report_that_they_were_made_in(
    open_page: Open, tmp_path: Path
) -> None:
    page = open_page(hash="#1")
    page.check("#checked")
    changed = [replace(PAIRS[0], gold=gold([(0, 1)], [])), *PAIRS[1:]]
    (tmp_path / "report.html").write_text(report(changed, ["ours", "theirs"], "test", "test"))
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert not page.locator("#checked").is_checked()


def test_words_with_spaces_keep_their_places(open_page: Open) -> None:
    pair = ViewedPair(1, SentencePair(("New York", "x"), ("a", "")), (Found(frozenset({(1, 0)})),))
    page = open_page([pair])
    assert page.locator("#lines [data-side='0']").all_inner_texts() == ["New York", "x"]
    assert page.locator("td.linked").get_attribute("aria-label") == "x – a: linked"


def test_a_word_that_the_format_cannot_hold_is_told(open_page: Open, tmp_path: Path) -> None:
    page = open_page([ViewedPair(1, SentencePair("a ||| b", "c"), (Found(),))])
    save(page, "#save-text", tmp_path)
    assert "1 pairs have the word |||" in page.locator("#saved").inner_text()


def test_the_focus_stays_where_it_was(open_page: Open) -> None:
    page = open_page()
    page.focus("td[data-i='1'][data-j='1']")
    page.keyboard.press("j")
    assert page.evaluate(
        "[document.activeElement.dataset.i, document.activeElement.dataset.j]"
    ) == [
        "1",
        "1",
    ]
    page.keyboard.press("e")
    assert page.evaluate("document.activeElement.tagName") == "TD"
    page.keyboard.press("k")
    page.focus("#previous")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "previous"


def test_keys_do_nothing_to_what_is_hidden(open_page: Open) -> None:
    page = open_page()
    page.click("#show-summary")
    page.keyboard.press("j")
    page.keyboard.press("e")
    page.click("#show-pairs")
    assert page.locator("#pair-title").inner_text() == "Pair 1"
    assert page.locator("#edit").get_attribute("aria-pressed") == "false"


def test_the_skip_link_leads_to_the_pair_and_keeps_its_address(open_page: Open) -> None:
    page = open_page(hash="#2")
    page.focus(".skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "pair"
    assert page.url.endswith("#2")


def test_possible_links_are_spoken_in_correction(open_page: Open) -> None:
    page = open_page(hash="#2")
    page.keyboard.press("e")
    name = page.locator("#lines [data-side='1'][data-word='1']").get_attribute("aria-label")
    assert name == f"it: {EVIL} (possible)"


def test_a_page_without_pairs_does_nothing(open_page: Open, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    path.write_text(report([], ["ours"], "test", "test"))
    page = open_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.check("#checked")
    page.click("#undo", force=True)
    page.click("#edit")
    page.keyboard.press("j")
    page.click("#show-summary")


def test_what_the_data_lacks_is_not_offered(open_page: Open) -> None:
    page = open_page([without_gold(pair, kept=1) for pair in PAIRS])
    assert not page.locator("#threshold-box").is_visible()
    assert "AER" not in page.locator("body").inner_text()
    assert page.locator("#order option").all_inner_texts() == [
        "as in the file",
        "longest",
        "shortest",
    ]
    assert page.locator("#choice input").count() == 0
    page.click("#show-summary")
    assert page.locator("figcaption").all_inner_texts() == ["Links by distance from the diagonal"]


def test_the_summary_has_charts_with_their_numbers(open_page: Open) -> None:
    page = open_page()
    page.click("#show-summary")
    assert page.locator("figcaption").all_inner_texts() == [
        "AER by words of the longer side",
        "Precision and recall over the threshold",
        "Probability, and share that is in gold",
        "Links by distance from the diagonal",
    ]
    page.click("figure:nth-child(1) summary")
    cells = page.locator("figure:nth-child(1) tbody tr").first.inner_text().split("\t")
    assert cells[:3] == ["ours", "1–10 words, 4 pairs", "15.4"]
    set_threshold(page, 0.25)
    cells = page.locator("figure:nth-child(1) tbody tr").first.all_inner_texts()[0].split("\t")
    assert cells[2] == "7.1"
    page.click("#show-pairs")
    assert page.locator("#pair").is_visible()


def test_text_from_right_to_left_runs_so(open_page: Open) -> None:
    page = open_page(hash="#4")
    boxes = [page.locator("#lines .word").nth(k).bounding_box()["x"] for k in range(2)]
    assert boxes[0] > boxes[1], "the first word stands on the right"
    page.focus("#lines .word >> nth=0")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.textContent") == "לכולם"


def test_it_is_dark_where_the_system_is_and_by_a_button(open_page: Open) -> None:
    def paper(page: Any) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    dark = open_page(color_scheme="dark")
    assert paper(dark) == "rgb(20, 23, 27)"
    dark.click("#theme")
    assert paper(dark) == "rgb(255, 255, 255)"
    light = open_page(color_scheme="light")
    light.click("#theme")
    assert paper(light) == "rgb(20, 23, 27)"


def test_it_fits_a_phone(open_page: Open) -> None:
    words = [f"word{k}" for k in range(60)]
    long = ViewedPair(1, SentencePair(words, words), (Found(frozenset({(0, 0)})),))
    page = open_page([long], viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#show-summary")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_print_has_the_pair_alone(open_page: Open) -> None:
    page = open_page()
    page.emulate_media(media="print")
    assert not page.locator("#pairs").is_visible()
    assert not page.locator("#next").is_visible()
    assert page.locator("#lines").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_screen_readers_get_roles_and_names(open_page: Open) -> None:
    page = open_page(hash="#2")
    tree = page.locator("body").aria_snapshot()
    for part in (
        "listbox",
        "option",
        "grid",
        "columnheader",
        "rowheader",
        "gridcell",
        'slider "Threshold',
        'searchbox "Search both sides"',
    ):
        assert part in tree, part
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select')].filter(e => !(e.labels?.length"
        " || e.ariaLabel || e.textContent.trim())).map(e => e.id)"
    )
    assert unnamed == []


def test_a_long_list_has_few_rows_at_a_time(open_page: Open) -> None:
    one = found((0, 0, 0.9), (1, 1, 0.8), (0, 1, 0.1))
    many = [
        ViewedPair(k, SentencePair(f"das Haus{k}", "the house"), (one,)) for k in range(1, 10_001)
    ]
    page = open_page(many)
    assert page.locator("#list [role=option]").count() < 60
    page.evaluate("document.querySelector('#list').scrollTop = 1e9")
    page.locator("#list .number", has_text="10000").wait_for()
    assert page.locator("#list [role=option]").count() < 60
    page.fill("#search", "haus9999")
    assert rows(page) == ["9999"]


@pytest.mark.parametrize("words", [200])
def test_very_large_matrices_are_drawn_when_asked_for(open_page: Open, words: int) -> None:
    side = ["w"] * words
    page = open_page([ViewedPair(1, SentencePair(side, side), (Found(frozenset({(0, 0)})),))])
    assert page.locator("td[data-i]").count() == 0
    page.get_by_text(f"Draw {words * words} cells").click()
    assert page.locator("td[data-i]").count() == words * words


@pytest.mark.skipif("XALIGN_SCREENSHOTS" not in os.environ, reason="XALIGN_SCREENSHOTS is a folder")
def test_screenshots(open_page: Open) -> None:
    folder = Path(os.environ["XALIGN_SCREENSHOTS"])
    looks: dict[str, dict[str, Any]] = {
        "light": {"color_scheme": "light"},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": {"width": 390, "height": 844}},
    }
    for name, options in looks.items():
        page = open_page(hash="#2", **options)
        page.screenshot(path=folder / f"{name}.png", full_page=True)
        assert re.search("Pair 2", page.locator("h2").inner_text())

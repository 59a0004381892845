"""The grid of a pair in a terminal."""

from hypothesis import given
from hypothesis import strategies as some

from xalign.drawing.grid import FIRST_ISOLATE, draw, legend
from xalign.drawing.picture import Picture, width

SRC, TGT = ["ich", "habe", "heute", "keine", "Zeit", "."], ["I", "have", "no", "time", "today", "."]
LINKS = frozenset({(0, 0), (1, 1), (2, 4), (3, 2), (4, 3), (5, 4)})
SURE = frozenset({(0, 0), (1, 1), (2, 4), (3, 2), (4, 3), (5, 5)})


def plain(picture: Picture, columns: int = 100) -> list[str]:
    return [line.plain.rstrip() for line in draw(picture, columns)]


def test_signs_tell_links_from_mistakes() -> None:
    picture = Picture(SRC, TGT, LINKS, sure=SURE, possible=SURE | {(3, 3)})
    assert plain(picture) == [
        "       I  have  no  time  today  .",
        "ich    ●",
        "habe      ●",
        "heute                     ●",
        "keine           ●   ·",
        "Zeit                ●",
        ".                         ✗      ○",
    ]


def test_probabilities_are_shades_where_there_is_no_link() -> None:
    known = {(0, 0): 0.9, (0, 1): 0.6, (1, 0): 0.3, (1, 1): 0.06, (1, 2): 0.04}
    picture = Picture(["a", "b"], ["x", "y", "z"], frozenset({(0, 0)}), known)
    assert plain(picture) == ["   x  y  z", "a  ●  ▓", "b  ▒  ░"]


def test_colours_say_the_same_as_signs() -> None:
    picture = Picture(["a"], ["x", "y", "z"], frozenset({(0, 0)}), {(0, 0): 0.95, (0, 1): 0.3})
    (_, line) = draw(picture, 80)
    assert [str(span.style) for span in line.spans] == ["white on #1d4ed8", "#93c5fd on #93c5fd"]


def test_wide_characters_and_combining_marks_keep_columns_apart() -> None:
    picture = Picture(["私", "cafe\u0301"], ["東京", "is"], frozenset({(0, 0), (1, 1)}))
    head, first, second = plain(picture)
    assert width(head[: head.index("is")]) == width(second[: second.index("●")]) == 12
    assert width(head[: head.index("東")]) == width(first[: first.index("●")]) == 6


def test_words_from_right_to_left_are_isolated() -> None:
    head, row = plain(Picture(["שלום"], ["peace"], frozenset({(0, 0)})))
    assert row.startswith(f"{FIRST_ISOLATE}שלום")
    assert FIRST_ISOLATE not in head
    assert width(row[: row.index("●")]) == head.index("p")


def test_long_words_are_shortened_and_control_characters_replaced() -> None:
    head, row = plain(Picture(["Donaudampfschifffahrt"], ["\x1b[31m"], frozenset()))
    assert row == "Donaudampfschif…"
    assert head.strip() == "\ufffd[31m"


def test_a_pair_that_is_too_wide_is_folded() -> None:
    picture = Picture(SRC, TGT, SURE)
    assert plain(picture, 24) == [
        "       I  have  no  time",
        "ich    ●",
        "habe      ●",
        "heute",
        "keine           ●",
        "Zeit                ●",
        "",
        "       today  .",
        "heute  ●",
        "keine",
        "Zeit",
        ".             ●",
    ]


places = some.tuples(some.integers(0, 7), some.integers(0, 7))


@given(some.frozensets(places), some.integers(1, 60))
def test_folding_shows_every_word_and_every_link(
    links: frozenset[tuple[int, int]], columns: int
) -> None:
    words = [f"w{k}" for k in range(8)]
    lines = plain(Picture(words, words, links), columns)
    assert sum(line.count("●") for line in lines) == len(links)
    rows = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert set(rows) == set(words)
    heads = [word for line in lines if line.startswith(" ") for word in line.split()]
    assert heads == words


def test_a_pair_with_an_empty_side_has_its_other_side() -> None:
    assert plain(Picture([], ["the"], frozenset())) == ["  the"]
    assert plain(Picture(["das", "Haus"], [], frozenset())) == ["", "das", "Haus"]


def test_a_pair_of_thousands_of_words_takes_seconds() -> None:
    words = ["w"] * 4000
    picture = Picture(words, words, frozenset((k, k) for k in range(4000)))
    assert sum(line.count("●") for line in plain(picture, 10**6)) == 4000


def test_the_legend_is_about_what_is_there() -> None:
    assert "✗ linked, not in gold" in legend(True)
    assert "✗" not in legend(False)

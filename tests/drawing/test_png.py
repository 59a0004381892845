"""The picture of a pair in PNG."""

import pytest

from xalign.drawing import png
from xalign.drawing.picture import Picture
from xalign.errors import XalignError

pytest.importorskip("matplotlib")
SURE = frozenset({(0, 1)})
PICTURE = Picture(
    ["das", "$x$"], ["the", "e\u0301"], frozenset({(0, 0)}), {(0, 0): 0.9}, SURE, SURE | {(1, 1)}
)


@pytest.mark.slow
def test_a_picture_is_a_png_file_and_the_same_each_time() -> None:
    found = png.draw(PICTURE)
    assert found.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.draw(PICTURE) == found
    assert png.draw(Picture([], [], frozenset())).startswith(b"\x89PNG")


def test_the_fonts_have_all_characters_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [("Base", set("abc")), ("Useless", set("abc")), ("Wide", set("東京"))]
    monkeypatch.setattr(png, "fonts", lambda: iter(known))
    assert png.fonts_for("a b") == ["Base"]
    assert png.fonts_for("a東") == ["Base", "Wide"]
    assert png.fonts_for(" ") == ["DejaVu Sans"]
    with pytest.raises(XalignError, match="has the characters 北; install a font that has them"):
        png.fonts_for("a北")


def test_the_fonts_of_this_machine_have_latin_letters_and_no_last_resort() -> None:
    names = [name for name, _ in zip((name for name, _ in png.fonts()), range(5), strict=False)]
    assert names[0] == png.BASE_FONT
    assert png.FALLBACK not in names
    assert png.fonts_for("Häuser") == [png.BASE_FONT]


def test_new_fonts_of_the_machine_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import font_manager

    (path,) = [
        font.fname
        for font in font_manager.fontManager.ttflist
        if font.name == "STIXGeneral" and font.style == "normal" and font.weight == 400
    ][:1]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path])
    assert [name for name, _ in png.fonts()] == ["STIXGeneral"]


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(XalignError, match=r"pip install 'xalign\[plot\]'"):
        png.draw(PICTURE)

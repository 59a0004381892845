"""The picture of a pair in TikZ."""

from xalign.drawing.picture import Picture
from xalign.drawing.tikz import draw, escaped


def test_a_picture_has_words_links_and_probabilities() -> None:
    text = draw(Picture(["das"], ["the", "house"], frozenset({(0, 0)}), {(0, 0): 0.98}))
    assert r"\begin{tikzpicture}" in text
    assert r"\node[anchor=base east] at (-0.1,0.7) {das};" in text
    assert r"\node[anchor=west, rotate=60] at (1.5,-0.1) {house};" in text
    assert r"\fill[blue!74!white, fill opacity=0.8] (0,0) rectangle +(1,1);" in text
    assert r"\fill (0.5,0.5) circle [radius=0.2];" in text


def test_each_kind_has_its_sign() -> None:
    sure = frozenset({(0, 1)})
    text = draw(Picture(["a"], ["x", "y", "z"], frozenset({(0, 0)}), {}, sure, sure | {(0, 2)}))
    assert r"\draw[red, very thick] (0.3,0.3) -- +(0.4,0.4) (0.7,0.3) -- +(-0.4,0.4);" in text
    assert r"\draw[orange, very thick] (1.5,0.5) circle [radius=0.25];" in text
    assert r"\draw[orange] (2.5,0.5) circle [radius=0.12];" in text


def test_characters_of_latex_are_escaped() -> None:
    assert escaped("\\&%$#_{}~^") == (
        r"\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}"
    )
    assert escaped("a--b<|>`") == r"a{-}{-}b\textless{}\textbar{}\textgreater{}{`}"

"""Guesses about files that are no sentence pairs."""

import bz2
import gzip
import lzma
import subprocess
from pathlib import Path

import pytest

from xalign.io.sniff import advice, is_garbled, kind_of, likely_separator

TEXT = "das Haus ||| the house\nja ||| yes\n" * 5


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (gzip.compress(TEXT.encode(), mtime=0), "gzip data"),
        (bz2.compress(TEXT.encode()), "bzip2 data"),
        (lzma.compress(TEXT.encode()), "xz data"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd data"),
        (b"PK\x03\x04\x14", "a zip archive"),
        (b"%PDF-1.7", "a PDF"),
        (TEXT.encode("utf-16"), "text in UTF-16"),
        (TEXT.encode("utf-16-le"), "text in UTF-16"),
        (TEXT.encode("utf-16-be"), "text in UTF-16"),
        (TEXT.encode("utf-32"), "text in UTF-32"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(data: bytes, name: str) -> None:
    kind = kind_of(data.split(b"\n")[:20])
    assert kind is not None
    assert kind.name == name
    assert f"it looks like {name}: " in advice(data.split(b"\n"), "a b.txt")


def test_the_order_of_bytes_is_in_the_command() -> None:
    for order in ("le", "be"):
        lines = TEXT.encode(f"utf-16-{order}").split(b"\n")
        expected = f"run: iconv -f utf-16{order} -t utf-8 a > mended.txt"
        assert advice(lines, "a").endswith(expected)


def test_text_is_no_other_kind_of_file() -> None:
    for text in (TEXT, "BZh is a word ||| PK\n", "%PDF ||| Rar!\n", "", "日本 ||| Japan\n"):
        assert kind_of(text.encode().split(b"\n")) is None


@pytest.mark.parametrize(
    ("lines", "separator"),
    [
        (["a;b", "c;d"], ";"),
        (["a || b"], "||"),
        (["a |||| b"], "||||"),
        (["a\\tb"], "\\t"),
        (["ein Haus, ja;a house, yes"], ";"),
        (["a", "b"], None),
        (["a;b"] * 9 + ["a"], ";"),
        (["a;b"] * 8 + ["a"], None),
        ([], None),
    ],
)
def test_the_separator_is_what_every_line_has_once(lines: list[str], separator: str) -> None:
    assert likely_separator(lines) == separator


def test_advice_is_what_to_type() -> None:
    assert advice([b"a|||b"], "c.txt", "| xalign align") == (
        "spaces are missing around '|||'; run: sed 's/|||/ ||| /' c.txt | xalign align"
    )
    assert advice([b"Gr\xfc\xdfe"], "<stdin>").endswith(
        "iconv -f latin1 -t utf-8 FILE > mended.txt"
    )
    assert advice([b"a"], "my file", other="b.en") == (
        "expected lines 'source ||| target' or 'source TAB target'; "
        "for sentences in two files: paste 'my file' b.en > pairs.txt"
    )
    assert advice([b"a"], "a", "| xalign align").endswith("two files: -s a -t TRANSLATIONS")
    csv = [b'"Ja, das Haus","Yes, the house"', b'Haus,"the house, yes"', b'"ja, ja",yes']
    assert advice(csv, "c.csv") == (
        "it looks like CSV: write lines 'source TAB target', for example with csvformat -T"
    )
    assert advice([], "c.txt") == advice([b" ", b""], "c.txt") == "it has no text"
    assert advice([b'{"a": 1}'], "c.txt") == (
        "it looks like JSON: write lines 'source TAB target', for example with jq"
    )


def test_text_with_the_character_0_is_garbled() -> None:
    assert is_garbled("a\0b")
    assert not is_garbled("a b")


@pytest.mark.parametrize("separator", ["|", "||", "||||", ";", "@@@", "\\t", "###"])
def test_the_advised_command_mends_the_file(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    path.write_text(f"das Haus{separator}the house\n")
    hint = advice([path.read_bytes().rstrip()], str(path), "| cat")
    command = hint.partition("run: ")[2]
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "das Haus\tthe house\n"

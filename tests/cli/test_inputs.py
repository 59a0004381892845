"""Opening the sentence pairs of a command."""

import gzip
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import run
from xalign.aligning.settings import Inputs
from xalign.alignment import SentencePair
from xalign.cli import inputs
from xalign.cli.inputs import check_first_lines, open_pairs
from xalign.console import BadLines
from xalign.errors import InputError
from xalign.links.notices import Watched


def silent(*, is_lenient: bool = False) -> BadLines:
    """Counts bad lines and says nothing."""
    return BadLines(is_lenient=is_lenient, say=lambda _: None)


def read(given: Inputs, bad: BadLines | None = None) -> list[str]:
    """Sources of the pairs in a command's input."""
    measured, pairs = open_pairs(
        given, bad or silent(), Watched(SentencePair.from_text, lambda _: None)
    )
    with closing(measured):
        return [" ".join(pair.src) for pair in pairs]


def test_several_files_are_one_input_that_knows_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a ||| a\n")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"b ||| b\nc ||| c\n"))
    paths = (str(tmp_path / "a"), str(tmp_path / "b.gz"))
    measured, pairs = open_pairs(
        Inputs(paths), silent(), Watched(SentencePair.from_text, lambda _: None)
    )
    assert measured.position == 0
    assert len(list(pairs)) == 3
    assert measured.position == measured.size == sum(Path(path).stat().st_size for path in paths)


def test_lines_are_counted_in_each_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a ||| a\na ||| a\n")
    (tmp_path / "b").write_text("b ||| b\nbad\n")
    with pytest.raises(InputError, match="b:2: expected"):
        read(Inputs((str(tmp_path / "a"), str(tmp_path / "b"))), BadLines(strict=True))


def test_shards_of_several_files_concatenate_to_the_whole(tmp_path: Path) -> None:
    for name, size in (("a", 3), ("b", 0), ("c", 5)):
        (tmp_path / name).write_text("".join(f"{name}{k} ||| x\n" for k in range(size)))
    paths = tuple(str(tmp_path / name) for name in "abc")
    whole = read(Inputs(paths))
    assert len(whole) == 8
    for total in (1, 2, 3, 9):
        parts = [read(Inputs(paths, shard=f"{k + 1}/{total}")) for k in range(total)]
        assert [line for part in parts for line in part] == whole


def test_a_file_of_something_else_is_refused_after_its_first_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "FIRST_LINES", 10)
    path = tmp_path / "c"
    path.write_text("a;b\n" * 9 + "a ||| b\n" + "a;b\n" * 5)
    assert len(read(Inputs((str(path),)))) == 15  # one good line among the first
    path.write_text("a;b\n" * 10 + "a ||| b\n")
    _, pairs = open_pairs(
        Inputs((str(path),)), silent(), Watched(SentencePair.from_text, lambda _: None)
    )
    for _ in range(10):
        next(pairs)
    with pytest.raises(
        InputError, match="none of its first 10 lines is a sentence pair; its sides"
    ):
        next(pairs)
    assert len(read(Inputs((str(path),)), silent(is_lenient=True))) == 11


def test_a_file_that_is_no_text_is_refused_before_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(gzip.compress(b"a ||| b\n"))
    bad = silent()
    with pytest.raises(InputError, match=r"c: it looks like gzip data: give it the suffix \.gz"):
        read(Inputs((str(path),)), bad)
    assert bad.count == 0
    assert read(Inputs((str(path),)), silent(is_lenient=True)) != []
    with pytest.raises(InputError, match="gzip data"):
        read(Inputs(source=str(path), target=str(path)))


def test_blank_lines_are_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_text("\n" * 1200)
    assert len(read(Inputs((str(path),)))) == 1200
    path.write_text("\n" * 1200 + "bad\n")
    assert len(read(Inputs((str(path),)))) == 1201


def test_two_files_of_another_encoding_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes("Grüße\nschön\n".encode("latin-1"))
    with pytest.raises(InputError, match="iconv -f latin1 -t utf-8 on both files"):
        read(Inputs(source=str(path), target=str(path)))


def test_the_first_lines_are_checked_for_workers(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_text("a ||| b\nbad\n")
    check_first_lines(str(path))
    path.write_text("a;b\n")
    with pytest.raises(InputError, match="its only line is no sentence pair"):
        check_first_lines(str(path))


def test_columns_are_picked(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_text("1\tdas Haus\t2\tthe house\n\n3\tja\n")
    bad = silent()
    assert read(Inputs((str(path),), columns="2,4"), bad) == ["das Haus", "", ""]
    assert bad.count == 1
    assert run("align", "-s", path, "-t", path, "--columns", "1,2").exit_code == 2


def test_standard_input_is_one_of_the_inputs_at_most_once() -> None:
    done = run("align", "-i", "-", "-i", "-")
    assert (done.exit_code, done.stderr.split(";")[0]) == (
        2,
        "xalign: only one -i can be standard input",
    )

"""Opening, decompressing, lines of all lengths."""

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
from pathlib import Path

import pytest
from backports import zstd

from xalign.errors import InputError
from xalign.io.files import LongLine, Source, stem
from xalign.io.outputs import output
from xalign.io.pairs import decode

TEXT = b"eins ||| one\nzwei ||| two\n" * 1000
SUFFIXES = ["", ".gz", ".xz", ".zst", ".bz2"]


def lines(path: Path, content: bytes) -> list[bytes]:
    """Lines that are read from ``path`` with this content."""
    path.write_bytes(content)
    return list(Source(str(path)))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"corpus.txt{suffix}"
    with output(str(path)) as out:
        out.write(TEXT)
    source = Source(str(path))
    assert b"".join(line + b"\n" for line in source) == TEXT
    assert source.position == source.size == path.stat().st_size
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


def test_other_programs_read_what_is_written(tmp_path: Path) -> None:
    readers = {
        ".gz": gzip.decompress,
        ".xz": lzma.decompress,
        ".zst": zstd.decompress,
        ".bz2": bz2.decompress,
    }
    for suffix, decompress in readers.items():
        with output(str(tmp_path / f"a{suffix}")) as out:
            out.write(TEXT)
        assert decompress((tmp_path / f"a{suffix}").read_bytes()) == TEXT
    assert (tmp_path / "a.gz").read_bytes()[3:8] == bytes(5)  # neither a name nor a time


def test_several_compressed_streams_end_to_end_are_one_file(tmp_path: Path) -> None:
    assert lines(tmp_path / "a.gz", gzip.compress(b"a\n") + gzip.compress(b"b\n")) == [b"a", b"b"]
    assert lines(tmp_path / "a.xz", lzma.compress(b"a\n") + lzma.compress(b"b\n")) == [b"a", b"b"]
    frames = zstd.compress(b"a\n") + zstd.compress(b"b\n")
    assert lines(tmp_path / "a.zst", frames) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\rb\n", [b"a\rb"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", [b"a", b"\xef\xbb\xbfb"]),
        (b"\n\n", [b"", b""]),
        ("a\u2028b\x0b\x0c\x85c\n".encode(), ["a\u2028b\x0b\x0c\x85c".encode()]),
        (b"a\x00b\n", [b"a\x00b"]),
    ],
)
def test_lines_end_at_newlines_alone(tmp_path: Path, content: bytes, expected: list[bytes]) -> None:
    assert lines(tmp_path / "corpus.txt", content) == expected


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: cannot be read: No such file or directory"):
        Source(str(tmp_path / "none.txt"))


def test_a_folder_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        Source(str(tmp_path))


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
def test_damaged_data_is_an_error_and_never_a_silent_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"corpus{suffix}"
    with output(str(path)) as out:
        out.write(os.urandom(10_000))
    whole = path.read_bytes()
    with pytest.raises(InputError, match="damaged compressed data"):
        lines(path, whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged compressed data"):
        lines(path, b"not compressed at all")


def test_dash_is_standard_input_and_output(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(b"a\nb\n")
    with (tmp_path / "in").open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        source = Source("-")
        assert (source.name, source.size, list(source)) == ("<stdin>", 4, [b"a", b"b"])
        assert not file.closed
    with output("-") as out:
        out.write(b"0-0\n")
    assert capfdbinary.readouterr().out == b"0-0\n"


def test_a_pipe_has_no_size() -> None:
    read, write = os.pipe()
    os.close(write)
    source = Source(f"/dev/fd/{read}")
    assert source.size is None
    assert list(source) == []
    os.close(read)


def test_a_long_line_is_marked_and_read_past(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc\nabcd\nabcde\nabc\r\nabcde\r\n" + b"x" * 300_000 + b"\nab")
    found = list(Source(str(tmp_path / "a"), 4))
    assert [isinstance(line, LongLine) for line in found] == [
        False,
        False,
        True,
        False,
        True,
        True,
        False,
    ]
    assert found[:2] + found[3:4] + found[6:] == [b"abc", b"abcd", b"abc", b"ab"]
    assert len(found[5]) <= 1000
    (tmp_path / "b").write_bytes(b"\xef\xbb\xbf" + b"a ||| " * 2000)
    assert isinstance(next(iter(Source(str(tmp_path / "b"), 1000))), LongLine)
    with pytest.raises(InputError, match="expected a line of at most 4 bytes"):
        decode(found[2], "a", 3)


def test_a_source_for_other_files_refuses_lines_that_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xalign.io.files.MAX_OTHER_BYTES", 100)
    with pytest.raises(InputError, match=r"a:2: expected a line of at most 100 bytes"):
        lines(tmp_path / "a", b"a" * 100 + b"\n" + b"a" * 101 + b"\n")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_lines_are_passed_over(tmp_path: Path, suffix: str) -> None:
    with output(str(tmp_path / f"a{suffix}")) as out:
        out.write(b"\xef\xbb\xbfa\nb\nc\n")
    source = Source(str(tmp_path / f"a{suffix}"))
    assert (source.first, source.skip(2), source.first) == (1, 2, 3)
    assert list(source) == [b"c"]
    source = Source(str(tmp_path / f"a{suffix}"))
    assert (source.skip(9), list(source)) == (3, [])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_gigabyte_without_a_line_end_takes_no_memory(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"zeros{suffix}"
    if suffix:
        size = 2**30 if suffix in (".gz", ".zst") else 2**27
        with output(str(path)) as out:
            for _ in range(size >> 22):
                out.write(bytes(2**22))
    else:
        path.touch()
        os.truncate(path, 2**30)
    program = (
        "import resource, sys\nfrom xalign.io.files import Source\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert len(list(Source(sys.argv[1], 1 << 20))) == 1\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 50_000  # kilobytes


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("out/ours.align.gz", "ours"),
        ("a\\b.align", "b"),
        ("-", "stdin"),
        ("plain", "plain"),
        ("x.y.zst", "x"),
        ("x.y.bz2", "x"),
        (".align", ".align"),
        ("a\x1b[31m.align", "a\ufffd[31m"),
    ],
)
def test_a_file_is_shown_by_its_name(path: str, name: str) -> None:
    assert stem(path) == name

"""Opening, decompressing, atomic writing."""

import gzip
import io
import lzma
import os
import threading
from pathlib import Path

import pytest
from backports import zstd

from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.outputs import output

TEXT = b"eins ||| one\nzwei ||| two\n" * 1000
SUFFIXES = ["", ".gz", ".xz", ".zst"]


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
    readers = {".gz": gzip.decompress, ".xz": lzma.decompress, ".zst": zstd.decompress}
    for suffix, decompress in readers.items():
        with output(str(tmp_path / f"a{suffix}")) as out:
            out.write(TEXT)
        assert decompress((tmp_path / f"a{suffix}").read_bytes()) == TEXT


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


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_damaged_data_is_an_error_and_never_a_silent_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"corpus{suffix}"
    with output(str(path)) as out:
        out.write(os.urandom(10_000))
    whole = path.read_bytes()
    with pytest.raises(InputError, match="damaged compressed data"):
        lines(path, whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged compressed data"):
        lines(path, b"not compressed at all")


def test_output_appears_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.align"
    path.write_text("old")

    def break_off() -> None:
        with output(str(path)) as out:
            out.write(b"new")
            out.flush()
            assert path.read_text() == "old"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert path.read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["out.align"]


def test_output_to_a_pipe_is_written_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    with output(str(pipe)) as out:
        out.write(b"0-0\n")
    reader.join()
    assert found == [b"0-0\n"]


def test_output_to_a_name_of_an_open_file_is_appended_to_it(tmp_path: Path) -> None:
    with (tmp_path / "all").open("ab") as file:
        file.write(b"old\n")
        file.flush()
        with output(f"/dev/fd/{file.fileno()}") as out:
            out.write(b"new\n")
    assert (tmp_path / "all").read_bytes() == b"old\nnew\n"


def test_output_through_a_link_replaces_the_file_behind_it(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with output(str(tmp_path / "link")) as out:
        out.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="cannot be written: No such file"),
        output(str(tmp_path / "no" / "out")),
    ):
        pass
    with pytest.raises(InputError, match="it is a folder; name a file"), output(str(tmp_path)):
        pass


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

"""Errors of readers and writers in full: the file, the line, what was expected, what was found."""

import gzip
import io
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from xalign.errors import InputError
from xalign.io import char_spans, formats, gold, items, journal, matrix, pairs, shard
from xalign.io.files import Source
from xalign.io.outputs import check_outputs, output
from xalign.io.pharaoh import read_alignments

LONG = "x" * 100
TOO_MANY = b"w " * 50_001
CORPUS_ADVICE = "; convert the file first, for example with iconv -f latin1 -t utf-8"
SHORTER = "; source and target need the same number of lines"
LINK = "expected a link such as 3-4 (sure) or 3p4 (possible), found "
NAACL = "expected 'sentence i j [S|P] [confidence]', sentences numbered from 1, found "
SPANS = "expected spans such as [[0, 4, \"PER\"]], or an object with 'spans', found "
OBJECT = "expected an object with src, tgt, links and score: "
NOT_UTF_8 = (
    r"expected UTF-8, found b'\xff' at byte 0; convert the file first, for example with "
    "iconv -f latin1 -t utf-8"
)
GIZA = b"# Sentence pair (1) source length 1 target length 1 alignment score : 0.5"


def read(reader: Callable[..., Any], *lines: bytes) -> Callable[[], Any]:
    """A call that reads ``lines`` of the file x to the end."""
    return lambda: deque(as_stream(reader(lines, "x")))


def as_stream(found: Any) -> Iterable[Any]:
    """What was read, to go through."""
    return found if isinstance(found, Iterable) else ()


def two(src: list[bytes], tgt: list[bytes]) -> Callable[[], Any]:
    """A call that reads two files, from line 5 on."""
    return lambda: list(pairs.read_two_files(src, tgt, "x", "y", first=5))


CALLS: list[tuple[Callable[[], Any], str]] = [
    (
        read(pairs.read_pairs, b"a\tb", b"\xffa"),
        f"x:2: expected UTF-8, found b'\\xffa' at byte 0{CORPUS_ADVICE}",
    ),
    (
        read(pairs.read_pairs, TOO_MANY + b"\ta"),
        "x:1: expected at most 50,000 words a side, found 50,001",
    ),
    (
        lambda: list(pairs.read_as(print, [b"a\tb\tc", b"a\tb"], "x", columns=(1, 3))),
        "x:2: expected 3 columns separated by TABs, found 2 in 'a\\tb'",
    ),
    (
        read(pairs.read_pairs, LONG.encode()),
        f"x:1: expected 'source ||| target' or 'source TAB target', found '{LONG[:40]}…'",
    ),
    (two([b"a", b"b"], [b"c"]), f"y:6: expected a line for line 6 of x, found the end{SHORTER}"),
    (two([], [b"c"]), f"x:5: expected a line for line 5 of y, found the end{SHORTER}"),
    (two([TOO_MANY], [b"a"]), "x:5: expected at most 50,000 words a side, found 50,001"),
    (two([b"a"], [TOO_MANY]), "y:5: expected at most 50,000 words a side, found 50,001"),
    (two([b"a"], [b"\xff"]), f"y:5: expected UTF-8, found b'\\xff' at byte 0{CORPUS_ADVICE}"),
    (read(gold.read_gold, b"1-1", LONG.encode()), f"x:2: {LINK}'{LONG[:40]}'"),
    (read(gold.read_gold, b"1-1", b"\xff"), f"x:2: {LINK}'\\\\xff'"),
    (read(gold.read_gold, b"1 1 1", LONG.encode()), f"x:2: {NAACL}'{LONG[:40]}'"),
    (
        read(gold.read_gold, b"3001 1 1", b"3002 1 1"),
        "x: expected sentences numbered from 1, found sentence 3002, but only 2 with links",
    ),
    (
        read(gold.read_gold, b"1 1", LONG.encode()),
        f"x:2: expected a link as 'i j', found '{LONG[:40]}'",
    ),
    (
        read(gold.read_gold, b"<html>"),
        "x: expected XML with <s>, <sure> and <possible>, found no <s>",
    ),
    (read(gold.read_gold, b"<s><sure>1:1</sure></s>"), f"x: {LINK}'1:1'"),
    (
        read(gold.read_gold, b'{"records": [{"source": ["x"], "target": ["y"]}]}'),
        "x: expected JSON with records of source and target tokens such as 40005003001: "
        "found the token 'x'",
    ),
    (
        read(formats.read_scored, b"", LONG.encode()),
        f"x:2: expected a link with its probability such as 3-4:0.9, found '{LONG[:40]}'",
    ),
    (
        read(formats.read_scored, b"\xff"),
        "x:1: expected a link with its probability such as 3-4:0.9, found '\\\\xff'",
    ),
    (read(formats.read_jsonl, b'{"src": []}'), f"x:1: {OBJECT}KeyError('tgt')"),
    (
        read(formats.read_tsv, b"a\tb\t0-0", b"a"),
        "x:2: expected source TAB target TAB links, found 1 columns",
    ),
    (
        read(formats.read_tsv, b"\xff"),
        f"x:1: {NOT_UTF_8}",
    ),
    (
        read(formats.read_naacl, b"1 1 1", b"2 0 " + LONG.encode()),
        f"x:2: expected 'sentence source target S probability', in order and from 1, found {'2 0 ' + LONG[:36]!r}",
    ),
    (
        read(formats.read_naacl, b"2 1 1", b"1 1 1"),
        "x:2: expected 'sentence source target S probability', in order and from 1, found '1 1 1'",
    ),
    (
        read(formats.read_naacl, b"1 1 1", b"3 1 1", b"3001 1 1"),
        "x:3: expected sentences numbered from 1, found 3001 after 2 with links",
    ),
    (
        read(formats.read_giza, b"a"),
        "x:1: expected '# Sentence pair (1) ... alignment score : 0.5', found 'a'",
    ),
    (
        read(formats.read_giza, GIZA, b"a", LONG.encode()),
        f"x:3: expected 'NULL ({{ }}) word ({{ 1 }}) ...', found '{LONG[:40]}'",
    ),
    (
        read(formats.read_giza, GIZA, b"\xff"),
        f"x:2: {NOT_UTF_8}",
    ),
    (
        read(formats.read_giza, GIZA, b"a", b"\xff"),
        f"x:3: {NOT_UTF_8}",
    ),
    (read(read_alignments, b"0-0", b"\xff"), "x:2: expected a link such as 3-4, found '\\\\xff'"),
    (
        lambda: char_spans.read_char_spans(b"[3] " + LONG.encode(), "x", 7),
        f"x:7: {SPANS}{'[3] ' + LONG[:56]!r}",
    ),
    (
        lambda: list(items.as_pairs("das Haus")),
        "pairs: expected a sequence of sentence pairs, found one str",
    ),
    (
        lambda: list(items.as_pairs([], src="de")),
        "pairs: give both src= and tgt=, the names of the columns",
    ),
    (
        lambda: list(items.as_pairs([["x" * 78], 3])),
        f"pairs:1: expected two sentences, as text or as words, found ['{'x' * 78}...",
    ),
    (
        lambda: list(items.as_pairs([("a", "b"), ["x" * 76]])),
        f"pairs:2: expected two sentences, as text or as words, found ['{'x' * 76}']",
    ),
    (
        lambda: shard.open_shards(["-"], 1, 2),
        "<stdin>: a shard needs an input that can be read twice; name a file",
    ),
    (
        lambda: shard.open_shards(["/dev/null"], 1, 2),
        "/dev/null: a shard needs an input that can be read twice; name a file",
    ),
    (
        lambda: journal.identity_of("-"),
        "<stdin>: a job that can go on reads files; leave out --resume for a pipe",
    ),
    (
        lambda: journal.identity_of("/dev/null"),
        "/dev/null: a job that can go on reads files; leave out --resume for a pipe",
    ),
    (
        lambda: journal.identity_of("none"),
        "none: cannot be read: No such file or directory",
    ),
    (
        lambda: journal.Journal("/dev/null", ["/dev/null"], {}).__enter__(),
        "/dev/null: expected a file; leave out --resume for a pipe",
    ),
    (
        lambda: list(matrix.read_matrices("none")),
        "none: cannot be read: No such file or directory",
    ),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message[:40] for _, message in CALLS])
def test_an_error_says_all(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == message


def test_errors_of_files_say_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("short.gz").write_bytes(gzip.compress(b"a\nb\n")[:-4])
    Path("m.npz").write_bytes(b"PK\x05\x06")
    Path("m.jsonl").write_text("{}\n")
    Path("dir").mkdir()
    Path("file").touch()
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: Source("none"), "none: cannot be read: No such file or directory"),
        (
            lambda: list(Source("short.gz")),
            "short.gz:3: damaged compressed data: Compressed file ended before the "
            "end-of-stream marker was reached",
        ),
        (lambda: list(Source("dir")), "dir: cannot be read: Is a directory"),
        (
            lambda: list(matrix.read_matrices("m.npz")),
            "m.npz: expected matrices: File is not a zip file",
        ),
        (
            lambda: list(matrix.read_matrices("none.npz")),
            "none.npz: cannot be read: No such file or directory",
        ),
        (lambda: list(matrix.read_matrices("m.jsonl")), "m.jsonl: expected matrices: 'matrix'"),
        (lambda: output("dir").__enter__(), "dir: cannot be written: it is a folder; name a file"),
        (lambda: output("no/x").__enter__(), "no/x: cannot be written: No such file or directory"),
        (lambda: output("file/x").__enter__(), "file/x: cannot be written: Not a directory"),
        (
            lambda: check_outputs(["x.ZIP"]),
            "x.ZIP: cannot be written in this format; expected .gz, .xz, .zst, .bz2 or the suffix "
            "of a plain text",
        ),
        (
            lambda: check_outputs(["file"], [None, "./file"]),
            "file: is an input of this command, and would be overwritten; name another output",
        ),
        (
            lambda: check_outputs(["new", None, "dir/../new"]),
            "dir/../new: is also another output of this command, and would be overwritten; name "
            "another output",
        ),
    ]
    for call, message in calls:
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) == message


def test_standard_streams_that_are_closed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(InputError) as caught:
        Source("-")
    assert str(caught.value) == "<stdin>: standard input is closed; name a file with -i"
    with pytest.raises(InputError) as caught, output("-"):
        pass
    assert str(caught.value) == "<stdout>: standard output is closed; name a file with -o"


def test_a_fault_of_the_disk_names_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            if line := super().readline(size or -1):
                return line
            raise OSError(5, "Input/output error")

    (tmp_path / "x").write_bytes(b"")
    source = Source(str(tmp_path / "x"))
    monkeypatch.setattr(source, "_data", Broken(b"a\nb\n"))
    with pytest.raises(InputError, match=r"x:3: cannot be read: Input/output error$"):
        list(source)

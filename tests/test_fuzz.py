"""A hundred thousand lines of anything: as many lines out, and no traceback."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import FUZZ, tiny_aligner
from xalign import reading
from xalign.aligning.aligner import Aligner
from xalign.alignment import SentencePair
from xalign.errors import InputError, XalignError
from xalign.io.char_spans import read_char_spans
from xalign.io.files import Source
from xalign.io.matrix import read_matrices
from xalign.io.pairs import read_pairs, read_two_files
from xalign.io.pharaoh import pharaoh, read_alignments
from xalign.training import given_links

LINES = 100_000
WORDS = [
    "haus",
    "house",
    "|||",
    "||",
    "|",
    "a|||b",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\u200b",
    "\x00",
    "\x1b[0m",
    "\r",
    "\x85",
    "👩‍👩‍👧",
    "שלום",
    "مرحبا",
    "日本語",
    "é",
    "e\u0301",
    "\ufeff",
    "1-1",
    "-",
    "x" * 300,
]
SEPARATORS = [" ||| ", "\t", "|||", " |||", "||| ", " ", "", "\t|||\t", " ||| ||| "]

ENDS = [*[b""] * 12, b"\r", b" ", b"\xff", b"\xed\xa0\x80"]  # the last: half a surrogate pair


def fuzzed_lines(count: int, seed: int) -> Iterator[bytes]:
    """Lines of odd words, separators, ends and bytes; a few of thousands of words."""
    draw = random.Random(seed)
    for number in range(count):
        if number % 1000 == 0:
            yield b"ab cd " * draw.randint(1, 60) + b"||| " + b"ab cd " * 60
        elif number == 5001:
            yield b"a " * 5000 + b"||| " + b"b " * 5000
        elif number % 50 == 0:
            yield draw.randbytes(draw.randint(0, 30)).replace(b"\n", b"")
        else:
            src, tgt = (
                draw.choices(WORDS, k=draw.choice([0, 1, 1, 1, 2, 2, 2, 4, 4, 4])) for _ in range(2)
            )
            separator = draw.choice(SEPARATORS) if draw.random() < 0.3 else " ||| "
            line = (" ".join(src) + separator + " ".join(tgt)).encode()
            yield line + draw.choice(ENDS)


@pytest.mark.slow
def test_a_hundred_thousand_lines_in_and_out() -> None:
    errors: list[InputError] = []
    aligner = tiny_aligner(batch_pieces=4000)
    pairs = read_pairs(fuzzed_lines(LINES, 0), "fuzz", errors.append)
    lines = [pharaoh(alignment) for alignment in aligner.align(pairs)]
    assert len(lines) == LINES
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert len(list(read_alignments((line[:-1] for line in lines), "out"))) == LINES
    for error in errors:
        assert lines[error.line - 1] == b"\n"
    counts = aligner.counts
    assert counts.pairs == LINES
    assert 1000 < len(errors) < counts.empty < 0.55 * LINES
    assert counts.windowed >= 100


@pytest.mark.slow
def test_the_embedded_model_takes_any_line_too(default_aligner: Aligner) -> None:
    pairs = list(read_pairs(fuzzed_lines(3000, 1), "fuzz", lambda _: None))
    pairs = [pair for pair in pairs if len(pair.src) < 300]
    for pair, alignment in zip(pairs, default_aligner.align(pairs), strict=True):
        assert all(i < len(pair.src) and j < len(pair.tgt) for i, j in alignment)


@settings(max_examples=300 * FUZZ)
@given(st.lists(st.binary(max_size=60).filter(lambda line: b"\n" not in line), max_size=20))
def test_any_bytes_give_a_line_for_a_line(lines: list[bytes]) -> None:
    errors: list[InputError] = []
    found = list(tiny_aligner(threads=1).align(read_pairs(lines, "fuzz", errors.append)))
    assert len(found) == len(lines)


@pytest.mark.slow
@settings(max_examples=300 * FUZZ)
@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.sampled_from(SEPARATORS), st.text(max_size=20)),
        max_size=10,
    )
)
def test_any_text_gives_links_within_its_words(rows: list[tuple[str, str, str]]) -> None:
    lines = ["".join(row).replace("\n", " ").encode(errors="surrogatepass") for row in rows]
    pairs = list(read_pairs(lines, "fuzz", lambda _: None))
    for pair, alignment in zip(pairs, tiny_aligner(threads=1).align(pairs), strict=True):
        assert all(i < len(pair.src) and j < len(pair.tgt) for i, j in alignment)


def consumed(found: object) -> None:
    """Read what a reader reads later."""
    if isinstance(found, Iterable) and not isinstance(found, str):
        for item in found:
            if isinstance(item, Iterator):
                consumed(item)


def read_two(path: Path) -> None:
    """Both sides from one file."""
    lines = list(Source(str(path)))
    consumed(read_two_files(lines, reversed(lines), "a", "b", lambda _: None))


EMPTY = SentencePair((), ())
FUZZED: dict[str, Callable[[Path], object]] = {
    "pairs": lambda path: consumed(reading.read_pairs(path)),
    "two files": read_two,
    "gold": lambda path: consumed(reading.read_gold(path)),
    "links": lambda path: consumed(reading.read_alignments(path)),
    "scores": lambda path: reading.score(path, path),
    "matrices": lambda path: consumed(read_matrices(str(path))),
    "arrays": lambda path: consumed(read_matrices(str(path.rename(path.with_suffix(".npz"))))),
    "spans": lambda path: [read_char_spans(line, "s", 1) for line in Source(str(path))],
    "links to learn": lambda path: consumed(
        given_links.with_given_links(repeat(EMPTY, 1000), "pairs", str(path))
    ),
    **{
        suffix: lambda path, suffix=suffix: consumed(  # type: ignore[misc]
            Source(str(path.rename(path.with_suffix(suffix))))
        )
        for suffix in (".gz", ".xz", ".zst", ".bz2")
    },
}
TOKENS = st.sampled_from(
    [
        *[
            "0-0",
            "1-2",
            "1p2",
            "3?4",
            "0-0:0.5",
            "1-1/S",
            "1-1P",
            "S",
            "P",
            "NULL",
            "-1",
            "#",
            "source",
            "{",
            "[",
            "[1,",
            "nan",
            "1e999",
            "<sentence",
        ],
        *[" ||| ", "\t", "1 1 1", "({ 1 })", '"', "\x00", "9" * 400, "0-" + "9" * 30, " ", "é"],
        *['{"pair": 1, "matrix": [[0.5]]}', '{"id": 1, "alignment": [[0, 0]]}', "[" * 10**5],
    ]
)
CONTENT = st.binary(max_size=80) | st.lists(
    st.lists(TOKENS, max_size=6).map(" ".join), max_size=6
).map(lambda lines: "\n".join(lines).encode())


@pytest.mark.parametrize("name", FUZZED)
@settings(max_examples=150 * FUZZ, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=CONTENT)
def test_any_file_is_read_or_is_one_error(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    try:
        FUZZED[name](path)
    except XalignError as error:
        assert "\n" not in str(error)  # noqa: PT017

"""A hundred thousand lines of anything: as many lines out, and no traceback."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import tiny_aligner
from xalign.aligning.aligner import Aligner
from xalign.errors import InputError
from xalign.io.pairs import read_pairs
from xalign.io.pharaoh import pharaoh, read_alignments

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


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60).filter(lambda line: b"\n" not in line), max_size=20))
def test_any_bytes_give_a_line_for_a_line(lines: list[bytes]) -> None:
    errors: list[InputError] = []
    found = list(tiny_aligner(threads=1).align(read_pairs(lines, "fuzz", errors.append)))
    assert len(found) == len(lines)


@pytest.mark.slow
@settings(max_examples=300)
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

"""Guesses about a file that cannot be read as sentence pairs, and advice on what to type."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

SHARE = 0.9
"""Share of lines that must have a separator once, for it to be the likely one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: how it starts, its name, and the command that turns it into text."""

    magic: tuple[bytes, ...]
    name: str
    advice: str


KINDS = (
    Kind((b"\x1f\x8b",), "gzip data", "give it the suffix .gz, or run: zcat < {file} {into}"),
    Kind((b"\xfd7zXZ\x00",), "xz data", "give it the suffix .xz, or run: xzcat < {file} {into}"),
    Kind(
        (b"\x28\xb5\x2f\xfd",),
        "zstd data",
        "give it the suffix .zst, or run: zstdcat < {file} {into}",
    ),
    Kind(
        (b"BZh91AY", b"BZh11AY", b"BZh51AY"),
        "bzip2 data",
        "give it the suffix .bz2, or run: bzcat < {file} {into}",
    ),
    Kind((b"PK\x03\x04", b"PK\x05\x06"), "a zip archive", "run: unzip -p {file} {into}"),
    Kind((b"7z\xbc\xaf\x27\x1c",), "a 7z archive", "run: 7z x -so {file} {into}"),
    Kind((b"Rar!\x1a",), "a rar archive", "run: unrar p -inul {file} {into}"),
    Kind((b"\x04\x22\x4d\x18",), "lz4 data", "run: lz4cat < {file} {into}"),
    Kind((b"%PDF-",), "a PDF", "take its text out first, for example with pdftotext"),
    Kind((b"PAR1\x15",), "a Parquet table", "write its two columns as lines 'source TAB target'"),
    Kind((b"\x93NUMPY", b"\x89HDF"), "an array", "expected text"),
    Kind((b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"), "a picture", "expected text"),
    Kind((b"\x7fELF", b"MZ\x90"), "a program", "expected text"),
    Kind(
        (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"),
        "text in UTF-32",
        "run: iconv -f utf-32 -t utf-8 {file} {into}",
    ),
    Kind(
        (b"\xff\xfe", b"\xfe\xff"),
        "text in UTF-16",
        "run: iconv -f utf-16 -t utf-8 {file} {into}",
    ),
)
UTF_16 = Kind((), "text in UTF-16", "run: iconv -f utf-16{end} -t utf-8 {file} {into}")
CSV = re.compile(r'^"|"$|","|,"')
SED_SPECIAL, ESCAPE = re.compile(r"[][\\.*^$/]"), r"\\\g<0>"
SEPARATORS = ("||||", "||", ";", "\\t", "@@@", "###", "<sep>", " => ", " -> ", " = ", "|", ",", ":")
"""Separators that people use, the less likely to occur in text first."""


def is_garbled(text: str) -> bool:
    """Whether a decoded line is no text: it holds the character 0, as UTF-16 read as UTF-8 does."""
    return "\0" in text


def advice(lines: Sequence[bytes], path: str, into: str = "", other: str = "") -> str:
    """Guess what the file at ``path`` is by its first lines, and what to type instead.

    ``into`` is where the text goes when it is mended, by default to another file; ``other`` is the
    file that may hold the translations.

    >>> advice([b"das Haus;the house", b"ja;yes"], "corpus.txt", "| xalign align")
    "its sides seem to be separated by ';'; run: sed 's/;/\\\\t/' corpus.txt | xalign align"
    """
    pipe, into = into, into or "> mended.txt"
    file = "FILE" if path.startswith("<") else shlex.quote(path)
    if kind := kind_of(lines):
        end = "le" if b"\n".join(lines)[1:2] == b"\0" else "be"
        return f"it looks like {kind.name}: {kind.advice.format(file=file, end=end, into=into)}"
    texts = [text for line in lines if (text := line.decode(errors="replace").strip())]
    if not texts:
        return "it has no text"
    if any("\ufffd" in text for text in texts):
        return f"it is not UTF-8; run for example: iconv -f latin1 -t utf-8 {file} {into}"
    if all(text.startswith("{") for text in texts):
        return "it looks like JSON: write lines 'source TAB target', for example with jq"
    if all("|||" in text and "||||" not in text for text in texts):
        script = shlex.quote("s/|||/ ||| /")
        return f"spaces are missing around '|||'; run: sed {script} {file} {into}"
    if sum(CSV.search(text) is not None for text in texts) >= SHARE * len(texts):
        return "it looks like CSV: write lines 'source TAB target', for example with csvformat -T"
    if separator := likely_separator(texts):
        script = shlex.quote(f"s/{SED_SPECIAL.sub(ESCAPE, separator)}/\\t/")
        shown = separator.strip()
        return f"its sides seem to be separated by '{shown}'; run: sed {script} {file} {into}"
    other = shlex.quote(other or "TRANSLATIONS")
    both = f"-s {file} -t {other}" if pipe else f"paste {file} {other} > pairs.txt"
    return (
        "expected lines 'source ||| target' or 'source TAB target'; "
        f"for sentences in two files: {both}"
    )


def kind_of(lines: Sequence[bytes]) -> Kind | None:
    """The kind of file that starts with ``lines``, if it is not text in UTF-8."""
    start = b"\n".join(lines)
    for kind in KINDS:
        if start.startswith(kind.magic):
            return kind
    return UTF_16 if start.count(b"\0") > len(start) / 4 else None


def likely_separator(texts: Sequence[str]) -> str | None:
    """The separator that nearly all lines have exactly once, if there is one."""
    for separator in SEPARATORS:
        count = sum(text.count(separator) == 1 for text in texts)
        if texts and count >= SHARE * len(texts):
            return separator
    return None

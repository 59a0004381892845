"""Mistakes of newcomers: the command, its exit code, and what it says, all in ``mistakes.txt``.

``python -m tests.test_mistakes`` writes the file anew; look at every change of it.
"""

import bz2
import gzip
import lzma
import os
import re
import shlex
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from unittest import mock

import pytest
import typer

from tests.conftest import run, tiny_aligner
from xalign.aligning.aligner import Aligner
from xalign.model.config import ExtractionRule
from xalign.weights import names

pytestmark = pytest.mark.skipif(
    tuple(map(int, typer.__version__.split(".")[:2])) < (0, 29),
    reason="older versions of Typer have other words for help and missing options",
)
GOLDEN = Path(__file__).with_name("mistakes.txt")
PAIRS = "das Haus ||| the house\nja ||| yes\nein Buch ||| a book\n"
HEAD = """\
Every block is a command, its exit code, its standard output if there is any (lines that begin with
'> '), and its messages. They run in a folder of small files, see tests/test_mistakes.py.
"""


def make_files() -> None:
    """The files that the commands are about, in the current folder."""
    texts = {
        "c.txt": PAIRS,
        "semicolons.txt": PAIRS.replace(" ||| ", ";"),
        "commas.csv": PAIRS.replace(" ||| ", ","),
        "glued.txt": PAIRS.replace(" ||| ", "|||"),
        "german.txt": "das Haus\nja\nein Buch\n",
        "english.txt": "the house\nyes\na book\n",
        "short.txt": "the house\n",
        "three.tsv": "das Haus\tthe house\t0.9\nja\tyes\t0.8\n",
        "tatoeba.tsv": "1\tdas Haus\t7\tthe house\n2\tja\t8\tyes\n",
        "one-bad.txt": PAIRS + "nothing here\n",
        "chinese.txt": "我们明天一起去北京看朋友。 ||| We will go to Beijing tomorrow .\n",
        "thai.txt": "เราจะไปกรุงเทพพรุ่งนี้ ||| We will go to Bangkok tomorrow .\n",
        "pairs.json": '{"de": "das Haus", "en": "the house"}\n',
        "blank.txt": "\n\n",
        "empty.txt": "",
        "gold.talp": "0-0 1-1\n0-0\n0-0 1-1\n",
        "right.align": "0-0 1-1\n0-0\n0-0 1-1\n",
        "from-1.align": "1-1 2-2\n1-1\n1-1 2-2\n",
        "possible.naacl": "1 1 1 S\n1 2 2 P\n",
        "long-possible.talp": "0-0 1p1\n0-0\n0-0\n",
        "long.talp": "0-1 1-3\n2-4 3-1\n0-2\n",
        "exchanged.align": "1-0 3-1\n4-2 1-3\n2-0\n",
        "shifted.align": "\n0-1 1-3\n2-4 3-1\n",
        "two.align": "0-0\n0-0\n",
        "scored.align": "0-0:0.9 1-1:0.4\n0-0:0.7\n\n",
        "odd.align": "0-0\nx-y\n0-0\n",
        "far.align": "0-0\n0-7\n0-0\n",
        "tags.bio": "B-X O\nO\nO O\n",
        "more-tags.bio": "B-X O\nO\nO O\nO\n",
        "utf16.txt": PAIRS,
    }
    for name, text in texts.items():
        encoding = "utf-16" if name == "utf16.txt" else "utf-8"
        Path(name).write_text(text, encoding=encoding)
    Path("utf16le.txt").write_bytes(PAIRS.replace(" ||| ", "\t").encode("utf-16-le"))
    Path("latin1.txt").write_bytes("schön und gut ||| fine\nGrüße ||| regards\n".encode("latin-1"))
    Path("gz.txt").write_bytes(gzip.compress(PAIRS.encode(), mtime=0))
    Path("c.txt.bz2").write_bytes(bz2.compress(PAIRS.encode()))
    Path("xz.txt").write_bytes(lzma.compress(PAIRS.encode()))
    Path("broken.gz").write_bytes(gzip.compress(PAIRS.encode(), mtime=0)[:30])
    Path("plain.gz").write_text(PAIRS)
    Path("plain.bz2").write_text(PAIRS)
    Path("c.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n")
    with zipfile.ZipFile("c.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("c.txt"), PAIRS)
    Path("link.txt").symlink_to("c.txt")
    Path("folder").mkdir()
    Path("model").mkdir()
    (Path("model") / "config.json").write_text('{"format_version": 99}')


def commands() -> Iterator[str]:
    """The commands of the file."""
    for line in GOLDEN.read_text(encoding="utf-8").splitlines():
        if line.startswith("$ "):
            yield line.removeprefix("$ ")


def tried(command: str) -> str:
    """A block of the file: what ``command`` gives in a new folder of `make_files`."""
    with (
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
        mock.patch.object(Aligner, "from_settings", side_effect=lambda settings: tiny()),
        mock.patch.object(names, "can_reach_hub", return_value=False),
        mock.patch.dict(os.environ, {"HF_HUB_CACHE": folder}),
    ):
        make_files()
        words = shlex.split(command)
        stdin = b""
        if "<" in words:
            stdin = Path(words[words.index("<") + 1]).read_bytes()
            words = words[: words.index("<")]
        done = run(*words[1:], stdin=stdin)
    shown = "".join(f"> {line}\n" for line in done.stdout.splitlines())
    rate = re.sub(r"\d+ pairs/s on cpu \(\w+\)", "N pairs/s on cpu", done.stderr)
    return f"$ {command}\nexit {done.exit_code}\n{shown}{rate}"


def tiny() -> Aligner:
    """An aligner that takes milliseconds, whose links mean nothing."""
    return tiny_aligner(ExtractionRule(method="words", threshold=0.2, scale=0.3))


BLOCKS = {
    text.partition("\n")[0].removeprefix("$ "): text
    for text in re.split(r"\n(?=\$ )", GOLDEN.read_text(encoding="utf-8"))[1:]
}


@pytest.mark.parametrize("command", BLOCKS)
def test_a_mistake_is_answered_as_the_file_says(command: str) -> None:
    assert tried(command).strip() == BLOCKS[command].strip()


def test_no_answer_is_a_traceback_or_without_a_name() -> None:
    for command, block in BLOCKS.items():
        lines = block.splitlines()[2:]
        messages = [line for line in lines if not line.startswith(">")]
        assert all(line.startswith("xalign: ") or not line for line in messages), command


if __name__ == "__main__":
    blocks = [HEAD, *(f"{tried(command)}" for command in commands())]
    GOLDEN.write_text("\n".join(blocks), encoding="utf-8")

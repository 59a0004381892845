"""Programs of others, run on xalign's output by `bin/clients` in an environment of their own."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import EXAMPLES, run_process
from xalign.io.files import Source
from xalign.io.pairs import read_pairs

CLIENTS = os.environ.get("XALIGN_CLIENTS")
pytestmark = pytest.mark.skipif(
    CLIENTS is None, reason="bin/clients makes the environment of the clients"
)


def client(name: str, script: str, *arguments: str) -> str:
    """Output of a Python script in the environment ``name``, which finds the drop-ins."""
    folder = Path(str(CLIENTS))
    python = folder / name / "bin" / "python"
    if not python.exists():
        pytest.skip("its packages cannot be installed here")
    done = subprocess.run(
        [python, "-c", script, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": f"{folder / 'compat' / 'python'}:{EXAMPLES.parents[1]}",
            "EFLOMAL_PATH": str(folder / "compat"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


MACHINE = """
import json, sys, tempfile, types
from pathlib import Path
import machine
jobs = types.ModuleType("machine.jobs")  # without what its other jobs import
jobs.__path__ = [str(Path(folder) / "jobs") for folder in machine.__path__]
sys.modules["machine.jobs"] = jobs
from machine.jobs.eflomal_aligner import EflomalAligner, is_eflomal_available, tokenize
assert is_eflomal_available()
src, tgt = json.loads(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    aligner = EflomalAligner(Path(folder) / "model")
    aligner.train([tokenize(line) for line in src], [tokenize(line) for line in tgt])
    print(json.dumps([[line, tokenize(src[k])] for k, line in enumerate(aligner.align())]))
"""


def test_the_aligner_of_sil_machine_runs_on_xalign() -> None:
    texts = (
        ["das Haus ist klein", "", "wo ist der Schlüssel?"],
        ["the house is small", "x", "where is the key?"],
    )
    found = json.loads(client("words", MACHINE, json.dumps(texts)))
    assert [line for line, _ in found] == ["0-0 1-1 2-2 3-3", "", "0-0 1-1 2-2 3-3 4-4"]


OPUSTRAINER = """
import sys
from opustrainer.alignments import parse_alignments
for line in sys.stdin.read().split("\\n")[:-1]:
    src, trg, links = line.split("\\t")
    print(len(parse_alignments(links, src.split(), trg.split())))
"""


def test_opustrainer_reads_tables_of_words_as_it_counts_them(tmp_path: Path) -> None:
    text = "12\u00a0000 Euro kosten viel ||| 12\u00a0000 euros cost a lot\n"
    corpus = tmp_path / "corpus"
    corpus.write_text(text + (EXAMPLES / "de-en.txt").read_text())
    options = ["--format", "tsv", "--words", "unicode", "-q", "-i", corpus]
    table = run_process("align", *options).stdout.decode()
    (tmp_path / "table").write_text(table)
    script = OPUSTRAINER.replace("sys.stdin.read()", "open(sys.argv[1]).read()")
    counts = client("words", script, str(tmp_path / "table")).split()
    assert len(counts) == len(list(read_pairs(Source(str(corpus)), "corpus")))
    assert int(counts[0]) >= 5


OPENNMT = """
import json, sys
from opennmt.data.text import alignment_matrix_from_pharaoh
for src, tgt, links in json.load(open(sys.argv[1])):
    matrix = alignment_matrix_from_pharaoh(links, len(src.split()), len(tgt.split()))
    print(*matrix.shape, int(matrix.numpy().sum()))
"""


def test_opennmt_tf_reads_guided_alignments_of_subwords(tmp_path: Path) -> None:
    sides = (
        ["das al@@ te Haus", "ein Wort ohne Satz", "Wir gehen ."],
        ["the o@@ ld house", "", "We go ."],
    )
    files = [tmp_path / "train.bpe.de", tmp_path / "train.bpe.en"]
    for file, lines in zip(files, sides, strict=True):
        file.write_text("".join(f"{line}\n" for line in lines))
    options = ["-q", "-s", files[0], "-t", files[1], "--pieces", "bpe"]
    links = run_process("align", *options).stdout.decode().split("\n")[:-1]
    assert links[0] == "0-0 1-1 1-2 2-1 2-2 3-3"
    assert links[1] == ""
    whole = list(zip(*sides, links, strict=True))
    (tmp_path / "pairs").write_text(json.dumps([whole[0], whole[2]]))
    assert client("opennmt", OPENNMT, str(tmp_path / "pairs")).split("\n") == ["4 4 6", "3 3 3", ""]

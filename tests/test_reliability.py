"""Promises that hold for the program as a whole: the same answer every time, and no network."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import EXAMPLES, ROOT, TINY_PROGRAM, varied_pairs
from xalign.aligning.devices import has_fast_int8
from xalign.alignment import Alignment
from xalign.reading import read_alignments

CORPUS = EXAMPLES / "de-en.txt"
COMMAND = [sys.executable, "-m", "xalign", "align", "-q", "--device", "cpu"]
NO_SOCKETS = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        raise RuntimeError(f"{event}{arguments}")

sys.addaudithook(refuse)
"""
"""An end to every process that asks for a network."""
WITHOUT_NETWORK = NO_SOCKETS + "from xalign.cli.main import app\napp(sys.argv[1:])\n"


def program(code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_all_outputs_are_the_same_for_any_batch_threads_and_hash_seed(tmp_path: Path) -> None:
    lines = [f"{' '.join(p.src)} ||| {' '.join(p.tgt)}\n" for p in varied_pairs(200)]
    (tmp_path / "corpus").write_text("".join(lines))
    machines = [("400", "2", "0"), ("1000000", "1", "1"), ("50", "3", "2")]
    found = []
    for pieces, threads, seed in machines:
        folder = tmp_path / pieces
        folder.mkdir()
        wanted = ["-i", tmp_path / "corpus", "--format", "jsonl", "-o", folder / "out.gz"]
        wanted += ["--scores", folder / "scores.zst", "--matrix", folder / "m.jsonl.xz"]
        wanted += ["--batch-pieces", pieces, "--threads", threads]
        done = program(TINY_PROGRAM, "align", *wanted, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
        found.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
def test_order_and_shards_do_not_change_the_links_of_a_pair(tmp_path: Path) -> None:
    lines = CORPUS.read_text().splitlines(keepends=True)[:40]
    (tmp_path / "corpus").write_text("".join(lines))
    order = random.Random(0).sample(range(len(lines)), len(lines))
    (tmp_path / "shuffled").write_text("".join(lines[k] for k in order))

    def aligned(*arguments: object) -> list[str]:
        command = [*COMMAND, "--format", "scored", *map(str, arguments)]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return text.splitlines()

    corpus = tmp_path / "corpus"
    whole = aligned("-i", corpus)
    assert aligned("-i", tmp_path / "shuffled") == [whole[k] for k in order]
    assert aligned("-i", corpus, "--shard", "1/2") == whole[:20]


AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
"""Limits of torch and oneDNN to instructions that all laptops have."""


def agreement(one: list[Alignment], other: list[Alignment]) -> float:
    """F1 of the links of two alignments of the same corpus."""
    common = sum(len(a.links & b.links) for a, b in zip(one, other, strict=True))
    return 2 * common / sum(len(a) + len(b) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
def test_instruction_sets_and_precisions_agree(tmp_path: Path) -> None:
    """In fp32, the links of AVX2 are those of AVX-512 but for one in a thousand."""
    corpus = tmp_path / "corpus"
    texts = sorted((ROOT / "tests" / "golden").glob("*.txt"))
    corpus.write_bytes(b"".join(path.read_bytes() for path in texts))

    def aligned(precision: str, **environment: str) -> list[Alignment]:
        out = tmp_path / "out"
        command = [*COMMAND, "--precision", precision, "-i", str(corpus), "-o", str(out)]
        subprocess.run(command, env={**os.environ, **environment}, check=True)
        return list(read_alignments(out))

    exact = aligned("fp32")
    assert agreement(exact, aligned("fp32", **AVX2)) >= 0.999
    if has_fast_int8():
        assert agreement(exact, aligned("int8")) >= 0.99
        assert agreement(exact, aligned("int8", **AVX2)) >= 0.99


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is of Linux alone")
def test_the_default_aligns_where_there_is_no_network_at_all() -> None:
    alone = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow namespaces without a network")
    done = subprocess.run(
        [*alone, *COMMAND], input=b"das Haus ||| the house\n", capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"0-0 1-1\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "align --tokenize moses --languages de,en -i {corpus} -o {out}",
        "score -g {gold} {first}",
        "symmetrize -i {links} -j {links} -o {out}",
        "lexicon -i {corpus} -a {links} -o {out}",
        "project -i {corpus} --inline -a {links} -o {out}",
        "doctor",
        "train -i {corpus} -o {out} --cache {out}.cache --steps 1 --batch-pieces 200",
    ],
)
def test_no_command_asks_for_a_network(tmp_path: Path, command: str) -> None:
    names = {
        "corpus": CORPUS,
        "gold": EXAMPLES / "de-en.talp",
        "links": tmp_path / "links",
        "first": tmp_path / "first",
        "out": tmp_path / "out",
    }
    names["links"].write_text("0-0\n" * len(CORPUS.read_text().splitlines()))
    names["first"].write_text("0-0\n" * len(names["gold"].read_text().splitlines()))
    done = program(WITHOUT_NETWORK, *command.format(**names).split())
    assert done.returncode == 0, done.stderr
    assert "RuntimeError" not in done.stderr


def test_a_name_of_the_hub_is_not_fetched_when_it_is_forbidden() -> None:
    done = program(WITHOUT_NETWORK, "align", "-m", "who/what", XALIGN_OFFLINE="1")
    assert done.returncode == 1
    assert "XALIGN_OFFLINE forbids to fetch it" in done.stderr


def test_code_of_models_is_never_run() -> None:
    sources = [path.read_text() for path in (ROOT / "xalign").rglob("*.py")]
    assert not [text for text in sources if "trust_remote_code=True" in text]
    assert not [text for text in sources if "torch.load(" in text or "pickle.load(" in text]


@pytest.mark.slow
def test_a_folder_with_code_is_refused_without_a_question(tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    code = f"from pathlib import Path\nPath({str(tmp_path / 'run')!r}).touch()\nclass C: pass\n"
    (evil / "evil.py").write_text(code)
    (evil / "config.json").write_text(
        '{"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.C"}}'
    )
    done = subprocess.run(
        [*COMMAND, "-m", str(evil)],
        input="y\nabc ||| abc\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_importing_xalign_opens_no_file_but_modules() -> None:
    code = """
import sys, sysconfig
opened = []
sys.addaudithook(lambda event, arguments: opened.append(arguments) if event == "open" else None)
import xalign
print(*sorted({str(path) for path, _, _ in opened}), sep="\\n")
"""
    done = program(code)
    assert done.returncode == 0, done.stderr
    others = [
        path
        for path in done.stdout.splitlines()
        if not path.endswith((".py", ".pyc", ".so", ".pyd"))
    ]
    assert others == []

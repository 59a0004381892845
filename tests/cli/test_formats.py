"""Everything that `xalign align` writes beside links, and the commands that use links on text."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.conftest import EXAMPLES, tiny_aligner
from xalign.aligning.aligner import Aligner
from xalign.aligning.settings import AlignerSettings
from xalign.cli.main import app
from xalign.io.files import Source
from xalign.io.formats import READERS, Format
from xalign.io.matrix import read_matrices
from xalign.model.config import ExtractionRule

CORPUS = "abc de f ||| abc de f\n\nbad\nab\tde ab\n"
RULE = ExtractionRule(method="words", threshold=0.2, scale=0.3)


def run(*arguments: str | Path, stdin: str = "") -> Result:
    """`xalign` in this process."""
    return CliRunner().invoke(app, list(map(str, arguments)), input=stdin)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the embedded model by a tiny one, whose threshold may be chosen."""

    def from_settings(settings: AlignerSettings) -> Aligner:
        threshold = settings.threshold
        rule = ExtractionRule(
            method="words", threshold=0.2 if threshold is None else threshold, scale=0.3
        )
        return tiny_aligner(rule)

    monkeypatch.setattr(Aligner, "from_settings", from_settings)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text(CORPUS)
    return path


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("direction", ["both", "forward", "reverse"])
def test_every_format_holds_the_same_links(corpus: Path, format: Format, direction: str) -> None:
    plain = run("align", "-q", "-i", corpus, "--direction", direction)
    done = run("align", "-q", "-i", corpus, "--direction", direction, "--format", format)
    assert done.exit_code == 0
    found = list(READERS[format](done.stdout.encode().split(b"\n")[:-1], "it"))
    lines = [str(aligned.links.alignment) for aligned in found]
    assert lines == plain.stdout.split("\n")[: len(lines)]
    assert len(lines) == 4
    assert any(lines)


@pytest.mark.usefixtures("tiny")
def test_a_lower_threshold_and_rethreshold_are_the_higher_threshold(corpus: Path) -> None:
    scored = run("align", "-q", "-i", corpus, "--threshold", 0.05, "--format", "scored").stdout  # type: ignore[arg-type]
    for threshold in ("0.05", "0.2", "0.35"):
        expected = run("align", "-q", "-i", corpus, "--threshold", threshold).stdout
        done = run("rethreshold", "--threshold", threshold, stdin=scored)
        assert (done.exit_code, done.stdout) == (0, expected)
    assert len(expected) < len(scored)


@pytest.mark.usefixtures("tiny")
def test_scores_and_matrices_are_files_beside_links(corpus: Path, tmp_path: Path) -> None:
    scores, matrix = tmp_path / "scores", tmp_path / "m.npz"
    done = run("align", "-i", corpus, "--scores", scores, "--matrix", matrix, "--line-buffered")
    assert done.exit_code == 0
    assert "4 pairs, 1 empty, 1 bad" in done.stderr
    lines = scores.read_text().splitlines()
    assert lines[1:3] == ["0.000000", "0.000000"]
    assert all(0 < float(line) < 1 for line in (lines[0], lines[3]))
    matrices = dict(read_matrices(str(matrix)))
    assert [array.shape for array in matrices.values()] == [(3, 3), (0, 0), (0, 0), (1, 2)]
    assert list(matrices) == [1, 2, 3, 4]
    linked = {f"{i}-{j}" for i, j in zip(*(matrices[1] > 0.2).nonzero(), strict=True)}
    assert linked == set(done.stdout.split("\n")[0].split())


@pytest.mark.usefixtures("tiny")
def test_files_are_whole_or_not_there(corpus: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    done = run("align", "--strict", "-i", corpus, "--scores", scores)
    assert done.exit_code == 1
    assert ":3: expected 'source ||| target'" in done.stderr
    assert done.stdout.count("\n") == 2  # what came before is not lost
    assert not scores.exists()


@pytest.mark.usefixtures("tiny")
def test_subwords_are_linked_as_their_words(tmp_path: Path) -> None:
    words = run("align", "-q", stdin="abc de ||| abc de\n").stdout
    same = run(
        "align", "-q", "--pieces", "bpe", "--level", "words", stdin="a@@ bc de ||| ab@@ c de\n"
    )
    assert same.stdout == words
    pieces = run("align", "-q", "--pieces", "bpe", stdin="a@@ bc de ||| abc de\n").stdout
    expected = {
        f"{a}-{j}"
        for link in words.split()
        for i, j in [link.split("-")]
        for a in ((0, 1), (2,))[int(i)]
    }
    assert set(pieces.split()) == expected


@pytest.mark.usefixtures("tiny")
def test_raw_text_is_cut_and_linked_by_white_space(tmp_path: Path) -> None:
    pytest.importorskip("sacremoses", reason="pip install 'xalign[tokenize]'")
    done = run(
        "align",
        "-q",
        "--tokenize",
        "moses",
        "--languages",
        "de,en",
        "--format",
        "jsonl",
        stdin="abc, de! ||| abc,  de!\n",
    )
    found = json.loads(done.stdout)
    assert found["src"] == ["abc,", "de!"]
    assert {tuple(link[:2]) for link in found["links"]} <= {(i, j) for i in (0, 1) for j in (0, 1)}
    places = {(span[0], span[1]) for span in found["spans"]}
    assert places <= {(0, 3), (3, 4), (5, 7), (7, 8)}
    assert {span[2] for span in found["spans"]} <= {0, 3, 6, 8}  # two spaces are counted


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pieces", "bpe", "--tokenize", "moses"], "leave out --tokenize"),
        (["--tokenize", "moses", "--languages", "de"], "expected two --languages such as de,en"),
        (["--level", "words"], "--level is of subwords; add --pieces"),
        (["--languages", "de,en"], "--languages is for raw text; add --tokenize"),
        (["--workers", "2"], "--workers is of Ray; add --engine ray"),
        (["--scores", "-"], "only one output can be standard output"),
        (["--engine", "ray", "-i", "x", "-o", "y", "--format", "tsv"], "writes links alone"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], message: str) -> None:
    done = run("align", *options)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_lexical_tables_of_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("das Haus ||| the house\ndas Haus da ||| the building\n")
    (tmp_path / "a").write_text("0-0 1-1\n0-0 1-1:0.9\n")
    done = run("lexicon", "-i", tmp_path / "c", "-a", tmp_path / "a", "-o", tmp_path / "lex")
    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / "lex.f2e").read_text() == (
        "building Haus 0.5000000\nhouse Haus 0.5000000\nNULL da 1.0000000\nthe das 1.0000000\n"
    )
    assert (tmp_path / "lex.e2f").read_text() == (
        "da NULL 1.0000000\nHaus building 1.0000000\nHaus house 1.0000000\ndas the 1.0000000\n"
    )
    run(
        "lexicon",
        "-i",
        tmp_path / "c",
        "-a",
        tmp_path / "a",
        "-o",
        tmp_path / "s",
        "--names",
        "marian",
        "--top",
        "1",
    )
    assert (tmp_path / "s.s2t").read_text().startswith("building Haus 0.5000000\nNULL da")
    assert (tmp_path / "s.t2s").exists()


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ("0-0\n", "a:2: expected a line for line 2 of c, found the end"),
        ("0-0\n\n\n", "c:3: expected a line for line 3 of a, found the end"),
        ("0-5\n\n", "a:1: expected links between 2 and 2 words, counted from 0, found 0-5"),
        ("0:0\n\n", "a:1: expected a link with its probability such as 3-4:0.9, found '0:0'"),
    ],
)
def test_links_that_do_not_fit_the_text(
    links: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c").write_text("das Haus ||| the house\nja ||| yes\n")
    Path("a").write_text(links)
    done = run("lexicon", "-i", "c", "-a", "a")
    assert (done.exit_code, done.stderr) == (1, f"xalign: {message}\n")
    assert not Path("lex.f2e").exists()


def test_bio_tags_go_over_to_the_target(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("Hans sieht Berlin ||| yesterday Hans saw Berlin\n\nja ||| yes\n")
    (tmp_path / "t").write_text("B-PER O B-LOC\n\nO\n")
    (tmp_path / "a").write_text("0-1 1-2 2-3\n\n0-0\n")
    done = run("project", "-i", tmp_path / "c", "--tags", tmp_path / "t", "-a", tmp_path / "a")
    assert (done.exit_code, done.stdout) == (0, "O B-PER O B-LOC\n\nO\n")
    assert "tags: 2 carried over, 0 words contested, 0 split, 0 lost" in done.stderr
    (tmp_path / "t").write_text("B-PER O\n\nO\n")
    done = run("project", "-i", tmp_path / "c", "--tags", tmp_path / "t", "-a", tmp_path / "a")
    assert done.exit_code == 1
    assert "t:1: expected 3 tags, one for each source word, found 2" in done.stderr
    (tmp_path / "t").write_text("X O B-LOC\n\nO\n")
    done = run("project", "-i", tmp_path / "c", "--tags", tmp_path / "t", "-a", tmp_path / "a")
    assert "t:1: expected O, B-label or I-label, found 'X'" in done.stderr


def test_a_bad_line_is_left_out_or_empty_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c").write_bytes(b"das Haus ||| the house\n\xff ||| yes\nnothing\n\nja ||| yes\n")
    Path("a").write_text("0-0 1-1\n\n\n\n0-0\n")
    done = run("lexicon", "-i", "c", "-a", "a")
    assert done.exit_code == 0
    assert "c:2: expected UTF-8" in done.stderr
    assert "; it is left out\n" in done.stderr
    assert done.stderr.endswith("xalign: 2 bad of 5 pairs\n")
    entries = ["house Haus", "the das", "yes ja"]
    assert [line.rpartition(" ")[0] for line in Path("lex.f2e").read_text().splitlines()] == entries
    Path("t").write_text("O B-X\nB-Y O\n\n\nB-Z\n")
    done = run("project", "-i", "c", "-t", "t", "-a", "a")
    assert (done.exit_code, done.stdout) == (0, "O B-X\n\n\n\nB-Z\n")
    assert "2 carried over, 0 words contested, 0 split, 1 lost; 2 bad lines" in done.stderr


def test_tags_in_text_go_over_by_links_that_are_made() -> None:
    done = run(
        "project", "--inline", stdin="das <b>alte Haus</b> ist klein ||| the old house is small\n"
    )
    assert (done.exit_code, done.stdout) == (0, "the <b>old house</b> is small\n")
    assert run("project").exit_code == run("project", "--inline", "--tags", "x").exit_code == 2


def test_the_example_files_round_trip_through_lexicon() -> None:
    source = Source(str(EXAMPLES / "de-en.align"))
    assert (
        sum(len(found.links.probabilities) for found in READERS["pharaoh"](source, source.name))
        > 100
    )

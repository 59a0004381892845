"""The commands that use links on text: `xalign lexicon` and `xalign project`."""

from pathlib import Path

import pytest

from tests.conftest import run


def test_a_lexicon_of_words_between_all_white_space(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("das\u00a0Haus ||| the house\n")
    (tmp_path / "a").write_text("0-0 1-1\n")
    given = ["lexicon", "-i", tmp_path / "c", "-a", tmp_path / "a", "-o", tmp_path / "lex"]
    done = run(*given)
    assert done.exit_code == 1
    assert "--words unicode" in done.stderr
    done = run(*given, "--words", "unicode")
    assert (done.exit_code, done.stderr) == (0, "")
    assert (tmp_path / "lex.f2e").read_text() == "house Haus 1.0000000\nthe das 1.0000000\n"


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
    done = run("project", "-i", "c", "--tags", "t", "-a", "a")
    assert (done.exit_code, done.stdout) == (0, "O B-X\n\n\n\nB-Z\n")
    assert "2 carried over, 0 words contested, 0 split, 1 lost; 2 bad lines" in done.stderr


@pytest.mark.slow
def test_tags_in_text_go_over_by_links_that_are_made() -> None:
    done = run(
        "project", "--inline", stdin="das <b>alte Haus</b> ist klein ||| the old house is small\n"
    )
    assert (done.exit_code, done.stdout) == (0, "the <b>old house</b> is small\n")


@pytest.mark.slow
def test_raw_text_is_cut_so_that_tags_leave_punctuation_out(tmp_path: Path) -> None:
    pytest.importorskip("sacremoses", reason="pip install sacremoses")
    (tmp_path / "de").write_text("Hallo, <b>Welt</b>!\n")
    (tmp_path / "en").write_text("Hello,  world!\n")
    raw = ["--tokenize", "moses", "--languages", "de,en", "-q", "--device", "cpu"]
    files = ["-s", tmp_path / "de", "-t", tmp_path / "en"]
    done = run("project", "--inline", *files, *raw)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "Hello,  <b>world</b>!\n", "")
    (tmp_path / "de").write_text("Hallo, Welt!\n")
    (tmp_path / "spans").write_text('{"text": "Hallo, Welt!", "entities": [[7, 11, "LOC"]]}\n')
    done = run("project", "--spans", tmp_path / "spans", *files, *raw)
    assert done.stdout == '{"text": "Hello,  world!", "entities": [[8, 13, "LOC"]]}\n'
    (tmp_path / "tags").write_text("O B-LOC\n")
    assert run("project", "--tags", tmp_path / "tags", *files, *raw).stdout == "O B-LOC\n"


def test_tags_are_written_in_any_scheme(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a b c ||| x y z\n")
    (tmp_path / "a").write_text("0-0 1-1 2-2\n")
    (tmp_path / "t").write_text("B-X I-X O\n")
    options = ["-i", tmp_path / "c", "-a", tmp_path / "a", "--tags", tmp_path / "t"]
    for scheme, expected in (("bio", "B-X I-X O"), ("io", "I-X I-X O"), ("bioes", "B-X E-X O")):
        assert run("project", *options, "--scheme", scheme).stdout == expected + "\n"
    assert run("project", *options, "--scheme", "bilou").stdout == "B-X L-X O\n"


def test_a_lost_label_is_an_error_where_reading_is_strict(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a b ||| x y\n")
    (tmp_path / "a").write_text("1-1\n")
    (tmp_path / "t").write_text("B-X O\n")
    options = ["-i", tmp_path / "c", "-a", tmp_path / "a", "--tags", tmp_path / "t"]
    assert run("project", *options).exit_code == 0
    done = run("project", *options, "--strict")
    assert (done.exit_code, done.stdout) == (1, "O O\n")
    assert "1 labels are lost, as no word of theirs has a link" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "give --tags FILE, --spans FILE or --inline"),
        ("--inline --tags x", "give --tags FILE, --spans FILE or --inline"),
        ("--inline -a x --tokenize moses", "--tokenize is for links that are made here"),
        ("--tags -", "only one of the files can be standard input"),
        ("-i - --tags -", "only one of the files can be standard input"),
    ],
)
def test_options_of_project_that_do_not_go_together(arguments: str, message: str) -> None:
    done = run("project", *arguments.split())
    assert done.exit_code == 2
    assert message in done.stderr

"""What `xalign score` prints."""

import json
from pathlib import Path

import pytest

import xalign
from tests.conftest import run


@pytest.fixture
def outputs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A gold file of three pairs and two outputs, the second one perfect."""
    gold, bad, good = tmp_path / "test.talp", tmp_path / "bad.align", tmp_path / "good.align"
    gold.write_text("0-0 1p1\n1-0\n2-2 0-1\n")
    bad.write_text("0-0 1-1\n0-0\n2-2\n")
    good.write_text("0-0 1-1\n1-0\n0-1 2-2\n")
    return gold, bad, good


def test_scores_are_a_table_and_a_signature(outputs: tuple[Path, Path, Path]) -> None:
    gold, bad, good = outputs
    done = run("score", "--gold", gold, bad, "-i", good)
    assert done.exit_code == 0
    head, first, second, signature = done.stdout.splitlines()
    assert head.split() == ["AER", "prec", "rec", "F1", "links"]
    assert first.split() == [str(bad), "37.50", "75.00", "50.00", "60.00", "4"]
    assert second.split() == [str(good), "0.00", "100.00", "100.00", "100.00", "5"]
    version = xalign.__version__
    assert (
        signature
        == f"gold:test.talp|pairs:3|format:talp|base:0(found)|sure:4|possible:5|xalign:{version}"
    )


def test_scores_as_json_with_intervals_and_a_test(outputs: tuple[Path, Path, Path]) -> None:
    gold, bad, good = outputs
    done = json.loads(run("score", "-g", gold, bad, good, "--samples", "200", "--json").stdout)
    assert done["signature"].split("|")[6:8] == ["samples:200", "seed:1"]
    first, second = done["outputs"]
    assert (first["aer"], first["links_sure"], first["links_possible"], first["p"]) == (
        0.375,
        2,
        3,
        None,
    )
    assert first["aer_interval"][0] <= 0.375 <= first["aer_interval"][1]
    assert 0 < second["p"] <= 1
    table = run("score", "-g", gold, bad, good, "--samples", "200").stdout.splitlines()
    assert table[0].split() == ["AER", "95%", "interval", "p", "prec", "rec", "F1", "links"]


def test_the_worst_pairs_are_shown_with_their_words(
    outputs: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    gold, bad, _ = outputs
    done = run("score", "-g", gold, bad, "--worst", "1").stdout.splitlines()
    assert done[3:] == [f"worst of {bad}:", "line 2: AER 100.0", "  wrong    0-0", "  missing  1-0"]
    (tmp_path / "pairs").write_text("a ||| b\ndas Haus ||| the house\n")
    done = run("score", "-g", gold, bad, "--worst", "1", "--pairs", tmp_path / "pairs")  # type: ignore[assignment]
    assert "expected the 3 pairs of the gold links, found 2" in done.stderr  # type: ignore[attr-defined]
    (tmp_path / "pairs").write_text("a ||| b\ndas Haus ||| the house\na a a ||| b ü b\n")
    done = run(
        "score", "-g", gold, bad, "--worst", "2", "--pairs", tmp_path / "pairs"
    ).stdout.splitlines()
    assert done[5:9] == [
        "  source   das Haus",
        "  target   the house",
        "  wrong    0-0 das~the",
        "  missing  1-0 Haus~the",
    ]
    assert done[9:] == [
        "line 3: AER 33.3",
        "  source   a a a",
        "  target   b ü b",
        "  wrong    none",
        "  missing  0-1 a~ü",
    ]
    as_json = json.loads(run("score", "-g", gold, bad, "--worst", "1", "--json").stdout)
    assert as_json["outputs"][0]["worst"] == [
        {"line": 2, "aer": 1.0, "wrong": ["0-0"], "missing": ["1-0"]}
    ]


def test_the_base_of_gold_links_can_be_forced(outputs: tuple[Path, Path, Path]) -> None:
    gold, _, good = outputs
    done = run("score", "-g", gold, good, "--gold-base", "1")
    assert "base:1(given)|sure:1|" in done.stdout


def test_different_numbers_of_lines_are_an_error(outputs: tuple[Path, Path, Path]) -> None:
    gold, _, _ = outputs
    done = run("score", "-g", gold, stdin=b"0-0\n")
    assert done.exit_code == 1
    assert done.stderr == (
        f"xalign: <stdin>: expected 3 lines, as many as {gold} has, found 1; an unaligned pair is an empty line\n"
    )


def test_naacl_gold_may_end_before_the_last_pair(tmp_path: Path) -> None:
    (tmp_path / "gold").write_text("1 1 1\n2 1 1\n")
    done = run("score", "-g", tmp_path / "gold", stdin=b"0-0\n0-0\n0-0\n")
    assert done.stdout.splitlines()[1].split()[1:4] == ["20.00", "66.67", "100.00"]
    done = run("score", "-g", tmp_path / "gold", "--worst", "1", stdin=b"0-0\n0-0\n0-0\n")
    assert done.stdout.splitlines()[4:] == [
        "line 3: AER 100.0",
        "  wrong    0-0",
        "  missing  none",
    ]


def test_empty_gold_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "gold").write_text("")
    done = run("score", "-g", tmp_path / "gold")
    assert "expected gold links, found an empty file" in done.stderr

"""The command line: what it prints, where, and with which exit code."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import xalign
from tests.conftest import EXAMPLES, tiny_aligner
from xalign.aligning.aligner import Aligner, Counts
from xalign.aligning.settings import AlignerSettings, Inputs
from xalign.alignment import SentencePair
from xalign.cli.main import app
from xalign.console import BadLines, Meter, shown
from xalign.errors import InputError

CORPUS = b"abc de ||| abc de\n\nabc\nabc|||de\n ||| abc\nab\tab\n"
LINKS = ["0-0 1-1", "", "", "", "", "0-0"]


def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
    """`xalign` in this process."""
    return CliRunner().invoke(app, list(map(str, arguments)), input=stdin)


def run_process(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`xalign` in a process of its own."""
    command = [sys.executable, "-m", "xalign", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace the embedded model by a tiny one; gives the options that it was asked for."""
    asked: dict[str, Any] = {}

    def from_settings(settings: AlignerSettings) -> Aligner:
        asked.update(asdict(settings))
        return tiny_aligner()

    monkeypatch.setattr(Aligner, "from_settings", from_settings)
    return asked


def test_standard_input_to_standard_output(tiny: dict[str, Any]) -> None:
    done = run("align", stdin=CORPUS)
    assert done.exit_code == 0
    assert done.stdout.split("\n") == [*LINKS, ""]
    assert "6 pairs, 2 empty, 2 bad, 0 windowed, " in done.stderr
    assert " pairs/s on cpu (fp32)\n" in done.stderr


def test_bad_lines_are_named_until_the_sixth(tiny: dict[str, Any]) -> None:
    done = run("align", stdin=b"abc\n" * 7)
    assert done.stdout == "\n" * 7
    for number in range(1, 6):
        assert f"xalign: <stdin>:{number}: expected 'source ||| target'" in done.stderr
    assert "<stdin>:6" not in done.stderr
    assert "more bad lines follow; they are counted below" in done.stderr
    assert "7 pairs, 0 empty, 7 bad" in done.stderr


def test_strict_stops_at_the_first_bad_line_and_leaves_no_output(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(CORPUS)
    done = run("align", "--strict", "-i", tmp_path / "in", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert (
        done.stderr
        == f"xalign: {tmp_path / 'in'}:3: expected 'source ||| target' or 'source TAB target', found 'abc'\n"
    )
    assert not (tmp_path / "out").exists()


def test_files_in_and_out(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(CORPUS)
    done = run("align", "-i", tmp_path / "in", "-o", tmp_path / "out.gz", "--quiet")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "pairs/s" not in done.stderr
    import gzip

    assert gzip.decompress((tmp_path / "out.gz").read_bytes()).decode().split("\n") == [*LINKS, ""]


def test_two_files_in(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.de").write_text("abc de\nab\n")
    (tmp_path / "a.en").write_text("abc de\nab\n")
    assert run("align", "-s", tmp_path / "a.de", "-t", tmp_path / "a.en").stdout == "0-0 1-1\n0-0\n"
    (tmp_path / "a.en").write_text("abc de\n")
    done = run("align", "-s", tmp_path / "a.de", "-t", tmp_path / "a.en")
    assert done.exit_code == 1
    assert "a.en:2: expected a line for line 2 of" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("align -s a", "give either -i, or both -s and -t"),
        ("align -t a", "give either -i, or both -s and -t"),
        ("align -i a -s a -t a", "give either -i, or both -s and -t"),
        ("align -s - -t -", "-s and -t cannot both be standard input"),
        ("score -g -", "only one of the files can be standard input"),
        ("score -g a - -i -", "only one of the files can be standard input"),
        ("score -g a b --pairs c", "--pairs shows the words of --worst N"),
    ],
)
def test_an_impossible_choice_of_inputs_is_a_usage_error(arguments: str, message: str) -> None:
    done = run(*arguments.split())
    assert done.exit_code == 2
    assert message in done.stderr


def test_options_reach_the_aligner(tiny: dict[str, Any]) -> None:
    run(
        *[
            "align",
            "-m",
            "model",
            "--layer",
            "3",
            "--threshold",
            "0.2",
            "--device",
            "cpu",
            "--precision",
            "fp32",
            "--threads",
            "2",
            "--batch-pieces",
            "64",
        ]
    )
    assert tiny == {
        "model": "model",
        "layer": 3,
        "threshold": 0.2,
        "device": "cpu",
        "precision": "fp32",
        "threads": 2,
        "batch_pieces": 64,
        "compiled": False,
    }


def test_shards_concatenate_to_the_whole(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(CORPUS)
    (tmp_path / "a").write_text("abc de\nab\nde\n")
    same, pairs = tmp_path / "a", tmp_path / "in"
    choices: list[list[str | Path]] = [["-i", pairs], ["-s", same, "-t", same]]
    for inputs in choices:
        whole = run("align", *inputs).stdout
        for total in (1, 2, 4, 9):
            parts = [run("align", *inputs, "--shard", f"{k + 1}/{total}") for k in range(total)]
            assert "".join(part.stdout for part in parts) == whole


def test_a_shard_counts_lines_from_the_start_of_the_file(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(CORPUS)
    assert "in:3: expected 'source" in run("align", "-i", tmp_path / "in", "--shard", "2/3").stderr
    (tmp_path / "a").write_text("a\n" * 4)
    (tmp_path / "b").write_text("a\n" * 5)
    done = run("align", "-s", tmp_path / "a", "-t", tmp_path / "b", "--shard", "2/2")
    assert f"{tmp_path / 'a'}:5: expected a line for line 5 of" in done.stderr


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/2/3"])
def test_a_wrong_shard_is_a_usage_error(shard: str) -> None:
    done = run("align", "-i", "in", "--shard", shard)
    assert done.exit_code == 2
    assert f"expected a shard such as 1/8, up to 8/8, found '{shard}'" in done.stderr


def test_a_shard_of_standard_input_is_refused() -> None:
    done = run("align", "--shard", "1/2", stdin=CORPUS)
    assert done.stderr == "xalign: -: a shard needs an input that can be read twice; name a file\n"


def test_line_buffered_answers_each_line_before_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "xalign", "align", "--line-buffered", "-q"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (b"das Haus ||| the house\n", b"\n", b"das Haus ||| the house\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline() == (b"0-0 1-1\n" if line.strip() else b"\n")
        process.stdin.close()
        assert process.wait() == 0


def test_errors_are_one_line_and_a_traceback_only_with_debug() -> None:
    done = run("align", "-i", "none.txt")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "xalign: none.txt: cannot be read: No such file or directory\n"
    assert isinstance(run("--debug", "align", "-i", "none.txt").exception, InputError)
    process = run_process("--debug", "align", "-i", "none.txt")
    assert process.returncode == 1
    assert b"Traceback" in process.stderr


def test_a_full_disk_is_an_error(tiny: dict[str, Any]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = run("align", "-o", "/dev/full", stdin=b"abc ||| abc\n")
    assert (done.exit_code, done.stderr) == (1, "xalign: output: No space left on device\n")


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Aligner, "from_settings", interrupt)
    done = run("align", stdin=b"")
    assert (done.exit_code, done.stderr) == (130, "xalign: interrupted\n")


def test_an_interrupted_process_leaves_no_output(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "xalign", "align", "-o", str(tmp_path / "out")]
    # coverage holds a lock that an interrupt may leave locked: this process goes without it
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        # a shell ignores interrupts for what it runs in the background, and so would the process
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"das Haus ||| the house\n" * 1000)
        process.stdin.flush()
        while not list(tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"xalign: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_closes_early_is_no_error() -> None:
    command = f"{sys.executable} -m xalign align -q -i {EXAMPLES / 'de-en.txt'} -m e5-small --layer 1 | head -n 0; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_terminal_is_told_what_is_read_from_it(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from xalign.cli.align import open_pairs

    terminal = Terminal()
    terminal.buffer = io.BytesIO()
    monkeypatch.setattr("sys.stdin", terminal)
    open_pairs(Inputs(), BadLines(), SentencePair.from_text)
    assert "end with Ctrl-D" in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    buffer: Any = None

    def isatty(self) -> bool:
        return True


class HalfRead:
    """An input of which a half was read."""

    size, position = 100, 50


def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for screen, expected in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", screen)
        with shown(Meter(HalfRead(), Counts(pairs=40, done=30), "cpu")):
            time.sleep(0.3)
        assert ("30 pairs, " in screen.getvalue()) == expected


def test_time_left_is_told_from_the_share_of_bytes_read() -> None:
    meter = Meter(HalfRead(), Counts(pairs=40, done=20), "cpu", time.perf_counter() - 10)
    assert meter.rate == pytest.approx(2, rel=0.01)  # of 80 pairs, 60 are left
    assert meter.seconds_left == pytest.approx(30, rel=0.01)
    assert str(meter) == "20 pairs, 2 pairs/s on cpu, 0:30 left"
    meter.source.position = 0  # type: ignore[misc]
    assert str(meter) == "20 pairs, 2 pairs/s on cpu"


def test_closed_streams_are_no_crash(tmp_path: Path) -> None:
    corpus, out = EXAMPLES / "de-en.txt", tmp_path / "out"
    xalign = f"{sys.executable} -m xalign"
    for redirections in ("<&-", "2>&-", ">&- <&- 2>&-", "2> >(true)"):
        command = f"{xalign} align -m e5-small --layer 1 -i {corpus} -o {out} {redirections}"
        assert (
            subprocess.run(["bash", "-c", command], capture_output=True, check=False).returncode
            == 0
        )
        assert len(out.read_text().splitlines()) == 100
        out.unlink()
    for command in (f"{xalign} align <&-", f"{xalign} align -m e5-small --layer 1 -i {corpus} >&-"):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("xalign: <std")
        assert "is closed; name a file with -" in done.stderr


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


def test_an_output_is_read_from_standard_input(outputs: tuple[Path, Path, Path]) -> None:
    gold, _, good = outputs
    done = run("score", "-g", gold, stdin=good.read_bytes())
    assert done.stdout.splitlines()[1].split()[:2] == ["<stdin>", "0.00"]


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


def test_help_and_version() -> None:
    assert run("--version").stdout == f"xalign {xalign.__version__}\n"
    assert run_process("-h").returncode == 0
    assert run("align", "--frobnicate").exit_code == 2


def test_the_whole_way_in_processes_of_their_own(tmp_path: Path) -> None:
    links = tmp_path / "out.align"
    done = run_process("align", "--device", "cpu", "-i", EXAMPLES / "de-en.txt", "-o", links)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.startswith(b"xalign: 100 pairs, 0 empty, 0 bad, 0 windowed, ")
    first = b"".join(links.read_bytes().splitlines(keepends=True)[:20])
    scored = run_process("score", "--gold", EXAMPLES / "de-en.talp", "--json", stdin=first)
    assert json.loads(scored.stdout)["outputs"][0]["aer"] < 0.05


def test_the_package_offers_its_names_and_no_others() -> None:
    assert xalign.Aligner is Aligner
    with pytest.raises(AttributeError, match="has no attribute 'Alinger'"):
        _ = xalign.Alinger
    assert os.environ.get("XALIGN_DEBUG", "") == ""

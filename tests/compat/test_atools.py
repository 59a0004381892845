"""`atools`: its commands, its errors, and the same links as `xalign symmetrize`."""

import sys
from pathlib import Path

import pytest

from tests.compat.conftest import shell
from tests.conftest import EXAMPLES
from xalign.compat import atools

LINES = (EXAMPLES / "de-en.txt").read_text().splitlines()
ONE, OTHER = "0-0 1-1 2-1\n\n", "x y ||| 0-0 1-2\n0-0\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-i a -c convert", "0-0 1-1 2-1\n\n"),
        ("-i a -c invert", "0-0 1-1 1-2\n\n"),
        ("-i a -j b -c intersect", "0-0\n\n"),
        ("-i a -j b -c union", "0-0 1-1 1-2 2-1\n0-0\n"),
        ("-i a -j b -c fmeasure", "P: 0.333333\nR: 0.333333\nF: 0.333333\n"),
        ("-i a -c display", " 01\n0*.0\n1.*1\n2.*2\n 01\n\n0-0 1-1 2-1\n \n \n\n\n"),
    ],
)
def test_the_commands_of_atools(
    options: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_text(ONE)
    Path("b").write_text(OTHER)
    atools.run(options.split())
    assert capsysbinary.readouterr().out.decode() == expected


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("atools -i a -c union", "Command 'union' requires two alignment files"),
        ("atools -i a -j a -c invert", "Command 'invert' requires only one alignment file"),
        (
            "atools -i a -j short -c union",
            "short:2: expected a line for line 2 of a, found the end",
        ),
        ("printf '0-0\\n' | atools -i - -j - -c union", "<stdin>:2: Mismatched number of lines!"),
        ("atools -i empty -j empty -c fmeasure", "Insufficient statistics to compute f-measure!"),
        ("atools -i missing -c convert", "missing: cannot be read: No such file or directory"),
    ],
)
def test_errors_are_one_line(command: str, message: str, tmp_path: Path, programs: Path) -> None:
    for name, text in (("a", ONE), ("b", OTHER), ("short", "0-0\n"), ("empty", "")):
        (tmp_path / name).write_text(text)
    done = shell(f"! ( {command} )", tmp_path, programs)
    assert done.stderr == message + "\n"


@pytest.mark.slow
def test_symmetrised_links_of_the_real_eflomal_are_those_of_our_rules(
    tmp_path: Path, programs: Path
) -> None:
    """Real links of two directions go through both of our ways to join them."""
    pytest.importorskip("eflomal", reason="the real program is not installed")
    import eflomal

    sides = list(zip(*(line.split(" ||| ") for line in LINES), strict=True))
    names = [str(tmp_path / name) for name in ("fwd", "rev")]
    eflomal.Aligner().align(*sides, links_filename_fwd=names[0], links_filename_rev=names[1])
    for command in ("grow-diag-final-and", "union", "intersect"):
        ours = shell(f"atools -i fwd -j rev -c {command}", tmp_path, programs).stdout
        same = shell(
            f"{Path(sys.executable).parent}/xalign symmetrize -i fwd -j rev -c {command}",
            tmp_path,
            programs,
        )
        assert ours == same.stdout
        assert ours.count("\n") == len(LINES)

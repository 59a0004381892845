"""`eflomal`: the options of its program, and the class that pipelines call."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.compat.conftest import shell
from xalign.compat import eflomal
from xalign.errors import InputError


def test_the_cost_of_an_even_pair_is_0_and_falls_as_it_gets_likelier() -> None:
    unlikely, even, likely = (
        eflomal.cost(np.full(3, p, np.float32)) for p in (0.1, eflomal.EVEN, 0.9)
    )
    assert likely < 0 < unlikely
    assert even == pytest.approx(0, abs=1e-6)


def test_the_cost_of_an_empty_side_is_infinite() -> None:
    assert eflomal.cost(np.zeros(0, np.float32)) == math.inf


@pytest.mark.slow
def test_the_options_and_files_of_eflomal_align(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "src").write_text("das Haus ist klein\n\nder Hund bellt laut\n")
    (tmp_path / "tgt").write_text("the house is small\nx\nexchange rates were low on Monday\n")
    done = shell(
        "eflomal-align -m 3 -l 0.5 --n-samplers 1 -s src -t tgt -f fwd -r rev -F cost -R back -v; "
        "paste -d'\\t' src tgt > joint; eflomal-align -i joint -f fwd2 --overwrite -f fwd",
        tmp_path,
        programs,
    )
    assert (tmp_path / "fwd").read_text().startswith("0-0 1-1 2-2 3-3\n\n")
    assert (tmp_path / "rev").read_text().count("\n") == 3
    for name in ("cost", "back"):
        right, empty, wrong = map(float, (tmp_path / name).read_text().splitlines())
        assert right < 0 < wrong
        assert empty == float("inf")
    assert "3 pairs, 1 empty, 0 bad" in done.stderr


def test_the_class_of_eflomal_takes_iterables_and_checks_their_lengths(tmp_path: Path) -> None:
    aligner = eflomal.Aligner(model=3, score_model=0)
    path = str(tmp_path / "fwd")
    aligner.align(iter(["das Haus\n"]), ("the house",), links_filename_fwd=path, quiet=True)
    assert Path(path).read_text() == "0-0 1-1\n"
    with pytest.raises(ValueError, match="Mismatched file sizes"):
        aligner.align(["a"], ["b", "c"])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("eflomal-align -s a -f x", "need to specify either -s and -t, or -i"),
        ("eflomal-align -i a -f b", "b: output file exists, will not overwrite!"),
    ],
)
def test_errors_are_one_line(command: str, message: str, tmp_path: Path, programs: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text("0-0\n")
    done = shell(f"! ( {command} )", tmp_path, programs)
    assert done.stderr == message + "\n"


OPUSFILTER = """
import json, sys
import eflomal
from opusfilter.word_alignment import WordAlignFilter, make_priors
assert "xalign" in open(eflomal.__file__).read()
pairs = [("das Haus ist klein .", "the house is small ."), ("", ""), ("wir haben heute keine Zeit .", "the minister will visit Paris in May .")]
word_align = WordAlignFilter()
scores = list(word_align.score(pairs))
kept = list(word_align.filter(pairs))
for name, side in (("src", 0), ("tgt", 1)):
    open(name, "w").write("".join(pair[side] + "\\n" for pair in pairs[::2]))
make_priors("src", "tgt", "priors", score_file="scores.jsonl")
with_priors = list(WordAlignFilter(priors="priors").score(pairs))
print(json.dumps([scores, kept, with_priors, len(open("scores.jsonl").readlines())]))
"""


@pytest.mark.slow
def test_the_filter_of_opusfilter_runs_on_our_class(tmp_path: Path, programs: Path) -> None:
    pytest.importorskip("opusfilter", reason="pip install opusfilter")

    (tmp_path / "filter.py").write_text(OPUSFILTER)
    done = shell(f"{sys.executable} -W ignore filter.py", tmp_path, programs)
    scores, kept, with_priors, count = json.loads(done.stdout.splitlines()[-1])
    assert max(scores[0]) < 0 < min(scores[2])
    assert scores[1] == [-100, -100]  # OpusFilter's own, for a pair of nothing
    assert kept == [["das Haus ist klein .", "the house is small ."], ["", ""]]
    assert with_priors == scores
    assert count == 2


def test_an_output_that_is_the_input_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "c"
    text.write_text("a ||| b\n")
    with pytest.raises(InputError, match="c: is an input of this command"):
        eflomal.run(["-i", str(text), "-F", str(text)])
    assert text.read_text() == "a ||| b\n"

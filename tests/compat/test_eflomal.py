"""`eflomal`: the options of its program, and the class that pipelines call."""

import json
import math
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.compat.conftest import shell
from xalign.compat import eflomal, eflomal_core, eflomal_makepriors
from xalign.errors import InputError, XalignError
from xalign.links.probabilities import WordProbabilities


def found(p: float, back: float) -> WordProbabilities:
    """Two pairs of words that give each other these probabilities."""
    words, ones = np.arange(2), np.ones(2, np.float32)
    return WordProbabilities(words, words, ones, ones * p, ones * back, ones > 0, (2, 2))


def test_the_cost_of_an_even_pair_is_0_and_falls_as_it_gets_likelier() -> None:
    p = eflomal.EVEN
    unlikely, even, likely = (eflomal.costs(found(p, back)) for back in (0.1, p, 0.9))
    assert likely[0] < 0 < unlikely[0]
    assert even == pytest.approx((0, 0), abs=1e-6)
    assert likely[1] == unlikely[1] == even[1]
    assert eflomal.costs(found(0.9, 0.1)) == (unlikely[0], likely[0])


def test_a_pair_head_gives_one_cost_for_both_directions() -> None:
    weights = (0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    pair = replace(found(0.1, 0.9), similarity=0.5, pair_weights=weights)
    assert eflomal.costs(pair) == pytest.approx((-1, -1))


def test_the_cost_of_an_empty_side_is_infinite() -> None:
    assert eflomal.costs(WordProbabilities.nothing((0, 2))) == (math.inf, math.inf)


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


def random_corpus(count: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """Made-up sentences, with forward and reverse links."""
    draw = random.Random(3)
    rows = []
    for _ in range(count):
        n, m = draw.randint(1, 5), draw.randint(1, 5)
        forward = " ".join(f"{draw.randrange(n)}-{j}" for j in range(m) if draw.random() < 0.8)
        reverse = " ".join(f"{i}-{draw.randrange(m)}" for i in range(n) if draw.random() < 0.8)
        src, tgt = " ".join(draw.choices("abcd", k=n)), " ".join(draw.choices("wxyz", k=m))
        rows.append((src, tgt, forward, reverse))
    src_lines, tgt_lines, forwards, reverses = map(list, zip(*rows, strict=True))
    return src_lines, tgt_lines, forwards, reverses


def test_priors_are_those_of_eflomal(tmp_path: Path) -> None:
    theirs = pytest.importorskip("eflomal", reason="pip install eflomal")
    corpus = random_corpus(60)
    ours, expected = eflomal.calculate_priors(*corpus), theirs.calculate_priors(*corpus)
    assert [dict(counts) for counts in ours] == [dict(counts) for counts in expected]
    texts = []
    for module, counts in ((eflomal, ours), (theirs, expected)):
        with (tmp_path / "priors").open("w") as file:
            module.write_priors(file, *counts)
        texts.append(sorted((tmp_path / "priors").read_text().splitlines()))
    assert texts[0] == texts[1]


def test_makepriors_counts_the_links_of_files(tmp_path: Path) -> None:
    src, tgt, forward, reverse = random_corpus(5)
    for name, lines in (("s", src), ("t", tgt), ("f", forward), ("r", reverse)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / "i").write_text("".join(f"{s} ||| {t}\n" for s, t in zip(src, tgt, strict=True)))
    links = ["-f", str(tmp_path / "f"), "-r", str(tmp_path / "r")]
    texts = []
    for inputs in (["-s", "s", "-t", "t"], ["-i", "i"]):
        named = [part if part.startswith("-") else str(tmp_path / part) for part in inputs]
        eflomal_makepriors.run([*named, *links, "-p", str(tmp_path / "p")])
        texts.append((tmp_path / "p").read_text())
    assert texts[0] == texts[1]
    assert texts[0].startswith("LEX\t")
    with pytest.raises(SystemExit):
        eflomal_makepriors.run(links)


@pytest.mark.slow
def test_the_binary_reads_what_write_text_wrote(tmp_path: Path, programs: Path) -> None:
    """As SIL's tools do it."""
    script = """
from eflomal import read_text, write_text
for name, lines in (("s", ["das Haus ist klein", "", "ja"]), ("t", ["the house is small", "x", "yes"])):
    sentences, words = read_text(iter(line + "\\n" for line in lines), True, 0, 0)
    with open(name, "wb") as file:
        write_text(file, tuple(sentences), len(words))
"""
    (tmp_path / "script.py").write_text(script)
    command = "python script.py && eflomal -s s -t t -f fwd -r rev -m 3 -n 3 -N 0.2 -1 2 -2 2 -3 8"
    shell(command, tmp_path, programs)
    assert (
        (tmp_path / "fwd").read_text()
        == (tmp_path / "rev").read_text()
        == "0-0 1-1 2-2 3-3\n\n0-0\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 5\n0 1\n2\n", "expected a file of xalign's write_text"),
        ("xalign 2 5\na\n", "expected 2 sentences, found 1"),
        ("", "expected a file of xalign's write_text"),
    ],
)
def test_files_of_another_eflomal_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "s").write_text(text)
    with pytest.raises(InputError, match=message):
        eflomal_core.run(["-s", str(tmp_path / "s"), "-t", str(tmp_path / "s")])


def test_files_that_do_not_fit_have_no_priors(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("0-0\n")
    (tmp_path / "two").write_text("a\nb\n")
    (tmp_path / "far").write_text("0-5\n")
    one, two, far = (str(tmp_path / name) for name in ("one", "two", "far"))
    with pytest.raises(InputError, match="one: expected 2 lines, found 1"):
        eflomal_makepriors.run(["-s", two, "-t", two, "-f", one, "-r", one])
    with pytest.raises(XalignError, match="expected links between 1 and 1 words, found 0-5"):
        eflomal_makepriors.run(["-s", one, "-t", one, "-f", far, "-r", far])

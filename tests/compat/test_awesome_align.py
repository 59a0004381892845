"""`awesome-align`: the same options and output."""

from pathlib import Path

import pytest

from tests.conftest import tiny_aligner
from xalign.aligning.aligner import Aligner
from xalign.compat import awesome_align, running
from xalign.errors import InputError
from xalign.model.config import ExtractionRule

RULE = ExtractionRule(method="words", threshold=0.2, scale=0.3)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Replace the model by a tiny one; gives the settings that it was asked for."""
    found: dict[str, str] = {}

    def from_pretrained(**settings: str) -> Aligner:
        found.update(settings)
        return tiny_aligner(RULE)

    for name in running.SETTINGS.values():
        monkeypatch.setenv(name, "x")  # so that it is as before afterwards
        monkeypatch.delenv(name)
    monkeypatch.setattr(Aligner, "from_pretrained", from_pretrained)
    return found


def test_links_probabilities_and_words_are_written(asked: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("abc de ||| abc de\nbad\nab ||| ab\n")
    files = [f"--{name}={tmp_path / name}" for name in ("output_file", "output_prob_file")]
    awesome_align.run(
        [
            f"--data_file={tmp_path / 'data'}",
            *files,
            f"--output_word_file={tmp_path / 'words'}",
            "--model_name_or_path=bert-base-multilingual-cased",
            "--extraction=softmax",
            "--batch_size=32",
            "--no_cuda",
        ]
    )
    assert (tmp_path / "output_file").read_text() == "0-0 1-1\n\n0-0\n"
    assert (tmp_path / "words").read_text() == "abc<sep>abc de<sep>de\n\nab<sep>ab\n"
    lines = (tmp_path / "output_prob_file").read_text().split("\n")
    assert [len(line.split()) for line in lines] == [2, 0, 1, 0]
    assert all(0 < float(p) <= 1 for line in lines for p in line.split())
    assert asked == {"device": "cpu"}


def test_another_model_is_the_one_that_is_named(
    asked: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").write_text("ab ||| ab\n")
    options = [f"--data_file={tmp_path / 'data'}", f"--output_file={tmp_path / 'out'}"]
    awesome_align.run([*options, "--model_name_or_path=mine"])
    assert asked == {"model": "mine"}
    for name in running.SETTINGS.values():
        monkeypatch.setenv(name, "other")
    awesome_align.run([*options, "--model_name_or_path=mine", "--no_cuda"])
    assert asked == {"model": "mine", "device": "cpu", "precision": "other"}
    with pytest.raises(InputError, match="is an input of this command"):
        awesome_align.run([options[0], f"--output_file={tmp_path / 'data'}"])

"""`simalign.SentenceAligner`: the same arguments and results."""

import pytest

from tests.conftest import tiny_aligner
from xalign.aligning.aligner import Aligner
from xalign.compat.simalign import SentenceAligner
from xalign.model.config import ExtractionRule

RULE = ExtractionRule(method="words", threshold=0.2, scale=0.3)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the model by a tiny one; gives the names that were asked for."""
    names: list[str] = []

    def from_pretrained(name: str, device: str) -> Aligner:
        names.append(name)
        return tiny_aligner(RULE)

    monkeypatch.setattr(Aligner, "from_pretrained", from_pretrained)
    return names


def test_each_method_has_its_links() -> None:
    aligner = SentenceAligner(model="bert", token_type="bpe", matching_methods="mai")
    found = aligner.get_word_aligns(["abc", "de"], ["abc", "de"])
    assert list(found) == ["mwmf", "inter", "itermax"]
    assert found["inter"] == [(0, 0), (1, 1)]
    assert found == aligner.get_word_aligns("abc de", "abc de")
    many = SentenceAligner(matching_methods="afri").get_word_aligns("abc", "abc ab a")
    assert set(many["inter"]) == set(many["fwd"]) & set(many["rev"])
    assert set(many["inter"]) <= set(many["itermax"])
    assert len(many["fwd"]) <= 1


def test_short_names_mean_the_included_model(asked: list[str]) -> None:
    for name in ("bert", "xlmr", "bert-base-multilingual-cased"):
        SentenceAligner(model=name)
    assert asked == ["default", "default", "bert-base-multilingual-cased"]
    with pytest.raises(ValueError, match="expected methods among amifr"):
        SentenceAligner(matching_methods="x")

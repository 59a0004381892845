"""Networks made ready for a device, in a precision, compiled."""

import shutil
from dataclasses import replace

import pytest
import torch

from tests.conftest import tiny_aligner, tiny_checkpoint, tiny_config, tiny_network, varied_pairs
from xalign.aligning.networks import compile_layers, network_on, with_threshold
from xalign.errors import DeviceError, ModelError
from xalign.model.config import ExtractionRule

RULE = ExtractionRule(method="words", threshold=0.05, scale=0.2)
CPU = torch.device("cpu")


def test_nothing_above_the_alignment_layer_is_kept_to_align() -> None:
    network = tiny_network(replace(tiny_config(), align_layer=1))
    checkpoint = replace(tiny_checkpoint(), network=network)
    assert len(network_on(CPU, checkpoint, "fp32", compiled=False).layers) == 1


def test_half_precision_is_of_the_layers_of_a_copy_alone() -> None:
    checkpoint = tiny_checkpoint()
    network = network_on(CPU, checkpoint, "bf16", compiled=False)
    assert {weights.dtype for weights in network.layers.parameters()} == {torch.bfloat16}
    assert network.pieces.weight.dtype == torch.float32
    assert {weights.dtype for weights in checkpoint.network.parameters()} == {torch.float32}


def test_a_threshold_that_no_link_reaches_is_refused() -> None:
    rule = ExtractionRule(method="words", calibration=((0.0, 0.0), (0.5, 0.25), (1.0, 0.98)))
    assert with_threshold(rule, 0.25).threshold == 0.5
    assert 0.99 < with_threshold(rule, 0.979).threshold < 1
    with pytest.raises(ModelError) as caught:
        with_threshold(rule, 0.98)
    assert str(caught.value) == (
        "expected a threshold below 0.980, the highest probability of this model, found 0.98"
    )
    assert with_threshold(RULE, 0.99).threshold == 0.99  # without a calibration


def test_eight_bit_integers_are_not_compiled() -> None:
    with pytest.raises(DeviceError, match="8-bit integers cannot be compiled"):
        compile_layers(tiny_network(), CPU, "int8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_compiled_layers_find_the_same_links(precision: str) -> None:
    plain = tiny_aligner(RULE, precision=precision)
    compiled = tiny_aligner(RULE, precision=precision, compiled=True)
    pairs = varied_pairs(100)
    expected = [found.matrix() for found in plain.probabilities(pairs)]
    for found, matrix in zip(compiled.probabilities(pairs), expected, strict=True):
        assert found.matrix() == pytest.approx(matrix, abs=0.02 if precision == "bf16" else 1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_what_cannot_be_compiled_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch._inductor.config

    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", (None, "/bin/false"))
    torch.compiler.reset()
    with pytest.raises(DeviceError, match=r"cannot be compiled for cpu: .*; leave out --compile"):
        tiny_aligner(compiled=True, max_positions=33)

"""The model that settings name, and its network, prepared for a device and a precision."""

import copy
from dataclasses import replace

import torch

from xalign.aligning.devices import DTYPES
from xalign.aligning.settings import AlignerSettings
from xalign.errors import DeviceError, ModelError
from xalign.links.probabilities import uncalibrated
from xalign.model.config import ExtractionRule
from xalign.model.cross_align import CrossAlign
from xalign.model.packing import pack_pairs
from xalign.model.pieces import PieceSentence
from xalign.model.quantized import with_fast_projections
from xalign.weights.backbones import separate
from xalign.weights.checkpoint import Checkpoint, load


def network_on(
    device: torch.device,
    checkpoint: Checkpoint,
    precision: str,
    compiled: bool,
    *,
    takes: bool = False,
) -> CrossAlign:
    """The network of ``checkpoint`` up to its alignment layer, in a ``precision`` of `DTYPES`.

    If it ``takes`` weights, those of the checkpoint cannot be used any more.
    """
    network, dtype = checkpoint.network.pruned().eval(), DTYPES[precision]
    if device.type == "cpu" and dtype == torch.float32:
        network = with_fast_projections(network, in_int8=precision == "int8", takes=takes)
    else:
        network = copy.deepcopy(network).to(device).float()
        network.layers.to(dtype)
    if compiled:
        compile_layers(network, device, precision)
    return network


def compile_layers(network: CrossAlign, device: torch.device, precision: str) -> None:
    """Compile the layers of ``network`` in place, each kind once for batches of all sizes."""
    if precision == "int8":
        raise DeviceError("8-bit integers cannot be compiled; add --precision fp32")
    for layer in network.layers:
        layer.compile(dynamic=True)
    side = PieceSentence([0, 0], [-1, 0])
    try:
        with torch.inference_mode():
            network(pack_pairs([(side, side)]).to(device))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise DeviceError(
            f"layers cannot be compiled for {device}: {reason}; leave out --compile"
        ) from error


def checkpoint_of(settings: AlignerSettings) -> Checkpoint:
    """The model that ``settings`` name, as it is stored, with its rule as they ask for.

    Errors: `ModelError`.
    """
    layer, threshold = settings.layer, settings.threshold
    depth = None if layer is None else separate(layer)
    checkpoint = load(settings.model, depth, as_stored=True)
    if threshold is None:
        return checkpoint
    return replace(checkpoint, rule=with_threshold(checkpoint.rule, threshold))


def with_threshold(rule: ExtractionRule, threshold: float) -> ExtractionRule:
    """``rule`` with a ``threshold`` of calibrated probabilities; argmax becomes eq. 10.

    Errors: `ModelError` when no link can be more probable than the threshold.
    """
    if rule.calibration and threshold >= (top := rule.calibration[-1][1]):
        expected = f"expected a threshold below {top:.3f}, the highest probability of this model"
        raise ModelError(f"{expected}, found {threshold}")
    method = "pieces" if rule.method == "argmax" else rule.method
    return replace(rule, method=method, threshold=uncalibrated(threshold, rule.calibration))

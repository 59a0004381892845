"""The network of a checkpoint, prepared for a device and a precision, compiled on request."""

import copy

import torch

from xalign.aligning.devices import DTYPES
from xalign.errors import DeviceError
from xalign.model.cross_align import CrossAlign
from xalign.model.packing import pack_pairs
from xalign.model.pieces import PieceSentence
from xalign.model.quantized import with_fast_projections
from xalign.weights.checkpoint import Checkpoint


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

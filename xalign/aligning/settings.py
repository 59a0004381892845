"""The settings of an `Aligner`, which are also the options of the command line."""

from dataclasses import dataclass
from typing import Annotated

from xalign.model.config import Precision
from xalign.settings import Setting


@dataclass(frozen=True, slots=True)
class AlignerSettings:
    """A model, how to read links off it, and the machine that it runs on.

    ``model`` is ``default``, a folder or a hub name. ``layer`` reads links off another layer of an
    encoder that was never trained to align. ``threshold`` replaces that of the model's rule (an
    argmax becomes eq. 10); it is of probabilities as `Aligner.probabilities` gives them.

    ``device`` is ``auto``, ``cpu``, ``cuda``, ``cuda:N``, several with commas between, or ``all``
    GPUs. ``precision`` is that of the layers' matrix products: ``fp32``, ``int8`` (CPU), ``bf16``,
    ``fp16``, or ``auto``, see `choose_precision`. ``threads`` (CPU) is by default the number of
    usable cores. ``batch_pieces`` is how many pieces are aligned at once, in each thread; on a GPU,
    less where memory does not suffice. With ``compiled``, layers go through `torch.compile` first,
    once for batches of all sizes; it needs a C++ compiler.
    """

    model: Annotated[
        str, Setting("Model folder, or hub name of an encoder.", flags=("-m", "--model"))
    ] = "default"
    layer: Annotated[
        int | None, Setting("Layer to read links off, for an encoder never trained to align.")
    ] = None
    threshold: Annotated[
        float | None, Setting("Link words whose probability exceeds this.", min=0, max=0.999)
    ] = None
    device: Annotated[
        str, Setting("auto, cpu, cuda, cuda:N, several with commas, or all.", panel="Machine")
    ] = "auto"
    precision: Annotated[Precision, Setting("Precision of matrix products.", panel="Machine")] = (
        "auto"
    )
    threads: Annotated[
        int | None, Setting("CPU threads; default: one per core.", min=1, panel="Machine")
    ] = None
    batch_pieces: Annotated[
        int | None,
        Setting("Pieces aligned at once; a lower number saves memory.", min=1, panel="Machine"),
    ] = None
    compiled: Annotated[
        bool,
        Setting(
            "Compile the network first, for long runs on a GPU.",
            flags=("--compile",),
            panel="Machine",
        ),
    ] = False

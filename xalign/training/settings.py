"""What has a part in the result of a run (`Settings`), and where it happens (`Machine`)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from xalign.training.augment import Augmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What both stages need to know; recorded with the run.

    ``corpora`` are drawn from by ``weights``, or, without these, by their number of pairs to the
    power of 1 / ``temperature``. A step takes ``batch_pieces`` pieces in all, on however many
    devices. ``rate`` is the learning rate of the cross-attention layers (and the TLM head),
    ``self_rate`` that of the top ``tune_self`` self-attention layers and, if asked, of the
    embeddings; all else is frozen. ``mask_rate`` of the pieces are masked: in stage 1 to be
    predicted, in stage 2 to be linked as the teacher links them, who sees all; with
    ``label_thresholds``, one for each corpus, what scores over these is a link to the teacher.
    Every ``every`` steps the run is validated on ``dev`` and saved; it ends early after
    ``patience`` validations without a better mean AER (0: never).
    """

    corpora: tuple[str, ...]
    weights: tuple[float, ...] = ()
    temperature: float = 1.0
    steps: int
    batch_pieces: int
    rate: float
    self_rate: float
    tune_self: int
    tune_embeddings: bool = False
    warmup: int
    mask_rate: float
    label_thresholds: tuple[float, ...] = ()
    max_pieces: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    every: int
    patience: int = 0
    dev: tuple[str, ...] = ()
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a run happens, which has no part in its result: device, threads, cache, shard size.

    With ``recompute``, layers are computed again for their gradients, which saves memory.
    """

    device: str
    threads: int
    cache: Path
    shard_pieces: int = 2048
    recompute: bool = False

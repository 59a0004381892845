"""``simalign.SentenceAligner``: the class that programs of SimAlign use."""

from collections.abc import Sequence
from typing import Any

METHODS = {"a": "inter", "m": "mwmf", "i": "itermax", "f": "fwd", "r": "rev"}
"""Letters of methods, and the names under which their links are returned."""


class SentenceAligner:
    """Aligns one pair at a time; arguments of SimAlign's class are accepted.

    ``model`` may name a model folder or an encoder; SimAlign's short names mean xalign's own model.
    """

    def __init__(
        self,
        model: str = "bert",
        token_type: str = "bpe",
        distortion: float = 0.0,
        matching_methods: str = "mai",
        device: str = "cpu",
        layer: int = 8,
    ) -> None:
        from xalign.aligning.aligner import Aligner

        unknown = sorted(set(matching_methods) - METHODS.keys())
        if unknown:
            raise ValueError(f"expected methods among {''.join(METHODS)}, found {unknown[0]!r}")
        self.methods = [METHODS[letter] for letter in matching_methods]
        name = "default" if model in ("bert", "xlmr", "default") else model
        self._aligner: Any = Aligner.from_pretrained(name, device=str(device))

    def get_word_aligns(
        self, src_sent: str | Sequence[str], trg_sent: str | Sequence[str]
    ) -> dict[str, list[tuple[int, int]]]:
        """Links of a pair by the name of each method, sorted.

        ``inter`` are links that are the best of both their words. ``itermax`` and ``mwmf``, which
        add to them in SimAlign, are all links. ``fwd`` and ``rev`` are one for each source word,
        and one for each target word.
        """
        (found,) = self._aligner.probabilities([(src_sent, trg_sent)])
        ways = {
            "fwd": found.alignment("reverse").links,
            "rev": found.alignment("forward").links,
            "itermax": found.alignment().links,
            "mwmf": found.alignment().links,
        }
        ways["inter"] = ways["fwd"] & ways["rev"]
        return {name: sorted(ways[name]) for name in self.methods}

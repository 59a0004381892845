"""What a network is trained for: functions from a part of a batch to a loss.

An objective takes pairs and a source of random draws, and gives the loss summed over pieces and
the number of these pieces. Shapes: B pairs, N pieces of all 2B sentences end to end, L longest
sentence, D width.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xalign.model.config import ExtractionRule
from xalign.model.cross_align import CrossAlign, TLMHead
from xalign.model.extraction import batch_similarity, link_scores
from xalign.model.packing import PairBatch, PieceSentence, pack_pairs
from xalign.training.losses import (
    LossForm,
    candidate_pieces,
    ssa_loss,
    tlm_loss,
)
from xalign.training.masking import Masking, mask_pieces


@dataclass(frozen=True, slots=True)
class Example:
    """A pair to learn from; ``links`` has rows ``i, j, is_sure`` (K, 3), if any are given.

    What scores over ``threshold`` is a link to a teacher; None leaves that to the teacher's rule.
    """

    src: PieceSentence
    tgt: PieceSentence
    links: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 3), np.int64))
    threshold: float | None = None

    @property
    def num_pieces(self) -> int:
        """Pieces of both sides."""
        return len(self.src) + len(self.tgt)


Examples = Sequence[Example]
Objective = Callable[[Examples, torch.Generator], tuple[Tensor, Tensor]]


def tlm_objective(
    network: CrossAlign, head: TLMHead, *, masking: Masking, negatives: int
) -> Objective:
    """Stage 1: predict masked pieces of both sides from the last layer (eq. 11).

    Each is told from the batch's other masked pieces and from ``negatives`` pieces drawn from
    the vocabulary of ``masking`` (V,), the pieces that the corpora have: the cost never grows with
    the encoder's vocabulary.
    """

    def objective(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        device = head.bias.device
        masked = mask_pieces(pack(examples), masking, generator)
        candidates = candidate_pieces(masked.targets, masking.vocabulary, negatives, generator)
        candidates = candidates.to(device)
        *_, states = network.layer_states(masked.batch.to(device))  # (N, D)
        predicted = head(states[masked.places.to(device)])  # (K, D)
        loss = tlm_loss(
            predicted, masked.targets.to(device), candidates,
            network.pieces(candidates), head.bias[candidates],
        )  # fmt: skip
        return loss, torch.tensor(float(len(masked.targets)), device=device)

    return objective


def ssa_objective(
    network: CrossAlign, teacher: CrossAlign, *, teacher_rule: ExtractionRule,
    rule: ExtractionRule, form: LossForm, masking: Masking | None = None, evidence: float = 0.0,
) -> Objective:  # fmt: skip
    """Stage 2: learn the links of words that a frozen ``teacher`` finds (eq. 12).

    They are read off by ``teacher_rule``. With ``masking``, the teacher sees all pieces and the
    network only some: it has to link what it cannot see, from what stands around it and from the
    translation. Links given with the examples, another aligner's, speak as well: a sure one adds
    half of ``evidence`` to the teacher's probability, none takes as much away, and one that is only
    possible (found in one direction, say) leaves it as it is.
    """

    def objective(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        whole, device = pack(examples), network.norm.weight.device
        batch = whole.to(device)
        with torch.no_grad():
            found = batch_similarity(teacher(batch), batch, teacher_rule)  # (B, L, L)
            scores = link_scores(found, batch.words, teacher_rule)  # (B, L, L)
            if evidence:
                scores = scores + evidence * (given_votes(examples, scores) - 0.5)
            own = teacher_rule.threshold
            least = [own if one.threshold is None else one.threshold for one in examples]
            linked = scores > scores.new_tensor(least)[:, None, None]  # (B, L, L)
        seen = mask_pieces(whole, masking, generator).batch.to(device) if masking else batch
        similarities = batch_similarity(network(seen), seen, rule)  # (B, L, L)
        return ssa_loss(similarities, linked, batch.words, rule, form)

    return objective


def links_objective(
    network: CrossAlign, *, rule: ExtractionRule, form: LossForm, masking: Masking | None = None
) -> Objective:
    """Stage 2 with given links in place of a teacher's.

    Sure links are learnt. Links that are only possible are neither right nor wrong.
    """

    def objective(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        batch = pack(examples)
        if masking:
            batch = mask_pieces(batch, masking, generator).batch
        batch = batch.to(network.norm.weight.device)
        similarities = batch_similarity(network(batch), batch, rule)  # (B, L, L)
        votes = given_votes(examples, similarities)
        sure, given = votes == 1, votes > 0
        return ssa_loss(similarities, sure, batch.words, rule, form, given & ~sure)

    return objective


def pack(examples: Examples) -> PairBatch:
    """The batch of ``examples``."""
    return pack_pairs([(example.src, example.tgt) for example in examples])


def given_links(examples: Examples) -> Tensor:
    """Links given with ``examples``, as rows ``pair, i, j, is_sure`` (K, 4)."""
    owners = np.repeat(np.arange(len(examples)), [len(example.links) for example in examples])
    links = np.concatenate([example.links for example in examples])  # (K, 3)
    return torch.from_numpy(np.column_stack([owners, links]))


def given_votes(examples: Examples, like: Tensor) -> Tensor:
    """What the links given with ``examples`` say of every word pair, as a table ``like`` (B, L, L).

    1 for a sure link, 0.5 for one that is only possible, else 0.
    """
    votes = torch.zeros_like(like)
    links = given_links(examples).to(like.device)  # (K, 4)
    votes[links[:, :3].unbind(1)] = 0.5 + 0.5 * links[:, 3].to(like.dtype)
    return votes


def frozen_copy(network: CrossAlign) -> CrossAlign:
    """A teacher: ``network`` up to its alignment layer, as it is now."""
    return copy.deepcopy(network.pruned()).requires_grad_(False).eval()

"""The objectives of training: functions from a part of a batch to a loss.

An objective takes examples and a random generator, and returns the loss summed over pieces (or
words) and the number of these. Shapes: B pairs, N pieces of all 2B sentences end to end, L longest
sentence, S and T source and target words of tables, D width.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xalign.model.config import ExtractionRule
from xalign.model.cross_align import CrossAlign, TLMHead
from xalign.model.extraction import batch_similarity, word_pairs, word_tables
from xalign.model.packing import PairBatch, pack_pairs
from xalign.training.augment import UNKNOWN
from xalign.training.examples import Example
from xalign.training.losses import (
    Loss,
    candidate_pieces,
    ssa_loss,
    tlm_loss,
)
from xalign.training.masking import Masking, mask_pieces

Examples = Sequence[Example]
NO_LINKS = np.empty((0, 3), dtype=np.float32)
Objective = Callable[[Examples, torch.Generator], tuple[Tensor, Tensor]]


def tlm_objective(
    network: CrossAlign, head: TLMHead, *, masking: Masking, negatives: int
) -> Objective:
    """Stage 1: predict masked pieces of both sides from the last layer (eq. 11).

    The candidates for each are the batch's masked pieces and ``negatives`` pieces drawn from the
    vocabulary of ``masking`` (V,), the pieces that the corpora have, so that the cost never grows
    with the encoder's vocabulary.
    """

    def objective(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        device = head.bias.device
        masked = mask_pieces(pack(examples), masking, generator)
        candidates = candidate_pieces(masked.targets, masking.vocabulary, negatives, generator)
        candidates = candidates.to(device)
        *_, states = network.layer_states(masked.batch.to(device))  # (N, D)
        predicted = head(states[masked.places.to(device)])  # (K, D)
        loss = tlm_loss(
            predicted,
            masked.targets.to(device),
            candidates,
            network.pieces(candidates),
            head.bias[candidates],
        )
        return loss, torch.tensor(float(len(masked.targets)), device=device)

    return objective


def ssa_objective(
    network: CrossAlign,
    teacher: CrossAlign,
    *,
    teacher_rule: ExtractionRule,
    rule: ExtractionRule,
    loss: Loss,
    masking: Masking | None = None,
    evidence: float = 0.0,
) -> Objective:
    """Stage 2: learn the links of words that a frozen ``teacher`` finds (eq. 12).

    The links are read off by ``teacher_rule``. With ``masking``, the teacher sees all pieces and
    the network only some: it has to link the others by their context and the translation. With
    ``evidence``, links given with the examples (another aligner's, say) count too: a sure link adds
    half of ``evidence`` to the teacher's probability, no link subtracts as much, and a possible
    link (found in one direction, say) leaves it unchanged.
    """

    def objective(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        whole, device = pack(examples), network.norm.weight.device
        batch = whole.to(device)
        with torch.no_grad():
            scores = word_scores(teacher, batch, teacher_rule)  # (B, S, T)
            if evidence:
                scores = scores + evidence * (given_votes(examples, scores) - 0.5)
            linked = scores > label_thresholds(examples, teacher_rule, scores)  # (B, S, T)
        seen = mask_pieces(whole, masking, generator).batch.to(device) if masking else batch
        similarities = batch_similarity(network(seen), seen, rule)  # (B, L, L)
        return ssa_loss(similarities, linked, batch.words, rule, loss)

    return objective


def links_objective(
    network: CrossAlign, *, rule: ExtractionRule, loss: Loss, masking: Masking | None = None
) -> Objective:
    """Stage 2 with given links in place of a teacher's.

    Links with a probability over 0.5 are learnt. Other given links, such as possible ones, are
    neither right nor wrong.
    """

    def objective(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        batch = pack(examples)
        if masking:
            batch = mask_pieces(batch, masking, generator).batch
        batch = batch.to(network.norm.weight.device)
        similarities = batch_similarity(network(batch), batch, rule)  # (B, L, L)
        table = given_table(examples, similarities.new_empty(len(examples), *batch.num_words))
        sure = table > 0.5
        return ssa_loss(similarities, sure, batch.words, rule, loss, (table != 0) & ~sure)

    return objective


class Labels(NamedTuple):
    """Labels of word pairs for a link head: two tables (B, S, T).

    ``target`` is the probability of a link, and ``is_known`` marks the word pairs that have one.
    """

    target: Tensor
    is_known: Tensor


def binary_objective(
    network: CrossAlign,
    teacher: CrossAlign | None,
    *,
    teacher_rule: ExtractionRule,
    rule: ExtractionRule,
    doubt: float,
    masking: Masking | None = None,
) -> Objective:
    """Stage 2 for a link head: judge every word pair by itself (cross-entropy).

    In an example with given links, their probabilities are learnt, possible links are neither right
    nor wrong, and all other links are wrong. In other examples, a frozen ``teacher`` links the
    words by ``teacher_rule``; word pairs below its threshold by at most ``doubt`` are neither right
    nor wrong. In joined examples, words of different pairs are not linked.
    """
    head = network.link_head
    assert head is not None, "stages give a head to a network that is to learn this"

    def objective(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        whole, device = pack(examples), network.norm.weight.device
        seen = mask_pieces(whole, masking, generator).batch if masking else whole
        batch = seen.to(device)
        words = word_pairs(network(batch), batch, rule)
        labels = binary_labels(examples, words.forward, teacher, teacher_rule, doubt)
        surprise = F.binary_cross_entropy_with_logits(head(words), labels.target, reduction="none")
        loss = (surprise * (labels.is_known & words.mask)).sum()
        return loss, words.mask.any(2).sum() + words.mask.any(1).sum()

    return objective


@torch.no_grad()
def binary_labels(
    examples: Examples, like: Tensor, teacher: CrossAlign | None, rule: ExtractionRule, doubt: float
) -> Labels:
    """Labels of the word pairs of ``examples``, in tables ``like`` (B, S, T)."""
    table = given_table(examples, like)
    is_known = table != UNKNOWN
    target = table * is_known
    blocks = list(blocks_without_links(examples))
    if blocks:
        assert teacher is not None, "examples without links need a teacher"
        parts = [part for *_, part in blocks]
        batch = pack(parts).to(like.device)
        scores = word_scores(teacher, batch, rule)  # (P, S, T)
        least = label_thresholds(parts, rule, scores)  # (P, 1, 1)
        linked, unsure = scores > least, (scores > least - doubt) & (scores <= least)
        for k, (owner, i, j, part) in enumerate(blocks):
            rows, columns = part.src.num_words, part.tgt.num_words
            there = owner, slice(i, i + rows), slice(j, j + columns)
            target[there] = linked[k, :rows, :columns].to(like.dtype)
            is_known[there] = ~unsure[k, :rows, :columns]
    return Labels(target, is_known)


def blocks_without_links(examples: Examples) -> Iterator[tuple[int, int, int, Example]]:
    """Parts of ``examples`` without given links, each with the number of its example and the
    numbers of source and target words before it."""
    for owner, example in enumerate(examples):
        i, j = 0, 0
        for part in example.parts or (example,):
            if part.links is None:
                yield owner, i, j, part
            i, j = i + part.src.num_words, j + part.tgt.num_words


def word_scores(teacher: CrossAlign, batch: PairBatch, rule: ExtractionRule) -> Tensor:
    """Score of every word pair that ``rule`` compares with its threshold, 0 to 1: (B, S, T)."""
    return word_tables(teacher(batch), batch, rule, teacher.link_head).scores(rule)


def label_thresholds(examples: Examples, rule: ExtractionRule, like: Tensor) -> Tensor:
    """The threshold of the teacher's links of every example: (B, 1, 1)."""
    own = rule.threshold
    least = [own if one.label_threshold is None else one.label_threshold for one in examples]
    return like.new_tensor(least)[:, None, None]


def pack(examples: Examples) -> PairBatch:
    """The batch of ``examples``."""
    return pack_pairs([(example.src, example.tgt) for example in examples])


def given_votes(examples: Examples, like: Tensor) -> Tensor:
    """The probabilities of links given with ``examples``, as a table ``like`` (B, S, T).

    1 for a sure link, 0.5 for one that is only possible, 0 where no link is given.
    """
    table = given_table(examples, like)
    return table.masked_fill(table == UNKNOWN, 0.5)


def given_table(examples: Examples, like: Tensor) -> Tensor:
    """Links given with ``examples`` as a table ``like`` (B, S, T): probabilities or `UNKNOWN`."""
    given = [NO_LINKS if example.links is None else example.links for example in examples]
    owners = np.repeat(np.arange(len(examples)), list(map(len, given)))
    i, j, p = torch.from_numpy(np.concatenate(given)).to(like.device).unbind(1)  # each (K,)
    table = torch.zeros_like(like)
    table[torch.from_numpy(owners).to(like.device), i.long(), j.long()] = p.to(like.dtype)
    return table


def frozen_copy(network: CrossAlign) -> CrossAlign:
    """A teacher: ``network`` up to its alignment layer, as it is now."""
    return copy.deepcopy(network.pruned()).requires_grad_(False).eval()

"""Gives a model a pair head, so that its scores tell translations from other pairs of any length.

    python -m bin.recipes.pair_head MODEL TEXT... -o FOLDER

The vectors of sentences learn from pairs of text, each among others of about its length
(contrastively). The score is then fitted to other pairs, each with its translation and with a
translation of another pair. All other weights of the model stay as they are. Takes ten minutes of
two cores for 50,000 pairs.
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xalign.aligning.aligner import Aligner
from xalign.alignment import SentencePair
from xalign.links.probabilities import pair_features
from xalign.model.packing import pack_pairs
from xalign.model.pair_head import PairHead, sentence_means
from xalign.reading import read_pairs
from xalign.weights.checkpoint import Checkpoint, load, save_folder

SIZE = 128
"""Size of the vectors of sentences."""
WORDS, LONGEST = (2, 30), 40
"""Numbers of words of the shorter side, and the most of the longer one."""
MOST_OF_A_LENGTH = 0.08
"""Most pairs of one length, as a share of all."""
APART = 5
"""Every so many pairs, one is kept for the score."""
STEPS, BATCH, NEIGHBOURS, RATE, DROPOUT, SHARPNESS = 1500, 512, 4, 1e-3, 0.1, 3.0
BUCKETS = ((2, 2), (3, 3), (4, 4), (5, 5), (6, 7), (8, 10), (11, 15), (16, 30))


def say(message: str) -> None:
    """Print a line at once."""
    print(message, flush=True)


def shorter(pair: SentencePair) -> int:
    """Number of words of the shorter side."""
    return min(len(pair.src), len(pair.tgt))


def chosen(paths: Iterable[str], count: int, draw: random.Random) -> list[SentencePair]:
    """``count`` pairs of all texts, not too many of one length, by length."""
    by_length: dict[int, list[SentencePair]] = defaultdict(list)
    for path in paths:
        for pair in read_pairs(path):
            is_short = max(len(pair.src), len(pair.tgt)) <= LONGEST
            if is_short and WORDS[0] <= shorter(pair) <= WORDS[1]:
                by_length[shorter(pair)].append(pair)
    most = round(MOST_OF_A_LENGTH * count)
    kept = [draw.sample(pairs, min(most, len(pairs))) for pairs in by_length.values()]
    pairs = [pair for group in kept for pair in group]
    return sorted(draw.sample(pairs, min(count, len(pairs))), key=shorter)


def shuffled(pairs: list[SentencePair], draw: random.Random) -> Iterator[SentencePair]:
    """Sources, each with the target of another pair of the same length."""
    by_length: dict[int, list[SentencePair]] = defaultdict(list)
    for pair in pairs:
        by_length[shorter(pair)].append(pair)
    for group in by_length.values():
        turn = draw.randrange(1, max(2, len(group)))
        for pair, other in zip(group, group[turn:] + group[:turn], strict=True):
            if pair.tgt != other.tgt:
                yield SentencePair(pair.src, other.tgt)


@torch.inference_mode()
def sentence_states(aligner: Aligner, pairs: list[SentencePair]) -> Tensor:
    """Mean states of both sides of ``pairs``, as a pair head reads them: (pairs, 2, D)."""
    torch.set_num_threads(1)  # faster than to share small products
    network, found = aligner.network, []
    for start in range(0, len(pairs), 32):
        sides = [
            (aligner.tokenizer.encode(pair.src), aligner.tokenizer.encode(pair.tgt))
            for pair in pairs[start : start + 32]
        ]
        batch = pack_pairs(sides)
        for layer, x in enumerate(network.layer_states(batch)):
            if layer == network.config.sentence_layer:
                found.append(torch.stack(sentence_means(x.float(), batch).tensor_split(2), 1))
                break
    return torch.cat(found)


def learnt_head(states: Tensor, draw: random.Random) -> PairHead:
    """A head under which both sides of a pair (pairs, 2, D), sorted by length, are most alike."""
    torch.manual_seed(draw.randrange(2**31))
    mean, spread = states.mean((0, 1)), states.std((0, 1))
    usual = (states - mean) / spread
    head = PairHead(states.shape[2], SIZE)
    sharpness = nn.Parameter(torch.tensor(SHARPNESS))
    optimizer = torch.optim.AdamW([*head.parameters(), sharpness], RATE, weight_decay=0.01)
    size = min(BATCH, len(usual))
    for step in range(STEPS):
        start = draw.randrange(max(1, len(usual) - NEIGHBOURS * size))
        near = torch.randperm(min(NEIGHBOURS * size, len(usual)))[:size] + start
        vectors = F.normalize(head.project(F.dropout(usual[near], DROPOUT)), dim=-1)
        scores = vectors[:, 0] @ vectors[:, 1].T * sharpness.exp()
        own = torch.arange(size)
        loss = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    say(f"vectors: loss {loss.item():.3f} after {STEPS} steps")
    with torch.no_grad():  # the head sees states as they are
        weight, bias = head.project.weight.div_(spread), head.project.bias
        bias.sub_(weight @ mean)
    return head.eval().requires_grad_(False)


def features(aligner: Aligner, pairs: list[SentencePair]) -> tuple[np.ndarray, np.ndarray]:
    """Features of pairs (pairs, 7), and the lengths of their shorter sides."""
    rows = []
    for pair, found in zip(pairs, aligner.probabilities(pairs), strict=True):
        assert found.similarity is not None
        rows.append(pair_features(found.preference, found.similarity, shorter(pair)))
    return np.array(rows), np.array(list(map(shorter, pairs)))


def fitted(true: np.ndarray, false: np.ndarray) -> tuple[float, ...]:
    """Weights of the logistic regression that tells features of true pairs from false ones."""
    x = torch.from_numpy(np.concatenate([true, false]))
    y = torch.cat([torch.ones(len(true)), torch.zeros(len(false))]).double()
    weights = torch.zeros(x.shape[1], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=1000, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(x @ weights, y) + 1e-5 * weights.square().sum()
        torch.autograd.backward(value)
        return value.item()

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return tuple(round(value, 4) for value in weights.tolist())


def table(aligner: Aligner, pairs: list[SentencePair], others: list[SentencePair]) -> str:
    """Shares of true and of shuffled pairs whose score is over 0.5, by length."""
    rows = [
        "| words | pairs | true pairs that pass, % | shuffled pairs that pass, % |",
        "|---|---|---|---|",
    ]
    passing: dict[bool, dict[int, list[bool]]] = {True: defaultdict(list), False: defaultdict(list)}
    for is_true, group in ((True, pairs), (False, others)):
        for pair, found in zip(group, aligner.probabilities(group), strict=True):
            passing[is_true][shorter(pair)].append(found.score > 0.5)
    for low, high in BUCKETS:
        shares = []
        for is_true in (True, False):
            passed = [one for n in range(low, high + 1) for one in passing[is_true][n]]
            shares.append((len(passed), 100 * float(np.mean(passed)) if passed else 0.0))
        name = f"{low}-{high}" if low < high else str(low)
        rows.append(f"| {name} | {shares[0][0]} | {shares[0][1]:.1f} | {shares[1][1]:.1f} |")
    return "\n".join(rows)


def with_pair_head(model: str, texts: list[str], count: int, seed: int = 1) -> Checkpoint:
    """The model with a new pair head that is learnt from ``texts``."""
    draw = random.Random(seed)
    pairs = chosen(texts, count, draw)
    apart = [pair for k, pair in enumerate(pairs) if k % APART == 0]
    learnt = [pair for k, pair in enumerate(pairs) if k % APART]
    say(f"{len(learnt)} pairs for the vectors, {len(apart)} for the score")
    head = learnt_head(sentence_states(Aligner.from_pretrained(model), learnt), draw)
    checkpoint = load(model)
    network = checkpoint.network
    network.config = replace(network.config, pair_size=SIZE)
    network.pair_head = head
    others = list(shuffled(apart, draw))
    aligner = Aligner(checkpoint, devices=[torch.device("cpu")], threads=2, batch_pieces=1024)
    weights = fitted(features(aligner, apart)[0], features(aligner, others)[0])
    return replace(checkpoint, rule=replace(checkpoint.rule, pair_weights=weights))


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(prog="pair_head", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("texts", nargs="*")
    parser.add_argument("-o", "--output", help="folder of the model; its README.md is kept")
    parser.add_argument("--pairs", type=int, default=50_000, help="to learn from")
    parser.add_argument("--test-pairs", type=int, default=10_000)
    parser.add_argument("--test", help="other pairs, for a table of what passes at a score of 0.5")
    given = parser.parse_args()
    if given.output:
        folder = Path(given.output)
        card = folder / "README.md"
        text = card.read_text(encoding="utf-8") if card.exists() else ""
        checkpoint = with_pair_head(given.model, given.texts, given.pairs)
        save_folder(checkpoint, folder, torch.float16, text)
        say(f"pair_weights {checkpoint.rule.pair_weights}")
    if given.test:
        draw = random.Random(2)
        pairs = chosen([given.test], given.test_pairs, draw)
        aligner = Aligner.from_pretrained(given.output or given.model)
        say(table(aligner, pairs, list(shuffled(pairs, draw))))


if __name__ == "__main__":
    main()

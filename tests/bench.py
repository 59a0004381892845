"""Throughput of aligning, beside what this machine's matrix-product rate allows for the operations.

Operations are the multiplications and additions of the layers' matrix products on real pieces;
attention scores, softmaxes, norms, tokenising and extraction count as overhead. The rate is measured
between the rounds, with as many single-core threads as the aligner uses, on the largest product that
a layer contains.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from tests.conftest import EXAMPLES
from xalign import Aligner
from xalign.aligner import num_pieces
from xalign.io.files import Source
from xalign.io.pairs import read_pairs

ROWS, PRODUCTS = 2048, 30


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def product_rate(width: int, ffn_width: int, threads: int) -> float:
    """Operations a second of (ROWS, width) @ (width, ffn_width) in fp32, all threads together."""
    x, weight = torch.randn(ROWS, width), torch.randn(width, ffn_width)

    def multiply(_: int) -> None:
        for _ in range(PRODUCTS):
            x @ weight

    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(multiply, range(threads)))
        taken = seconds(lambda: list(pool.map(multiply, range(2 * threads))))
    return 2 * ROWS * width * ffn_width * PRODUCTS * 2 * threads / taken


def main() -> None:
    """Print a line for each round, and the medians."""
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    parser.add_argument("corpus", nargs="?", default=str(EXAMPLES / "de-en.txt"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    pairs = list(read_pairs(Source(options.corpus), options.corpus))
    aligner = Aligner.from_pretrained(device="cpu", threads=options.threads)
    sizes = aligner.network.config
    pieces = sum(num_pieces(aligner._encode(pair)) for pair in pairs)
    per_layer = 4 * sizes.width**2 + 2 * sizes.width * sizes.ffn_width
    operations = 2 * pieces * per_layer * sizes.align_layer
    list(aligner.align(pairs[:200]))
    rates, shares = [], []
    for _ in range(options.rounds):
        taken = seconds(lambda: list(aligner.align(pairs)))
        rate = product_rate(sizes.width, sizes.ffn_width, aligner.threads)
        rates.append(len(pairs) / taken)
        shares.append(operations / taken / rate)
        print(
            f"{rates[-1]:6.1f} pairs/s  {pieces / taken:6.0f} pieces/s  "
            f"{rate / 1e9:4.0f} Gop/s by matrix products  {100 * shares[-1]:3.0f}% of that used"
        )
    print(
        f"median of {options.rounds}: {statistics.median(rates):.1f} pairs/s, "
        f"{100 * statistics.median(shares):.0f}% of the matrix-product rate, "
        f"{len(pairs)} pairs, {pieces} pieces, {aligner.threads} threads"
    )


if __name__ == "__main__":
    main()

"""Time that `xalign serve` takes to answer: ``python -m bin.recipes.latency CORPUS``.

Pairs of about 20 words a side are asked for one by one, by one client and by 16 at once; prints
the median and the 99th percentile in milliseconds, and requests per second.
"""

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from xalign.io.files import Source
from xalign.io.pairs import read_pairs

WORDS = range(17, 24)


class Client:
    """A connection that is kept open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def seconds(self, pair: tuple[str, str]) -> float:
        """Time of one request."""
        body = json.dumps({"pairs": [pair]})
        started = time.perf_counter()
        self.connection.request("POST", "/align", body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == 200
        return time.perf_counter() - started


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(prog="latency", description=__doc__)
    parser.add_argument("corpus")
    parser.add_argument("--requests", type=int, default=1000)
    given = parser.parse_args()
    pairs = [
        (" ".join(pair.src), " ".join(pair.tgt))
        for pair in read_pairs(Source(given.corpus), given.corpus)
        if len(pair.src) in WORDS and len(pair.tgt) in WORDS
    ]
    asked = (pairs * (given.requests // len(pairs) + 1))[: given.requests]
    command = [sys.executable, "-m", "xalign", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr
        found = re.search(r":(\d+) with (.*);", service.stderr.readline())
        assert found
        port = int(found[1])
        print(f"{len(pairs)} pairs, {given.requests} requests, {found[2]}")
        print("| clients | p50, ms | p99, ms | requests/s |\n|---|---|---|---|")
        for number in (1, 16):
            shares = [asked[k::number] for k in range(number)]
            for pair in asked[:50]:
                Client(port).seconds(pair)
            started = time.perf_counter()
            with ThreadPoolExecutor(number) as pool:
                times = [t for share in pool.map(lambda s: ask(port, s), shares) for t in share]
            rate = len(times) / (time.perf_counter() - started)
            cuts = statistics.quantiles(times, n=100)
            print(f"| {number} | {1000 * cuts[49]:.1f} | {1000 * cuts[98]:.1f} | {rate:.0f} |")
        service.terminate()


def ask(port: int, pairs: list[tuple[str, str]]) -> list[float]:
    """Times of the requests of one client."""
    client = Client(port)
    return [client.seconds(pair) for pair in pairs]


if __name__ == "__main__":
    main()

"""Pairs of many requests, aligned together."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from xalign.alignment import SentencePair
from xalign.links.probabilities import WordProbabilities

Run = Callable[[Sequence[SentencePair]], list[WordProbabilities]]


class BusyError(Exception):
    """Too many pairs wait already, or the service is ending."""


class TooManyError(Exception):
    """More pairs in one request than may wait at all."""


class Batcher:
    """Aligns the pairs of all requests that wait, by ``run``, in a thread of its own.

    A request that comes alone is aligned at once; those that come meanwhile wait, and are aligned
    together. At most ``max_pairs`` wait. Used as a context; at its end, what waits is done first.
    """

    def __init__(self, run: Run, max_pairs: int = 10_000) -> None:
        self.run, self.max_pairs = run, max_pairs
        self._waiting: deque[tuple[Sequence[SentencePair], Future[list[WordProbabilities]]]]
        self._waiting = deque()
        self._num_pairs = 0
        self._is_open = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Batcher":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        self._thread.join()

    def align(self, pairs: Sequence[SentencePair]) -> list[WordProbabilities]:
        """Word pairs of ``pairs``; waits for them.

        Errors: `BusyError`, `TooManyError`, and those of ``run``.
        """
        if len(pairs) > self.max_pairs:
            raise TooManyError(f"expected at most {self.max_pairs} pairs, found {len(pairs)}")
        future: Future[list[WordProbabilities]] = Future()
        with self._changed:
            if not self._is_open or self._num_pairs + len(pairs) > self.max_pairs:
                raise BusyError
            self._waiting.append((pairs, future))
            self._num_pairs += len(pairs)
            self._changed.notify_all()
        return future.result()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or not self._is_open)
                requests = list(self._waiting)
                self._waiting.clear()
                if not requests:
                    return
            pairs = [pair for request, _ in requests for pair in request]
            try:
                found = self.run(pairs)
            except Exception as error:  # each request gets it
                for _, future in requests:
                    future.set_exception(error)
            else:
                at = 0
                for request, future in requests:
                    future.set_result(found[at : at + len(request)])
                    at += len(request)
            with self._changed:
                self._num_pairs -= len(pairs)

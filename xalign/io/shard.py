"""A consecutive part of an input's lines, so that several machines share one corpus."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice

from xalign.io.files import MAX_LINE_BYTES, Source, check_rereadable


@dataclass(slots=True)
class Shard:
    """Lines of ``source`` after the first ``start``, ``count`` of them, or all when None.

    Like a `Source` it knows how far it has been read, but in lines.
    """

    source: Source
    start: int
    count: int | None
    position: int = 0
    skipped: int = 0
    _begun: Iterator[bytes] | None = None

    @property
    def first(self) -> int:
        """Number, in the whole input, of the first line that is read."""
        return self.start + self.skipped + 1

    @property
    def name(self) -> str:
        """Name of the input in error messages."""
        return self.source.name

    @property
    def head(self) -> list[bytes]:
        """Start of the first lines of the input."""
        return self.source.head

    @property
    def size(self) -> int | None:
        """Number of lines, where it is known."""
        return self.count

    def close(self) -> None:
        """Close the input."""
        self.source.close()

    def skip(self, count: int) -> int:
        """Pass over the next ``count`` lines, before any is read; return how many there were."""
        self._begun = self._read()
        self.skipped = sum(1 for _ in islice(self._begun, count))
        return self.skipped

    def __iter__(self) -> Iterator[bytes]:
        """Lines without their ends."""
        lines, self._begun = self._begun or self._read(), None
        return lines

    def _read(self) -> Iterator[bytes]:
        stop = None if self.count is None else self.start + self.count
        try:
            for line in islice(self.source, self.start, stop):
                self.position += 1
                yield line
        finally:
            self.source.close()


def parse_shard(text: str) -> tuple[int, int]:
    """The number of a shard, counted from 1, and the number of all shards.

    Errors: `ValueError` when ``text`` is not of this form.

    >>> parse_shard("3/8")
    (3, 8)
    """
    match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text, re.ASCII)
    number, total = map(int, match.groups()) if match else (1, 0)
    if number > total:
        raise ValueError(f"expected a shard such as 1/8, up to 8/8, counted from 1, found {text!r}")
    return number, total


def open_shards(
    paths: Sequence[str], number: int, total: int, max_line_bytes: int = MAX_LINE_BYTES
) -> list[Shard]:
    """Shard ``number`` of ``total`` of the lines of all files at ``paths``, one part for each file.

    All shards in order are the whole. The lines are counted first, so that the sizes of shards
    differ by one line at most.

    Errors: `InputError` when an input is missing, or can be read only once.
    """
    for path in paths:
        check_rereadable(path, "a shard needs an input that can be read twice; name a file")
    ends = list(accumulate(sum(1 for _ in Source(path, max_line_bytes)) for path in paths))
    start, stop = (ends[-1] * k // total for k in (number - 1, number))
    shards = []
    for path, first, end in zip(paths, [0, *ends], ends, strict=False):
        inside = range(max(start, first), min(stop, end))
        if inside or len(paths) == 1:
            shards.append(Shard(Source(path, max_line_bytes), inside.start - first, len(inside)))
    return shards

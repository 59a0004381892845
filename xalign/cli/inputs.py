"""Opening the sentence pairs of a command: several files, shards, columns, files of no pairs."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, TypeVar, get_type_hints

import typer

from xalign.aligning.settings import AlignerSettings, Inputs, Texts, parse_device
from xalign.alignment import SentencePair
from xalign.console import BadLines, is_terminal, say
from xalign.errors import InputError
from xalign.io.files import MAX_LINE_BYTES, Source
from xalign.io.pairs import Columns, parse_columns, read_as, read_two_as
from xalign.io.shard import Shard, open_shards, parse_shard
from xalign.io.sniff import advice, kind_of
from xalign.links.notices import Watched
from xalign.training.settings import Text
from xalign.weights.names import check_name

Pair = TypeVar("Pair")
Part = Source | Shard
FIRST_LINES = 1000
"""If none of this many lines can be read, the file is taken for something else."""


SomeTexts = TypeVar("SomeTexts", bound=Texts | Text)


def with_files(texts: SomeTexts, files: Sequence[str] | None) -> SomeTexts:
    """``texts`` with the ``files`` that stand on the command line without an option.

    Errors: `typer.BadParameter` when there are other files too, as their order would not be known.
    """
    if files and (texts.input or texts.source or texts.target):
        raise typer.BadParameter(f"give all files with options such as -i, also {files[0]}")
    return replace(texts, input=(*texts.input, *(files or ())))


def check_model(settings: AlignerSettings) -> None:
    """Stop if there is no such model or device, before anything slow is done.

    Errors: `ModelError`, `typer.BadParameter`.
    """
    usable("--device", parse_device, settings.device)
    check_name(settings.model)


def check_unused(settings: AlignerSettings) -> None:
    """Stop if there are settings of a model where links are given.

    Errors: `typer.BadParameter`.
    """
    usual = AlignerSettings()
    for name, kind in get_type_hints(AlignerSettings, include_extras=True).items():
        if getattr(settings, name) != getattr(usual, name):
            advice = "leave it out"
            if name == "threshold":
                advice = "for given ones use xalign rethreshold"
            (setting,) = kind.__metadata__
            flag = setting.flags[-1] if setting.flags else f"--{name.replace('_', '-')}"
            raise typer.BadParameter(f"{flag} is for links that are made here; {advice}")


@dataclass(frozen=True, slots=True)
class Chain:
    """Inputs one after the other, which know together how far they have been read."""

    parts: Sequence[Part]

    def close(self) -> None:
        """Close all parts."""
        for part in self.parts:
            part.close()

    @property
    def name(self) -> str:
        """Name in error messages."""
        return " + ".join(part.name for part in self.parts)

    @property
    def size(self) -> int | None:
        """Sum of the sizes of all parts; None if one is not known."""
        sizes = [part.size for part in self.parts]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def position(self) -> int:
        """How much of ``size`` has been read."""
        return sum(part.position for part in self.parts)


def open_pairs(
    inputs: Inputs, bad: BadLines, watched: Watched[Pair], into: str = "", skip: int = 0
) -> tuple[Chain, Iterator[Pair]]:
    """The input to measure progress by, and the pairs in it, made by ``watched``.

    ``into`` is the end of a command line that reads standard input, for advice. The first ``skip``
    lines are passed over.
    """
    if inputs.source is not None or inputs.target is not None:
        watched.one_file = False
        return open_two_files(inputs, bad, watched, skip)
    columns = usable("--columns", parse_columns, inputs.columns) if inputs.columns else None
    paths = inputs.input or ("-",)
    if paths.count("-") > 1:
        raise typer.BadParameter("only one -i can be standard input")
    shard = usable("--shard", parse_shard, inputs.shard) if inputs.shard else None
    parts = open_parts(paths, shard, inputs.max_line_bytes)
    for part in parts:
        skip -= part.skip(skip)
    if skip:
        raise InputError(parts[-1].name, 0, f"expected {skip} more lines that were read before")
    if "-" in paths and is_terminal(sys.stdin):
        say("reading 'source ||| target' lines from the terminal; end with Ctrl-D")
    other = parts[1].name if len(parts) == 2 else ""
    begun = max((k for k, part in enumerate(parts) if part.skipped), default=0)
    opened = (pairs_in(part, bad, watched, columns, into, other) for part in parts[begun:])
    return Chain(parts), chain.from_iterable(opened)


def open_parts(
    paths: Sequence[str], shard: tuple[int, int] | None, max_line_bytes: int
) -> Sequence[Part]:
    """All inputs, or the parts of them that are in a shard; none stays open after an error."""
    if shard:
        return open_shards(paths, *shard, max_line_bytes)
    with ExitStack() as stack:
        parts = [stack.enter_context(closing(Source(path, max_line_bytes))) for path in paths]
        stack.pop_all()
    return parts


def open_two_files(
    inputs: Inputs, bad: BadLines, watched: Watched[Pair], skip: int
) -> tuple[Chain, Iterator[Pair]]:
    """The pairs of two files side by side; see `open_pairs`."""
    source, target = inputs.source, inputs.target
    if source is None or target is None or inputs.input:
        raise typer.BadParameter("give either -i, or both -s and -t")
    if inputs.columns:
        raise typer.BadParameter("--columns is for lines of -i")
    if source == target == "-":
        raise typer.BadParameter("-s and -t cannot both be standard input")
    size = inputs.max_line_bytes
    if not inputs.shard:
        src, tgt = open_parts([source, target], None, size)
    else:
        number, total = usable("--shard", parse_shard, inputs.shard)
        (src,) = open_shards([source], number, total, size)
        # the last shard also finds lines beyond the end
        tgt = Shard(Source(target, size), src.start, None if number == total else src.count)
    for side in (src, tgt):
        side.skip(skip)
    lines = text_lines(src, bad), text_lines(tgt, bad)
    pairs = read_two_as(watched, *lines, src.name, tgt.name, bad, src.first)
    hint = "run for example: iconv -f latin1 -t utf-8 on both files"
    return Chain([src, tgt]), readable(pairs, src, bad, watched, lambda: hint)


def pairs_in(
    part: Part,
    bad: BadLines,
    watched: Watched[Pair],
    columns: Columns | None = None,
    into: str = "",
    other: str = "",
) -> Iterator[Pair]:
    """The pairs of one input; errors are those of `readable`."""

    def hint() -> str:
        if columns:
            return f"expected at least {max(columns)} columns, separated by TABs"
        return advice(part.head, part.name, into, other)

    pairs = read_as(watched, text_lines(part, bad), part.name, bad, part.first, columns)
    return readable(pairs, part, bad, watched, hint)


def text_lines(part: Part, bad: BadLines) -> Iterator[bytes]:
    """The lines of ``part``.

    Errors: `InputError` before the first line of a file that is no text, unless ``bad`` is lenient.
    """
    lines = iter(part)
    first = next(lines, None)
    if first is None:
        return
    if not bad.is_lenient and kind_of(part.head):
        raise InputError(part.name, 0, advice(part.head, part.name))
    yield first
    yield from lines


def readable(
    pairs: Iterator[Pair],
    part: Part,
    bad: BadLines,
    watched: Watched[Pair],
    hint: Callable[[], str],
) -> Iterator[Pair]:
    """The ``pairs`` of ``part``, unless it is a file of something else.

    Errors: `InputError` with a ``hint`` after the first lines, or all, if none of them is a
    sentence pair, unless ``bad`` is lenient.
    """
    if not part.skipped:
        watched.good, watched.unread_before = 0, bad.count + watched.garbled
    number = part.skipped
    for pair in pairs:
        number += 1
        yield pair
        if number == FIRST_LINES and not watched.good:
            break
    is_unread = bad.count + watched.garbled > watched.unread_before and not watched.good
    if is_unread and not (bad.is_lenient or part.skipped >= FIRST_LINES):
        lines = "its only line is no" if number == 1 else f"none of its first {number} lines is a"
        raise InputError(part.name, 0, f"{lines} sentence pair; {hint()}")
    yield from pairs


def check_first_lines(path: str) -> None:
    """Raise the error of `readable`, if the first lines of the file at ``path`` give one."""
    silent = BadLines(say=lambda _: None)
    watched = Watched(SentencePair.from_text, lambda _: None)
    with closing(Source(path, MAX_LINE_BYTES)) as source:
        for _ in islice(pairs_in(source, silent, watched), FIRST_LINES + 1):
            pass


def usable(option: str, parse: Callable[[str], Any], text: str) -> Any:
    """Parse an option's ``text``; a `ValueError` of ``parse`` becomes an error of usage."""
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error

"""Tags in the text, such as <b>...</b>, carried over by links."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from xalign.alignment import ScoredAlignment, split_words
from xalign.links.projection import Resolved

INLINE_TAG = re.compile(r"</?[^\s<>/][^<>]*>")
TAG_NAME = re.compile(r"</?([^\s<>/]+)")


@dataclass(frozen=True, slots=True)
class Tagged:
    """Text with inline tags.

    ``open_at`` has the tags open at each of ``words``, outermost first, as numbers in ``opening``;
    only those in ``paired``. ``singles`` are single tags, each with the number of words before it.
    """

    words: tuple[str, ...]
    open_at: tuple[tuple[int, ...], ...]
    opening: tuple[str, ...]
    paired: frozenset[int]
    singles: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class TagReader:
    """Reads text with inline tags; a tag without its partner is a single tag."""

    words: list[str] = field(default_factory=list)
    open_at: list[tuple[int, ...]] = field(default_factory=list)
    opening: list[str] = field(default_factory=list)
    singles: list[tuple[str, int]] = field(default_factory=list)
    stack: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def read(self, text: str) -> Tagged:
        """Words and tags of ``text``."""
        end = 0
        joins = False  # a tag inside a word does not cut it
        for match in [*INLINE_TAG.finditer(text), None]:
            part = text[end : match.start()] if match else text[end:]
            joins = self.take_words(part, joins)
            if match:
                self.take_tag(match[0])
                end = match.end()
        unclosed = [(self.opening[number], self.starts[number]) for number in self.stack]
        singles = sorted(self.singles + unclosed, key=lambda single: single[1])
        paired = frozenset(range(len(self.opening))).difference(self.stack)
        open_at = tuple(tuple(k for k in tags if k in paired) for tags in self.open_at)
        opening = tuple(self.opening)
        return Tagged(tuple(self.words), open_at, opening, paired, tuple(singles))

    def take_words(self, part: str, joins: bool) -> bool:
        """Take the words of text between tags; return whether its last word may go on."""
        if not part:
            return joins
        words = split_words(part)
        if joins and part[0] not in " \t" and words:
            self.words[-1] += words[0]
            self.open_at[-1] = tuple(dict.fromkeys((*self.open_at[-1], *self.stack)))
            words = words[1:]
        self.words += words
        self.open_at += [tuple(self.stack)] * len(words)
        return part[-1] not in " \t" and bool(self.words)

    def take_tag(self, tag: str) -> None:
        """Open or close a tag."""
        name = TAG_NAME.match(tag)
        assert name
        if tag.endswith("/>"):
            self.singles.append((tag, len(self.words)))
        elif not tag.startswith("</"):
            self.stack.append(len(self.opening))
            self.opening.append(tag)
            self.starts.append(len(self.words))
        else:
            names = [TAG_NAME.match(self.opening[number]) for number in self.stack]
            same = [k for k, other in enumerate(names) if other and other[1] == name[1]]
            if same:
                del self.stack[same[-1]]
            else:
                self.singles.append((tag, len(self.words)))


def read_tagged(text: str) -> Tagged:
    """Text with inline tags such as ``<b>das Haus</b>``.

    >>> read_tagged("<b>das Haus</b> ist").open_at
    ((0,), (0,), ())
    """
    return TagReader().read(text)


def project_tags(
    source: Tagged, tgt: Sequence[str], links: ScoredAlignment, resolved: Resolved
) -> str:
    """The words ``tgt`` with the tags of the source.

    A target word has the tags of its most probable source word; a word without a link has the tags
    that both its neighbours have. Tags never cross. A single tag is put before the first target
    word that is linked to a source word after the tag, or else at the end.

    >>> links = ScoredAlignment({(0, 0): 0.9, (1, 1): 0.9})
    >>> project_tags(read_tagged("<b>das</b> Haus"), ("the", "house"), links, Resolved())
    '<b>the</b> house'
    """
    best: dict[int, tuple[float, int]] = {}
    for (i, j), p in sorted(links.probabilities.items()):
        if j in best and source.open_at[i] != source.open_at[best[j][1]]:
            resolved.contested += 1
        if j not in best or p > best[j][0]:
            best[j] = p, i
    linked = [source.open_at[best[j][1]] if j in best else None for j in range(len(tgt))]
    tags = [
        found if found is not None else common(linked[:j], linked[j + 1 :])
        for j, found in enumerate(linked)
    ]
    before: list[list[str]] = [[] for _ in range(len(tgt) + 1)]
    for single, place in source.singles:
        behind = [j for j in range(len(tgt)) if j in best and best[j][1] >= place]
        before[min(behind, default=len(tgt))].append(single)
    times = Counter[int]()
    parts: list[str] = []
    opened: tuple[int, ...] = ()
    for word, wanted, singles in zip([*tgt, ""], [*tags, ()], before, strict=True):
        kept = len(shared(opened, wanted))
        closing = "".join(f"</{name_of(source.opening[k])}>" for k in reversed(opened[kept:]))
        opening = "".join(source.opening[k] for k in wanted[kept:])
        times.update(wanted[kept:])
        if closing and parts:
            parts[-1] += closing
        if word or singles:
            parts.append("".join(singles) + opening + word)
        opened = wanted
    resolved.carried += len(times) + len(source.singles)
    resolved.split += sum(count > 1 for count in times.values())
    resolved.lost += len(source.paired.difference(times))
    return " ".join(parts)


def common(
    before: Sequence[tuple[int, ...] | None], behind: Sequence[tuple[int, ...] | None]
) -> tuple[int, ...]:
    """Tags that the nearest linked words on both sides share."""
    left = next((tags for tags in reversed(before) if tags is not None), ())
    right = next((tags for tags in behind if tags is not None), ())
    return shared(left, right)


def shared(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Longest common start of both."""
    for k, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return one[:k]
    return one[: min(len(one), len(other))]


def name_of(tag: str) -> str:
    """Name of a tag: ``b`` for ``<b class="x">``."""
    found = TAG_NAME.match(tag)
    assert found
    return found[1]

"""Text with markup, such as HTML and XLIFF, as plain text and a tree of elements.

A tag is only what the grammar of tags allows: ``a < b``, ``I <3 you`` and ``->`` are text. Tags
that separate text (``td``, ``p``, ``br`` ...) cut words, tags within text (``b``, ``a``, ``g`` ...)
do not.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["open", "close", "single"]
CharSpan = tuple[int, int]
"""First and last (exclusive) character."""

HTML_VOID = "area base br col embed hr img input link meta param source track wbr"
XLIFF_VOID = "x bx ex cp sc ec"
VOID = frozenset(f"{HTML_VOID} {XLIFF_VOID}".split(" "))
"""Elements without an end."""
BLOCKS = (
    "address article aside blockquote body br caption center col colgroup dd details dialog dir "
    "div dl dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header "
    "hgroup hr html legend li main menu nav ol optgroup option p pre section select summary table "
    "tbody td textarea tfoot th thead title tr ul video audio source track unit segment"
)
SEPARATING = frozenset(BLOCKS.split(" "))
"""Elements that separate text, so that they cut words."""
NATIVE = frozenset(("ph", "bpt", "ept", "it"))
"""Elements of XLIFF 1.2 whose content is code, not text."""
PAIRED = {"bpt": "ept", "bx": "ex", "sc": "ec"}
OPENS = {end: start for start, end in PAIRED.items()}
"""Elements of XLIFF and TMX that open a span, and those that close it; their ids are the same."""
BOOLEAN = (
    "allowfullscreen|async|autofocus|autoplay|checked|controls|default|defer|disabled|download|"
    "formnovalidate|hidden|ismap|itemscope|loop|multiple|muted|nomodule|novalidate|nowrap|open|"
    "playsinline|readonly|required|reversed|selected"
)
"""Attributes that may have no value; with other words, it is no tag, as in ``a<b and c>d``."""
ATTRIBUTE = (
    rf"""\s+(?:[^\s"'<>/=]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+)|(?:{BOOLEAN})(?=[\s/>]))"""
)
NAME = r"[A-Za-z_][\w:.-]*"
TAG = re.compile(
    rf"<(?P<name>{NAME})(?:{ATTRIBUTE})*\s*(?P<empty>/)?>"
    rf"|</(?P<end>{NAME})\s*>"
    r"|<!--|<!\[CDATA\[|<\?|<!DOCTYPE[^<>]*>"
    r"|\{\d+\}"
)
"""A tag, the start of a comment or the like, or a placeholder such as ``{1}``."""
CLOSINGS = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
"""Ends of comments and the like, by their starts."""
MAX_DEPTH = 200
"""Elements that may contain each other; tags deeper than this have no partner."""
NAME_AT_START = re.compile(rf"<({NAME})")
REFERENCE, ID = (
    re.compile(rf"""\s(?:{names})\s*=\s*["']?([^"'\s/>]+)""") for names in ("rid|startRef", "id|i")
)
"""Attributes of XLIFF and TMX that say which tags open and close the same span."""


@dataclass(frozen=True, slots=True)
class Token:
    """A tag as written. An opening and a closing one with the same ``key`` form an element."""

    text: str
    kind: Kind
    key: str
    separates: bool


@dataclass(slots=True)
class Element:
    """An element: its tags and children, and where it is in the plain text.

    A single tag has no ``closing`` one, and ``stop`` is ``start``. ``touches`` says whether it
    stands at a word on its left and on its right. ``words`` are the first and last (exclusive) of
    its words, see `find_words`.
    """

    opening: str
    closing: str
    start: int
    stop: int
    separates: bool = False
    touches: tuple[bool, bool] = (False, False)
    children: list["Element"] = field(default_factory=list)
    words: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Markup:
    """``plain`` text, and the ``root``, whose children are the elements in it."""

    plain: str
    root: Element

    @property
    def num_tags(self) -> int:
        """Number of elements and single tags."""
        return count_elements(self.root) - 1


def count_elements(element: Element) -> int:
    """Number of elements in a tree."""
    return 1 + sum(map(count_elements, element.children))


def tokens(text: str, target: str = "") -> list[str | Token]:
    """Text and tags, in order.

    A placeholder such as ``{1}`` is text if it stands in ``target`` too.

    >>> tokens("I <3 <b>you</b>")[1]
    Token(text='<b>', kind='open', key='b', separates=False)
    """
    found: list[str | Token] = []
    unclosed: set[str] = set()
    end = 0
    for match in TAG.finditer(text):
        if match.start() < end or (match[0].startswith("{") and match[0] in target):
            continue
        stop = match.end()
        if closing := CLOSINGS.get(match[0]):
            stop = -1 if closing in unclosed else text.find(closing, stop)
            if stop < 0:
                unclosed.add(closing)
                continue
            stop += len(closing)
        token = token_of(match, text[match.start() : stop])
        name = match["name"] or ""
        if name.lower() in NATIVE and not match["empty"] and name not in unclosed:
            token, stop = native(token, text, stop)
            if stop == match.end():
                unclosed.add(name)
        found += [text[end : match.start()], token]
        end = stop
    found.append(text[end:])
    return [part for part in found if part != ""]


def token_of(match: "re.Match[str]", text: str) -> Token:
    """The tag that was found, which is all of ``text``."""
    name = (match["name"] or match["end"] or "").lower()
    separates = name in SEPARATING
    if match["end"]:
        return Token(text, "close", name, separates)
    key = key_of(name, text)
    if name in PAIRED and match["empty"]:
        return Token(text, "open", key, separates)
    if name in OPENS:
        return Token(text, "close", key, separates)
    is_single = not name or match["empty"] or name in VOID
    return Token(text, "single" if is_single else "open", key, separates)


def key_of(name: str, text: str) -> str:
    """The key of a tag; tags that open and close a span of XLIFF have the same."""
    start = OPENS.get(name, name)
    if start not in PAIRED:
        return name
    identifier = REFERENCE.search(text) or ID.search(text)
    return f"{start} {identifier[1]}" if identifier else start


def native(token: Token, text: str, end: int) -> tuple[Token, int]:
    """A tag together with its content, which is code, and its end; and where that ends."""
    name = NAME_AT_START.match(token.text)[1]  # type: ignore[index]
    close = text.find(f"</{name}>", end)
    if close < 0:
        return token, end
    stop = close + len(f"</{name}>")
    whole = token.text + text[end:stop]
    kind: Kind = "open" if name in PAIRED else "close" if name in OPENS else "single"
    return Token(whole, kind, key_of(name, token.text), token.separates), stop


def read_markup(text: str, target: str = "") -> Markup:
    """The plain text and the elements of ``text``; for ``target`` see `tokens`.

    A tag without its partner is a single tag.

    >>> markup = read_markup("<td>A</td><td><b>B</b></td>")
    >>> markup.plain, [child.opening for child in markup.root.children]
    ('A B ', ['<td>', '<td>'])
    """
    parts = tokens(text, target)
    partners = match_tags(parts)
    at_words = starts_words(parts)
    plain = ""
    root = Element("", "", 0, 0)
    stack = [root]
    for place, part in enumerate(parts):
        if isinstance(part, str):
            plain += part
            continue
        if part.separates and plain and not plain[-1].isspace():
            plain += " "
        partner = partners.get(place)
        if partner is None:
            around = bool(plain) and not plain[-1].isspace(), at_words[place + 1]
            at = len(plain)
            single = Element(part.text, "", at, at, part.separates, around)
            stack[-1].children.append(single)
        elif partner > place:
            closing = parts[partner]
            assert isinstance(closing, Token)
            element = Element(part.text, closing.text, len(plain), 0, part.separates)
            stack[-1].children.append(element)
            stack.append(element)
        else:
            stack.pop().stop = len(plain)
    root.stop = len(plain)
    return Markup(plain, root)


def starts_words(parts: Sequence[str | Token]) -> list[bool]:
    """Whether the next text begins with a word, at each place and at the end."""
    found = [False]
    for part in reversed(parts):
        found.append(not part[0].isspace() if isinstance(part, str) else found[-1])
    return found[::-1]


def match_tags(parts: Sequence[str | Token]) -> dict[int, int]:
    """The places of opening and closing tags that form elements, each with its partner's."""
    partners: dict[int, int] = {}
    stack: list[tuple[str, int]] = []
    heights: dict[str, list[int]] = {}
    for place, part in enumerate(parts):
        if isinstance(part, str) or part.kind == "single":
            continue
        if part.kind == "open":
            if len(stack) < MAX_DEPTH:
                heights.setdefault(part.key, []).append(len(stack))
                stack.append((part.key, place))
        elif same := heights.get(part.key):
            height = same[-1]
            opening = stack[height][1]
            partners |= {opening: place, place: opening}
            while len(stack) > height:  # what was opened after it and not closed has no partner
                heights[stack.pop()[0]].pop()
    return partners


def find_words(markup: Markup, spans: Sequence[CharSpan]) -> None:
    """Set the words of all elements, for words at ``spans`` of the plain text.

    A tag inside a word covers the whole word, unless an element before it has it already.
    """
    starts, ends = [start for start, _ in spans], [end for _, end in spans]

    def visit(element: Element, first: int) -> int:
        if element.start == element.stop:  # inside a word, it counts as after it
            start = stop = max(first, bisect_left(starts, element.start))
        else:
            start = max(first, bisect_right(ends, element.start))
            stop = max(start, bisect_left(starts, element.stop))
        element.words = start, stop
        for child in element.children:
            start = visit(child, start)
        return max(stop, start)

    markup.root.words = 0, len(spans)
    at = 0
    for child in markup.root.children:
        at = visit(child, at)

"""Conversion of the user's text into words for the model, and of links back to that text.

The user's subwords (BPE, sentencepiece) are joined into words before they are aligned, and a link
of a word becomes a link of each of its subwords. Raw text is cut into tokens, and the links of all
tokens of a white-space word become links of that word, or remain links of tokens.
"""

import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from xalign.alignment import Link, ScoredAlignment, SentencePair, Span, split_words
from xalign.errors import XalignError
from xalign.links.scripts import count_spaceless, is_spaceless

Pieces = Literal["bpe", "sentencepiece", "joiner"]
Level = Literal["pieces", "words", "tokens"]
TokenizerName = Literal["moses", "icu"]
Cut = Callable[[str], list[str]]

CONTINUED, STARTS, JOINER = "@@", "▁", "￭"
"""End of a BPE subword whose word goes on, start of a sentencepiece that begins a word, and mark of
pyonmttok at the side of a token that was joined to another."""
MAX_SPACELESS_LETTERS = 9
"""Most letters in a word, on average, of text in a script without spaces that is cut into words."""
Rule = Literal["ascii", "unicode"]
WORDS: dict[Rule, "re.Pattern[str]"] = {
    "ascii": re.compile(r"[^ \t]+"),
    "unicode": re.compile(r"\S+"),
}
"""Words between ASCII spaces and TABs, as in fast_align, or between all white space."""
OTHER_SPACE = re.compile(r"[^\S \t]")
"""White space that only the second rule takes for a space, such as a no-break space."""
LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*")
"""Code of a language, perhaps with a script and a region."""
ESCAPED = re.compile(r"@([^\w\s@]+)@")
"""A mark within a word that Moses' tokenizer took out, as ``@-@``."""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Side:
    """One sentence: ``words`` for the model, and ``places`` of each in the user's text.

    ``spans`` are the first and last (exclusive) characters of each in that text, if it is raw.
    """

    words: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Segmented:
    """Both sides of a pair, and ``shown``, the pair whose words the written links count."""

    src: Side
    tgt: Side
    shown: SentencePair

    @property
    def pair(self) -> SentencePair:
        """The pair that the model sees."""
        return SentencePair(self.src.words, self.tgt.words)

    def place(self, links: ScoredAlignment) -> ScoredAlignment:
        """Links of the model's words as links of the user's, each with its highest probability."""
        return place_links(links, self.src, self.tgt)

    def spans(self, links: ScoredAlignment) -> tuple[Span, ...]:
        """Links of the model's words as spans of characters; empty without raw text."""
        if not (self.src.spans and self.tgt.spans):
            return ()
        found = sorted(links.probabilities.items())
        return tuple((*self.src.spans[i], *self.tgt.spans[j], p) for (i, j), p in found)


def place_links(links: ScoredAlignment, src: Side, tgt: Side) -> ScoredAlignment:
    """Links of the model's words as links of the user's, each with its highest probability."""
    found: dict[Link, float] = {}
    for (i, j), p in links.probabilities.items():
        for a in src.places[i]:
            for b in tgt.places[j]:
                found[a, b] = max(p, found.get((a, b), 0.0))
    return ScoredAlignment(found)


def join_pieces(pieces: Sequence[str], kind: Pieces) -> Side:
    """Join subwords into words; in scripts without spaces, each subword is a word.

    A side without any mark of sentencepiece is taken as words. Marks that Moses' tokenizer took out
    of a word (``@-@``) are words as they are. The joiners of pyonmttok join letters alone.

    >>> join_pieces(["re@@", "port", "it"], "bpe").words
    ('report', 'it')
    >>> join_pieces(["▁re", "port", "▁it"], "sentencepiece").places
    ((0, 1), (2,))
    >>> join_pieces(["▁私", "は", "東京", "。"], "sentencepiece").words
    ('私', 'は', '東京', '。')
    >>> join_pieces(["re￭", "port", "￭,", "it"], "joiner").words
    ('report', ',', 'it')
    """
    words: list[str] = []
    places: list[list[int]] = []
    goes_on = False
    is_marked = kind != "sentencepiece" or any(piece.startswith(STARTS) for piece in pieces)
    for place, piece in enumerate(pieces):
        match kind:
            case "bpe":
                text, starts = piece.removesuffix(CONTINUED), not goes_on
                goes_on = piece.endswith(CONTINUED)
            case "joiner":
                text, starts = piece.strip(JOINER), not (goes_on or piece.startswith(JOINER))
                goes_on = piece.endswith(JOINER)
                joined = bool(words) and words[-1][-1:].isalnum() and text[:1].isalnum()
                starts = starts or not joined
            case "sentencepiece":
                text = piece.removeprefix(STARTS)
                starts = piece.startswith(STARTS) or not is_marked
        text = ESCAPED.sub(r"\1", text)
        if starts or not words or is_boundary(words[-1][-1:], text[:1]):
            words.append("")
            places.append([])
        words[-1] += text
        places[-1].append(place)
    return Side(tuple(word or STARTS for word in words), tuple(map(tuple, places)))


def is_boundary(left: str, right: str) -> bool:
    """Whether a word ends between two letters, as one is of a script without spaces.

    ``left`` may be empty, after a mark that only begins a word.
    """
    return bool(left) and bool(right) and (is_spaceless(left) or is_spaceless(right))


def is_uncut(text: str) -> bool:
    """Whether text in a script without spaces was not cut into words.

    >>> is_uncut("私は明日、東京に行きます。"), is_uncut("私 は 明日 、 東京 に 行き ます 。")
    (True, False)
    """
    words = split_words(text)
    if len(text) <= MAX_SPACELESS_LETTERS * len(words):  # nearly all text: quickly done
        return False
    spaceless = [count for word in words if (count := count_spaceless(word))]
    return sum(spaceless) > MAX_SPACELESS_LETTERS * len(spaceless)


def words_at(text: str, rule: Rule = "ascii") -> Side:
    """Words of a text, each at its own place, with their characters.

    >>> words_at("das  Haus").spans
    ((0, 3), (5, 9))
    """
    spans = tuple(match.span() for match in WORDS[rule].finditer(text))
    return replace(as_it_is(tuple(text[a:b] for a, b in spans)), spans=spans)


def cut_raw(text: str, cut: Cut, rule: Rule = "ascii") -> Side:
    """Tokens of raw text, each with its places among the words that white space separates.

    If a token is not found in the text, because ``cut`` changed it, the rest is cut at white space
    alone. A token over several words belongs to all of them.

    >>> side = cut_raw("Ja, Haus!", lambda text: ["Ja", ",", "Haus", "!"])
    >>> side.places, side.spans
    (((0,), (0,), (1,), (1,)), ((0, 2), (2, 3), (4, 8), (8, 9)))
    """
    word = WORDS[rule]
    words = [match.span() for match in word.finditer(text)]
    spans: list[tuple[int, int]] = []
    end = 0
    for token in filter(word.search, cut(text)):
        start = text.find(token, end)
        if start < 0 or word.search(text, end, start):
            spans += [match.span() for match in word.finditer(text, end)]
            break
        end = start + len(token)
        spans.append((start, end))
    else:
        spans += [match.span() for match in word.finditer(text, end)]
    places = []
    at = 0
    for start, end in spans:
        while words[at][1] <= start:
            at += 1
        inside = [at]
        while inside[-1] + 1 < len(words) and words[inside[-1] + 1][0] < end:
            inside.append(inside[-1] + 1)
        places.append(tuple(inside))
    return Side(tuple(text[a:b] for a, b in spans), tuple(places), tuple(spans))


def as_it_is(words: tuple[str, ...]) -> Side:
    """Words as they are, each at its own place."""
    return Side(words, tuple((k,) for k in range(len(words))))


def segmenter(
    pieces: Pieces | None, level: Level, cuts: tuple[Cut, Cut] | None, rule: Rule = "ascii"
) -> Callable[[str, str], Segmented]:
    """Function that makes a pair of two texts: of subwords, raw text, or words as they are.

    Words are separated by the white space that ``rule`` names.
    """
    find = WORDS[rule].findall

    def segment(*texts: str) -> Segmented:
        if cuts:
            stripped = [text.strip(" \t") for text in texts]
            raw = [cut_raw(text, cut, rule) for text, cut in zip(stripped, cuts, strict=True)]
            if level == "tokens":
                raw = [Side(side.words, as_it_is(side.words).places, side.spans) for side in raw]
                return Segmented(raw[0], raw[1], SentencePair(raw[0].words, raw[1].words))
            shown = SentencePair(*(find(text) for text in stripped))
            return Segmented(raw[0], raw[1], shown)
        words = [tuple(find(text)) for text in texts]
        if pieces is not None:
            sides = [join_pieces(side, pieces) for side in words]
            if level == "pieces":
                return Segmented(sides[0], sides[1], SentencePair(*words))
            words = [side.words for side in sides]
        return Segmented(as_it_is(words[0]), as_it_is(words[1]), SentencePair(*words))

    return segment


def parse_languages(text: str) -> tuple[str, str]:
    """Codes of two languages; a region is dropped, as rules of tokenizers are those of languages.

    Errors: `ValueError`.

    >>> parse_languages("zh_TW, EN")
    ('zh', 'en')
    """
    codes = [LANGUAGE.fullmatch(code.strip()) for code in text.split(",")]
    if len(codes) != 2 or None in codes:
        raise ValueError(f"expected two languages as codes, such as de,en, found {text!r}")
    one, other = (code[1].lower() for code in codes if code)
    return one, other


def tokenizer(name: TokenizerName, language: str) -> Cut:
    """Function that cuts raw text into tokens, by Moses' rules (sacremoses) or ICU's words.

    ``language`` is a code as of `parse_languages`.

    Errors: `XalignError` when the package is not installed.
    """
    try:
        return moses(language) if name == "moses" else icu_words(language)
    except ImportError as error:
        raise XalignError(
            f"--tokenize {name} needs {error.name}: pip install sacremoses pyicu-wheels"
        ) from error


def moses(language: str) -> Cut:
    """Tokens as Moses' tokenizer.perl gives them, without escapes."""
    from sacremoses import MosesTokenizer
    from sacremoses.corpus import NonbreakingPrefixes

    if len(language) > 2 and language not in NonbreakingPrefixes().available_langs:
        advice = "most languages have a code of two letters, such as de"
        logger.warning("moses has no rules for %r, and takes general ones; %s", language, advice)
    cut = MosesTokenizer(language).tokenize
    return lambda text: list(cut(text, escape=False))


def icu_words(language: str) -> Cut:
    """Words and signs as ICU finds them; by dictionaries in scripts without spaces."""
    import icu

    local = threading.local()  # an iterator has a state, and threads may share this function

    def cut(text: str) -> list[str]:
        if not hasattr(local, "breaks"):
            local.breaks = icu.BreakIterator.createWordInstance(icu.Locale(language))
        breaks = local.breaks
        units = text.encode("utf-16-le")
        breaks.setText(text)
        tokens: list[str] = []
        start = 0
        for end in breaks:  # in units of UTF-16
            token = units[2 * start : 2 * end].decode("utf-16-le")
            start = end
            tokens += split_words(token)
        return tokens

    return cut

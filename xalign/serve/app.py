"""The HTTP interface, as a WSGI application: JSON in, JSON out.

=====================  ==========================================================================
``GET /health``        ``{"status": "ok", "version": ..., "device": ...}``
``POST /align``        ``pairs``, and perhaps ``format``, ``direction``, ``tokenize``,
                       ``languages``, ``level``; gives ``alignments``
``POST /project``      ``pairs``, and ``inline`` (true), ``tags`` or ``spans``; gives ``results``
=====================  ==========================================================================

A pair is ``[source, target]``, two texts. Answers are those of the command line.
"""

import functools
import ipaddress
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import xalign
from xalign.aligning.outputs import aligned_pair
from xalign.alignment import Direction, ScoredAlignment, SentencePair
from xalign.errors import XalignError
from xalign.io.char_spans import read_char_spans, write_char_spans
from xalign.io.formats import WRITERS, Format
from xalign.io.json_text import parse_json
from xalign.links.inline_tags import project_markup
from xalign.links.probabilities import WordProbabilities
from xalign.links.projected_lines import Work, carry_spans, carry_tags, check_spans, worker
from xalign.links.projection import Resolved, Scheme
from xalign.links.segmentation import Cut, Level, Segmented, parse_languages, segmenter, tokenizer
from xalign.serve.batcher import BusyError, TooManyError

Align = Callable[[Sequence[SentencePair]], list[WordProbabilities]]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
MAX_BODY = 1 << 20
"""Bytes of a request."""
REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
LOCAL = ("localhost", "127.0.0.1", "::1")
logger = logging.getLogger(__name__)


class RequestError(Exception):
    """A request that cannot be answered, with the HTTP status that says why."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class App:
    """Answers requests by ``align``; ``device`` is shown by ``/health``.

    Only requests to ``hosts`` are answered (all, if there are none), so that no web page can reach
    a local service under a name of its own. A body has at most ``max_body`` bytes.
    """

    align: Align
    device: str
    hosts: tuple[str, ...] = LOCAL
    max_body: int = MAX_BODY

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            status, answer = 200, self.answer(environ)
        except RequestError as error:
            status, answer = error.status, {"error": str(error)}
        except BusyError:
            status, answer = 503, {"error": "too many pairs are waiting; try again"}
        except TooManyError as error:
            status, answer = 413, {"error": str(error)}
        except XalignError as error:
            status, answer = 400, {"error": str(error)}
        except Exception:
            logger.exception("a request failed")
            status, answer = 500, {"error": "the service failed; its log says why"}
        body = json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if status == 503:
            headers.append(("Retry-After", "1"))
        start(f"{status} {REASONS[status]}", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    def answer(self, environ: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Errors: `RequestError`, `BusyError`, `XalignError`.
        """
        self.check_host(str(environ.get("HTTP_HOST", "")))
        path, method = environ.get("PATH_INFO"), environ.get("REQUEST_METHOD")
        handlers = {"/align": self.align_pairs, "/project": self.project_pairs}
        if path == "/health" and method in ("GET", "HEAD"):
            return {"status": "ok", "version": xalign.__version__, "device": self.device}
        if path not in (*handlers, "/health"):
            expected = "expected /health, /align or /project"
            raise RequestError(404, f"there is no {path}; {expected}")
        if path == "/health" or method != "POST":
            raise RequestError(405, f"expected {'GET' if path == '/health' else 'POST'} {path}")
        return handlers[path](self.body(environ))

    def check_host(self, host: str) -> None:
        """Refuse a request under another name than those of this service."""
        name = host_name(host)
        if self.hosts and name not in self.hosts:
            raise RequestError(403, f"expected the host {', '.join(self.hosts)}, found {name!r}")

    def body(self, environ: dict[str, Any]) -> dict[str, Any]:
        """The JSON object in a request."""
        kind = str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
        if kind != "application/json":  # a web page of another site cannot send this unasked
            raise RequestError(415, f"expected Content-Type: application/json, found {kind!r}")
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError as error:
            raise RequestError(400, "expected a number as Content-Length") from error
        if length > self.max_body:
            raise RequestError(413, f"expected at most {self.max_body} bytes, found {length}")
        try:
            found = parse_json(environ["wsgi.input"].read(length))
        except ValueError as error:
            raise RequestError(400, f"expected JSON: {error}") from error
        if not isinstance(found, dict):
            raise RequestError(400, "expected a JSON object with pairs")
        return found

    def align_pairs(self, request: dict[str, Any]) -> dict[str, Any]:
        """Alignments of the pairs, in the format that the request names."""
        known = ("pairs", "format", "direction", "tokenize", "languages", "level")
        check_keys(request, known)
        format = choice(request, "format", Format, "pharaoh")
        direction = choice(request, "direction", Direction, "both")
        cuts = cuts_of(request)
        level: Level = choice(request, "level", Literal["words", "tokens"], "words")
        if level == "tokens" and cuts is None:
            raise RequestError(400, "level tokens is of raw text; add tokenize")
        segment = segmenter(None, level, cuts)
        pairs = [segment(*texts) for texts in texts_of(request)]
        found = self.align([pair.pair for pair in pairs])
        answers = [
            written(number, pair, words, format, direction)
            for number, (pair, words) in enumerate(zip(pairs, found, strict=True), 1)
        ]
        return {"alignments": answers}

    def project_pairs(self, request: dict[str, Any]) -> dict[str, Any]:
        """Markup, tags or spans of the sources, carried over to the targets."""
        known = ("pairs", "inline", "tags", "spans", "scheme", "tokenize", "languages")
        check_keys(request, known)
        kinds = [key for key in ("inline", "tags", "spans") if request.get(key)]
        if len(kinds) != 1 or request.get("inline") not in (None, True, False):
            raise RequestError(400, "expected inline (true), tags or spans, one of them")
        scheme: Scheme = choice(request, "scheme", Scheme, "bio")
        work = worker(cuts_of(request), "ascii", has_markup=kinds == ["inline"])
        works = [work(*texts) for texts in texts_of(request)]
        labels = request[kinds[0]] if kinds != ["inline"] else [None] * len(works)
        if not isinstance(labels, list) or len(labels) != len(works):
            raise RequestError(400, f"expected {len(works)} {kinds[0]}, one for each pair")
        resolved = Resolved()
        found = self.align([one.pair for one in works])
        results = [
            projected(one, label, words.scored(), kinds[0], scheme, resolved)
            for one, label, words in zip(works, labels, found, strict=True)
        ]
        return {"results": results, "lost": resolved.lost, "split": resolved.split}


def check_keys(request: dict[str, Any], known: Sequence[str]) -> None:
    """Refuse a request with keys that mean nothing."""
    if unknown := sorted(request.keys() - set(known)):
        raise RequestError(400, f"expected {', '.join(known)}, found {unknown[0]!r}")


def choice(request: dict[str, Any], key: str, kind: Any, default: str) -> Any:
    """A value of a request that is one of few."""
    value = request.get(key, default)
    if value not in get_args(kind):
        raise RequestError(400, f"{key}: expected {', '.join(get_args(kind))}, found {value!r}")
    return value


def texts_of(request: dict[str, Any]) -> list[tuple[str, str]]:
    """Both texts of every pair of a request."""
    pairs = request.get("pairs")
    if not isinstance(pairs, list):
        raise RequestError(400, 'expected pairs such as [["das Haus", "the house"]]')
    for number, pair in enumerate(pairs):
        is_two = isinstance(pair, list) and len(pair) == 2
        if not (is_two and all(isinstance(text, str) for text in pair)):
            raise RequestError(
                400, f"pairs[{number}]: expected two texts, found {str(pair)[:60]!r}"
            )
    return [(src, tgt) for src, tgt in pairs]


def cuts_of(request: dict[str, Any]) -> tuple[Cut, Cut] | None:
    """Tokenizers of both sides, if a request asks for them."""
    name = choice(request, "tokenize", Literal["none", "moses", "icu"], "none")
    if name == "none":
        return None
    try:
        src, tgt = parse_languages(str(request.get("languages", "en,en")))
    except ValueError as error:
        raise RequestError(400, f"languages: {error}") from error
    return known_tokenizer(name, src), known_tokenizer(name, tgt)


known_tokenizer = functools.lru_cache(maxsize=64)(tokenizer)
"""Tokenizers that were made before."""


def written(
    number: int, pair: Segmented, words: WordProbabilities, format: Format, direction: Direction
) -> Any:
    """The alignment of a pair in a format: an object for jsonl, else text without a line end."""
    text = WRITERS[format](number, aligned_pair(pair, words, direction)).removesuffix("\n")
    return json.loads(text) if format == "jsonl" else text


def projected(
    work: Work, label: Any, links: ScoredAlignment, kind: str, scheme: Scheme, resolved: Resolved
) -> Any:
    """The target of a pair with the labels of its source: text with markup, tags, or spans."""
    if work.markup:
        src, tgt = work.src.spans, work.tgt.spans
        return project_markup(work.markup, src, work.tgt_text, tgt, links, resolved)
    if kind == "tags":
        tags = label.split() if isinstance(label, str) else label
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise RequestError(400, "expected tags as text or as a list of texts")
        try:
            made = carry_tags(tags, links, work, resolved, scheme)
        except ValueError as error:
            raise RequestError(400, str(error)) from error
        return " ".join(made) if isinstance(label, str) else made
    labels = read_char_spans(json.dumps(label).encode(), "spans", 0)
    check_spans(labels, work, "spans", 0)
    moved = carry_spans(labels, links, work, resolved)
    return json.loads(write_char_spans(labels, moved, work.tgt_text))


def hosts_for(host: str, allowed: Sequence[str] = ()) -> tuple[str, ...]:
    """Names that requests may use: those of this machine, for a service of this machine alone.

    >>> hosts_for("127.0.0.1"), hosts_for("0.0.0.0")
    (('localhost', '127.0.0.1', '::1'), ())
    """
    if allowed:
        return tuple(map(host_name, allowed))
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    return tuple(dict.fromkeys((*LOCAL, host))) if is_local else ()


def host_name(text: str) -> str:
    """The name in ``name:port``.

    >>> host_name("Box.example:80"), host_name("[::1]:80"), host_name("localhost")
    ('box.example', '::1', 'localhost')
    """
    before, _, port = text.rpartition(":")
    return (before if before and port.isdigit() else text).strip("[]").lower()

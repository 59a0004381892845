"""The HTTP interface, without a network."""

import io
import json
from typing import Any

import pytest

from tests.conftest import tiny_aligner
from xalign.io.formats import WRITERS
from xalign.model.config import ExtractionRule
from xalign.serve.app import App, hosts_for
from xalign.serve.batcher import BusyError, TooManyError

RULE = ExtractionRule(method="words", threshold=0.2, scale=0.3)


@pytest.fixture
def app() -> App:
    """A service of a tiny model."""
    aligner = tiny_aligner(RULE)
    return App(lambda pairs: list(aligner.probabilities(pairs)), "cpu", max_body=2000)


def ask(app: App, path: str, body: Any = None, **environ: str) -> tuple[int, Any, dict[str, str]]:
    """Status, answer and headers of a request."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {
        "PATH_INFO": path,
        "REQUEST_METHOD": "GET" if body is None else "POST",
        "HTTP_HOST": "localhost:8765",
        "CONTENT_TYPE": "application/json; charset=utf-8",
        "CONTENT_LENGTH": str(len(raw)),
        "wsgi.input": io.BytesIO(raw),
        **environ,
    }
    started: list[Any] = []
    answer = b"".join(app(given, lambda status, headers: started.extend((status, headers))))
    headers = dict(started[1])
    assert headers["Content-Type"] == "application/json"
    assert int(headers["Content-Length"]) == len(answer)
    return int(started[0].split()[0]), json.loads(answer), headers


def test_health_says_what_is_running(app: App) -> None:
    status, answer, _ = ask(app, "/health")
    assert (status, answer["status"], answer["device"]) == (200, "ok", "cpu")


@pytest.mark.parametrize("format", WRITERS)
def test_alignments_are_given_in_every_format(app: App, format: str) -> None:
    pairs = [["abc de", "abc de"], ["", "x"]]
    status, answer, _ = ask(app, "/align", {"pairs": pairs, "format": format})
    assert status == 200
    first, second = answer["alignments"]
    if format == "pharaoh":
        assert (first, second) == ("0-0 1-1", "")
    if format == "jsonl":
        assert first["src"] == ["abc", "de"]
        assert [link[:2] for link in first["links"]] == [[0, 0], [1, 1]]
        assert second["links"] == []


def test_one_direction_and_tokens_are_given_on_request(app: App) -> None:
    pytest.importorskip("icu", reason="pip install pyicu-wheels")
    request = {"pairs": [["ab, cd", "ab cd!"]], "tokenize": "icu", "level": "tokens"}
    _, answer, _ = ask(app, "/align", {**request, "format": "tsv", "direction": "forward"})
    assert answer["alignments"][0].startswith("ab , cd\tab cd !\t")
    _, answer, _ = ask(app, "/align", {**request, "level": "words"})
    assert all(max(map(int, link.split("-"))) < 2 for link in answer["alignments"][0].split())


def test_labels_of_every_kind_are_carried_over(app: App) -> None:
    pairs = [["abc de", "abc de"]]
    _, answer, _ = ask(app, "/project", {"pairs": [["<b>abc</b> de", "abc de"]], "inline": True})
    assert answer == {"results": ["<b>abc</b> de"], "lost": 0, "split": 0}
    _, answer, _ = ask(app, "/project", {"pairs": pairs, "tags": ["B-X O"], "scheme": "bilou"})
    assert answer["results"] == ["U-X O"]
    _, answer, _ = ask(app, "/project", {"pairs": pairs, "tags": [["O", "B-X"]]})
    assert answer["results"] == [["O", "B-X"]]
    _, answer, _ = ask(app, "/project", {"pairs": pairs, "spans": [[[4, 6, "X"]]]})
    assert answer["results"] == [[[4, 6, "X"]]]


PAIRS = [["a", "b"]]


@pytest.mark.parametrize(
    ("path", "body", "environ", "status", "message"),
    [
        ("/", None, {}, 404, "expected /health, /align or /project"),
        ("/align", None, {}, 405, "expected POST /align"),
        ("/health", {}, {}, 405, "expected GET /health"),
        ("/health", None, {"HTTP_HOST": "evil.example"}, 403, "expected the host localhost"),
        ("/health", None, {"HTTP_HOST": ""}, 403, "expected the host localhost"),
        ("/align", {}, {"CONTENT_TYPE": "text/plain"}, 415, "expected Content-Type"),
        ("/align", {}, {"CONTENT_LENGTH": "x"}, 400, "expected a number as Content-Length"),
        ("/align", {"pairs": ["x" * 3000]}, {}, 413, "expected at most 2000 bytes, found 30"),
        ("/align", b"{", {}, 400, "expected JSON"),
        ("/align", b"[" * 1900, {}, 400, "expected JSON"),
        ("/align", b"\xff", {}, 400, "expected JSON"),
        ("/align", [1], {}, 400, "expected a JSON object with pairs"),
        ("/align", {}, {}, 400, "expected pairs such as"),
        ("/align", {"pairs": [["a"]]}, {}, 400, "pairs[0]: expected two texts, found"),
        ("/align", {"pairs": [["a", 3]]}, {}, 400, "pairs[0]: expected two texts, found"),
        ("/align", {"pairs": PAIRS, "fromat": "tsv"}, {}, 400, "found 'fromat'"),
        ("/align", {"pairs": PAIRS, "format": "x"}, {}, 400, "format: expected pharaoh, scored"),
        ("/align", {"pairs": PAIRS, "format": []}, {}, 400, "format: expected pharaoh, scored"),
        ("/align", {"pairs": PAIRS, "level": "tokens"}, {}, 400, "add tokenize"),
        (
            "/align",
            {"pairs": PAIRS, "tokenize": "icu", "languages": "de"},
            {},
            400,
            "two languages as codes",
        ),
        ("/project", {"pairs": PAIRS}, {}, 400, "expected inline (true), tags or spans"),
        ("/project", {"pairs": PAIRS, "tags": []}, {}, 400, "expected inline (true), tags or"),
        ("/project", {"pairs": PAIRS, "inline": "false"}, {}, 400, "expected inline (true), tags"),
        (
            "/project",
            {"pairs": PAIRS, "tags": ["O", "O"]},
            {},
            400,
            "expected 1 tags, one for each",
        ),
        (
            "/project",
            {"pairs": PAIRS, "tags": ["O O"]},
            {},
            400,
            "expected 1 tags, one for each source word, found 2",
        ),
        ("/project", {"pairs": PAIRS, "tags": ["X"]}, {}, 400, "expected O, B-label or I-label"),
        ("/project", {"pairs": PAIRS, "tags": [5]}, {}, 400, "expected tags as text or as a list"),
        (
            "/project",
            {"pairs": PAIRS, "tags": [[5]]},
            {},
            400,
            "expected tags as text or as a list",
        ),
        ("/project", {"pairs": PAIRS, "spans": [[[0, 9, "X"]]]}, {}, 400, "within 1 characters"),
        (
            "/align",
            {"pairs": PAIRS, "tokenize": "icu", "languages": ["de", "en"]},
            {},
            400,
            "two languages as codes",
        ),
        ("/project", {"pairs": PAIRS, "spans": [3]}, {}, 400, "expected spans such as"),
    ],
)
def test_what_cannot_be_answered_is_an_error_in_json(
    app: App, path: str, body: Any, environ: dict[str, str], status: int, message: str
) -> None:
    found, answer, _ = ask(app, path, body, **environ)
    assert found == status
    assert message in answer["error"]


def test_a_busy_service_says_when_to_try_again() -> None:
    def busy(_: object) -> Any:
        raise BusyError

    status, answer, headers = ask(App(busy, "cpu"), "/align", {"pairs": PAIRS})
    assert (status, headers["Retry-After"]) == (503, "1")
    assert "try again" in answer["error"]


def test_a_fault_of_the_service_is_an_error_in_json_too(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> Any:
        raise ZeroDivisionError

    status, answer, _ = ask(App(broken, "cpu"), "/align", {"pairs": PAIRS})
    assert (status, answer) == (500, {"error": "the service failed; its log says why"})
    assert "ZeroDivisionError" in caplog.text


def test_half_a_surrogate_pair_is_answered_in_json(app: App) -> None:
    body = b'{"pairs": [["<b title=\'\\ud800\'>abc</b>", "abc"]], "inline": true}'
    status, answer, _ = ask(app, "/project", body)
    assert (status, answer["results"]) == (200, ["<b title='\ud800'>abc</b>"])


def test_the_head_of_health_has_no_body(app: App) -> None:
    started: list[object] = []
    given = {"PATH_INFO": "/health", "REQUEST_METHOD": "HEAD", "HTTP_HOST": "localhost"}
    assert list(app(given, lambda *head: started.extend(head))) == []
    assert started[0] == "200 OK"


def test_a_request_that_could_never_be_answered_is_too_large() -> None:
    def refuse(_: object) -> Any:
        raise TooManyError("expected at most 1 pairs, found 2")

    assert ask(App(refuse, "cpu"), "/align", {"pairs": PAIRS})[0] == 413


def test_hosts_are_those_of_this_machine_or_those_allowed() -> None:
    assert hosts_for("localhost") == hosts_for("::1")
    assert "127.0.0.2" in hosts_for("127.0.0.2")
    assert hosts_for("my.name", ["My.Name:80"]) == ("my.name",)
    assert hosts_for("my.name") == hosts_for("10.0.0.1") == ()
    assert ask(App(lambda _: [], "cpu", ()), "/health", HTTP_HOST="any")[0] == 200
    assert ask(App(lambda _: [], "cpu"), "/health", HTTP_HOST="[::1]:80")[0] == 200

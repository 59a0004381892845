"""`xalign serve`, over a network."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import EXAMPLES, run, run_process
from xalign.cli.serve import address, listen

pytest.importorskip("waitress", reason="pip install waitress")
OPTIONS = ["-m", "e5-small", "--layer", "1", "--device", "cpu", "--precision", "fp32"]
"""A model that is fast, whose links mean little."""


@pytest.fixture
def service() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A running service, and its port."""
    command = [sys.executable, "-m", "xalign", "serve", "--port", "0", *OPTIONS]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+) with cpu \(fp32\)", line)
        assert found, line
        yield process, int(found[1])
        process.kill()


def align(port: int, pair: tuple[str, str]) -> str:
    """The links that the service gives to a pair."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps({"pairs": [pair]})
    connection.request("POST", "/align", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200
    found: str = json.loads(answer.read())["alignments"][0]
    connection.close()
    return found


@pytest.mark.slow
def test_a_thousand_requests_of_sixteen_clients_get_the_answers_of_the_command_line(
    service: tuple[subprocess.Popen[bytes], int],
) -> None:
    process, port = service
    done = run_process("align", "-q", "-i", EXAMPLES / "de-en.txt", *OPTIONS)
    expected = done.stdout.decode().splitlines()
    lines = (EXAMPLES / "de-en.txt").read_text().splitlines()
    pairs = [tuple(line.split(" ||| ")) for line in lines] * 10
    with ThreadPoolExecutor(16) as clients:
        found = list(clients.map(lambda pair: align(port, (pair[0], pair[1])), pairs))
    assert found == expected * 10
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b"xalign: stopped; 1000 pairs were aligned\n"


@pytest.mark.slow
def test_what_was_asked_before_the_end_is_answered(
    service: tuple[subprocess.Popen[bytes], int],
) -> None:
    process, port = service
    line = (EXAMPLES / "de-en.txt").read_text().splitlines()[0]
    long = tuple(" ".join([side] * 150) for side in line.split(" ||| "))
    with ThreadPoolExecutor(50) as clients:
        found = [clients.submit(align, port, (long[0], long[1])) for _ in range(50)]
        while process.poll() is None and not any(one.done() for one in found):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert len({one.result() for one in found}) == 1  # each was answered, all alike
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid, port 8765: "),
        (["--port", "PORT"], "cannot listen on 127.0.0.1, port PORT: Address already in use"),
    ],
)
def test_an_address_that_cannot_be_had_is_told(options: list[str], message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", *[option.replace("PORT", port) for option in options])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"xalign: {message.replace('PORT', port)}")


def test_an_address_is_shown_as_a_browser_takes_it() -> None:
    with listen("127.0.0.1", 0) as listening:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address(listening))


def test_a_missing_package_is_told_with_the_command_that_gets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "waitress", None)
    done = run("serve")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "xalign: xalign serve needs waitress: pip install 'xalign[serve]'\n"

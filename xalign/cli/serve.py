"""The command `xalign serve`: an aligner behind HTTP, for editors and other programs."""

import logging
import signal
import socket
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

import xalign
from xalign.aligning.settings import AlignerSettings
from xalign.alignment import SentencePair
from xalign.cli.align import Quiet
from xalign.cli.inputs import check_model
from xalign.cli.options import grouped
from xalign.console import say
from xalign.errors import XalignError
from xalign.progress import Phase, status_line

if TYPE_CHECKING:
    from xalign.links.probabilities import WordProbabilities

THREADS = 32
"""Requests that are read at once; their pairs are aligned together."""


@grouped
def serve(
    settings: Annotated[AlignerSettings, "Model"],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name that requests may use; default: those of this machine."),
    ] = None,
    max_body: Annotated[int, typer.Option(min=1, help="Most bytes of a request.")] = 1 << 20,
    max_waiting: Annotated[int, typer.Option(min=1, help="Most pairs that wait.")] = 10_000,
    quiet: Quiet = False,
) -> None:
    """Answer requests over HTTP: JSON in, JSON out.

    \b
    xalign serve --port 8765
    curl localhost:8765/align -H content-type:application/json -d '{"pairs": [["ja", "yes"]]}'

    `POST /align` gives alignments, `POST /project` carries markup, tags and spans over, `GET
    /health` says whether the service is up. It stops at Ctrl-C or SIGTERM, when what was asked
    before is answered.
    """
    check_model(settings)
    try:
        import waitress
    except ImportError as error:
        raise XalignError("xalign serve needs waitress: pip install 'xalign[serve]'") from error
    from xalign.serve.app import App, hosts_for
    from xalign.serve.batcher import Batcher

    logging.getLogger("waitress").setLevel(logging.ERROR)
    with closing(listen(host, port)) as listening:
        with status_line(is_quiet=quiet) as line:
            line.show(Phase("loading the model"))
            aligner = xalign.Aligner.from_settings(settings)

        def align(pairs: Sequence[SentencePair]) -> "list[WordProbabilities]":
            return list(aligner.probabilities(pairs))

        with Batcher(align, max_waiting) as batcher:
            app = App(batcher.align, aligner.where, hosts_for(host, allow_host or ()), max_body)
            server: Any = waitress.create_server(
                app,
                sockets=[listening],
                threads=THREADS,
                max_request_body_size=8 * max_body,
                ident="",
            )
            if not quiet:
                say(f"listening on {address(listening)} with {aligner.where}; stop with Ctrl-C")
            run_until_stopped(server)
    if not quiet:
        say(f"stopped; {aligner.counts.done} pairs were aligned")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Errors: `XalignError` when there is no such address, or it is taken.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(place[:2], family=family, backlog=1024)
    except OSError as error:
        reason = error.strerror or str(error)
        raise XalignError(f"cannot listen on {host}, port {port}: {reason}") from error


def address(listening: socket.socket) -> str:
    """The address of a service, as a browser takes it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_until_stopped(server: Any) -> None:
    """Answer requests until a signal; then no more are accepted, and those before are answered."""
    from waitress import wasyncore

    def stop(*_: object) -> None:
        server.accepting = False

    before = {name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        while server.accepting or is_busy(server):
            wasyncore.loop(timeout=0.1, map=server._map, count=1)
    finally:
        server.task_dispatcher.shutdown()
        for name, handler in before.items():
            signal.signal(name, handler)


def is_busy(server: Any) -> bool:
    """Whether a request waits, is being answered, or its answer is being sent."""
    dispatcher = server.task_dispatcher
    channels = list(server.active_channels.values())
    return bool(
        dispatcher.queue
        or dispatcher.active_count
        or any(channel.requests or channel.total_outbufs_len for channel in channels)
    )

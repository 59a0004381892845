"""The command `xalign serve`: an aligner behind HTTP, for editors and other programs."""

import logging
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

import xalign
from xalign.aligning.settings import AlignerSettings
from xalign.alignment import SentencePair
from xalign.cli.align import Quiet
from xalign.cli.options import grouped
from xalign.console import say
from xalign.errors import XalignError
from xalign.progress import Phase, status_line
from xalign.weights.names import check_name

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
    curl localhost:8765/align --json '{"pairs": [["das Haus", "the house"]]}'

    `POST /align` gives alignments, `POST /project` carries markup, tags and spans over, `GET
    /health` says whether the service is up. It stops at Ctrl-C or SIGTERM, when what was asked
    before is answered.
    """
    check_name(settings.model)
    try:
        import waitress
    except ImportError as error:
        raise XalignError("xalign serve needs waitress: pip install 'xalign[serve]'") from error
    from xalign.serve.app import App, hosts_for
    from xalign.serve.batcher import Batcher

    logging.getLogger("waitress").setLevel(logging.ERROR)
    with status_line(is_quiet=quiet) as line:
        line.show(Phase("loading the model"))
        aligner = xalign.Aligner.from_settings(settings)

    def align(pairs: Sequence[SentencePair]) -> "list[WordProbabilities]":
        return list(aligner.probabilities(pairs))

    with Batcher(align, max_waiting) as batcher:
        app = App(batcher.align, aligner.where, hosts_for(host, allow_host or ()), max_body)
        server: Any = waitress.create_server(
            app, host=host, port=port, threads=THREADS, max_request_body_size=8 * max_body, ident=""
        )
        signal.signal(signal.SIGTERM, stop)
        if not quiet:
            at = f"http://{server.effective_host}:{server.effective_port}"
            say(f"listening on {at} with {aligner.where}; stop with Ctrl-C")
        server.run()
    if not quiet:
        say(f"stopped; {aligner.counts.done} pairs were aligned")


def stop(*_: Any) -> None:
    """End the service when what was asked before is answered."""
    raise SystemExit

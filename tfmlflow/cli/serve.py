"""`tfmlflow serve`: a stored model behind a port."""

from __future__ import annotations

import sys

import click


@click.command()
@click.argument("model")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0: whoever reaches this machine.")
@click.option("--uri", help="Store; without it $MLFLOW_TRACKING_URI, else mlflow.db in this folder.")
@click.option("--trust", is_flag=True, help="Serve it with the code that it brings; any kind of MLflow model.")
def serve(model: str, port: int, host: str, uri: str | None, trust: bool) -> None:
    """Serve MODEL, a run id (or how it begins) or a model URI, by `mlflow models serve`, until Ctrl-C.

    It takes what the training's file held: rows of a table with texts and gaps, encoded pictures, texts.

    \b
    tfmlflow serve 6d065d96
    tfmlflow serve models:/digits@champion --port 8080
    """
    import tempfile
    from pathlib import Path

    from tfmlflow.command.entry import complain
    from tfmlflow.errors import JobFailed, UsageError
    from tfmlflow.serving.request import body, curl
    from tfmlflow.serving.server import Server, require_free
    from tfmlflow.stoppable import stoppable

    try:
        require_free(host, port)
        with stoppable(), tempfile.TemporaryDirectory(prefix="tfmlflow-serve-") as temporary:
            from tfmlflow.tracking.models import served

            place = Path(temporary)
            found = served.prepare(model, uri, place, trust)
            if host not in ("127.0.0.1", "localhost", "::1"):
                print(f"--host {host}: whoever reaches this machine may ask it, there is no login", file=sys.stderr)
            print(f"starting {found.uri}", flush=True)
            server = Server(found.folder, host, port)
            try:
                server.wait_until_up()
                print(f"up at {server.url}; Ctrl-C ends it. One of its own examples:", flush=True)
                request = body(found.example)
                print(curl(server.url, request, place) if request else "none is stored with it", flush=True)
                raise JobFailed(f"the server has ended by itself, with code {server.wait()}")
            finally:
                server.end()
    except UsageError as error:
        sys.exit(complain(error))
    except JobFailed as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)

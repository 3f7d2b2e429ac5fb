"""`pixelgate serve`: the pages of the review site on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context

if TYPE_CHECKING:
    from pixelgate.client.serve import Responder

_FOLDER = (
    "Folder that `pixelgate compare` or `pixelgate report` wrote. Default: what is in the bucket."
)
_PORT = "Port of this machine to listen on. Default: any free one."


def serve(
    folder: Annotated[Path | None, typer.Argument(help=_FOLDER)] = None,
    port: Annotated[int, typer.Option("--port", help=_PORT, min=0, max=65_535)] = 0,
    open_it: Annotated[
        bool, typer.Option("--open/--no-open", help="Open a browser (only on a terminal).")
    ] = True,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
) -> None:
    """Show builds and reports in a browser, and decide there, with your own AWS credentials.

    Serves the pages of the review site on 127.0.0.1, for this machine alone, without a login. Of a
    bucket it shows what your credentials may read, and writes reviews in your name. Of a folder it
    shows the reports in it. Ends on Ctrl-C.

    Exit code: 130 ended by Ctrl-C; 2 wrong usage, or the bucket cannot be read.
    """
    from pixelgate.client.serve import of_bucket, of_folder

    if folder is not None:
        show(of_folder(folder), "/", port, open_it=open_it)
        return
    context = Context(project, bucket, config)
    named = context.project_option or context.config.fields.project
    from pixelgate.web.http import path_of

    start = path_of("projects", context.project) if named else "/"
    show(of_bucket(context.store, context.bucket), start, port, open_it=open_it)


def show(responder: Responder, path: str, port: int = 0, *, open_it: bool) -> None:
    """Serves until Ctrl-C, and opens a browser if that is wanted and there is a terminal."""
    import secrets
    import threading
    import webbrowser

    from pixelgate.cli.console import say
    from pixelgate.client.serve import serving

    secret = secrets.token_urlsafe(24)
    with serving(responder, port, secret) as origin:
        address = f"{origin}{path}?secret={secret}"
        say(f"serving {address} until Ctrl-C")
        if open_it and sys.stderr.isatty():
            webbrowser.open(address)
        threading.Event().wait()

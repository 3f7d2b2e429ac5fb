"""`pixelgate report`: a published report, fetched with your own credentials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import UsageError


def report(
    build: o.OptionalBuild = None,
    out: Annotated[
        Path, typer.Option(help="Where to; images that are there already are not fetched again.")
    ] = Path("pixelgate-reports"),
    open_it: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser, on a terminal.")
    ] = True,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Fetch a build's report with all that it shows, and open it.

    Exit code: 0 fetched; 2 wrong usage, there is no report, or it could not be fetched.
    """
    import sys
    import webbrowser

    from pixelgate.cli.console import progress_bar, say
    from pixelgate.client.polling import in_words, look
    from pixelgate.client.report_download import fetch_report
    from pixelgate.client.result import read_comparison

    context = Context(project, bucket, config)
    the_build = context.build(build)
    status = look(context.store, the_build).status
    if not status or not status.get("report"):
        what = in_words(status) if status else "no status"
        error = (status or {}).get("error") or {}
        why = f": {error.get('message')}" if error else ""
        raise UsageError(f"{the_build} has no report ({what}{why})")
    comparison = read_comparison(context.store, status) or {}
    with progress_bar(quiet=False) as progress:
        page = fetch_report(context.store, status, comparison, out, progress)
    say(f"report: {page}")
    if as_json:
        answer = {"project": the_build.project, "build": the_build.build, "report": str(page)}
        typer.echo(json.dumps(answer, ensure_ascii=False))
    elif open_it and sys.stderr.isatty():
        webbrowser.open(page.resolve().as_uri())

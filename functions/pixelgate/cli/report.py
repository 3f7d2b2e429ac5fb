"""`pixelgate report`: downloads a published report with your own credentials."""

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
        Path,
        typer.Option(
            help="Folder for reports; images that it has already are not downloaded again."
        ),
    ] = Path("pixelgate-reports"),
    open_it: Annotated[
        bool,
        typer.Option("--open/--no-open", help="Open the report in a browser (only on a terminal)."),
    ] = True,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Download a build's report with its images and reviews, and open it in a browser.

    Exit code: 0 downloaded; 2 wrong usage, there is no report, or the download failed.
    """
    import sys
    import webbrowser

    from pixelgate.cli.console import progress_bar, say
    from pixelgate.client.polling import in_words, look
    from pixelgate.client.report_download import fetch_report
    from pixelgate.published.comparison import read_comparison
    from pixelgate.published.reviews import read_reviews, standing

    context = Context(project, bucket, config)
    the_build = context.build(build)
    status = look(context.store, the_build).status
    if not status or not status.get("report"):
        state = in_words(status) if status else "no status"
        error = (status or {}).get("error") or {}
        reason = f": {error.get('message')}" if error else ""
        raise UsageError(f"{the_build} has no report ({state}{reason})")
    comparison = read_comparison(context.store, status) or {}
    with progress_bar(quiet=False) as progress:
        reviews = read_reviews(context.store, status, comparison)
        said = standing(status, reviews, context.bucket)
        page = fetch_report(context.store, status, comparison, out, progress, said)
    say(f"report: {page}")
    if as_json:
        fields = {"project": the_build.project, "build": the_build.build, "report": str(page)}
        typer.echo(json.dumps(fields, ensure_ascii=False))
    elif open_it and sys.stderr.isatty():
        webbrowser.open(page.resolve().as_uri())

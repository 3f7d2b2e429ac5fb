"""`pixelgate doctor`: is everything in place?"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from pixelgate import __version__
from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import PixelgateError

if TYPE_CHECKING:
    from pixelgate.client.doctor import Check


def doctor(
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Look at versions, settings, git, credentials and permissions, and say what to do.

    Nothing is written anywhere.

    Exit code: 0 uploads will work from here; 2 something is wrong.
    """
    from pixelgate.cli.console import console, progress_bar
    from pixelgate.client.doctor import Health

    context = Context(project, bucket, config)
    with progress_bar(quiet=as_json) as progress:
        progress.begin("looking", 0)
        checks = list(_checks(context))
    signs = {
        Health.GOOD: "[green]ok[/]   ",
        Health.NOTE: "[yellow]note[/] ",
        Health.WRONG: "[red]wrong[/]",
    }
    out = console()
    for check in checks:
        out.print(signs[check.health], end=" ")
        out.print(f"{check.what}: {check.words}", markup=False)
    if as_json:
        typer.echo(json.dumps({"checks": [vars(check) for check in checks]}, ensure_ascii=False))
    if any(check.health is Health.WRONG for check in checks):
        raise typer.Exit(2)


def _checks(context: Context) -> Iterator[Check]:
    from pixelgate.ci.origin import Overrides
    from pixelgate.client.doctor import Check, Health, check_bucket, check_origin

    python = f"pixelgate {__version__}, Python {platform.python_version()}"
    yield Check("versions", Health.GOOD, python)
    yield _odiff()
    try:
        config = context.config
    except PixelgateError as error:
        yield Check("config", Health.WRONG, f"{error}. The rest depends on it")
        return
    yield Check("config", Health.GOOD, str(config.path or "no pixelgate.toml here or above"))
    settled = True
    for what in ("project", "bucket"):
        try:
            found = getattr(context, what)
        except PixelgateError as error:
            settled = False
            yield Check(what, Health.WRONG, str(error))
            continue
        yield Check(what, Health.GOOD, found)
    if settled:
        yield from check_bucket(lambda: context.store, context.project)
    yield from check_origin(lambda: context.origin(Overrides()))


def _odiff() -> Check:
    """Odiff compares on this machine; uploads do without it."""
    from pixelgate.bootstrap import find_engine
    from pixelgate.client.doctor import Check, Health

    try:
        engine = find_engine()
    except PixelgateError as error:
        return Check("odiff", Health.NOTE, f"{error}. Only `pixelgate compare` needs it")
    return Check("odiff", Health.GOOD, f"{engine.version} at {engine.binary}")

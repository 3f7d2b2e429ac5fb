"""`pixelgate doctor`: checks whether uploads will work from here."""

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
    """Check versions, settings, git, credentials and permissions, and suggest fixes.

    This command writes nothing.

    Exit code: 0 uploads will work from here; 2 a check failed.
    """
    from pixelgate.cli.console import console, progress_bar
    from pixelgate.client.doctor import Health

    context = Context(project, bucket, config)
    with progress_bar(quiet=as_json) as progress:
        progress.begin("checking", 0)
        checks = list(_checks(context))
    signs = {
        Health.GOOD: "[green]ok[/]  ",
        Health.NOTE: "[yellow]note[/]",
        Health.WRONG: "[red]FAIL[/]",  # "wrong bucket: …" would read as another bucket
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
        yield Check("config", Health.WRONG, f"{error}. The other checks depend on it")
        return
    yield Check(
        "config", Health.GOOD, str(config.path or "no pixelgate.toml in this folder or above it")
    )
    complete = True
    for name in ("project", "bucket"):
        try:
            value = getattr(context, name)
        except PixelgateError as error:
            complete = False
            yield Check(name, Health.WRONG, str(error))
            continue
        yield Check(name, Health.GOOD, value)
    if complete:
        yield from check_bucket(lambda: context.store, context.project)
    yield from check_origin(lambda: context.origin(Overrides()))


def _odiff() -> Check:
    """Checks that odiff is installed; only comparisons on this machine need it."""
    from pixelgate.bootstrap import find_engine
    from pixelgate.client.doctor import Check, Health

    try:
        engine = find_engine()
    except PixelgateError as error:
        return Check("odiff", Health.NOTE, f"{error}. Only `pixelgate compare` needs it")
    return Check("odiff", Health.GOOD, f"{engine.version} at {engine.binary}")

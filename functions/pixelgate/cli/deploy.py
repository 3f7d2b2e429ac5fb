"""`pixelgate deploy`: puts a release into an AWS account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.errors import UsageError

_REGION = "AWS region of the stack. Default: the profile's."
_RELEASE = "Folder with the files of a release."
_PARAMETER = "Value of a parameter of the stack; may be repeated. Others keep their value."
_ARTEFACTS = (
    "Bucket for the code. Default: pixelgate-artefacts-ACCOUNT-REGION, which is made if needed."
)


def deploy(
    stack: Annotated[str, typer.Option("--stack", help="Name of the stack.")],
    region: Annotated[str | None, typer.Option("--region", help=_REGION)] = None,
    release: Annotated[Path, typer.Option("--release", metavar="DIR", help=_RELEASE)] = Path(
        "dist"
    ),
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", metavar="KEY=VALUE", help=_PARAMETER)
    ] = None,
    artefacts: Annotated[
        str | None, typer.Option("--artefacts", metavar="BUCKET", help=_ARTEFACTS)
    ] = None,
    as_json: o.AsJson = False,
) -> None:
    """Put a release into your AWS account, or update the stack to it.

    Needs the release's files and credentials of an administrator; neither a compiler nor Docker nor
    the SAM CLI. The checksums are verified first. An update that would replace bucket or table is
    refused.

    Exit code: 0 deployed, or nothing to change; 2 not deployed, and the reasons are said.
    """
    from pixelgate import bootstrap
    from pixelgate.cli.console import say
    from pixelgate.client.deploy import check_parameters
    from pixelgate.client.deploy import deploy as put
    from pixelgate.client.release import read_release
    from pixelgate.ports import Progress

    chosen = _parameters(parameter or [])
    verified = read_release(release)
    check_parameters(verified, chosen)
    target = bootstrap.open_target(stack, region, artefacts)
    say(f"account {target.account}, region {target.region}, stack {stack}")
    outputs = put(verified, target, chosen, Progress(say=say))
    if as_json:
        typer.echo(json.dumps(dict(outputs), ensure_ascii=False))
        return
    width = max(map(len, outputs), default=0)
    for name, value in sorted(outputs.items()):
        typer.echo(f"{name:<{width}}  {value}")


def _parameters(words: list[str]) -> dict[str, str]:
    """Splits each `KEY=VALUE`. Raises UsageError."""
    chosen: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter {word}: KEY=VALUE is expected")
        if name in chosen:
            raise UsageError(f"--parameter {name} is given twice")
        chosen[name] = value
    return chosen

"""`pixelgate schema`: the JSON schemas of what commands print with `--json`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pixelgate.errors import UsageError

_COMMAND = "Words of the command, such as `history` or `projects list`. Default: list them."


def schema(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND...", help=_COMMAND)
    ] = None,
) -> None:
    """Print the JSON schema of what a command prints with --json, or list these commands.

    Exit code: 0 printed; 2 there is no such command, or it has no --json.
    """
    from pixelgate.cli.json_schemas import COMMANDS, schema_of

    if not command:
        for name in COMMANDS:
            typer.echo(name)
        return
    name = " ".join(command)
    if name not in COMMANDS:
        raise UsageError(
            f"{name!r} is no command with --json; `pixelgate schema` lists those that have it"
        )
    typer.echo(json.dumps(schema_of(name), indent=2))

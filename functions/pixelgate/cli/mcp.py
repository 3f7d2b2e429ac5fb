"""`pixelgate mcp`: a server for agents, on this machine, over standard input and output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.ports import DifferPool

_FOLDER = (
    "Folder that `pixelgate compare` or `pixelgate report` wrote. Default: what is in the bucket."
)
_PICTURES = "Let tools send pictures. What they send goes to whoever runs the agent's model."


def mcp(
    folder: Annotated[Path | None, typer.Argument(help=_FOLDER)] = None,
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help=_PICTURES)] = True,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
) -> None:
    """Answer an agent's questions about builds, with your own AWS credentials. Writes nothing.

    Speaks the Model Context Protocol on standard input and output, for the agent that starts it:
    builds, what changed and why, small pictures, history, drift. It prepares decisions as commands
    for people to run, and never submits one. It needs the extra `mcp`.

    Exit code: 0 the agent has ended it; 2 wrong usage, or no such folder.
    """
    if find_spec("mcp") is None:
        raise UsageError(
            "`pixelgate mcp` needs the extra `mcp`, which is not installed; docs/agents.md says "
            "how to install pixelgate[mcp]"
        )
    from pixelgate.client.mcp.source import Source

    context = Context(project, bucket, config)
    named = context.project_option or context.config.fields.project
    if folder is not None:
        source = Source.of_folder(folder, named, _pool)
    else:
        source = Source.of_bucket(context.store, context.bucket, named, _pool)
    from pixelgate.client.mcp.server import make_server

    make_server(source, with_pictures=pictures).run("stdio")


def _pool() -> AbstractContextManager[DifferPool] | None:
    """Opens the engine; returns None where it is not installed."""
    from pixelgate.bootstrap import find_engine, open_pool
    from pixelgate.engine.compiled import check_installed

    try:
        check_installed()
        engine = find_engine()
    except UsageError:
        return None

    @contextmanager
    def opened() -> Iterator[DifferPool]:
        with open_pool(engine) as pool:
            yield pool

    return opened()

"""`pixelgate sandbox`: a local AWS with the stack, to try everything in."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.errors import SandboxFailed

if TYPE_CHECKING:
    from pixelgate.sandbox.fetch import Steps
    from pixelgate.sandbox.session import Sandbox

_KEEP = (
    "Folder that keeps the bucket and the table: a later start from it has the same builds. "
    "Default: nothing is kept."
)
_PORT = "Port of this machine to listen on. Default: any free one."
_CACHE = (
    "Folder for what is fetched once. Default: pixelgate in the cache folder of your account, such "
    "as ~/.cache/pixelgate."
)
_PROJECT = (
    "Project to make roles for. Default: that of pixelgate.toml, else the name of the repository."
)
_LOOK = 1.0  # seconds between two looks at the local AWS


def sandbox(
    project: Annotated[
        str | None, o.option(_PROJECT, "--project", "-p", variable="PROJECT")
    ] = None,
    keep: Annotated[Path | None, typer.Option("--keep", metavar="DIR", help=_KEEP)] = None,
    port: Annotated[int | None, typer.Option("--port", help=_PORT, min=1, max=65_535)] = None,
    cache: Annotated[
        Path | None, o.option(_CACHE, "--cache", variable="CACHE", metavar="DIR")
    ] = None,
    as_json: o.AsJson = False,
) -> None:
    """Start a local AWS with the stack in it, to try all commands without an account.

    Prints the bucket, and for each role the environment variables with its credentials; set them in
    another terminal. IAM refuses there what it refuses on AWS. Ends on Ctrl-C, with everything that
    it has started. The first start fetches some 50 packages (260 MB), pinned by hash; later ones
    need no network. Needs Linux, and the extra `compare`.

    Exit code: 0 ended by Ctrl-C or SIGTERM; 2 it cannot start, ended by itself, or could not keep
    everything.
    """
    from pixelgate.cli.console import say
    from pixelgate.sandbox.system import check_system

    check_system()  # before modules are imported that Windows lacks
    from pixelgate.sandbox.fetch import cache_folder
    from pixelgate.sandbox.session import Wanted, opened

    wanted = Wanted(
        project=_checked(project),
        default=_checked(_default_project()) or "shop",
        cache=Path(os.path.abspath(cache or cache_folder())),
        keep=Path(os.path.abspath(keep)) if keep else None,
        port=port or 0,
    )
    signal.signal(signal.SIGHUP, lambda number, frame: sys.exit(128 + number))
    with ExitStack() as stack:
        running = stack.enter_context(opened(wanted, _steps(stack)))
        problem = _serve(running, wanted.keep, as_json=as_json)
        say("ending")
    if problem:
        raise SandboxFailed(f"not everything was kept: {problem}")


def _serve(running: Sandbox, keep: Path | None, *, as_json: bool) -> str:
    """Prints what to set, and waits for Ctrl-C or a signal.

    Returns why something could not be kept, or nothing.
    """
    from pixelgate.cli.console import say, warn

    problem = ""
    try:
        typer.echo(_as_json(running) if as_json else _in_words(running))
        sys.stdout.flush()
        say(f"logs of the functions: {running.cloud.log_dir}")
        kept = f"{keep} keeps bucket and table" if keep else "nothing is kept"
        say(f"Ctrl-C ends it; {kept}")
        while True:
            before, problem = problem, running.cloud.wait(_LOOK)
            if problem and problem != before:
                warn(f"what is to be kept cannot be written: {problem}. It is tried again")
    except (KeyboardInterrupt, SystemExit):
        return problem


def _default_project() -> str:
    """The project of pixelgate.toml, else the name that `init` would give."""
    from pixelgate.ci.git import Git
    from pixelgate.cli.context import Context
    from pixelgate.cli.init import name_of

    here = Path.cwd()
    return Context(None, None, None).config.fields.project or name_of(Git(here), here)


def _checked(project: str | None) -> str | None:
    """Returns the project's name. Raises UsageError if it cannot be one."""
    from pixelgate.cli.context import Context

    return Context(project, None, None).project if project else None


def _steps(stack: ExitStack) -> Steps:
    """Draws a bar that ends when everything is fetched, or with the stack."""
    from pixelgate.cli.console import progress_bar
    from pixelgate.sandbox.fetch import Steps

    bar = stack.enter_context(ExitStack())
    progress = bar.enter_context(progress_bar(quiet=False))
    return Steps(
        begin=lambda total: progress.begin("fetching", total),
        step=progress.step,
        end=bar.close,
        say=progress.say,
    )


def _as_json(running: Sandbox) -> str:
    fields = {
        "bucket": running.cloud.bucket,
        "project": running.roles.project,
        "variables": dict(running.shared),
        "roles": {role: dict(variables) for role, variables in running.taken.items()},
        "files": {role: str(file) for role, file in running.files.items()},
        "logs": str(running.cloud.log_dir),
        "outputs": dict(running.cloud.stack.outputs),
    }
    return json.dumps(fields, ensure_ascii=False)


def _in_words(running: Sandbox) -> str:
    from pixelgate.sandbox.session import ROLES, exports

    lines = [
        f"The sandbox runs: bucket {running.cloud.bucket}, project {running.roles.project}.",
        "In another terminal, in your repository, take a role by its file:",
        "",
    ]
    for role, purpose in ROLES.items():
        lines += [f"  . {running.files[role]}", f"      {purpose}"]
    lines += ["", "Or set the variables yourself. Those that all roles share:", ""]
    lines += [f"  {line}" for line in exports(running.shared).splitlines()]
    for role, variables in running.taken.items():
        lines += ["", f"{role}:", ""]
        lines += [f"  {line}" for line in exports(variables).splitlines()]
    lines += [
        "",
        "Then, for example (docs/sandbox.md goes on):",
        "",
        "  as ci        pixelgate init && pixelgate doctor",
        "  as trunk     pixelgate upload --trunk --wait    the baseline of this commit",
        "  as ci        pixelgate upload --wait            a later commit is compared with it",
        "  as reviewer  pixelgate report, and pixelgate approve BUILD --wait",
        "",
    ]
    return "\n".join(lines)

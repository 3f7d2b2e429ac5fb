"""Defines the program `pixelgate`: its commands, error messages and exit codes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from pixelgate import __version__
from pixelgate.cli import (
    admin,
    changes,
    compare,
    deploy,
    doctor,
    flakes,
    github_app,
    history,
    import_baseline,
    init,
    life,
    mcp,
    projects,
    quarantine,
    replay,
    report,
    review,
    review_comment,
    sandbox,
    scan,
    schema,
    serve,
    site,
    upload,
    wait,
)
from pixelgate.cli.help import Command, Group
from pixelgate.errors import PixelgateError

ERROR = 2
INTERRUPTED = frozenset({130, 143})  # SIGINT (Ctrl-C) and SIGTERM (a cancelled CI job)

app = typer.Typer(
    cls=Group,
    name="pixelgate",
    help="Visual regression testing: on this machine, or in your own AWS account.",
    epilog="Exit codes: 0 passed, approved, or nothing to compare with; 1 needs review or "
    "rejected; 2 wrong usage or an error; 3 no result in time; 4 no baseline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(command: Callable[..., None], panel: str) -> None:
    """Adds a command that takes its name and its help from a function.

    Rich would keep the line breaks of the docstring, so each paragraph is joined into one line.
    """
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    words = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    name = command.__name__.replace("_", "-")
    app.command(name, cls=Command, help=words, rich_help_panel=panel)(command)


_OPERATE = "Operate the stack"
_PANELS: tuple[tuple[str, tuple[Callable[..., None], ...]], ...] = (
    (
        "Set up, and compare on this machine",
        (init.init, doctor.doctor, compare.compare, scan.scan, sandbox.sandbox),
    ),
    (
        "In CI",
        (
            upload.upload,
            upload.finalize,
            wait.wait,
            import_baseline.import_baseline,
            review_comment.review_comment,
        ),
    ),
    (
        "See results and review them",
        (
            *(wait.status, changes.changes, serve.serve, report.report),
            *(review.approve, review.reject, history.history, life.life, flakes.flakes),
            *(replay.replay, mcp.mcp, schema.schema),
        ),
    ),
    (_OPERATE, (deploy.deploy,)),
)
for _panel, _commands in _PANELS:
    for _command in _commands:
        _add(_command, _panel)
app.add_typer(quarantine.quarantine, rich_help_panel="See results and review them")
app.add_typer(github_app.github_app, rich_help_panel=_OPERATE)
app.add_typer(projects.projects, rich_help_panel=_OPERATE)
app.add_typer(site.site, rich_help_panel=_OPERATE)
app.add_typer(admin.admin, rich_help_panel=_OPERATE)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pixelgate {__version__}")
        raise typer.Exit


@app.callback()
def _pixelgate(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def _complain(message: str) -> None:
    from pixelgate.cli.console import complain

    complain(message)


def _unwritten(error: OSError) -> str:
    """Names the file of an error. The system names none for what is written to a pipe or disk."""
    import tempfile

    reason = error.strerror or str(error)
    if error.filename:
        return f"{error.filename}: {reason}"
    return f"standard output, or a temporary file in {tempfile.gettempdir()}: {reason}"


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; `pixelgate.client.exit_code.Exit` lists them."""
    try:
        try:
            app(arguments)
        finally:
            sys.stdout.flush()  # here, so that a full disk is told and not lost at the exit
    except SystemExit as end:  # how Typer returns; its code for wrong usage is 2
        if end.code in INTERRUPTED:
            _complain("interrupted. Run the same command again; images already uploaded are kept")
        return end.code if isinstance(end.code, int) else ERROR
    except PixelgateError as error:
        _complain(str(error))
    except OSError as error:
        _complain(_unwritten(error))
    return ERROR

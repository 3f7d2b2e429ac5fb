"""The program `pixelgate`: its commands, and how their errors become words and exit codes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated

import typer

from pixelgate import __version__
from pixelgate.cli import admin, compare, doctor, history, init, report, review, upload, wait
from pixelgate.errors import PixelgateError

ERROR = 2
INTERRUPTED = frozenset({130, 143})  # by Ctrl-C, by a CI system that cancels

app = typer.Typer(
    name="pixelgate",
    help="Visual regression testing: on this machine, or in your own AWS account.",
    epilog="Exit codes: 0 passed, approved, or the first upload; 1 needs review or was rejected; "
    "2 wrong usage, or it could not be done; 3 no result in time; 4 no baseline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(command: Callable[..., None], panel: str) -> None:
    """Adds a command whose name and help are its function's.

    Rich keeps the ends of lines; in a docstring they are there for programmers.
    """
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    words = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    app.command(command.__name__, help=words, rich_help_panel=panel)(command)


_PANELS: tuple[tuple[str, tuple[Callable[..., None], ...]], ...] = (
    ("Set up, and compare here", (init.init, doctor.doctor, compare.compare)),
    ("In CI", (upload.upload, upload.finalize, wait.wait)),
    (
        "Look and review",
        (wait.status, report.report, review.approve, review.reject, history.history),
    ),
)
for _panel, _commands in _PANELS:
    for _command in _commands:
        _add(_command, _panel)
app.add_typer(admin.admin, rich_help_panel="Run the stack")


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


def run(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code, which `pixelgate.client.exit_code.Exit` lists."""
    try:
        app(arguments)
    except SystemExit as end:  # Typer's way to return; wrong usage is 2
        if end.code in INTERRUPTED:
            _complain("interrupted. Run the same command again; what is uploaded stays")
        return end.code if isinstance(end.code, int) else ERROR
    except PixelgateError as error:
        _complain(str(error))
    except OSError as error:
        what = error.strerror or str(error)
        _complain(f"{error.filename}: {what}" if error.filename else what)
    return ERROR

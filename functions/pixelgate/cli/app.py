"""The program `pixelgate`: its commands, and how their errors become words and exit codes."""

from __future__ import annotations

from typing import Annotated

import typer

from pixelgate import __version__
from pixelgate.cli import compare
from pixelgate.errors import PixelgateError

ERROR = 2

app = typer.Typer(
    name="pixelgate",
    help="Visual regression testing: on this machine, or in your own AWS account.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("compare")(compare.compare)


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
    """Runs one command; returns its exit code: 0 passed, 1 needs review, 2 could not be done."""
    try:
        app(arguments)
    except SystemExit as end:  # Typer's way to return; wrong usage is 2
        return end.code if isinstance(end.code, int) else ERROR
    except PixelgateError as error:
        _complain(str(error))
    except OSError as error:
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return ERROR

"""`pixelgate admin`: what whoever runs the stack does now and then, with their own credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pixelgate.client.redriving import Listed

admin = typer.Typer(
    name="admin", help="Failed events, for whoever runs the stack.",
    no_args_is_help=True,
)  # fmt: skip

_Queue = Annotated[
    str,
    typer.Option(
        "--queue",
        envvar="PIXELGATE_FAILED_EVENTS",
        help="URL of the queue: the stack's output FailedEvents.",
    ),
]


@admin.command()
def failed(queue: _Queue) -> None:
    """List the events on which Lambda gave up, and why. Changes nothing."""
    from pixelgate import wiring
    from pixelgate.client.redriving import list_failed

    found = list_failed(wiring.open_failed_events(queue))
    for listed in found:
        typer.echo(_line(listed))
    typer.echo(f"{len(found)} failed events", err=True)


@admin.command()
def redrive(queue: _Queue) -> None:
    """Send them again, with all of Lambda's attempts. Safe to repeat.

    Exit code: 0 all were sent; 2 some were not, and stay in the queue.
    """
    from pixelgate import wiring
    from pixelgate.client.redriving import redrive as send_again

    done = send_again(wiring.open_failed_events(queue))
    for listed in done:
        typer.echo(_line(listed))
    left = [listed for listed in done if listed.problem]
    typer.echo(f"{len(done) - len(left)} sent again, {len(left)} left in the queue", err=True)
    if left:
        raise typer.Exit(2)


def _line(listed: Listed) -> str:
    """One event in one line; who writes to the bucket chooses keys, and terminals obey some."""
    event = listed.event
    if event is None:
        return _plain(listed.problem)
    tried = f"{event.attempts} attempts" if event.attempts != 1 else "1 attempt"
    problem = f"  LEFT: {listed.problem}" if listed.problem else ""
    return _plain(f"{event.when}  {event.name}  {event.about}  {tried}, {event.why}{problem}")


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)

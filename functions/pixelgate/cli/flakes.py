"""`pixelgate flakes`: which snapshots differ although nothing was changed, and where."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.cli.history import csv_of
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.past.flakes import Flakiness
    from pixelgate.past.unrest import Unrest

# `past.flakes.State`, which would take the time of an import when the program starts.
_STATES = ("broken", "flaky", "at risk", "quiet")
_COLUMNS = ("name", "state", "why", "pairs", "differing", "rate", "low", "high", "commit_pairs",
            "tree_pairs", "attempt_pairs", "returned_pairs", "images", "headroom",
            "headroom_build", "last_difference")  # fmt: skip
_PAIRS_SHOWN = 20


def flakes(
    name: Annotated[str | None, typer.Argument(help="Show the evidence for this snapshot.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help=f"Only these: {', '.join(_STATES)}. May be repeated."),
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="DAYSd|DATE", help="What is older is no evidence.")
    ] = "90d",
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Ask, and then write the region in which NAME differs into pixelgate.toml as an "
            "ignore region.",
        ),
    ] = False,
    sidecar: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="With --take-over: write it into the file beside the screenshot instead.",
        ),
    ] = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV on stdout.")] = False,
    as_json: o.AsJson = False,
) -> None:
    """List the snapshots that differ although nothing was changed, with the evidence.

    The evidence is pairs with the same input: builds of one commit or of one tree, attempts of one
    run, and images that come back after one build. A snapshot is *flaky* if surely more than 1 % of
    at least 10 pairs differ, *broken* if its last five results are one image that nobody has
    approved, *at risk* if under a fifth of the headroom to the verdict's limits was left within 30
    days, or else *quiet*. A quarantine changes none of this.

    With NAME, it lists the pairs that differ, and proposes the region in which they do as an ignore
    region, with the approved changes of the last 90 days that it would have hidden.

    Exit code: 0 listed, or written; 2 wrong usage, or the bucket could not be read, or nothing was
    written as you said no.
    """
    from pixelgate.cli.since import beginning
    from pixelgate.past.flakes import states
    from pixelgate.past.model import Past

    _check(name, state, sidecar, take_over=take_over, as_csv=as_csv, as_json=as_json)
    context = Context(project, bucket, config)
    now = datetime.now(UTC)
    # Images are looked up in all of the history; `since` says which of them are evidence.
    whole, first = Past.of(context.store, context.project), beginning(since, now)
    began = first.astimezone(UTC).isoformat()
    found = states(whole.only(entry for entry in whole.entries if entry.at >= began), now)
    if name is None:
        _list(context, since, found.values(), state, as_csv=as_csv, as_json=as_json)
        return
    from pixelgate.domain.names import find

    spelt = find(name, found)
    if spelt is None:
        raise UsageError(
            f"the history of {context.project} has no snapshot {name!r} since {since}; a name is a "
            "path with its extension"
        )
    one = found[spelt]
    from pixelgate.past.unrest import unrest

    proposal = unrest(whole, spelt, one.pairs, now)
    if take_over:
        _take_over(context, one, proposal, sidecar)
    else:
        _tell(context, since, one, proposal, as_csv=as_csv, as_json=as_json)


def _check(
    name: str | None,
    state: Sequence[str] | None,
    sidecar: Path | None,
    *,
    take_over: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Raises UsageError if options do not go together."""
    for one in state or ():
        if one not in _STATES:
            raise UsageError(f"--state {one}: it must be one of {', '.join(_STATES)}")
    if as_csv and as_json:
        raise UsageError("--csv and --json cannot be used together")
    if state and name is not None:
        raise UsageError("--state is for the list; NAME shows one snapshot, whatever its state")
    if take_over and name is None:
        raise UsageError("--take-over writes one snapshot's region: `flakes NAME --take-over`")
    if take_over and (as_csv or as_json):
        raise UsageError("--take-over asks; it does not go with --csv and --json")
    if sidecar is not None and not take_over:
        raise UsageError("--sidecar says where --take-over writes")


def _order(found: Flakiness) -> tuple[int, float, str]:
    return _STATES.index(str(found.state)), -found.interval.low, found.name


def _list(
    context: Context,
    since: str,
    every: Any,
    state: Sequence[str] | None,
    *,
    as_csv: bool,
    as_json: bool,
) -> None:
    from pixelgate.cli.console import say

    counts = Counter(str(one.state) for one in every)
    ordered = sorted(every, key=_order)
    shown = [one for one in ordered if not state or str(one.state) in state]
    if as_json:
        fields = {
            "project": context.project,
            "since": since,
            "counts": {one: counts[one] for one in _STATES},
            "snapshots": [one.as_json() for one in shown],
        }
        typer.echo(json.dumps(fields, ensure_ascii=False))
        return
    if as_csv:
        typer.echo(csv_of([one.row() for one in shown], _COLUMNS), nl=False)
        return
    if not every:
        say(
            f"the history of {context.project} has no snapshot since {since}; results from before "
            "this version are added by `pixelgate admin index`"
        )
        return
    loud = shown if state else [one for one in shown if str(one.state) != "quiet"]
    if loud:
        _show(loud)
    words = ", ".join(f"{counts[one]:,} {one}" for one in _STATES)
    say(f"{words}; `pixelgate flakes NAME` shows the evidence")


def _show(shown: Sequence[Flakiness]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from pixelgate.cli.console import console

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("state", "snapshot", "differ", "rate", "95 %", "headroom", "last"):
        table.add_column(title, overflow="fold")
    for one in shown:
        low, high = one.interval
        rate = "–" if one.rate is None else f"{100 * one.rate:.1f} %"
        cells = (
            *(str(one.state), one.name, f"{len(one.differing):,} of {len(one.pairs):,}", rate),
            f"{100 * low:.1f}–{100 * high:.1f}" if one.pairs else "–",
            "–" if one.headroom is None else f"{100 * one.headroom:.0f} %",
            str(one.row()["last_difference"] or "–")[:10],
        )
        table.add_row(*map(escape, cells))
    console().print(table)


def _tell(
    context: Context,
    since: str,
    one: Flakiness,
    proposal: Unrest | None,
    *,
    as_csv: bool,
    as_json: bool,
) -> None:
    from rich.markup import escape
    from rich.table import Table

    from pixelgate.cli.console import console, say
    from pixelgate.past.flakes import evidence

    pairs = [evidence(pair) for pair in one.pairs]
    if as_csv:
        columns = ("at", "kind", "earlier_build", "build", "first", "second", "differs")
        typer.echo(csv_of(pairs, columns), nl=False)
        return
    if as_json:
        fields = {
            "project": context.project,
            "since": since,
            "snapshot": {**one.as_json(), "pairs_with_same_input": pairs},
            "unrest": proposal.as_json() if proposal else None,
            "quarantine": one.quarantine,
        }
        typer.echo(json.dumps(fields, ensure_ascii=False))
        return
    say(f"{one.name} is {one.state}: {one.words}")
    differing = [pair for pair in pairs if pair["differs"]]
    if differing:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for title in ("when", "same", "build", "image", "and build", "image"):
            table.add_column(title, overflow="fold")
        for pair in differing[-_PAIRS_SHOWN:]:
            cells = (
                *(pair["at"][:16].replace("T", " "), pair["kind"], pair["earlier_build"]),
                *(pair["first"][:12], pair["build"], pair["second"][:12]),
            )
            table.add_row(*map(escape, cells))
        console().print(table)
        if len(differing) > _PAIRS_SHOWN:
            say(f"{len(differing) - _PAIRS_SHOWN:,} earlier ones are in --csv and --json")
    if proposal:
        from pixelgate.client.ignore_region import rule_for

        say(proposal.words)
        say(f"`pixelgate flakes '{one.name}' --take-over` writes this into pixelgate.toml:")
        say(rule_for(context.config, one.name, proposal.boxes).rstrip())
    elif differing:
        say("these images were never compared with one another, so no region is proposed")
    if one.quarantine:
        say("until it is mended, a person may put it into quarantine:")
        say(f"  {one.quarantine}")


def _take_over(
    context: Context, one: Flakiness, proposal: Unrest | None, sidecar: Path | None
) -> None:
    from pixelgate.cli.console import say
    from pixelgate.client.ignore_region import add_rule, add_to_sidecar, rule_for

    if proposal is None:
        raise UsageError(
            f"there is no region to ignore: no two images of {one.name} that the same input gave "
            "were ever compared with one another"
        )
    say(proposal.words)
    for hidden in proposal.hidden:
        row = hidden.row()
        say(f"  hidden: {row['name']} in {row['build']}, approved by {row['by']}")
    where = sidecar or context.config.path
    if sidecar is None:
        say(rule_for(context.config, one.name, proposal.boxes).rstrip())
    else:
        boxes = ((box.x, box.y, box.width, box.height) for box in proposal.boxes)
        say("; ".join(f"x {x}, y {y}, {width} × {height}" for x, y, width, height in boxes))
    if where is not None:
        if not sys.stdin.isatty():
            raise UsageError("there is no terminal to ask on; nothing was written")
        if not typer.confirm(f"Write it into {where}?", err=True):
            say("nothing was written")
            raise typer.Exit(2)
    done = (
        add_rule(context.config, one.name, proposal.boxes)
        if sidecar is None
        else add_to_sidecar(sidecar, proposal.boxes)
    )
    say(f"written into {done}; it counts for builds that are uploaded from now on")

"""`pixelgate approve` and `pixelgate reject`: write a reviewer's decision."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.domain.keys import BuildId
    from pixelgate.published.decisions import Decision, Selection


class OverturnsRejection(UsageError):
    """Somebody's rejection would be overturned, which nobody has agreed to."""


_Build = Annotated[
    str | None, typer.Argument(metavar="BUILD", help="Id of the build.", show_default=False)
]
_Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME...", help="Names of snapshots. Default: all of the build."),
]
_Globs = Annotated[
    list[str] | None, typer.Option("--glob", help="Select snapshots by name; * matches anything.")
]
_Groups = Annotated[
    list[str] | None,
    typer.Option("--group", help="Select the snapshots of a group, which show the same change."),
]
_From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Take the decisions from a decisions.json that the report saved.",
    ),
]
_Reason = Annotated[
    str | None,
    typer.Option(
        "--reason",
        "-m",
        help="Reason for the decision; it is shown with the result. With --from, for decisions "
        "that have none of their own.",
    ),
]
_Execution = Annotated[
    str | None,
    typer.Option(
        "--execution",
        metavar="ID",
        help="The result that you looked at, `execution` in `pixelgate status --json`. Nothing is "
        "written if the build was compared again since.",
    ),
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Overturn rejections without asking.")]
_Wait = Annotated[bool, typer.Option("--wait", help="Wait until the review is applied.")]


def _command(action: str, effect: str, others: str) -> Callable[..., None]:
    """Makes the command for an action; `others` are the opposite decisions in a file."""

    def command(
        build: _Build = None,
        names: _Names = None,
        globs: _Globs = None,
        groups: _Groups = None,
        decisions: _From = None,
        reason: _Reason = None,
        execution: _Execution = None,
        yes: _Yes = False,
        wait: _Wait = False,
        timeout: o.ReviewTimeout = None,
        project: o.Project = None,
        bucket: o.Bucket = None,
        config: o.ConfigFile = None,
        as_json: o.AsJson = False,
    ) -> None:
        from pixelgate.published.decisions import Selection

        context = Context(project, bucket, config)
        selection = Selection(tuple(names or ()), tuple(globs or ()), tuple(groups or ()))
        give_review(
            context, action, build, selection, decisions, reason,
            execution=execution, yes=yes, wait=wait, timeout=timeout, as_json=as_json,
        )  # fmt: skip

    command.__name__ = action
    command.__doc__ = f"""{action.capitalize()} a build, or some of its snapshots. {effect}

    Your name is taken from your AWS credentials. With --from, the {others} in the file are
    written too.

    It says whose decisions are overturned. Before a rejection is, it asks; without a terminal it
    needs --yes.

    Exit code: 0 written, and with --wait applied; 2 wrong usage, an error, or nothing written as a
    rejection would be overturned; 3 not applied in time.
    """
    return command


approve = _command("approve", "An approved build can be a baseline.", "rejections")
reject = _command("reject", "A rejected build is never a baseline.", "approvals")


def give_review(
    context: Context,
    action: str,
    named: str | None,
    selection: Selection,
    file: Path | None,
    reason: str | None,
    *,
    execution: str | None,
    yes: bool,
    wait: bool,
    timeout: float | None,
    as_json: bool = False,
    make_id: Callable[[], str] | None = None,
    tell: Callable[[str], None] | None = None,
    ask: bool = True,
) -> None:
    """Writes one review, or those of a file; `wait` waits until they are applied.

    Args:
        context: project and bucket.
        action: approve or reject.
        named: the build, if the file does not name it.
        selection: the snapshots.
        file: a decisions.json.
        reason: why, for decisions without a reason of their own.
        execution: the result that was looked at; None means the present one.
        yes: overturn rejections without asking.
        wait: whether to wait.
        timeout: how long to wait, in seconds; None means 120.
        as_json: print JSON on stdout.
        make_id: makes the id of a review; None means one by the present time.
        tell: is told each decision that is overturned; None prints it.
        ask: on a terminal, ask before a rejection is overturned.

    Raises:
        OverturnsRejection: nothing was written, as a rejection would be overturned.
        UsageError: nothing was written, or the review does not count.
        BucketError: the bucket cannot be used.
        typer.Exit: it was not applied in time.
    """
    from dataclasses import replace

    from pixelgate.cli.console import say, warn
    from pixelgate.client.polling import look
    from pixelgate.published.comparison import read_comparison
    from pixelgate.published.decisions import Decision, new_id, write_review

    build, decisions = _decisions(context, action, named, selection, file)
    seen = look(context.store, build)
    status = seen.status or {}
    if status.get("state") != "SUCCEEDED":
        raise UsageError(f"{build} has no result to {action}: {_why_none(status)}")
    present = status.get("execution")
    decisions = decisions or (Decision(action, selection, execution or present),)
    comparison = read_comparison(context.store, status) or {}
    selected = [d.selection.of(comparison.get("images") or {}) for d in decisions]
    for looked_at in (execution, *(d.execution for d in decisions)):
        _check_current(build, looked_at, present)
    _check_overturned(
        *(context, status, comparison, decisions, selected), yes=yes, tell=tell or warn, ask=ask
    )
    keys = []
    for decision, names in zip(decisions, selected, strict=True):
        why = decision.reason or reason
        keys.append(
            write_review(context.store, build, replace(decision, reason=why), (make_id or new_id)())
        )
        number = f"{len(names):,} snapshot{'s' * (len(names) != 1)}"
        say(f"{decision.action} {build}: {'all of it' if decision.selection.is_all else number}")
    applied = _wait(context, build, decisions, selected, keys, timeout) if wait else None
    if as_json:
        fields: dict[str, Any] = {"project": build.project, "build": build.build, "reviews": keys}
        if applied is not None:
            fields["review"] = (look(context.store, build).status or {}).get("review")
        typer.echo(json.dumps(fields, ensure_ascii=False))
    if applied is False:
        from pixelgate.client.exit_code import Exit

        raise typer.Exit(Exit.TIMED_OUT)


def _why_none(status: Mapping[str, Any]) -> str:
    """Explains why there is nothing to review, and what to do."""
    match status.get("state"):
        case None:
            return (
                "there is no such build, or its upload has not been read yet; "
                "`pixelgate history` lists the builds"
            )
        case "FAILED":
            error = status.get("error") or {}
            return f"it FAILED ({error.get('code')}: {error.get('message')}); upload it again"
        case state:
            return f"it is {state}; `pixelgate wait` waits for it"


def _decisions(
    context: Context, action: str, named: str | None, selection: Selection, file: Path | None
) -> tuple[BuildId, tuple[Decision, ...]]:
    """Returns the build, and the decisions of the `--from` file, if there is one."""
    from pixelgate.client.reviews import read_decisions

    if file is None:
        if not named:
            raise UsageError(
                f"no build is named: `pixelgate {action} BUILD`; `pixelgate history` lists them"
            )
        return context.build(named), ()
    if not selection.is_all:
        raise UsageError("--from selects the snapshots; leave out names, --glob and --group")
    build, decisions = read_decisions(file, context.build(named) if named else None)
    if build.project != context.project:
        raise UsageError(
            f"--from {file} belongs to the project {build.project!r}, not {context.project!r}"
        )
    return build, decisions


def _check_current(build: BuildId, looked_at: str | None, present: Any) -> None:
    """Refuses a decision on a report that a newer comparison has replaced."""
    if looked_at and present and looked_at != present:
        raise UsageError(
            f"{build} was compared again after this report was made (execution "
            f"{looked_at}, now {present}); download the new report and review that"
        )


def _check_overturned(
    context: Context,
    status: Mapping[str, Any],
    comparison: Mapping[str, Any],
    decisions: tuple[Decision, ...],
    selected: list[set[str]],
    *,
    yes: bool,
    tell: Callable[[str], None],
    ask: bool,
) -> None:
    """Says what the decisions overturn, and asks before a rejection is overturned.

    Raises:
        OverturnsRejection: a rejection would be overturned, and nobody can be asked or said yes.
    """
    import sys

    from pixelgate.cli.console import say
    from pixelgate.published.reviews import overturned_by, read_reviews

    reviews = read_reviews(context.store, status, comparison)
    images = comparison.get("images") or {}
    rejections = 0
    for decision, names in zip(decisions, selected, strict=True):
        meant = None if decision.selection.is_all else names
        for lost in overturned_by(decision.action, meant, reviews, images):
            rejections += lost.given.action == "reject"
            tell(f"this overturns {lost.words}")
    if not rejections or yes:
        return
    if not (ask and sys.stdin.isatty()):
        raise OverturnsRejection(
            "a rejection would be overturned, and there is no terminal to ask on; nothing was "
            "written. If that is meant, repeat the command with --yes"
        )
    if not typer.confirm("Overturn it?", err=True):
        say("nothing was written")
        raise typer.Exit(2)


def _wait(
    context: Context,
    build: BuildId,
    decisions: tuple[Decision, ...],
    selected: list[set[str]],
    keys: list[str],
    timeout: float | None,
) -> bool:
    from pixelgate.cli.console import complain, progress_bar, say
    from pixelgate.client.polling import Seen, poll
    from pixelgate.client.reviews import is_carried_out, refusal_of

    def refusals(seen: Seen) -> list[str]:
        return [reason for key in keys if (reason := refusal_of(seen.status, key))]

    def done(seen: Seen) -> bool:
        pairs = zip(decisions, selected, strict=True)
        applied = all(is_carried_out(seen.status, decision, names) for decision, names in pairs)
        return applied or bool(refusals(seen))

    seconds = timeout or 120.0
    with progress_bar(quiet=False) as progress:
        seen = poll(
            context.store, build, seconds, done, progress=progress,
            words=lambda status: "waiting until the review is applied",
        )  # fmt: skip
    if reasons := refusals(seen):
        raise UsageError(f"the review of {build} does not count: {'; '.join(reasons)}")
    if done(seen):
        say("the review is applied")
        return True
    complain(
        f"the review of {build} is written, but was not applied within {seconds:g} s; "
        f"`pixelgate status {build.build}` shows its state"
    )
    return False

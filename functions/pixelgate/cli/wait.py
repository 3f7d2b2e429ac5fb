"""`pixelgate wait` and `pixelgate status`: what became of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelgate.cli import options as o
from pixelgate.cli.context import Context

if TYPE_CHECKING:
    from pixelgate.client.polling import Seen


def wait(
    build: o.OptionalBuild = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    timeout: o.Timeout = None,
    fail_on: o.FailOn = None,
    exit_zero: o.ExitZero = False,
    require_baseline: o.RequireBaseline = False,
    as_json: o.AsJson = False,
    summary: o.Summary = None,
    junit: o.Junit = None,
) -> None:
    """Wait for a build's result.

    Exit code: 0 passed, approved, or the first upload; 1 needs review or was rejected; 2 wrong
    usage, or it could not be done; 3 there was no result in time; 4 there was no baseline and
    --require-baseline asks for one; 130 interrupted.
    """
    from pixelgate.cli.console import progress_bar
    from pixelgate.cli.output import DEFAULT_TIMEOUT, Reports, conclude, make_gate
    from pixelgate.client.polling import wait_for_result

    context = Context(project, bucket, config)
    gate = make_gate(fail_on, exit_zero, require_baseline)
    the_build = context.build(build)
    seconds = timeout or context.config.fields.timeout or DEFAULT_TIMEOUT
    with progress_bar(quiet=False) as progress:
        seen = wait_for_result(context.store, the_build, seconds, progress=progress)
    reports = Reports(as_json, summary, junit)
    conclude(context, the_build, seen, gate, reports, timeout=seconds)


def status(
    build: o.OptionalBuild = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Say where a build stands now: state, baseline and why, counts, what is left to review.

    Exit code: 0 told, whatever the result; 2 wrong usage, there is no such build, or it could not
    be asked. `pixelgate wait` is the one to gate on.
    """
    import json

    import typer

    from pixelgate.cli.output import as_json as fields
    from pixelgate.cli.output import show
    from pixelgate.client.polling import look
    from pixelgate.client.result import Result, read_comparison
    from pixelgate.errors import UsageError

    context = Context(project, bucket, config)
    the_build = context.build(build)
    seen = look(context.store, the_build)
    if seen.status is None:
        raise UsageError(
            f"{the_build} has no status in {context.bucket}: it was not uploaded, its parts are "
            "not all in, or its manifest has not been read yet (`pixelgate wait` waits for that)"
        )
    final = seen.status.get("state") == "SUCCEEDED"
    comparison = read_comparison(context.store, seen.status) if final else None
    result = Result(seen.status, comparison)
    _show_state(seen)
    show(result)
    if as_json:
        typer.echo(json.dumps(fields(result), ensure_ascii=False))


def _show_state(seen: Seen) -> None:
    from pixelgate.cli.console import say
    from pixelgate.client.polling import in_words

    if seen.status and seen.status.get("state") not in {"SUCCEEDED", "FAILED"}:
        say(in_words(seen.status))
    for candidate in ((seen.status or {}).get("baseline") or {}).get("passed_over") or ():
        what = candidate.get("build") or candidate.get("commit")
        say(f"passed over as the baseline: {what}: {candidate.get('why')}")

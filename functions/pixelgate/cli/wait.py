"""`pixelgate wait` and `pixelgate status`: show the result or the state of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelgate.cli import options as o
from pixelgate.cli.context import Context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pixelgate.client.polling import Seen
    from pixelgate.domain.keys import BuildId
    from pixelgate.published.reviews import Given


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
    """Wait for the result of a build, and exit with its code.

    Exit code: 0 passed, approved, or nothing to compare with; 1 needs review or rejected; 2 wrong
    usage or an error; 3 no result in time; 4 no baseline, with --require-baseline; 130 interrupted.
    """
    from pixelgate.cli.output import Reports, await_result, make_gate

    context = Context(project, bucket, config)
    gate = make_gate(fail_on, exit_zero, require_baseline)
    reports = Reports(as_json, summary, junit)
    await_result(context, context.build(build), timeout, gate, reports)


def status(
    build: o.OptionalBuild = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Show a build's state, its baseline and the reason for it, the counts and the reviews.

    It names what was rejected, by whom and why, and which decisions a later review overturned.
    Of a build that waits for shards, it says which came and which are missing.

    Exit code: 0 shown, whatever the result; 2 wrong usage, there is no such build, or it could not
    be read. To fail a CI job on the result, use `pixelgate wait`.
    """
    import json

    import typer

    from pixelgate.cli.output import as_json as fields
    from pixelgate.cli.output import show
    from pixelgate.client.polling import look, with_shards
    from pixelgate.client.result import Result
    from pixelgate.errors import UsageError
    from pixelgate.published.comparison import read_comparison
    from pixelgate.published.reviews import read_reviews

    context = Context(project, bucket, config)
    the_build = context.build(build)
    seen = with_shards(context.store, the_build, look(context.store, the_build))
    if seen.status is None and seen.shards is None:
        raise UsageError(
            f"{the_build} has no status in {context.bucket}: it was not uploaded, or its manifest "
            "was not read yet (`pixelgate wait` waits for it)"
        )
    found = {"project": the_build.project, "build": the_build.build, "state": None}
    status = seen.status or found
    final = status.get("state") == "SUCCEEDED"
    comparison = read_comparison(context.store, status) if final else None
    result = Result(status, comparison)
    _show_state(seen, the_build)
    show(result)
    reviews = read_reviews(context.store, status, comparison) if final else ()
    _show_reviews(reviews, (comparison or {}).get("images") or {})
    if as_json:
        shards = {"shards": seen.shards.as_json()} if seen.shards else {}
        given = {"reviews": [r.as_json() for r in reviews]} if reviews else {}
        typer.echo(json.dumps({**fields(result), **shards, **given}, ensure_ascii=False))


def _show_state(seen: Seen, build: BuildId) -> None:
    from pixelgate.cli.console import say
    from pixelgate.client.polling import in_words

    if seen.shards:
        say(f"waiting for shards: {seen.shards.words}")
        say(seen.shards.advice(build))
    elif seen.status and seen.status.get("state") not in {"SUCCEEDED", "FAILED"}:
        say(in_words(seen.status))
    for candidate in ((seen.status or {}).get("baseline") or {}).get("passed_over") or ():
        name = candidate.get("build") or candidate.get("commit")
        say(f"not used as the baseline: {name}: {candidate.get('why')}")


def _show_reviews(reviews: Sequence[Given], images: Mapping[str, Mapping[str, Any]]) -> None:
    """Names what is rejected, and the decisions that a later review overturned."""
    from pixelgate.cli.console import say
    from pixelgate.published.reviews import DONE, in_words, overturned, rejected_names

    for given, names in rejected_names(reviews, images).items():
        what = in_words(sorted(names)) if names else "all of it"
        say(f"rejected by {given.by}: {what}{given.tail}")
    for lost in overturned(reviews, images):
        later = lost.later
        by = f"{later.by} {DONE[later.action]} it{later.tail}" if later else ""
        say(f"overturned: {lost.words}; {by}")

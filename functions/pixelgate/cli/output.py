"""Writes a result as text, JSON, Markdown and JUnit, and exits with its code."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelgate.cli.context import Context
    from pixelgate.client.exit_code import Gate
    from pixelgate.client.polling import Seen
    from pixelgate.client.result import Result
    from pixelgate.domain.keys import BuildId

_DEFAULT_TIMEOUT = 900.0  # seconds


@dataclass(frozen=True)
class Reports:
    """The outputs that were asked for, besides the terminal."""

    as_json: bool = False
    summary: Path | None = None
    junit: Path | None = None


def make_gate(fail_on: str | None, exit_zero: bool, require_baseline: bool) -> Gate:
    """Makes a gate from the options."""
    from pixelgate.client.exit_code import Gate, read_fail_on
    from pixelgate.published.status import FAILING

    return Gate(read_fail_on(fail_on) if fail_on else FAILING, exit_zero, require_baseline)


def await_result(
    context: Context,
    build: BuildId,
    timeout: float | None,
    gate: Gate,
    reports: Reports,
    *,
    before: Seen | None = None,
    notes: tuple[str, ...] = (),
    extra: dict[str, Any] | None = None,
) -> None:
    """Waits for a build's result, writes it to all outputs, and exits with its code.

    `before` is the status before the upload, `notes` are on the origin, for the Markdown summary,
    and `extra` are further fields of the JSON.

    Raises:
        typer.Exit: the build did not pass.
    """
    from pixelgate.cli.console import complain, progress_bar, say
    from pixelgate.client.exit_code import Exit, after_the_job
    from pixelgate.client.polling import NOTHING_SEEN, gave_up, wait_for_result
    from pixelgate.client.result import Result
    from pixelgate.published.comparison import read_comparison

    seconds = timeout or context.config.fields.timeout or _DEFAULT_TIMEOUT
    with progress_bar(quiet=False) as progress:
        seen = wait_for_result(
            context.store, build, seconds, before=before or NOTHING_SEEN, progress=progress
        )
    status = dict(seen.status or {"project": build.project, "build": build.build, "state": None})
    comparison = read_comparison(context.store, status) if status["state"] == "SUCCEEDED" else None
    result = Result(status, comparison, gate, notes)
    show(result)
    if result.words == "needs review":
        say(after_the_job(status))
    write(result, reports)
    if reports.as_json:
        typer.echo(json.dumps({**(extra or {}), **as_json(result)}, ensure_ascii=False))
    if result.exit is Exit.TIMED_OUT:
        complain(gave_up(build, seen, seconds))
    if result.exit is not Exit.PASSED:
        raise typer.Exit(result.exit)


def as_json(result: Result) -> dict[str, Any]:
    """Returns the fields that `--json` prints."""
    status = result.status
    names = ("project", "build", "state", "verdict", "counts", "base", "baseline",
            "baseline_reason", "review", "report", "comparison", "execution", "error",
            "quarantine")  # fmt: skip
    fields = {name: status.get(name) for name in names if name in status}
    # Null until the manifest is read; `upload` passes better values in `extra`.
    optional = ("commit", "branch", "pull_request")
    fields |= {name: status[name] for name in optional if status.get(name) is not None}
    return {**fields, "result": result.words, "exit_code": int(result.exit)}


def write(result: Result, reports: Reports) -> None:
    """Writes JUnit XML and Markdown to the named files, and Markdown to GitHub's job summary.

    Raises:
        UsageError: a file cannot be written.
    """
    from pixelgate.client.junit import junit
    from pixelgate.client.markdown import markdown

    named = reports.summary, os.environ.get("GITHUB_STEP_SUMMARY")
    for path in {str(Path(n).resolve()): Path(n) for n in named if n}.values():
        _put(path, markdown(result).encode(), "ab")
    if reports.junit:
        _put(reports.junit, junit(result), "wb")


def _put(path: Path, body: bytes, mode: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode) as file:
            file.write(body)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def show(result: Result) -> None:
    """Prints a result for people, on stderr."""
    from pixelgate.cli.console import complain, console, show_counts, show_names, warn
    from pixelgate.client.exit_code import Exit
    from pixelgate.client.result import STATUSES

    out, status = console(), result.status
    if result.error:
        complain(result.error)
    if status.get("state") != "SUCCEEDED":
        return
    base = status.get("base")
    reason = status.get("baseline_reason")
    if base or reason:
        against = f"compared with {base}" if base else "compared with nothing"
        out.print(f"{against}{f': {reason}' if reason else ''}", markup=False)
    images = result.images(*STATUSES[:4])
    show_names([(_status(i), n, result.in_words(i)) for n, i in images])
    for warning in result.warnings:
        warn(warning)
    show_counts(result.counts)
    colour = "green" if result.exit is Exit.PASSED else "red"
    out.print(result.words, style=f"bold {colour}", markup=False)
    _show_what_to_do(result)


def _status(image: Mapping[str, Any]) -> str:
    from pixelgate.domain.comparison import QUARANTINED
    from pixelgate.published.status import is_excused

    return QUARANTINED if is_excused(image) else str(image["status"])


def _show_what_to_do(result: Result) -> None:
    from pixelgate.cli.console import say, warn
    from pixelgate.client.exit_code import Exit
    from pixelgate.published.status import review_in, reviewers, short_name

    review = review_in(result.status)
    if review.get("left"):
        say(f"left to review: {review['left']:,}")
    if names := reviewers(result.status):
        say(f"reviewed by {', '.join(names)}")
    for reason in review.get("reasons") or ():
        say(f"reason: {reason}")
    for refusal in review.get("refused") or ():
        reviewer = short_name(str(refusal.get("by")))
        warn(f"a review by {reviewer} does not count: {refusal.get('why')}")
    build = result.status.get("build")
    if result.exit is Exit.NO_BASELINE:
        say("there was no baseline, but --require-baseline needs one")
    elif result.words == "needs review":
        say(f"to see it: pixelgate report {build}    to approve it: pixelgate approve {build}")

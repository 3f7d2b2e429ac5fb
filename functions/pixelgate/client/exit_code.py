"""Turns the status of a build into the exit code of a command."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pixelgate.domain.keys import BuildId
from pixelgate.errors import UsageError
from pixelgate.published.status import FAILING, review_of


class Exit(IntEnum):
    """The exit code of a command."""

    PASSED = 0  # or approved, or nothing to compare with
    NEEDS_REVIEW = 1  # or rejected
    FAILED = 2  # wrong usage or an error
    TIMED_OUT = 3
    NO_BASELINE = 4


@dataclass(frozen=True)
class Gate:
    """The conditions under which a build passes."""

    # Statuses that fail the build if a review is needed; others are only reported.
    fail_on: Collection[str] = FAILING
    exit_zero: bool = False  # whether a build passes even if a review is needed
    require_baseline: bool = False  # whether a build without a baseline fails


GATE = Gate()


def read_fail_on(option: str) -> tuple[str, ...]:
    """Parses the option `--fail-on`, such as `changed,added`.

    Raises:
        UsageError: there is no such status.
    """
    statuses = tuple(word.strip().lower() for word in option.split(",") if word.strip())
    wrong = [word for word in statuses if word not in FAILING]
    if wrong or not statuses:
        named = repr(wrong[0]) if wrong else "nothing"
        raise UsageError(
            f"--fail-on names {named}; it takes {', '.join(FAILING)}, with commas between them. "
            "To fail on none of them, use --exit-zero-on-changes"
        )
    return statuses


def exit_of(status: Mapping[str, Any] | None, gate: Gate = GATE) -> Exit:
    """Returns the exit code for a status.

    `status` is the content of status.json, None if there was none in time.
    """
    match (status or {}).get("state"):
        case "FAILED":
            code = ((status or {}).get("error") or {}).get("code")
            no_base = gate.require_baseline and code == "BASE_MISSING"
            return Exit.NO_BASELINE if no_base else Exit.FAILED
        case "SUCCEEDED" if status is not None:
            return _of_result(status, gate)
        case _:
            return Exit.TIMED_OUT


def _of_result(status: Mapping[str, Any], gate: Gate) -> Exit:
    if gate.require_baseline and status.get("base") is None:
        return Exit.NO_BASELINE
    match review_of(status):
        case "rejected":
            return Exit.NEEDS_REVIEW
        case "needed":
            counts = status.get("counts") or {}
            met = any(counts.get(name) for name in gate.fail_on)
            return Exit.NEEDS_REVIEW if met and not gate.exit_zero else Exit.PASSED
        case _:
            return Exit.PASSED


def after_the_job(status: Mapping[str, Any]) -> str:
    """Returns what a job says that ends before the review: who turns green later, and who not."""
    from pixelgate.notify.update import context_of

    name = context_of(BuildId(str(status.get("project")), str(status.get("build"))))
    return (
        "A review can make this build pass after this job has ended. The job's result stays as it "
        f"is; the commit status {name} follows the review, if notices are set up. Require that "
        "status for a merge and not this job, or run the job again after the review."
    )

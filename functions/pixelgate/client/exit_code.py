"""Turns the status of a build into the exit code of a command."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pixelgate.domain.comparison import NEEDING_REVIEW
from pixelgate.errors import UsageError

FAILING = tuple(map(str, NEEDING_REVIEW))


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


def review_of(status: Mapping[str, Any]) -> str:
    """Returns not_needed, needed, approved or rejected; without a review, the verdict decides."""
    if state := review_in(status).get("state"):
        return str(state)
    return "needed" if status.get("verdict") == "needs_review" else "not_needed"


def review_in(status: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Returns the field `review` of a status; empty if there is none."""
    review = (status or {}).get("review")
    return review if isinstance(review, dict) else {}


def reviewers(status: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the short names of the reviewers; status.json has their whole identities.

    S3 calls a session of a role `AWS:<id of the role>:<name of the session>`; the session's name is
    that of the person.
    """
    by = review_in(status).get("by") or ()
    return tuple(dict.fromkeys(short_name(str(identity)) for identity in by))


def short_name(identity: str) -> str:
    """Returns `ada` for `AWS:AROA…:ada`, and any other identity unchanged."""
    parts = identity.split(":", 2)
    return parts[2] if len(parts) == 3 and parts[0] == "AWS" and parts[2] else identity


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


def in_words(status: Mapping[str, Any]) -> str:
    """Returns the result in words, such as `passed` or `needs review`."""
    if status.get("state") == "FAILED":
        return "failed"
    if status.get("state") != "SUCCEEDED":
        return str(status.get("state") or "no result yet").lower().replace("_", " ")
    match review_of(status):
        case "needed":
            return "needs review"
        case "not_needed" if status.get("base") is None:
            return "passed, with nothing to compare with"
        case "not_needed":
            return "passed"
        case word:
            return word

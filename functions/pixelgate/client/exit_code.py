"""From a build's status to an exit code: 0 passed, 1 review, 2 failed, 3 timed out, 4 no base."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pixelgate.domain.comparison import NEEDING_REVIEW
from pixelgate.errors import UsageError

FAILING = tuple(map(str, NEEDING_REVIEW))


class Exit(IntEnum):
    """What a command ends with."""

    PASSED = 0  # or approved, or the first upload
    NEEDS_REVIEW = 1  # or rejected
    FAILED = 2  # wrong usage, or it could not be done
    TIMED_OUT = 3
    NO_BASELINE = 4


@dataclass(frozen=True)
class Gate:
    """What lets a build through.

    Attributes:
        fail_on: statuses that need a review; others only are reported.
        exit_zero: whether a needed review lets it through all the same.
        require_baseline: whether there must have been something to compare with.
    """

    fail_on: Collection[str] = FAILING
    exit_zero: bool = False
    require_baseline: bool = False


GATE = Gate()


def read_fail_on(said: str) -> tuple[str, ...]:
    """`changed,added` as statuses.

    Raises:
        UsageError: there is no such status.
    """
    words = tuple(word.strip().lower() for word in said.split(",") if word.strip())
    wrong = [word for word in words if word not in FAILING]
    if wrong or not words:
        named = repr(wrong[0]) if wrong else "nothing"
        raise UsageError(
            f"--fail-on names {named}; it takes {', '.join(FAILING)}, with commas between them. "
            "For none of them there is --exit-zero-on-changes"
        )
    return words


def review_of(status: Mapping[str, Any]) -> str:
    """not_needed, needed, approved or rejected; a status that says nothing goes by its verdict."""
    review = status.get("review")
    if isinstance(review, dict) and review.get("state"):
        return str(review["state"])
    return "needed" if status.get("verdict") == "needs_review" else "not_needed"


def reviewers(status: Mapping[str, Any]) -> tuple[str, ...]:
    """Who reviewed, as people call one another; status.json keeps the whole identities.

    A role's session is `AWS:<id of the role>:<name of the session>` to S3, and the name says who.
    """
    review = status.get("review")
    by = (review.get("by") if isinstance(review, dict) else None) or ()
    return tuple(dict.fromkeys(short_name(str(identity)) for identity in by))


def short_name(identity: str) -> str:
    """`ada` for `AWS:AROA…:ada`; any other identity as it is."""
    parts = identity.split(":", 2)
    return parts[2] if len(parts) == 3 and parts[0] == "AWS" and parts[2] else identity


def exit_of(status: Mapping[str, Any] | None, gate: Gate = GATE) -> Exit:
    """What a command ends with.

    Args:
        status: status.json; None if there was none in time.
        gate: what lets a build through.
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
    """The result in a word or two."""
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

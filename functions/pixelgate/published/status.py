"""Says in words what status.json says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixelgate.domain.comparison import NEEDING_REVIEW, QUARANTINED, Status
from pixelgate.domain.quarantine import in_words as quarantined_in_words

# The statuses of snapshots that need a review.
FAILING = tuple(map(str, NEEDING_REVIEW))


def review_of(status: Mapping[str, Any]) -> str:
    """Returns not_needed, needed, approved or rejected; without a review, the verdict decides."""
    if state := review_in(status).get("state"):
        return str(state)
    return "needed" if status.get("verdict") == "needs_review" else "not_needed"


def review_in(status: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Returns the field `review` of a status; empty if there is none."""
    review = (status or {}).get("review")
    return review if isinstance(review, dict) else {}


def needs_review(image: Mapping[str, Any]) -> bool:
    """Whether a snapshot, as comparison.json has it, needs a review: not if it is in quarantine."""
    return image.get("status") in FAILING and not is_excused(image)


def is_excused(image: Mapping[str, Any]) -> bool:
    """Whether a snapshot changed and needs no review, as it is in quarantine."""
    return image.get("status") == Status.CHANGED and bool(image.get("quarantined"))


def quarantined(status: Mapping[str, Any]) -> str:
    """Returns `3 quarantined snapshots changed`; empty if none did."""
    number = (status.get("counts") or {}).get(QUARANTINED) or 0
    return quarantined_in_words(number) if number else ""


def quarantine_notes(status: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns what people should know of quarantines, in sentences."""
    notes = (status.get("quarantine") or {}).get("notes") or ()
    return tuple(map(str, notes))


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
        case "not_needed" if words := quarantined(status):
            return f"passed: no changes to review; {words}"
        case "not_needed":
            return "passed"
        case word:
            return word

"""Writes status.json, the small object that CI polls; `supersedes` decides who may overwrite it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import NO_BASE, BuildId
from pixelgate.domain.records import BuildRecord, ComparisonRecord, State
from pixelgate.errors import ErrorCode
from pixelgate.pipeline.announce.update import update
from pixelgate.ports import Bucket

# All fields of status.json except the build's, in order. A status is `provisional` while its build
# waits for a missing base; that of any real comparison replaces it.
_FIELDS = (
    "commit", "branch", "pull_request", "author", "state", "verdict", "counts", "base",
    "baseline_reason", "baseline", "comparison", "report", "review", "error", "execution",
    "claim", "created", "claimed", "provisional", "wait_until", "updated",
)  # fmt: skip
_OF_BUILD = ("commit", "branch", "pull_request", "author")
# Values of fields that are not known; the other fields are then None.
_UNKNOWN = {"counts": {}, "baseline_reason": "", "claim": 0, "provisional": False}


def iso(seconds: float) -> str:
    """Formats seconds since 1970 as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def status_of(
    record: ComparisonRecord,
    review: Mapping[str, Any] | None = None,
    build: BuildRecord | None = None,
    quarantine: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Builds the status of a comparison.

    `build` is None while shards of the head are missing. The field `quarantine` is there only if
    there is something to say.
    """
    error = {"code": record.error_code, "message": record.error_message}
    base = None if record.id.waits or record.id.base == NO_BASE else record.id.base
    status = _status(
        record.head,
        **{name: getattr(build, name) for name in _OF_BUILD if build},
        state=record.state,
        verdict=record.verdict,
        counts=dict(record.counts),
        base=base,
        baseline_reason=record.baseline_reason,
        baseline=record.choice.as_json() if record.choice else None,
        comparison=record.comparison_key,
        report=record.report_key,
        review=dict(review) if review else None,
        error=error if record.error_code else None,
        execution=record.execution,
        claim=record.claims,
        created=iso(record.created),
        claimed=iso(record.claimed),
        provisional=record.id.waits,
        wait_until=None if record.wait_until is None else iso(record.wait_until),
        updated=iso(record.updated),
    )
    return {**status, "quarantine": dict(quarantine)} if quarantine else status


def status_of_rejected(build: BuildId, message: str, now: float) -> dict[str, Any]:
    """Builds the status of a rejected manifest; it contains no field of that manifest."""
    error = {"code": ErrorCode.BAD_MANIFEST, "message": message}
    return _status(build, state=State.FAILED, error=error, updated=iso(now))


def _status(build: BuildId, **known: Any) -> dict[str, Any]:
    fields = {name: known.get(name, _UNKNOWN.get(name)) for name in _FIELDS}
    return {"schema_version": 1, "project": build.project, "build": build.build, **fields}


def write_status(objects: Bucket, build: BuildId, status: Mapping[str, Any]) -> bool:
    """Writes the status unless the one in the bucket is newer; returns whether it wrote.

    So a worker that was paused after its claim cannot write PROCESSING over the result that
    another worker has published meanwhile.
    """

    def change(present: Any) -> bytes | None:
        return _encoded(status) if supersedes(status, present) else None

    return update(objects, keys.status(build), change)


def update_status_review(objects: Bucket, build: BuildId, review: Mapping[str, Any]) -> bool:
    """Updates only the review in the present status.json; returns whether it wrote."""

    def change(present: Any) -> bytes | None:
        if present is None or _revision(present) >= review["revision"]:
            return None
        return _encoded({**present, "review": dict(review)})

    return update(objects, keys.status(build), change)


def _encoded(status: Mapping[str, Any]) -> bytes:
    return json.dumps(status, indent=2, ensure_ascii=False).encode()


def supersedes(new: Mapping[str, Any], present: Mapping[str, Any] | None) -> bool:
    """Whether a status may replace the present one.

    Within one comparison the later claim wins; within one claim, the final state; within one
    state, the later review. The rejection of a manifest stays until a claim that began after it,
    so that the result of an older upload does not look like the answer to the newer one. The
    status of a wait is replaced by that of a comparison.
    """
    if present is None:
        return True
    if new["execution"] and not present["execution"]:
        return str(new["claimed"]) >= str(present["updated"])
    if new["execution"] and present["execution"]:
        if new["provisional"] != present["provisional"]:
            return bool(present["provisional"])
        if new["base"] == present["base"]:
            return bool(_rank(new) > _rank(present))
    if new["error"] is not None and new["error"] == present["error"]:
        return False
    return str(new["updated"]) >= str(present["updated"])


def _rank(status: Mapping[str, Any]) -> tuple[str, int, int, int]:
    """Orders the statuses of one comparison: by record, claim, state and revision of the review.

    `created` comes first, because an expired record is created anew and its claims start at one.
    """
    stage = {State.PROCESSING: 0, State.WAITING_FOR_BASE: 1}.get(status["state"], 2)
    return status["created"], status["claim"], stage, _revision(status)


def _revision(status: Mapping[str, Any]) -> int:
    review = status.get("review")
    return review["revision"] if review else 0

"""status.json: the small object that CI polls, and who may overwrite whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import NO_BASE, BuildId
from pixelgate.domain.records import BuildRecord, ComparisonRecord, State
from pixelgate.errors import ErrorCode, NotFound
from pixelgate.pipeline.announce.update import update
from pixelgate.ports import Bucket

# Every field of status.json beside the build's, in its order, as it is while nothing is known.
_UNKNOWN: Mapping[str, Any] = {
    "commit": None,
    "branch": None,
    "pull_request": None,
    "state": None,
    "verdict": None,
    "counts": {},
    "base": None,
    "baseline_reason": "",
    "baseline": None,
    "comparison": None,
    "report": None,
    "review": None,
    "error": None,
    "execution": None,
    "claim": 0,
    "created": None,
    "claimed": None,
    # A base that was named and is still missing: gives way to any real comparison.
    "provisional": False,
    "wait_until": None,
    "updated": None,
}


def iso(seconds: float) -> str:
    """A time in UTC, ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def status_of(
    record: ComparisonRecord,
    review: Mapping[str, Any] | None = None,
    build: BuildRecord | None = None,
) -> dict[str, Any]:
    """What status.json says of a comparison.

    Args:
        record: of the comparison.
        review: how its review stands, if there is anything to say.
        build: the head; None as long as not all parts of it are there.
    """
    error = None
    if record.error_code:
        error = {"code": record.error_code, "message": record.error_message}
    base = None if record.id.waits or record.id.base == NO_BASE else record.id.base
    return _status(
        record.head,
        commit=build.commit if build else None,
        branch=build.branch if build else None,
        pull_request=build.pull_request if build else None,
        state=record.state,
        verdict=record.verdict,
        counts=dict(record.counts),
        base=base,
        baseline_reason=record.baseline_reason,
        baseline=record.choice.as_json() if record.choice else None,
        comparison=record.comparison_key,
        report=record.report_key,
        review=dict(review) if review else None,
        error=error,
        execution=record.execution,
        claim=record.claims,
        created=iso(record.created),
        claimed=iso(record.claimed),
        provisional=record.id.waits,
        wait_until=None if record.wait_until is None else iso(record.wait_until),
        updated=iso(record.updated),
    )


def status_of_rejected(build: BuildId, message: str, now: float) -> dict[str, Any]:
    """What status.json says of a build whose manifest was refused, of which it repeats nothing."""
    error = {"code": ErrorCode.BAD_MANIFEST, "message": message}
    return _status(build, state=State.FAILED, error=error, updated=iso(now))


def _status(build: BuildId, **known: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "project": build.project,
        "build": build.build,
        **_UNKNOWN,
        **known,
    }


def write_status(objects: Bucket, build: BuildId, status: Mapping[str, Any]) -> bool:
    """Writes the status unless the one in the bucket is ahead of it; returns whether it wrote.

    A worker that was paused between its claim and this line cannot put PROCESSING over the result
    that another one has published meanwhile.
    """

    def change(stored: bytes | None) -> bytes | None:
        present = None if stored is None else json.loads(stored)
        return _encoded(status) if supersedes(status, present) else None

    return update(objects, keys.status(build), change)


def not_before_status(objects: Bucket, build: BuildId, now: str) -> str:
    """The later one of this time and that of the status which is there."""
    try:
        present = json.loads(objects.read(keys.status(build)))
    except NotFound:
        return now
    return max(now, str(present["updated"]))


def update_status_review(objects: Bucket, build: BuildId, review: Mapping[str, Any]) -> bool:
    """Says something new of the review in whatever status there is; returns whether it wrote."""

    def change(stored: bytes | None) -> bytes | None:
        present = None if stored is None else json.loads(stored)
        if present is None or _revision(present) >= review["revision"]:
            return None
        return _encoded({**present, "review": dict(review)})

    return update(objects, keys.status(build), change)


def _encoded(status: Mapping[str, Any]) -> bytes:
    return json.dumps(status, indent=2, ensure_ascii=False).encode()


def supersedes(new: Mapping[str, Any], present: Mapping[str, Any] | None) -> bool:
    """Whether a status may replace the present one.

    Of one comparison the later claim wins, of one claim the final state, of one state the later
    review. What is said of a refused manifest stays until a claim that began after it: the result
    of an older upload must not pass for an answer to the newer one. A missing base gives way to a
    real one.
    """
    if present is None:
        return True
    if new["execution"] and not present["execution"]:
        return str(new["claimed"]) >= str(present["updated"])
    if new["execution"] and present["execution"]:
        if _same_comparison(new, present):
            return bool(_rank(new) > _rank(present))
        if new["provisional"] != present["provisional"]:
            return bool(present["provisional"])
    if new["error"] is not None and new["error"] == present["error"]:
        return False
    return str(new["updated"]) >= str(present["updated"])


def _same_comparison(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (one["base"], one["provisional"]) == (other["base"], other["provisional"])


def _rank(status: Mapping[str, Any]) -> tuple[str, int, int, int]:
    """Claims are counted from one again when a record has outlived its time and is created anew.

    One claim goes from PROCESSING to WAITING_FOR_BASE or to a final state, and that from one
    revision of its review to the next.
    """
    stage = {State.PROCESSING: 0, State.WAITING_FOR_BASE: 1}.get(status["state"], 2)
    return status["created"], status["claim"], stage, _revision(status)


def _revision(status: Mapping[str, Any]) -> int:
    review = status.get("review")
    return review["revision"] if review else 0

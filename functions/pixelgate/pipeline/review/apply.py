"""Applies a review: one delivery of its event, from the uploaded object to the new status."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import ComparisonRecord, State
from pixelgate.domain.review_request import (
    MAX_BYTES,
    Action,
    OnBehalfOf,
    Reviewable,
    ReviewBody,
    ReviewRecord,
    parse,
    select,
)
from pixelgate.domain.review_state import Applied, Refusal, ReviewLog, to_status_json_without_result
from pixelgate.errors import NotFound, ReviewRefused, TooLarge, WriteConflict
from pixelgate.pipeline.announce.announce import announce_result, rewrite_status
from pixelgate.pipeline.announce.review_store import (
    change_review_log,
    read_review_log,
    read_reviewable,
)
from pixelgate.pipeline.announce.status import update_status_review
from pixelgate.pipeline.announce.update import read_json
from pixelgate.pipeline.context import StorageContext

_MAX_TEXT = 10_000


@dataclass(frozen=True)
class Written:
    """The event of a review object, whose key names build and review.

    `by` is the event's userIdentity, never a field of the object; `at` is the time of the write,
    ISO 8601 in UTC; `tag` is the object's ETag, if the event has one.
    """

    build: BuildId
    id: str
    by: str
    at: str
    tag: str | None = None


@dataclass(frozen=True)
class CarriedOut:
    """The review counts; this delivery or an earlier one applied it."""

    review: ReviewRecord
    state: str  # that of the build's review now
    comparison: ComparisonId | None = None


@dataclass(frozen=True)
class Refused:
    """The review does not count."""

    why: str


@dataclass(frozen=True)
class Gone:
    """The review object was deleted before this delivery."""


Outcome = CarriedOut | Refused | Gone


def carry_out(written: Written, storage: StorageContext) -> Outcome:
    """Applies a review, only once even if its event is delivered several times or late.

    The first delivery decides whether the review counts, and records that before anything else.
    All later steps follow from this record, so any delivery can finish them after an error.
    """
    try:
        body, tag = storage.objects.read_tagged(keys.review(written.build, written.id), MAX_BYTES)
    except NotFound:
        return Gone()
    except TooLarge as error:
        return _refuse(written, str(error), storage)
    if written.tag is not None and tag.strip('"') != written.tag:
        why = "the object was overwritten before it was carried out; a review is written once"
        return _refuse(written, why, storage)
    review, record, reviewable, names = _decide(written, body, storage)
    stored = storage.ledger.add_review(review)
    if (stored.sha256, stored.by) != (review.sha256, review.by):
        why = f"review {written.id} was written before, by {stored.by}; a review is written once"
        return _refuse(written, why, storage)
    _keep(stored, body, storage)
    if stored.refused is not None:
        return _refuse(written, stored.refused, storage)
    if record is None or reviewable is None or stored.execution != record.execution:
        return _refuse(written, _stale(stored.execution, record), storage)
    return _apply(stored, record, names, storage)


def _decide(
    written: Written, body: bytes, storage: StorageContext
) -> tuple[ReviewRecord, ComparisonRecord | None, Reviewable | None, frozenset[str]]:
    """Decides whether a review counts, and for which snapshots."""
    sha256 = hashlib.sha256(body).hexdigest()
    review = ReviewRecord(written.build, written.id, "", written.by, written.at, sha256)
    record = reviewable = None
    names: frozenset[str] = frozenset()
    try:
        request = parse(body)
        review = replace(review, action=request.action, reason=request.reason)
        review = replace(review, on_behalf_of=_person(written, request, storage))
        record = _published(written.build, request, storage)
        reviewable = read_reviewable(record, storage.objects)
        if reviewable is None:
            raise ReviewRefused("what there was to review is gone from the bucket")
        names = select(request, reviewable)
    except ReviewRefused as error:
        return replace(review, refused=str(error)), record, reviewable, names
    return replace(review, execution=record.execution), record, reviewable, names


def _person(written: Written, request: ReviewBody, storage: StorageContext) -> OnBehalfOf | None:
    """Returns whom the review site wrote a review for. Raises ReviewRefused.

    Whoever else may write reviews, such as CI by mistake, could otherwise pass for anybody.
    """
    site = bool(storage.site_role) and written.by.startswith(f"AWS:{storage.site_role}:")
    if request.person and not site:
        raise ReviewRefused(
            "on_behalf_of: only the review site may review on behalf of a person, and "
            f"{written.by} wrote this"
        )
    if site and not request.person:
        raise ReviewRefused("on_behalf_of: a review by the review site must name the person")
    if site and not request.execution:
        raise ReviewRefused("execution: a review by the review site must name what was looked at")
    return request.person


def _published(build: BuildId, request: ReviewBody, storage: StorageContext) -> ComparisonRecord:
    """Returns the result that a review is about. Raises ReviewRefused."""
    record = _latest(build, storage)
    if record is not None and record.state is State.FAILED:
        raise ReviewRefused(f"build {build.build} FAILED: there is no result to review")
    status = read_json(storage.objects, keys.status(build)) if record is None else None
    if status and status["state"] == State.SUCCEEDED:  # records expire, status.json stays
        raise ReviewRefused(
            f"the result of build {build.build} is older than 90 days and cannot be reviewed any "
            "more; upload the build again under another id"
        )
    if record is None or record.state is not State.SUCCEEDED:
        raise ReviewRefused(
            f"build {build.build} has no result yet, so nobody can have looked at it; "
            "wait for its verdict and review it then"
        )
    if request.execution is not None and request.execution != record.execution:
        raise ReviewRefused(_stale(request.execution, record))
    return record


def _latest(build: BuildId, storage: StorageContext) -> ComparisonRecord | None:
    accepted = storage.ledger.build(build)
    if accepted is None:
        raise ReviewRefused(f"project {build.project} has no build {build.build}")
    return storage.ledger.comparison(accepted.comparison) if accepted.comparison else None


def _stale(execution: str, record: ComparisonRecord | None) -> str:
    now = record.execution if record else "none"
    return (
        f"the review is of result {execution}, the published one is {now}; "
        "look at the present report and review that"
    )


def _apply(
    review: ReviewRecord, record: ComparisonRecord, names: frozenset[str], storage: StorageContext
) -> CarriedOut:
    """Adds a review to the review log and announces the result."""
    if not record.announced:
        # An earlier state is not announced yet; its event must be sent before that of this one.
        announce_result(record, storage)
    elif review.id in read_review_log(review.build, storage.objects).reviews:
        return _carried_out(review, storage)  # an earlier delivery has applied it
    # From here on the sweeper announces the review, if every delivery of this event dies.
    record = storage.ledger.reopen(record, storage.clock())
    applied = Applied(
        review.id,
        Action(review.action),
        review.reviewer,
        review.at,
        review.reason,
        whole=not names,
        on_behalf_of=review.on_behalf_of,
    )

    def add(present: ReviewLog) -> ReviewLog:
        return present.of_execution(record.execution).with_review(applied, names)

    change_review_log(review.build, storage.objects, add)
    # Reopened again: another worker may have marked the record as announced without this review.
    announce_result(storage.ledger.reopen(record, storage.clock()), storage)
    return _carried_out(review, storage)


def _carried_out(review: ReviewRecord, storage: StorageContext) -> CarriedOut:
    build = storage.ledger.build(review.build)
    state = str(build.review or "open") if build else "open"
    return CarriedOut(review, state, build.comparison if build else None)


def _refuse(written: Written, why: str, storage: StorageContext) -> Refused:
    """Writes the reason why a review does not count to the review log and to status.json."""
    try:
        record = _latest(written.build, storage)
    except ReviewRefused:
        return Refused(why)
    refusal = Refusal(written.id, written.by, written.at, why)
    review_log = change_review_log(
        written.build, storage.objects, lambda log: log.with_refusal(refusal)
    )
    if record is not None and record.finished:
        rewrite_status(record, storage)
    else:
        review = to_status_json_without_result(None, 0, review_log)
        update_status_review(storage.objects, written.build, review or {"revision": 0})
    return Refused(why)


def _keep(review: ReviewRecord, body: bytes, storage: StorageContext) -> None:
    """Copies a review to a folder where reviewers cannot write; it is kept as long as its build."""
    if storage.ledger.build(review.build) is None:
        return
    kept = {
        "schema_version": 1,
        **{name: value for name, value in asdict(review).items() if name != "build"},
        "project": review.build.project,
        "build": review.build.build,
        "written": _as_written(body),
    }
    key = keys.kept_review(review.build, review.id)
    encoded = json.dumps(kept, ensure_ascii=False, indent=2).encode()
    with suppress(WriteConflict):  # an earlier delivery has copied it
        storage.objects.replace(key, encoded, "application/json", None)


def _as_written(body: bytes) -> Any:
    try:
        parse(body)
    except ReviewRefused:
        return body[:_MAX_TEXT].decode("utf-8", "replace")
    return json.loads(body.decode("utf-8-sig"))

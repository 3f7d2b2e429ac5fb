"""Lambda function that applies the reviews that people write to the bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.bootstrap import aws_records, resume_by_lambda
from pixelgate.domain import keys
from pixelgate.domain.keys import check_build, check_id
from pixelgate.errors import BadManifest
from pixelgate.handlers.s3_events import Created, Ignored, UnreadableEvent, created_objects
from pixelgate.handlers.telemetry import count, log_fields, logger, metrics
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.context import StorageContext
from pixelgate.pipeline.review.apply import CarriedOut, Gone, Outcome, Refused, Written, carry_out
from pixelgate.pipeline.review.quarantine import (
    Logged,
    NothingThere,
    NotLogged,
    WrittenQuarantine,
    carry_out_quarantine,
)
from pixelgate.pipeline.review.quarantine import Outcome as QuarantineOutcome


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Applies every review that the event names; raises if one needs another delivery."""
    answers: list[dict[str, Any]] = []
    failures: list[Exception] = []
    for item in reviews_of(event):
        if isinstance(item, Ignored):
            count("EventsIgnored")
            logger.warning("event ignored", extra={"why": item.why})
            answers.append({"ignored": item.why})
            continue
        if isinstance(item, UnreadableEvent):
            count("ReviewsRetried")
            logger.error("event not readable", extra={"error": str(item)})
            failures.append(item)
            continue
        try:
            outcome: Outcome | QuarantineOutcome
            if isinstance(item, WrittenQuarantine):
                outcome = carry_out_quarantine(item, records())
            else:
                outcome = carry_out(item, records())
        except Exception as error:
            count("ReviewsRetried")
            logger.warning("delivery failed", extra={**_fields(item), "error": repr(error)})
            failures.append(error)
            continue
        answers.append(_report(item, outcome))
    if failures:
        raise failures[0]
    return {"reviews": answers}


def reviews_of(
    event: object,
) -> Iterator[Written | WrittenQuarantine | Ignored | UnreadableEvent]:
    """Lists the reviews and quarantines in an event.

    Each other record becomes an `Ignored` with the reason.
    """
    for item in created_objects(event):
        try:
            yield _written(item) if isinstance(item, Created) else item
        except UnreadableEvent as error:
            yield error


@cache
def records() -> StorageContext:
    """Makes the context at the first event; the execution environment keeps it."""
    return replace(aws_records(), resume=resume_by_lambda())  # an approval resumes builds


def _written(created: Created) -> Written | WrittenQuarantine | Ignored:
    if found := keys.quarantine_review_of(created.key):
        return _quarantine(created, *found)
    named = keys.review_of(created.key)
    if named is None:
        return Ignored(f"{created.key} is no review")
    build, review_id = named
    try:
        check_build(build)
        check_id(review_id, "review")
    except BadManifest as error:
        return Ignored(f"{created.key} cannot be a review: {error}")
    return Written(build, review_id, by=created.by, at=iso(created.at), tag=created.tag)


def _quarantine(created: Created, project: str, review: str) -> WrittenQuarantine | Ignored:
    try:
        check_id(project, "project")
        check_id(review, "review")
    except BadManifest as error:
        return Ignored(f"{created.key} cannot be a quarantine: {error}")
    return WrittenQuarantine(project, review, by=created.by, at=iso(created.at), tag=created.tag)


def _fields(written: Written | WrittenQuarantine) -> dict[str, Any]:
    if isinstance(written, WrittenQuarantine):
        # Its object lies where those of a build would, and every line about a review names that.
        return {"project": written.project, "build": "@quarantine"}
    return log_fields(written.build)


def _report(
    written: Written | WrittenQuarantine, outcome: Outcome | QuarantineOutcome
) -> dict[str, Any]:
    of = (
        {"build": str(written.build)}
        if isinstance(written, Written)
        else {"project": written.project}
    )
    answer = {**of, "review": written.id, **_answer(outcome)}
    fields = _fields(written)
    if isinstance(outcome, CarriedOut):
        fields = log_fields(outcome.review.build, outcome.comparison, outcome.review.execution)
    # The reason may contain names of images, which must not be in a log at INFO.
    details = {"outcome": {**answer, "why": None}, "by": written.by}
    logger.info("review handled", extra={**fields, **details})
    if isinstance(outcome, Refused | NotLogged):
        logger.warning("review refused", extra={**fields, "review": written.id, "why": outcome.why})
    return answer


def _answer(outcome: Outcome | QuarantineOutcome) -> dict[str, Any]:
    match outcome:
        case CarriedOut(review=review, state=state):
            count("ReviewsCarriedOut")
            return {"action": review.action, "build_is": state}
        case Logged(action=action):
            count("ReviewsCarriedOut")
            return {"action": action}
        case Refused(why=why) | NotLogged(why=why):
            count("ReviewsRefused")
            return {"refused": True, "why": why}
        case Gone() | NothingThere():
            count("EventsIgnored")
            return {"ignored": "the review is gone"}

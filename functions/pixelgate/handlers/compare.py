"""Lambda function that compares a build when its manifest is uploaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from pixelgate.bootstrap import aws_service
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, Upload, check_build
from pixelgate.errors import BadManifest, ErrorCode, HeldByOther
from pixelgate.handlers.s3_events import Created, Ignored, UnreadableEvent, created_objects
from pixelgate.handlers.telemetry import (
    count,
    log_fields,
    logger,
    metrics,
    seconds_by_stage,
    stage,
)
from pixelgate.pipeline.compare.dispatch import Collecting, receive
from pixelgate.pipeline.compare.outcomes import (
    Duplicate,
    Failed,
    Gone,
    HandedOver,
    Outcome,
    Published,
    Rejected,
    Superseded,
    Waiting,
)
from pixelgate.pipeline.context import CompareContext

# A worker renews its lease when a third of it is over, at the next check, a few seconds later.
_ALIVE = 0.4

# What the log calls each outcome, on which the runbook's queries filter, and its metric.
_OUTCOMES: Mapping[type, tuple[str, str | None]] = {
    Published: ("build compared", None),
    Duplicate: ("build compared before", "DuplicateDeliveries"),
    HandedOver: ("comparison handed over", "ComparisonsHandedOver"),
    Failed: ("build failed", "ComparisonsFailed"),
    Rejected: ("manifest rejected", "BadManifests"),
    Waiting: ("build waiting for its base", "BuildsWaiting"),
    Collecting: ("build waiting for its shards", None),
    Superseded: ("comparison superseded", "LateWorkers"),
    Gone: ("manifest missing", "EventsIgnored"),
}


class Resume(BaseModel):
    """The event that resumes a build: the sweeper sends it, or a worker whose build is its base."""

    project: str
    build: str


class _ResumeEvent(BaseModel):
    resume: Resume


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Compares every build that the event names.

    It raises if one of them needs another delivery, in which the others take one read each, or if
    a record cannot be read.
    """
    answers: list[dict[str, Any]] = []
    failures: list[Exception] = []
    for item in uploads_of(event):
        seconds_by_stage()  # drops the times of an earlier build
        if isinstance(item, Ignored):
            count("EventsIgnored")
            logger.warning("event ignored", extra={"why": item.why})
            answers.append({"ignored": item.why})
            continue
        if isinstance(item, UnreadableEvent):
            count("ComparisonsRetried")
            logger.error("event not readable", extra={"error": str(item)})
            failures.append(item)
            continue
        try:
            outcome = receive(
                item, service(), lambda: context.get_remaining_time_in_millis() / 1000
            )
        except Exception as error:
            held = isinstance(error, HeldByOther)
            count("DuplicateDeliveries" if held else "ComparisonsRetried")
            if isinstance(error, HeldByOther) and _is_alive(error):
                logger.info("build compared by another worker", extra=log_fields(item.build))
                answers.append({"build": str(item.build), "held": True})
                continue
            logger.warning(
                "delivery failed", extra={**log_fields(item.build), "error": repr(error)}
            )
            failures.append(error)
            continue
        answers.append(report(item.build, outcome))
        if isinstance(outcome, Published) and outcome.announce_error:
            failures.append(outcome.announce_error)
    if failures:
        raise failures[0]
    return {"builds": answers}


def uploads_of(event: object) -> list[Upload | Ignored | UnreadableEvent]:
    """Lists the manifests in an event; each other record becomes an `Ignored` with the reason."""
    if isinstance(event, Mapping) and isinstance(event.get("uploaded"), str):
        return [_created(event["uploaded"])]  # the sweeper has found it, as its event never came
    if isinstance(event, Mapping) and "resume" in event:
        return [_resumed(event)]
    return [
        _created(item.key) if isinstance(item, Created) else item for item in created_objects(event)
    ]


def report(build: BuildId, outcome: Outcome | Collecting) -> dict[str, Any]:
    """Logs and counts the outcome of a build; returns the function's answer."""
    event, metric = _OUTCOMES[type(outcome)]
    if metric:
        count(metric)
    answer = _answer(outcome)
    match outcome:
        case Published() | HandedOver() | Failed() | Duplicate() | Waiting():
            fields = log_fields(build, outcome.record.id, outcome.record.execution)
        case Superseded():
            fields = log_fields(build, outcome.comparison)
        case _:
            fields = log_fields(build)
    # Messages may contain names of images, which must not be in a log at INFO.
    details = {"outcome": {**answer, "message": None}, **seconds_by_stage()}
    logger.info(event, extra={**fields, **details})
    if isinstance(outcome, Failed):
        missing = outcome.record.error_code == ErrorCode.IMAGE_MISSING
        failure = "image missing" if missing else "comparison failed"
        logger.error(failure, extra={**fields, "reason": answer["message"]})
    if isinstance(outcome, Published) and outcome.thumbnail_error:
        logger.warning(
            "thumbnails missing", extra={**fields, "error": repr(outcome.thumbnail_error)}
        )
    if isinstance(outcome, Published) and outcome.preview_error:
        logger.warning("pictures missing", extra={**fields, "error": repr(outcome.preview_error)})
    return {"build": str(build), **answer}


@cache
def service() -> CompareContext:
    """Makes the context at the first event; the execution environment keeps it."""
    context = aws_service(stage)
    return replace(context, resume=lambda build: _resume(build, context.resume))


def _is_alive(held: HeldByOther) -> bool:
    """Whether the owner of a lease renewed it so lately that it must be alive.

    Then nothing is left to do for this delivery: if the owner dies, its own event is delivered
    again, or the sweeper restarts it. An owner that renewed nothing when it was due may be dead,
    so the event is delivered again, after the lease. Lambda's first retry comes a minute after a
    worker's death, much later than the 36 of 90 seconds.
    """
    limits, clock = service().limits, service().clock
    return held.renewed is not None and clock() - held.renewed < _ALIVE * limits.lease


def _resume(build: BuildId, resume: Callable[[BuildId], None]) -> None:
    """Calls this function for a build that waited for a base."""
    fields = log_fields(build)
    try:
        resume(build)
    except Exception:
        logger.exception("waiting build not resumed", extra=fields)
        raise
    count("HeadsWoken")
    logger.info("waiting build resumed", extra=fields)


def _created(key: str) -> Upload | Ignored:
    upload = keys.upload_of(key)
    if upload is None:
        return Ignored(f"{key} is no build's manifest")
    try:
        check_build(upload.build)
    except BadManifest as error:
        return Ignored(f"{key} cannot be a build: {error}")
    return upload


def _resumed(event: Mapping[str, Any]) -> Upload | Ignored:
    try:
        resume = _ResumeEvent.model_validate(dict(event)).resume
        build = check_build(BuildId(resume.project, resume.build))
    except (ValidationError, BadManifest) as error:
        return Ignored(f"not an event of ours: {error}")
    return Upload(build, resumed=True)


def _answer(outcome: Outcome | Collecting) -> dict[str, Any]:
    match outcome:
        case Published(record=record, tally=tally, seconds=seconds, cost=cost):
            _count_published(outcome)
            return {
                "state": record.state,
                "verdict": record.verdict,
                "counts": dict(record.counts),
                "base": record.id.base,
                "execution": record.execution,
                "attempt": record.attempts,
                "pairs_diffed": tally.diffed,
                "pairs_from_cache": tally.cached,
                "seconds": round(seconds, 3),
                "dollars": round(cost.dollars, 6) if cost else None,
            }
        case HandedOver(record=record):
            fields = {"execution": record.execution, "handed_over": record.fan_out}
            return {"state": record.state, **fields}
        case Failed(record=record):
            fields = {"code": record.error_code, "message": record.error_message}
            return {"state": record.state, **fields}
        case Rejected(message=message):
            return {"state": "FAILED", "code": ErrorCode.BAD_MANIFEST, "message": message}
        case Duplicate(record=record):
            return {"duplicate": True, "state": record.state, "verdict": record.verdict}
        case Waiting(record=record):
            return {"state": record.state, "reason": record.baseline_reason}
        case Collecting(progress=progress, repeated=repeated):
            count("ShardsRepeated" if repeated else "ShardsKept")
            return {"shards": progress, "repeated": repeated}
        case Superseded():
            return {"superseded": True}
        case Gone():
            return {"ignored": "the manifest is gone"}


def _count_published(published: Published) -> None:
    record, tally = published.record, published.tally
    passed = record.verdict == "passed"
    count("ComparisonsPassed" if passed else "ComparisonsNeedingReview")
    count("SnapshotsCompared", record.counts["total"])
    count("SnapshotsByHash", tally.same_hash)
    count("PairsDiffed", tally.diffed)
    count("PairsFromCache", tally.cached)
    count("PixelsDiffed", tally.pixels)
    count("LeaseTakeovers", int(record.attempts > 1))
    metrics.add_metric("SecondsDiffing", MetricUnit.Seconds, tally.seconds)
    metrics.add_metric("SecondsToVerdict", MetricUnit.Seconds, published.seconds)
    if published.cost:
        metrics.add_metric("S3Dollars", MetricUnit.NoUnit, published.cost.dollars_of("s3"))
    for code, number in tally.faults.items():  # the codes are few, so each is a dimension
        with single_metric("ImagesErrored", MetricUnit.Count, number) as metric:
            metric.add_dimension("service", metrics.service)
            metric.add_dimension("reason", code)

"""Compares the build whose manifest was just written to the bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from pixelgate.bootstrap import aws_service
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, Upload, check_id
from pixelgate.errors import BadManifest, ErrorCode, HeldByOther
from pixelgate.handlers.s3_events import NOT_THE_MODEL, Created, Ignored, created_objects
from pixelgate.handlers.telemetry import about, logger, metrics, seconds_by_stage, stage, tracer
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


class Resume(BaseModel):
    """The sweeper's event, and that of a base which has come: look at this build once more."""

    project: str
    build: str


class _ResumeEvent(BaseModel):
    resume: Resume


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Compares every build that the event names.

    Raises:
        Exception: one of them wants another delivery. The others are done by then, and finding
            them done costs the next delivery one read.
    """
    answers = []
    failures = []
    for found in uploads_of(event):
        seconds_by_stage()  # what an earlier build of the event took is no part of this one
        if isinstance(found, Ignored):
            _count("EventsIgnored")
            logger.warning("event ignored", extra={"why": found.why})
            answers.append({"ignored": found.why})
            continue
        try:
            outcome = receive(
                found, service(), lambda: context.get_remaining_time_in_millis() / 1000
            )
        except Exception as error:
            held = isinstance(error, HeldByOther)
            _count("DuplicateDeliveries" if held else "ComparisonsRetried")
            logger.warning(
                "to be delivered again", extra={**about(found.build), "error": repr(error)}
            )
            failures.append(error)
            continue
        answers.append(report(found.build, outcome))
        if isinstance(outcome, Published) and outcome.announce_error:
            failures.append(outcome.announce_error)
    if failures:
        raise failures[0]
    return {"builds": answers}


def uploads_of(event: object) -> list[Upload | Ignored]:
    """The manifests that an event tells of; what makes no sense is ignored in words."""
    if isinstance(event, Mapping) and "resume" in event:
        return [_resumed(event)]
    return [
        _created(found.key) if isinstance(found, Created) else found
        for found in created_objects(event)
    ]


def report(build: BuildId, outcome: Outcome | Collecting) -> dict[str, Any]:
    """Logs and counts what came of a build; returns it in a few words."""
    answer = _answer(outcome)
    match outcome:
        case (
            Published(record=r)
            | HandedOver(record=r)
            | Failed(record=r)
            | Duplicate(record=r)
            | Waiting(record=r)
        ):
            said = about(build, r.id, r.execution)
        case Superseded(comparison=comparison):
            said = about(build, comparison)
        case _:
            said = about(build)
    # Messages may hold names of images, which have no place in a log at INFO.
    told = {"outcome": {**answer, "message": None}, **seconds_by_stage()}
    logger.info("build handled", extra={**said, **told})
    if isinstance(outcome, Failed):
        logger.error("comparison failed", extra={**said, "reason": answer["message"]})
    if isinstance(outcome, Published) and outcome.thumbnail_error:
        logger.warning(
            "thumbnails are missing", extra={**said, "error": repr(outcome.thumbnail_error)}
        )
    return {"build": str(build), **answer}


@cache
def service() -> CompareContext:
    """Made at the first event and kept by the execution environment."""
    made = aws_service(stage)
    return replace(made, resume=lambda build: _wake(build, made.resume))


def _wake(build: BuildId, resume: Callable[[BuildId], None]) -> None:
    """Calls this function for a build whose base has come."""
    said = about(build)
    try:
        resume(build)
    except Exception:
        logger.exception("its base has come; the sweeper will start it", extra=said)
        raise
    _count("HeadsWoken")
    logger.info("its base has come; started", extra=said)


def _created(key: str) -> Upload | Ignored:
    upload = keys.upload_of(key)
    if upload is None:
        return Ignored(f"{key} is no build's manifest")
    try:
        check_id(upload.build.project, "project")
        check_id(upload.build.build, "build")
    except BadManifest as error:
        return Ignored(f"{key} cannot be a build: {error}")
    return upload


def _resumed(event: Mapping[str, Any]) -> Upload | Ignored:
    try:
        resume = parse(event=dict(event), model=_ResumeEvent).resume
        build = BuildId(check_id(resume.project, "project"), check_id(resume.build, "build"))
    except (*NOT_THE_MODEL, BadManifest) as error:
        return Ignored(f"not an event of ours: {error}")
    return Upload(build, resumed=True)


def _answer(outcome: Outcome | Collecting) -> dict[str, Any]:
    match outcome:
        case Published(record=record, tally=tally, seconds=seconds):
            passed = record.verdict == "passed"
            _count("ComparisonsPassed" if passed else "ComparisonsNeedingReview")
            _count("SnapshotsCompared", record.counts["total"])
            _count("SnapshotsByHash", tally.same_hash)
            _count("PairsDiffed", tally.diffed)
            _count("PairsFromCache", tally.cached)
            _count("PixelsDiffed", tally.pixels)
            metrics.add_metric("SecondsDiffing", MetricUnit.Seconds, tally.seconds)
            _count_faults(tally.faults)
            _count("LeaseTakeovers", int(record.attempts > 1))
            metrics.add_metric("SecondsToVerdict", MetricUnit.Seconds, seconds)
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
            }
        case HandedOver(record=record):
            _count("ComparisonsHandedOver")
            return {
                "state": record.state,
                "execution": record.execution,
                "handed_over": record.fan_out,
            }
        case Failed(record=record):
            _count("ComparisonsFailed")
            return {
                "state": record.state,
                "code": record.error_code,
                "message": record.error_message,
            }
        case Rejected(message=message):
            _count("BadManifests")
            return {"state": "FAILED", "code": ErrorCode.BAD_MANIFEST, "message": message}
        case Duplicate(record=record):
            _count("DuplicateDeliveries")
            return {"duplicate": True, "state": record.state, "verdict": record.verdict}
        case Waiting(record=record):
            _count("BuildsWaiting")
            return {"state": record.state, "reason": record.baseline_reason}
        case Collecting(progress=progress, repeated=repeated):
            _count("ShardsRepeated" if repeated else "ShardsKept")
            return {"shards": progress, "repeated": repeated}
        case Superseded():
            _count("LateWorkers")
            return {"superseded": True}
        case Gone():
            _count("EventsIgnored")
            return {"ignored": "the manifest is gone"}


def _count(name: str, number: int = 1) -> None:
    metrics.add_metric(name, MetricUnit.Count, number)


def _count_faults(faults: Mapping[str, int]) -> None:
    """Errored images, each reason a dimension of its own: the codes are few and fixed."""
    for code, number in faults.items():
        with single_metric("ImagesErrored", MetricUnit.Count, number) as metric:
            metric.add_dimension("service", metrics.service)
            metric.add_dimension("reason", code)

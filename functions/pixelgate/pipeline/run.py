"""One delivery of an upload's event, from the manifest to the published verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pixelgate import keys
from pixelgate.comparison import Comparison, Snapshot, engine_of
from pixelgate.errors import (
    AlreadyFinished,
    BadManifest,
    BaseMissing,
    BuildConflict,
    ComparisonFailed,
    ErrorCode,
    Incurable,
    LeaseLost,
    NotFound,
)
from pixelgate.keys import BuildId, ComparisonId
from pixelgate.pipeline import intake
from pixelgate.pipeline.arrival import BucketImages, check_arrival
from pixelgate.pipeline.diffing import DiffStore, Tally, diff_pairs
from pixelgate.pipeline.intake import Accepted
from pixelgate.pipeline.plan import assemble, make_plan
from pixelgate.pipeline.service import Lease, Records, Service
from pixelgate.pipeline.status import announce, iso, status_of, status_of_rejected
from pixelgate.pipeline.thumbs import with_thumbs
from pixelgate.record import Baseline, ComparisonRecord, Failure, Result


@dataclass(frozen=True)
class Published:
    """This delivery published the result."""

    record: ComparisonRecord
    tally: Tally
    seconds: float
    # Why status.json does not tell of it yet; another delivery will.
    untold: Exception | None = None


@dataclass(frozen=True)
class Failed:
    """This delivery recorded a failure for good."""

    record: ComparisonRecord


@dataclass(frozen=True)
class Rejected:
    """The manifest is wrong."""

    message: str


@dataclass(frozen=True)
class Duplicate:
    """The comparison was finished before; its status is told again if it was not."""

    record: ComparisonRecord


@dataclass(frozen=True)
class Superseded:
    """Another worker took over while this one worked; nothing of this run is visible."""

    comparison: ComparisonId


@dataclass(frozen=True)
class Gone:
    """There is no manifest under the key any more."""


Outcome = Published | Failed | Rejected | Duplicate | Superseded | Gone


def compare_build(
    build: BuildId, service: Service, time_left: Callable[[], float] = lambda: float("inf")
) -> Outcome:
    """Compares a build with its base, once however often its event is delivered.

    Args:
        build: whose manifest was written.
        service: the ports.
        time_left: seconds until this worker is stopped from outside.

    Raises:
        HeldByOther: another worker is at it; deliver again later.
        Exception: a retry may help; the lease was given back and the error recorded.
    """
    seen = service.clock()
    try:
        with service.stage("accept"):
            accepted = intake.accept(build, service.objects, service.ledger, service.clock())
    except NotFound:
        return Gone()
    except (BadManifest, BuildConflict) as error:
        return _reject(build, str(error), service)
    baseline = intake.find_baseline(accepted, service.objects, service.ledger)
    base = baseline.build if baseline else intake.wanted_base(accepted.manifest)
    comparison = ComparisonId(build.project, build.build, base)
    try:
        with service.stage("claim"):
            claim = _claim(comparison, baseline, service)
    except AlreadyFinished:
        return _tell_again(comparison, seen, service)
    return _work(claim, accepted, baseline, service, time_left)


def tell(record: ComparisonRecord, records: Records) -> None:
    """Brings a final state into status.json and notes that it is told."""
    _say(records, record.head, status_of(record))
    records.ledger.settle(record)


def fail(claim: ComparisonRecord, failure: Failure, records: Records) -> ComparisonRecord:
    """Records a failure for good. Raises LeaseLost."""
    record = records.ledger.fail(claim, failure, records.clock())
    tell(record, records)
    return record


def _say(records: Records, build: BuildId, status: Mapping[str, Any]) -> None:
    """Announces a status, that of a failure with a page that says what to do."""
    if status["error"] is not None and records.render_failure:
        key = keys.failure(build)
        records.objects.write(key, records.render_failure(status), "text/html; charset=utf-8")
        status = {**status, "report": key}
    announce(records.objects, build, status)


def _reject(build: BuildId, message: str, service: Service) -> Rejected:
    now = service.clock()
    service.ledger.reject(build, message, now)
    _say(service, build, status_of_rejected(build, message, now))
    return Rejected(message)


def _claim(
    comparison: ComparisonId, baseline: Baseline | None, service: Service
) -> ComparisonRecord:
    now = service.clock()
    reason = baseline.reason if baseline else f"waiting for {comparison.base[1:]}"
    return service.ledger.claim(
        comparison, reason, service.new_execution(), now, now + service.limits.lease
    )


def _tell_again(comparison: ComparisonId, seen: float, service: Service) -> Outcome:
    """Tells the result of an earlier delivery, if status.json does not.

    `seen` is when this delivery looked for the manifest: what was said of a refused one before
    that is out of date, as the accepted one lies there again.
    """
    record = service.ledger.comparison(comparison)
    if record is None:
        return Gone()  # its time to live ended between the two reads
    _say(service, record.head, {**status_of(record), "claimed": iso(seen)})
    if not record.settled:
        service.ledger.settle(record)
    return Duplicate(record)


def _work(
    claim: ComparisonRecord,
    accepted: Accepted,
    baseline: Baseline | None,
    service: Service,
    time_left: Callable[[], float],
) -> Outcome:
    """Runs a claimed comparison; whatever goes wrong, the claim is never left dangling."""
    lease = Lease(service, claim, time_left)
    tally = Tally()
    try:
        announce(service.objects, claim.head, status_of(claim))
        if baseline is None:
            raise BaseMissing(_no_base_in_words(accepted))
        result = _produce(claim, accepted, baseline, service, lease, tally)
        record = service.ledger.publish(claim, result, service.clock())
    except LeaseLost:
        return Superseded(claim.id)
    except Incurable as error:
        return _fail_unless_lost(claim, error, False, service)
    except Exception as error:
        if claim.attempts >= service.limits.max_attempts:
            return _fail_unless_lost(claim, error, True, service)
        _release(claim, error, service)
        raise
    published = Published(record, tally, record.updated - accepted.record.created)
    try:
        tell(record, service)
    except Exception as error:
        return replace(published, untold=error)
    return published


def _fail_unless_lost(
    claim: ComparisonRecord, error: Exception, retryable: bool, service: Service
) -> Outcome:
    try:
        return Failed(fail(claim, Failure(_code(error), _in_words(error), retryable), service))
    except LeaseLost:
        return Superseded(claim.id)


def _release(claim: ComparisonRecord, error: Exception, service: Service) -> None:
    """Gives the lease back; if even that fails, the lease runs out by itself."""
    try:
        service.ledger.release(claim, _code(error), _in_words(error), service.clock())
    except Exception as second:
        error.add_note(f"the lease could not be given back: {second}")


def _produce(
    claim: ComparisonRecord,
    accepted: Accepted,
    baseline: Baseline,
    service: Service,
    lease: Lease,
    tally: Tally,
) -> Result:
    """Diffs what differs and writes manifest and report, where nobody looks before publication."""
    project = claim.id.project
    before = service.meter.read() if service.meter else None
    with service.stage("plan"):
        base = None
        if baseline.exists:
            base = intake.read_accepted(BuildId(project, baseline.build), service.objects)
        plan = make_plan(accepted.manifest, base, service.engine_label)
    images = BucketImages(service.objects, project)
    with service.stage("arrival"):
        faults = check_arrival(
            plan,
            base_is_complete=_is_complete(BuildId(project, baseline.build), service),
            images=images,
            pool=service.pool,
            check=lease.check,
        )
        if not faults:
            service.ledger.complete(accepted.manifest.id)
    with service.stage("diff"):
        measured = diff_pairs(
            plan.pairs,
            images=images,
            store=DiffStore(service.objects, project),
            pool=service.pool,
            tally=tally,
            check=lease.check,
        )
    snapshots: Mapping[str, Snapshot] = assemble(plan, measured, faults)
    if service.thumbnail:
        until = service.clock() + service.limits.thumbnails
        with service.stage("thumbnails"):
            snapshots = with_thumbs(
                snapshots,
                project=project,
                objects=service.objects,
                images=images,
                thumbnail=service.thumbnail,
                check=lease.check,
                has_time=lambda: lease.has_time(until),
            )
    with service.stage("report"):
        lease.check()
        comparison = Comparison(
            id=claim.id,
            baseline_reason=baseline.reason,
            execution=claim.execution,
            created=iso(service.clock()),
            engine=engine_of(service.engine),
            policy=accepted.manifest.policy,
            snapshots=snapshots,
            warnings=accepted.manifest.warnings,
            cost=service.meter.read().since(before) if service.meter and before else None,
        )
        return _write_result(comparison, service)


def _is_complete(build: BuildId, service: Service) -> bool:
    record = service.ledger.build(build)
    return record is not None and record.complete


def _write_result(comparison: Comparison, service: Service) -> Result:
    """Writes manifest and report under the execution's own prefix."""
    comparison_key = keys.result(comparison.id, comparison.execution, "comparison.json")
    report_key = keys.result(comparison.id, comparison.execution, "index.html")
    body = json.dumps(comparison.as_json(), ensure_ascii=False).encode()
    page = service.render(
        comparison, lambda sha: keys.image(comparison.id.project, sha), report_key
    )
    service.objects.write(comparison_key, body, "application/json")
    service.objects.write(report_key, page, "text/html; charset=utf-8")
    return Result(
        verdict=comparison.verdict,
        counts=comparison.counts.as_json(),
        comparison_key=comparison_key,
        report_key=report_key,
    )


def _no_base_in_words(accepted: Accepted) -> str:
    m = accepted.manifest
    named = (
        f"base_build {m.base_build}" if m.base_build is not None else f"base_commit {m.base_commit}"
    )
    return (
        f"{named} has no build in project {m.id.project}; did its snapshot job run and upload? "
        "Upload it, then write this build's manifest once more"
    )


def _code(error: Exception) -> ErrorCode:
    return error.code if isinstance(error, ComparisonFailed) else ErrorCode.INTERNAL


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, ComparisonFailed) else f"{type(error).__name__}: {error}"

"""One delivery of an upload's event, from the manifest to the published verdict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pixelgate import keys
from pixelgate.comparison import Comparison
from pixelgate.errors import (
    AlreadyFinished,
    BadManifest,
    BaseMissing,
    BuildConflict,
    ComparisonFailed,
    ErrorCode,
    FaultCode,
    ImageFault,
    ImagesMissing,
    Incurable,
    LeaseLost,
    NotFound,
)
from pixelgate.keys import BuildId, ComparisonId
from pixelgate.pipeline import intake
from pixelgate.pipeline.diffing import DiffStore, Tally, diff_pairs
from pixelgate.pipeline.intake import Accepted
from pixelgate.pipeline.plan import Plan, assemble, make_plan
from pixelgate.pipeline.service import Lease, Records, Service
from pixelgate.pipeline.status import announce, iso, status_of, status_of_rejected
from pixelgate.ports import Objects
from pixelgate.record import Baseline, ComparisonRecord, Failure, Result

_NAMES_SHOWN = 10
_HEAD_THREADS = 16


@dataclass(frozen=True)
class Published:
    """This delivery published the result."""

    record: ComparisonRecord
    tally: Tally
    seconds: float


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
        return _tell_again(comparison, service)
    announce(service.objects, build, status_of(claim))
    return _work(claim, accepted, baseline, service, time_left)


def tell(record: ComparisonRecord, records: Records) -> None:
    """Brings a final state into status.json and notes that it is told."""
    announce(records.objects, record.head, status_of(record))
    records.ledger.settle(record)


def fail(claim: ComparisonRecord, failure: Failure, records: Records) -> ComparisonRecord:
    """Records a failure for good. Raises LeaseLost."""
    record = records.ledger.fail(claim, failure, records.clock())
    tell(record, records)
    return record


def _reject(build: BuildId, message: str, service: Service) -> Rejected:
    now = service.clock()
    service.ledger.reject(build, message, now)
    announce(service.objects, build, status_of_rejected(build, message, now))
    return Rejected(message)


def _claim(
    comparison: ComparisonId, baseline: Baseline | None, service: Service
) -> ComparisonRecord:
    now = service.clock()
    reason = baseline.reason if baseline else f"waiting for {comparison.base.lstrip('@')}"
    return service.ledger.claim(
        comparison, reason, service.new_execution(), now, now + service.limits.lease
    )


def _tell_again(comparison: ComparisonId, service: Service) -> Outcome:
    record = service.ledger.comparison(comparison)
    if record is None:
        return Gone()  # its time to live ended between the two reads
    if not record.settled:
        tell(record, service)
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
        if baseline is None:
            raise BaseMissing(_no_base_in_words(accepted))
        result = _produce(claim, accepted, baseline, service, lease, tally)
        record = service.ledger.publish(claim, result, service.clock())
        tell(record, service)
    except LeaseLost:
        return Superseded(claim.id)
    except Incurable as error:
        return _fail_unless_lost(claim, error, False, service)
    except Exception as error:
        if claim.attempts >= service.limits.max_attempts:
            return _fail_unless_lost(claim, error, True, service)
        _release(claim, error, service)
        raise
    return Published(record, tally, record.updated - accepted.record.created)


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
    with service.stage("plan"):
        base = None
        if baseline.exists:
            base = intake.read_accepted(BuildId(project, baseline.build), service.objects)
        plan = make_plan(accepted.manifest, base, service.engine_label)
        _check_uploaded(plan, project, service.objects, lease)
    with service.stage("diff"):
        measured = diff_pairs(
            plan.pairs,
            images=BucketImages(service.objects, project),
            store=DiffStore(service.objects, project),
            pool=service.pool,
            tally=tally,
            check=lease.check,
        )
    with service.stage("report"):
        lease.check()
        comparison = Comparison(
            id=claim.id,
            baseline_reason=baseline.reason,
            execution=claim.execution,
            created=iso(service.clock()),
            engine=dict(zip(("name", "version"), service.engine, strict=True)),
            policy=accepted.manifest.policy,
            snapshots=assemble(plan, measured, {}),
            warnings=accepted.manifest.warnings,
        )
        return _write_result(comparison, service)


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


class BucketImages:
    """A project's images in the bucket, checked against their hashes."""

    def __init__(self, objects: Objects, project: str) -> None:
        self._objects = objects
        self._project = project

    def read(self, sha256: str) -> bytes:
        """The bytes of one image. Raises ImageFault: IMAGE_MISSING or HASH_MISMATCH."""
        key = keys.image(self._project, sha256)
        try:
            body = self._objects.read(key)
        except NotFound as error:
            raise ImageFault(FaultCode.IMAGE_MISSING, f"{key} is not in the bucket") from error
        if hashlib.sha256(body).hexdigest() != sha256:
            raise ImageFault(
                FaultCode.HASH_MISMATCH, f"{key} holds bytes with another hash than its name"
            )
        return body


def _check_uploaded(plan: Plan, project: str, objects: Objects, lease: Lease) -> None:
    """Makes sure that every image that is new in this build is in the bucket.

    Images that the base has under the same hash were checked when they were new.
    """
    lease.check()
    shas = plan.new_images()
    with ThreadPoolExecutor(_HEAD_THREADS, thread_name_prefix="head") as threads:
        there = threads.map(lambda sha: objects.exists(keys.image(project, sha)), shas)
        missing = [n for sha, ok in zip(shas, there, strict=True) if not ok
                   for n in plan.names_of(sha)]  # fmt: skip
    if missing:
        shown = ", ".join(repr(name) for name in missing[:_NAMES_SHOWN])
        more = f" and {len(missing) - _NAMES_SHOWN} more" if len(missing) > _NAMES_SHOWN else ""
        raise ImagesMissing(
            f"the upload is incomplete, these images are not in the bucket: {shown}{more}; "
            "upload images before the manifest, as a new build"
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

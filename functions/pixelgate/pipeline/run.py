"""One delivery of an upload's event, from the manifest to the published verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from pixelgate import keys
from pixelgate.baseline import Choice
from pixelgate.comparison import Comparison, Snapshot, engine_of
from pixelgate.errors import (
    AlreadyFinished,
    BadManifest,
    BaseMissing,
    BuildConflict,
    ComparisonFailed,
    ErrorCode,
    ImageFault,
    ImagesMissing,
    Incurable,
    LeaseLost,
    NotFound,
    NotTold,
    StillWaiting,
)
from pixelgate.keys import BuildId, ComparisonId
from pixelgate.matching import Kind
from pixelgate.pipeline import intake
from pixelgate.pipeline.arrival import BucketImages, check_arrival
from pixelgate.pipeline.baselines import Missing, find_baseline, wait_of
from pixelgate.pipeline.carry import carry_over_late, prepare_review
from pixelgate.pipeline.diffing import DiffStore, Tally, diff_pairs
from pixelgate.pipeline.intake import Accepted
from pixelgate.pipeline.plan import Plan, assemble, make_plan
from pixelgate.pipeline.service import Lease, Records, Service, check_time
from pixelgate.pipeline.sparing import outlast
from pixelgate.pipeline.status import begun_after, iso
from pixelgate.pipeline.telling import repeat, say, say_rejected, tell
from pixelgate.pipeline.thumbs import with_thumbs
from pixelgate.pipeline.waiting import OVER, wake_heads
from pixelgate.record import Baseline, ComparisonRecord, Failure, Result, State


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
class Waiting:
    """The base is not there yet; its arrival, or the end of the grace, delivers the build again."""

    record: ComparisonRecord


@dataclass(frozen=True)
class Superseded:
    """Another worker took over while this one worked; nothing of this run is visible."""

    comparison: ComparisonId


@dataclass(frozen=True)
class Gone:
    """There is no manifest under the key any more."""


Outcome = Published | Failed | Rejected | Duplicate | Waiting | Superseded | Gone


def compare_build(
    build: BuildId,
    service: Service,
    time_left: Callable[[], float] = lambda: float("inf"),
    *,
    resumed: bool = False,
) -> Outcome:
    """Compares a build with its base, once however often its event is delivered.

    Args:
        build: whose manifest was written.
        service: the ports.
        time_left: seconds until this worker is stopped from outside.
        resumed: it was accepted before; whatever lies there now is not looked at.

    Raises:
        HeldByOther: another worker is at it; deliver again later.
        Exception: a retry may help; the lease was given back and the error recorded.
    """
    seen = begun(build, service)
    try:
        with service.stage("accept"):
            accepted = intake.accept_again(build, service) if resumed else None
            accepted = accepted or intake.accept(build, service)
    except NotFound:
        return Gone()
    except (BadManifest, BuildConflict) as error:
        return reject(build, str(error), service, seen)
    return _Delivery(accepted, service, time_left, seen).run()


@dataclass(frozen=True)
class _Delivery:
    """One delivery of an accepted build.

    Attributes:
        accepted: the build.
        service: the ports.
        time_left: seconds until this worker is stopped from outside.
        seen: when this delivery looked for the manifest, see `begun`.
    """

    accepted: Accepted
    service: Service
    time_left: Callable[[], float]
    seen: str

    def run(self) -> Outcome:
        """Compares the build, or lets it wait for its base."""
        found = self._baseline()
        return self._wait(found) if isinstance(found, Missing) else self._compare(found)

    def _baseline(self) -> Baseline | Missing:
        """The first decision stands, even if a nearer build has come meanwhile."""
        if self.accepted.record.baseline:
            return self.accepted.record.baseline
        found = find_baseline(self.accepted.manifest, self.service)
        if isinstance(found, Missing):
            return found
        return self.service.ledger.choose_baseline(self.accepted.manifest.id, found)

    def _compare(self, baseline: Baseline) -> Outcome:
        head = self.accepted.manifest.id
        comparison = ComparisonId(head.project, head.build, baseline.build)
        try:
            claim = self._claim(comparison, baseline.reason, baseline.choice)
        except AlreadyFinished:
            self._end_waits()
            outcome = _tell_again(comparison, self.seen, self.service)
            if isinstance(outcome, Duplicate):
                self._carry_over_late(outcome.record)
            return outcome
        self._end_waits()  # not before: an open claim is what the sweeper finds
        return self._guarded(claim, lambda lease: self._publish(claim, baseline, lease))

    def _wait(self, missing: Missing) -> Outcome:
        comparison = wait_of(self.accepted.manifest)
        assert comparison is not None  # noqa: S101 - only what is named can be missing
        try:
            claim = self._claim(comparison, missing.in_words(self.service.limits.grace))
        except StillWaiting:
            return self._wait_on(comparison)
        except AlreadyFinished:
            return _tell_again(comparison, self.seen, self.service)
        outcome = self._guarded(claim, lambda lease: self._begin_wait(claim, missing, lease))
        return self._wait_on(comparison) if isinstance(outcome, Waiting) else outcome

    def _claim(
        self, comparison: ComparisonId, reason: str, choice: Choice | None = None
    ) -> ComparisonRecord:
        service, now = self.service, self.service.clock()
        with service.stage("claim"):
            return service.ledger.claim(
                comparison, reason, service.new_execution(), now, now + service.limits.lease, choice
            )

    def _end_waits(self) -> None:
        """Closes the records that stood for a base, or for shards, that had still to come."""
        head, now = self.accepted.manifest.id, self.service.clock()
        wait = wait_of(self.accepted.manifest)
        if wait:
            self.service.ledger.end_wait(wait, OVER, now)
        if self.accepted.sharded:
            shards = ComparisonId(head.project, head.build, keys.SHARDS)
            self.service.ledger.end_wait(shards, "every shard has come", now)

    def _guarded(self, claim: ComparisonRecord, work: Callable[[Lease], Outcome]) -> Outcome:
        """Runs a claimed comparison; whatever goes wrong, the claim is never left dangling."""
        service = self.service
        try:
            say(claim, service, claimed=max(iso(claim.claimed), self.seen))
            return work(Lease(service, claim, self.time_left))
        except LeaseLost:
            return Superseded(claim.id)
        except Incurable as error:
            # A base may come yet: then the manifest, written once more, is compared with it.
            return _fail_unless_lost(claim, error, isinstance(error, BaseMissing), service)
        except Exception as error:
            if claim.attempts >= service.limits.max_attempts:
                return _fail_unless_lost(claim, error, True, service)
            _release(claim, error, service)
            raise

    def _publish(self, claim: ComparisonRecord, baseline: Baseline, lease: Lease) -> Outcome:
        service, tally = self.service, Tally()
        result = self._produce(claim, baseline, lease, tally)
        with service.stage("publish"):
            record = service.ledger.publish(claim, result, service.clock())
            published = Published(record, tally, record.updated - self.accepted.record.created)
            try:
                tell(record, service)
                self._carry_over_late(record)
            except Exception as error:
                return replace(published, untold=error)
        return published

    def _carry_over_late(self, record: ComparisonRecord) -> None:
        """An earlier build of the pull request may have been approved since this one looked."""
        carry_over_late(
            record,
            self.accepted,
            self.service,
            lambda: check_time(self.time_left, self.service.limits),
        )

    def _begin_wait(self, claim: ComparisonRecord, missing: Missing, lease: Lease) -> Outcome:
        """Lets others have this build as their base, then waits for its own."""
        manifest, service = self.accepted.manifest, self.service
        if missing.why:
            raise BaseMissing(
                f"{missing.what} cannot be compared with: {missing.why}, and the manifest names "
                "nothing else. Upload it, then write this build's manifest once more"
            )
        if self.accepted.record.arrived:
            wake_heads(manifest.id, service)
        else:
            self._arrive(make_plan(manifest, None, service.engine_label), False, lease)
        until = claim.wait_until or claim.created + service.limits.grace
        record = service.ledger.wait(claim, missing.topics, until, service.clock())
        return Waiting(record)

    def _wait_on(self, comparison: ComparisonId) -> Outcome:
        """Its base may have come between the search and the wait, and have seen nobody wait."""
        service = self.service
        found = find_baseline(self.accepted.manifest, service)
        if not isinstance(found, Missing) and service.ledger.wake(comparison, service.clock()):
            return self._compare(service.ledger.choose_baseline(self.accepted.manifest.id, found))
        record = service.ledger.comparison(comparison)
        if record is None:
            return Gone()  # its time to live ended between the two reads
        if record.state is State.WAITING_FOR_BASE:
            say(record, service)
        return Waiting(record)

    def _arrive(self, plan: Plan, base_is_complete: bool, lease: Lease) -> dict[str, ImageFault]:
        """Makes sure that the images are there, and calls who has waited for that."""
        build, service = self.accepted.manifest.id, self.service
        with service.stage("fetch"):
            outlast({m.head for m in plan.matches if m.head}, build.project, service, lease.check)
            faults: dict[str, ImageFault] = {}
            if not self.accepted.record.complete:
                try:
                    faults = check_arrival(
                        plan,
                        base_is_complete=base_is_complete,
                        images=BucketImages(service.objects, build.project),
                        pool=service.pool,
                        check=lease.check,
                    )
                except ImagesMissing:
                    service.ledger.lose(build)
                    raise
                (service.ledger.arrive if faults else service.ledger.complete)(build)
            wake_heads(build, service)
        return faults

    def _produce(
        self, claim: ComparisonRecord, baseline: Baseline, lease: Lease, tally: Tally
    ) -> Result:
        """Diffs what differs and writes manifest and report, where nobody looks before that."""
        manifest, service = self.accepted.manifest, self.service
        base_id = BuildId(claim.id.project, baseline.build)
        before = service.meter.read() if service.meter else None
        with service.stage("plan"):
            base = intake.read_accepted(base_id, service) if baseline.exists else None
            plan = make_plan(manifest, base, service.engine_label)
        faults = self._arrive(plan, _is_complete(base_id, service), lease)
        with service.stage("diff"):
            measured = diff_pairs(
                plan.pairs,
                images=BucketImages(service.objects, claim.id.project),
                store=DiffStore(service.objects, claim.id.project, service.generations),
                pool=service.pool,
                tally=tally,
                check=lease.check,
            )
        snapshots = self._drawn(assemble(plan, measured, faults), lease)
        with service.stage("report"):
            lease.check()
            comparison = Comparison(
                id=claim.id,
                baseline_reason=baseline.reason,
                execution=claim.execution,
                started=iso(claim.claimed),
                created=iso(service.clock()),
                engine=engine_of(service.engine),
                policy=manifest.policy,
                snapshots=snapshots,
                warnings=manifest.warnings,
                choice=baseline.choice,
                cost=service.meter.read().since(before) if service.meter and before else None,
            )
            _count_answers(comparison, plan, tally)
            prepare_review(comparison, self.accepted, service, lease.check)
            return _write_result(comparison, service)

    def _drawn(self, snapshots: dict[str, Snapshot], lease: Lease) -> Mapping[str, Snapshot]:
        """The snapshots with thumbnails, as far as there is time to draw them."""
        service = self.service
        if service.thumbnail is None:
            return snapshots
        project = self.accepted.manifest.id.project
        until = service.clock() + service.limits.thumbnails
        with service.stage("thumbnails"):
            return with_thumbs(
                snapshots,
                project=project,
                objects=service.objects,
                images=BucketImages(service.objects, project),
                thumbnail=service.thumbnail,
                check=lease.check,
                has_time=lambda: lease.has_time(until),
                generations=service.generations,
            )


def begun(build: BuildId, service: Service) -> str:
    """When a delivery looks at what was uploaded: not before anything that its status tells.

    Whoever wrote that may have a clock that is ahead of ours. What it refused is what lay there
    before, so what lies there now is later, whatever the clocks say.
    """
    return begun_after(service.objects, build, iso(service.clock()))


def fail(claim: ComparisonRecord, failure: Failure, records: Records) -> ComparisonRecord:
    """Records a failure for good. Raises LeaseLost.

    Should its event not go out, the sweeper tells of it: raising here would only make Lambda
    deliver once more what has failed for good.
    """
    record = records.ledger.fail(claim, failure, records.clock())
    with suppress(NotTold):
        tell(record, records)
    return record


def reject(build: BuildId, message: str, service: Service, seen: str) -> Rejected:
    """Says of a build that its upload is wrong; `seen` is when that was looked at."""
    now = service.clock()
    service.ledger.reject(build, message, now)
    say_rejected(build, message, now, service, updated=max(iso(now), seen))
    return Rejected(message)


def _tell_again(comparison: ComparisonId, seen: str, service: Service) -> Outcome:
    """Tells the result of an earlier delivery, if status.json does not.

    `seen` is when this delivery looked for the manifest: what was said of a refused one before
    that is out of date, as the accepted one lies there again.
    """
    record = service.ledger.comparison(comparison)
    if record is None:
        return Gone()  # its time to live ended between the two reads
    again = repeat if record.settled else tell
    again(record, service, claimed=seen)
    return Duplicate(record)


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


def _is_complete(build: BuildId, service: Service) -> bool:
    record = service.ledger.build(build)
    return record is not None and record.complete


def _count_answers(comparison: Comparison, plan: Plan, tally: Tally) -> None:
    """Counts what no pair tells: what hashes answered, and what could not be compared."""
    tally.same_hash = sum(m.kind in (Kind.UNCHANGED, Kind.RENAMED) for m in plan.matches)
    reasons = [s.reason for s in comparison.snapshots.values() if s.reason]
    tally.faults.update(reason.partition(":")[0] for reason in reasons)


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


def _code(error: Exception) -> ErrorCode:
    return error.code if isinstance(error, ComparisonFailed) else ErrorCode.INTERNAL


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, ComparisonFailed) else f"{type(error).__name__}: {error}"

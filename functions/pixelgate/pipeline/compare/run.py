"""One delivery of an upload's event, from the manifest to the published verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pixelgate.domain import keys
from pixelgate.domain.baseline import Choice
from pixelgate.domain.comparison import Measured
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import Baseline, ComparisonRecord, State
from pixelgate.errors import (
    AlreadyFinished,
    BadManifest,
    BaseMissing,
    BuildConflict,
    HeldByOther,
    ImageFault,
    ImagesMissing,
    NotFound,
    StillWaiting,
)
from pixelgate.pipeline.announce.announce import announce_progress
from pixelgate.pipeline.announce.status import iso, not_before_status
from pixelgate.pipeline.announce.waiting import OVER, resume_waiting_builds
from pixelgate.pipeline.baseline.search import Missing, find_baseline, wait_of
from pixelgate.pipeline.compare.budget import pixels_of, why_fan_out
from pixelgate.pipeline.compare.failures import guarded, reject
from pixelgate.pipeline.compare.fan_out import hand_over, start_again
from pixelgate.pipeline.compare.outcomes import Gone, HandedOver, Outcome, Waiting
from pixelgate.pipeline.compare.publish import Found, Metering, publish, tell_again
from pixelgate.pipeline.context import CompareContext, Lease
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
from pixelgate.pipeline.diffing.plan import Pair, Plan, make_plan
from pixelgate.pipeline.intake import accept
from pixelgate.pipeline.intake.accept import Accepted
from pixelgate.pipeline.intake.gc_notice import outlast
from pixelgate.pipeline.intake.images import BucketImages, check_images


def compare_build(
    build: BuildId,
    service: CompareContext,
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
    observed_at = observation_time(build, service)
    try:
        with service.stage("accept"):
            accepted = accept.accept_again(build, service) if resumed else None
            accepted = accepted or accept.accept_build(build, service)
    except NotFound:
        return Gone()
    except (BadManifest, BuildConflict) as error:
        return reject(build, str(error), service, observed_at)
    return _Delivery(accepted, service, time_left, observed_at).run()


@dataclass(frozen=True)
class _Delivery:
    """One delivery of an accepted build.

    Attributes:
        accepted: the build.
        service: the ports.
        time_left: seconds until this worker is stopped from outside.
        observed_at: when this delivery looked for the manifest, see `observation_time`.
    """

    accepted: Accepted
    service: CompareContext
    time_left: Callable[[], float]
    observed_at: str

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
            return self._tell_again(comparison)
        except HeldByOther:
            handed = start_again(comparison, self.service)
            if handed is None:
                raise
            return HandedOver(handed)
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
            return self._tell_again(comparison)
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

    def _tell_again(self, comparison: ComparisonId) -> Outcome:
        return tell_again(comparison, self.accepted, self.service, self.time_left, self.observed_at)

    def _guarded(self, claim: ComparisonRecord, work: Callable[[Lease], Outcome]) -> Outcome:
        service = self.service

        def begin() -> Outcome:
            announce_progress(claim, service, claimed=max(iso(claim.claimed), self.observed_at))
            return work(Lease(service, claim, self.time_left))

        return guarded(claim, begin, service)

    def _publish(self, claim: ComparisonRecord, baseline: Baseline, lease: Lease) -> Outcome:
        """Compares and publishes, or lets many workers do what is too much for this one."""
        service, tally, metering = self.service, DiffStats(), Metering(self.service)
        plan, faults = self._plan(claim, baseline, lease)
        why = self._why_not_alone(plan)
        if why and service.fan_out:
            return hand_over(claim, plan, faults, why, metering, service, service.fan_out)
        measured = self._diff(plan, lease, tally)
        found = Found(plan, measured, faults, tally, metering)
        return publish(claim, found, self.accepted, service, lease)

    def _why_not_alone(self, plan: Plan) -> str | None:
        """What is stored already is looked for by whoever works on its batch."""
        limits, processors = self.service.limits, self.service.pool.size
        work = sum(pixels_of(plan).values()) / 1e6
        return why_fan_out(
            work, limits.inline_megapixels, processors, self.time_left() - limits.margin
        )

    def _begin_wait(self, claim: ComparisonRecord, missing: Missing, lease: Lease) -> Outcome:
        """Lets others have this build as their base, then waits for its own."""
        manifest, service = self.accepted.manifest, self.service
        if missing.why:
            raise BaseMissing(
                f"{missing.what} cannot be compared with: {missing.why}, and the manifest names "
                "nothing else. Upload it or approve it, then write this build's manifest once more"
            )
        if not self.accepted.record.arrived:
            self._arrive(make_plan(manifest, None, service.engine_label), False, lease)
        elif claim.wait_until is None:
            # Not when it waits on: two builds that wait for one another would wake each other on
            # and on.
            resume_waiting_builds(manifest.id, service)
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
            announce_progress(record, service)
        return Waiting(record)

    def _arrive(self, plan: Plan, base_is_complete: bool, lease: Lease) -> dict[str, ImageFault]:
        """Makes sure that the images are there, and calls who has waited for that."""
        build, service = self.accepted.manifest.id, self.service
        with service.stage("fetch"):
            outlast({m.head for m in plan.matches if m.head}, build.project, service, lease.check)
            faults: dict[str, ImageFault] = {}
            if not self.accepted.record.complete:
                try:
                    faults = check_images(
                        plan,
                        base_is_complete=base_is_complete,
                        images=BucketImages(service.objects, build.project),
                        pool=service.pool,
                        check=lease.check,
                    )
                except ImagesMissing:
                    service.ledger.mark_images_missing(build)
                    raise
                if faults:
                    service.ledger.mark_images_present(build)
                else:
                    service.ledger.mark_images_valid(build)
            resume_waiting_builds(build, service)
        return faults

    def _plan(
        self, claim: ComparisonRecord, baseline: Baseline, lease: Lease
    ) -> tuple[Plan, dict[str, ImageFault]]:
        """What is to be compared, once all of it has arrived; and what of it cannot be read."""
        service, base_id = self.service, BuildId(claim.id.project, baseline.build)
        with service.stage("plan"):
            base = accept.read_accepted(base_id, service) if baseline.exists else None
            plan = make_plan(self.accepted.manifest, base, service.engine_label)
        base_record = service.ledger.build(base_id)
        complete = base_record is not None and base_record.complete
        return plan, self._arrive(plan, complete, lease)

    def _diff(
        self, plan: Plan, lease: Lease, tally: DiffStats
    ) -> dict[Pair, Measured | ImageFault]:
        service, project = self.service, self.accepted.manifest.id.project
        with service.stage("diff"):
            return diff_pairs(
                plan.pairs,
                images=BucketImages(service.objects, project),
                store=DiffCache(service.objects, project, service.generations),
                pool=service.pool,
                tally=tally,
                check=lease.check,
            )


def observation_time(build: BuildId, service: CompareContext) -> str:
    """When a delivery looks at what was uploaded: not before anything that its status tells.

    Whoever wrote that may have a clock that is ahead of ours. What it refused is what lay there
    before, so what lies there now is later, whatever the clocks say.
    """
    return not_before_status(service.objects, build, iso(service.clock()))

"""One delivery of an upload's event, from the manifest to the published verdict.

`compare_build` accepts the manifest and chooses the baseline; `_Delivery.compare` has all steps
after that, one below the other; `publish` has the last ones, as many workers may share the diff.
"""

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
from pixelgate.pipeline.compare.failures import ended_by, reject
from pixelgate.pipeline.compare.fan_out import hand_over, start_again
from pixelgate.pipeline.compare.outcomes import Gone, HandedOver, Outcome, Waiting
from pixelgate.pipeline.compare.publish import Found, Metering, publish, tell_again
from pixelgate.pipeline.context import CompareContext, Lease
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
from pixelgate.pipeline.diffing.plan import Pair, Plan, make_plan
from pixelgate.pipeline.intake import accept
from pixelgate.pipeline.intake.accept import Accepted
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
        accepted = _accept(build, service, resumed)
    except NotFound:
        return Gone()
    except (BadManifest, BuildConflict) as error:
        return reject(build, str(error), service, observed_at)
    delivery = _Delivery(accepted, service, time_left, observed_at)
    baseline = delivery.choose_baseline()
    if isinstance(baseline, Missing):
        return delivery.wait_for(baseline)
    return delivery.compare(baseline)


@dataclass(frozen=True)
class _Delivery:
    """One delivery of an accepted build.

    Attributes:
        accepted: the build.
        service: the ports.
        time_left: seconds until this worker is stopped from outside.
        seen: when this delivery looked for the manifest, see `observation_time`.
    """

    accepted: Accepted
    service: CompareContext
    time_left: Callable[[], float]
    observed_at: str

    def compare(self, baseline: Baseline) -> Outcome:
        """Compares the build with its base: every step of it, one below the other."""
        service = self.service
        comparison = ComparisonId(self._head.project, self._head.build, baseline.build)
        try:
            claim = self._claim(comparison, baseline.reason, baseline.choice)
        except AlreadyFinished:
            self._end_waits()
            return self._tell_again(comparison)
        except HeldByOther:
            handed = start_again(comparison, service)
            if handed is None:
                raise
            return HandedOver(handed)
        self._end_waits()  # not before: an open claim is what the sweeper finds
        try:
            self._announce_start(claim)
            lease = Lease(service, claim, self.time_left)
            tally, metering = DiffStats(), Metering(service)
            plan = self._plan(baseline)
            faults = self._check_images(plan, self._has_arrived(baseline), lease)
            reason = self._too_much_for_one(plan)
            if reason and service.fan_out:
                return hand_over(claim, plan, faults, reason, metering, service, service.fan_out)
            results = self._diff(plan, lease, tally)
            found = Found(plan, results, faults, tally, metering)
            return publish(claim, found, self.accepted, service, lease)
        except Exception as error:
            return ended_by(error, claim, service)

    def wait_for(self, missing: Missing) -> Outcome:
        """Lets others have this build as their base, then waits for its own."""
        comparison = wait_of(self.accepted.manifest)
        assert comparison is not None  # noqa: S101 - only what is named can be missing
        try:
            claim = self._claim(comparison, missing.in_words(self.service.limits.grace))
        except StillWaiting:
            return self._wait_on(comparison)
        except AlreadyFinished:
            return self._tell_again(comparison)
        try:
            self._announce_start(claim)
            self._refuse_to_wait(missing)
            self._offer_as_base(claim, Lease(self.service, claim, self.time_left))
            until = claim.wait_until or claim.created + self.service.limits.grace
            self.service.ledger.wait(claim, missing.topics, until, self.service.clock())
        except Exception as error:
            return ended_by(error, claim, self.service)
        return self._wait_on(comparison)

    def choose_baseline(self) -> Baseline | Missing:
        """The first decision stands, even if a nearer build has come meanwhile."""
        if self.accepted.record.baseline:
            return self.accepted.record.baseline
        found = find_baseline(self.accepted.manifest, self.service)
        if isinstance(found, Missing):
            return found
        return self.service.ledger.choose_baseline(self._head, found)

    @property
    def _head(self) -> BuildId:
        return self.accepted.manifest.id

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
        head, now = self._head, self.service.clock()
        wait = wait_of(self.accepted.manifest)
        if wait:
            self.service.ledger.end_wait(wait, OVER, now)
        if self.accepted.sharded:
            shards = ComparisonId(head.project, head.build, keys.SHARDS)
            self.service.ledger.end_wait(shards, "every shard has come", now)

    def _tell_again(self, comparison: ComparisonId) -> Outcome:
        return tell_again(comparison, self.accepted, self.service, self.time_left, self.observed_at)

    def _announce_start(self, claim: ComparisonRecord) -> None:
        announce_progress(claim, self.service, claimed=max(iso(claim.claimed), self.observed_at))

    def _plan(self, baseline: Baseline) -> Plan:
        """Which pairs are to be compared."""
        service, base = self.service, None
        with service.stage("plan"):
            if baseline.exists:
                base_id = BuildId(self._head.project, baseline.build)
                base = accept.read_accepted(base_id, service)
            return make_plan(self.accepted.manifest, base, service.engine_label)

    def _has_arrived(self, baseline: Baseline) -> bool:
        """Whether every image of the base has arrived whole."""
        record = self.service.ledger.build(BuildId(self._head.project, baseline.build))
        return record is not None and record.complete

    def _check_images(
        self, plan: Plan, base_is_complete: bool, lease: Lease
    ) -> dict[str, ImageFault]:
        """Makes sure that the images are there, then resumes builds that wait for this one.

        Returns:
            What is wrong with images that cannot be read, by name.
        """
        build, service = self._head, self.service
        with service.stage("fetch"):
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
                (
                    service.ledger.mark_images_present
                    if faults
                    else service.ledger.mark_images_valid
                )(build)
            resume_waiting_builds(build, service)
        return faults

    def _too_much_for_one(self, plan: Plan) -> str | None:
        """Why many workers should compare it, in words; None if this one should.

        What is cached is not looked for here: whoever works on its batch does that.
        """
        limits, processors = self.service.limits, self.service.pool.size
        work = sum(pixels_of(plan).values()) / 1e6
        seconds = self.time_left() - limits.margin
        return why_fan_out(work, limits.inline_megapixels, processors, seconds)

    def _diff(
        self, plan: Plan, lease: Lease, tally: DiffStats
    ) -> dict[Pair, Measured | ImageFault]:
        service, project = self.service, self._head.project
        pictures = keys.pictures(lease.claim.id, lease.claim.execution)
        with service.stage("diff"):
            return diff_pairs(
                plan.pairs,
                images=BucketImages(service.objects, project),
                store=DiffCache(service.objects, project, pictures),
                pool=service.pool,
                tally=tally,
                check=lease.check,
            )

    def _refuse_to_wait(self, missing: Missing) -> None:
        if missing.why:
            raise BaseMissing(
                f"{missing.what} cannot be compared with: {missing.why}, and the manifest names "
                "nothing else. Upload it or approve it, then write this build's manifest once more"
            )

    def _offer_as_base(self, claim: ComparisonRecord, lease: Lease) -> None:
        """Resumes builds that wait for this one."""
        service = self.service
        if not self.accepted.record.arrived:
            plan = make_plan(self.accepted.manifest, None, service.engine_label)
            self._check_images(plan, False, lease)
        elif claim.wait_until is None:
            # Not when it waits on: two builds that wait for one another would resume each other
            # for ever.
            resume_waiting_builds(self._head, service)

    def _wait_on(self, comparison: ComparisonId) -> Outcome:
        """Its base may have come between the search and the wait, and have seen nobody wait."""
        service = self.service
        found = find_baseline(self.accepted.manifest, service)
        if not isinstance(found, Missing) and service.ledger.wake(comparison, service.clock()):
            return self.compare(service.ledger.choose_baseline(self._head, found))
        record = service.ledger.comparison(comparison)
        if record is None:
            return Gone()  # its time to live ended between the two reads
        if record.state is State.WAITING_FOR_BASE:
            announce_progress(record, service)
        return Waiting(record)


def _accept(build: BuildId, service: CompareContext, resumed: bool) -> Accepted:
    with service.stage("accept"):
        accepted = accept.accept_again(build, service) if resumed else None
        return accepted or accept.accept_build(build, service)


def observation_time(build: BuildId, service: CompareContext) -> str:
    """When a delivery looks at what was uploaded: not before anything that its status tells.

    Whoever wrote that may have a clock that is ahead of ours. What it refused is what lay there
    before, so what lies there now is later, whatever the clocks say.
    """
    return not_before_status(service.objects, build, iso(service.clock()))

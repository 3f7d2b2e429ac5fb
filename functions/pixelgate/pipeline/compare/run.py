"""Compares a build: one delivery of an upload's event, from the manifest to the verdict.

`compare_build` accepts the manifest and chooses the baseline. `_Delivery.compare` lists all steps
after that. `publish` has the last steps, because many workers may share the diff.
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
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.announce.update import read_json
from pixelgate.pipeline.announce.waiting import OVER, resume_waiting_builds
from pixelgate.pipeline.baseline.search import Missing, find_baseline, grace_of, wait_comparison
from pixelgate.pipeline.compare.budget import fan_out_reason, pixels_of
from pixelgate.pipeline.compare.failures import end_after_error, reject
from pixelgate.pipeline.compare.fan_out import hand_over, restart_fan_out
from pixelgate.pipeline.compare.outcomes import Gone, HandedOver, Outcome, Waiting
from pixelgate.pipeline.compare.publish import (
    Measurements,
    Metering,
    announce_again,
    plan_against,
    publish,
)
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
    """Compares a build with its base, only once even if its event is delivered several times.

    `time_left` returns the seconds until this worker is stopped from outside. A build that is
    `resumed` was accepted before; its upload is not read again.

    Raises:
        HeldByOther: another worker compares the build; deliver the event again later.
        Exception: a retry may help; the lease was given back and the error recorded.
    """
    observed_at = observation_time(build, service)
    try:
        with service.stage("accept"):
            accepted = accept.find_accepted(build, service) if resumed else None
            accepted = accepted or accept.accept_build(build, service)
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
    """One delivery of an accepted build; `observed_at` is its `observation_time`."""

    accepted: Accepted
    service: CompareContext
    time_left: Callable[[], float]
    observed_at: str

    def compare(self, baseline: Baseline) -> Outcome:
        """Compares the build with its base, step by step."""
        service = self.service
        comparison = self._head.against(baseline.build)
        try:
            claim = self._claim(comparison, baseline.reason, baseline.choice)
        except AlreadyFinished:
            self._end_waits()
            return self._announce_again(comparison)
        except HeldByOther:
            handed = restart_fan_out(comparison, service)
            if handed is None:
                raise
            return HandedOver(handed)
        self._end_waits()  # after the claim: the sweeper must always find an open record
        try:
            self._announce_start(claim)
            lease = Lease(service, claim, self.time_left)
            tally, metering = DiffStats(), Metering(service)
            plan = plan_against(baseline, self.accepted, service)
            base = service.ledger.build(BuildId(self._head.project, baseline.build))
            faults = self._check_images(plan, base is not None and base.complete, lease)
            reason = self._fan_out_reason(plan)
            if reason and service.fan_out:
                return hand_over(claim, plan, faults, reason, metering, service, service.fan_out)
            results = self._diff(plan, lease, tally)
            measured = Measurements(plan, results, faults, tally, metering)
            return publish(claim, measured, self.accepted, service, lease)
        except Exception as error:
            return end_after_error(error, claim, service)

    def wait_for(self, missing: Missing) -> Outcome:
        """Offers this build as a base to other builds, then waits for its own base."""
        comparison = wait_comparison(self.accepted.manifest)
        assert comparison is not None  # noqa: S101 - only what is named can be missing
        grace = grace_of(self.accepted.manifest, self.service.limits)
        try:
            claim = self._claim(comparison, missing.in_words(grace))
        except StillWaiting:
            return self._wait_on(comparison)
        except AlreadyFinished:
            return self._announce_again(comparison)
        try:
            self._announce_start(claim)
            if missing.why:
                raise BaseMissing(
                    f"{missing.what} cannot be compared with: {missing.why}, and the manifest "
                    "names nothing else. Upload it or approve it, then write this build's "
                    "manifest once more"
                )
            self._offer_as_base(claim, Lease(self.service, claim, self.time_left))
            until = claim.wait_until or claim.created + grace
            self.service.ledger.wait(claim, missing.topics, until, self.service.clock())
        except Exception as error:
            return end_after_error(error, claim, self.service)
        return self._wait_on(comparison)

    def choose_baseline(self) -> Baseline | Missing:
        """Returns the baseline; an earlier choice stands, even if a nearer build was uploaded."""
        if self.accepted.record.baseline:
            return self.accepted.record.baseline
        baseline = self._find_baseline()
        if isinstance(baseline, Missing):
            return baseline
        return self.service.ledger.choose_baseline(self._head, baseline)

    def _find_baseline(self) -> Baseline | Missing:
        accepted = self.accepted
        return find_baseline(accepted.manifest, self.service, accepted.record.created)

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
        """Ends the recorded waits for a base and for shards."""
        ledger, now = self.service.ledger, self.service.clock()
        wait = wait_comparison(self.accepted.manifest)
        if wait:
            ledger.end_wait(wait, OVER, now)
        if self.accepted.sharded:
            ledger.end_wait(self._head.against(keys.SHARDS), "every shard has come", now)

    def _announce_again(self, comparison: ComparisonId) -> Outcome:
        return announce_again(
            comparison, self.accepted, self.service, self.time_left, self.observed_at
        )

    def _announce_start(self, claim: ComparisonRecord) -> None:
        announce_progress(claim, self.service, claimed=max(iso(claim.claimed), self.observed_at))

    def _check_images(
        self, plan: Plan, base_is_complete: bool, lease: Lease
    ) -> dict[str, ImageFault]:
        """Checks the images, then resumes builds that wait for this one; returns faults by name."""
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
                ledger = service.ledger
                (ledger.mark_images_present if faults else ledger.mark_images_valid)(build)
            resume_waiting_builds(build, service)
        return faults

    def _fan_out_reason(self, plan: Plan) -> str | None:
        """Returns the reason why many workers should compare the build; None if one is enough.

        Cached diffs are not subtracted: each worker looks them up for its own batch.
        """
        limits, processors = self.service.limits, self.service.pool.size
        work = sum(pixels_of(plan).values()) / 1e6
        seconds = self.time_left() - limits.margin
        return fan_out_reason(work, limits.inline_megapixels, processors, seconds)

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

    def _offer_as_base(self, claim: ComparisonRecord, lease: Lease) -> None:
        """Resumes builds that wait for this one."""
        service = self.service
        if not self.accepted.record.arrived:
            plan = make_plan(self.accepted.manifest, None, service.engine_label)
            self._check_images(plan, False, lease)
        elif claim.wait_until is None:
            # Only in the first wait: two builds that wait for each other would else resume each
            # other without end.
            resume_waiting_builds(self._head, service)

    def _wait_on(self, comparison: ComparisonId) -> Outcome:
        """Searches once more: the base may have been uploaded just before the wait was recorded."""
        service = self.service
        baseline = self._find_baseline()
        if not isinstance(baseline, Missing) and service.ledger.wake(comparison, service.clock()):
            return self.compare(service.ledger.choose_baseline(self._head, baseline))
        record = service.ledger.comparison(comparison)
        if record is None:
            return Gone()  # its time to live ended between the two reads
        if record.state is State.WAITING_FOR_BASE:
            announce_progress(record, service)
        return Waiting(record)


def observation_time(build: BuildId, service: CompareContext) -> str:
    """Returns the time of this delivery, never earlier than the present status.json.

    The clock of the worker that wrote status.json may be ahead of ours. It read an earlier upload,
    so this delivery must count as later.
    """
    now, status = iso(service.clock()), read_json(service.objects, keys.status(build))
    return max(now, str(status["updated"])) if status else now

"""Publishes the measured diffs of one worker or of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, Measured, Snapshot, engine_of
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.matching import Kind, case_hints
from pixelgate.domain.records import ComparisonRecord, Result
from pixelgate.errors import ImageFault
from pixelgate.pipeline.announce.announce import announce_result, rewrite_status
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.compare.outcomes import Duplicate, Gone, Outcome, Published
from pixelgate.pipeline.context import CompareContext, Lease, check_time
from pixelgate.pipeline.diffing.pairs import DiffStats
from pixelgate.pipeline.diffing.plan import Pair, Plan, assemble
from pixelgate.pipeline.diffing.thumbnails import (
    draw_thumbnails,
    thumbnail_requests,
    with_thumbnail_keys,
)
from pixelgate.pipeline.intake.accept import Accepted
from pixelgate.pipeline.intake.images import BucketImages
from pixelgate.pipeline.review.carry_over import carry_over_late, prepare_review


class Metering:
    """Sums up the usage of a run: its own since the start, and that of other workers."""

    def __init__(self, service: CompareContext) -> None:
        self._meter = service.meter
        self._before = self._meter.read() if self._meter else None
        self._others = Usage()

    def add(self, usage: Usage) -> None:
        """Adds the usage of another worker."""
        self._others = self._others.plus(usage)

    @property
    def used(self) -> Usage | None:
        """The total; None if usage is not metered."""
        if self._meter is None or self._before is None:
            return None
        return self._meter.read().since(self._before).plus(self._others)


@dataclass(frozen=True)
class Measurements:
    """The measurements of a whole comparison.

    Attributes:
        plan: the plan of the comparison.
        results: the diff or the fault of every pair.
        faults: the faults of head images that were found without a diff, by name.
        tally: the counts of diffs.
        metering: the usage of the run.
        thumbs: keys of thumbnails that exist already.
    """

    plan: Plan
    results: Mapping[Pair, Measured | ImageFault]
    faults: Mapping[str, ImageFault]
    tally: DiffStats
    metering: Metering
    thumbs: frozenset[str] = frozenset()


def publish(
    claim: ComparisonRecord,
    measured: Measurements,
    accepted: Accepted,
    service: CompareContext,
    lease: Lease,
) -> Published:
    """Writes the result under the execution's prefix, then publishes it by one conditional write.

    Raises:
        LeaseLost: another worker has taken over; nothing of this run is visible.
        OutOfTime: this worker has to stop.
    """
    result, shown, cost = _write_down(claim, measured, accepted, service, lease)
    with service.stage("publish"):
        record = service.ledger.publish(claim, result, service.clock())
        seconds = record.updated - accepted.record.created
        published = Published(record, measured.tally, seconds, cost=cost)
        try:
            announce_result(record, service)
            carry_over_late(record, accepted, service, lease.check_time)
        except Exception as error:
            published = replace(published, announce_error=error)
    thumbnail_error = _draw(shown, measured.thumbs, service, lease)
    return replace(published, thumbnail_error=thumbnail_error)


def _write_down(
    claim: ComparisonRecord,
    measured: Measurements,
    accepted: Accepted,
    service: CompareContext,
    lease: Lease,
) -> tuple[Result, dict[str, Snapshot], Usage | None]:
    """Writes comparison.json, review.json and the report under the execution's prefix.

    Returns:
        The result, the snapshots that will have a thumbnail, and the cost in the result.
    """
    snapshots = assemble(measured.plan, measured.results, measured.faults)
    folder = keys.pictures(claim.id, claim.execution)
    used = measured.metering.used
    if service.thumbnail:
        used = used and used.plus(thumbnail_requests(snapshots, folder, measured.thumbs))
        snapshots = with_thumbnail_keys(snapshots, folder)
    with service.stage("report"):
        lease.check()
        comparison = Comparison(
            id=claim.id,
            baseline_reason=claim.baseline_reason,
            execution=claim.execution,
            started=iso(claim.claimed),
            created=iso(service.clock()),
            engine=engine_of(service.engine),
            policy=accepted.manifest.policy,
            snapshots=snapshots,
            warnings=(*accepted.manifest.warnings, *case_hints(measured.plan.matches)),
            choice=claim.choice,
            cost=used,
        )
        _count_answers(comparison, measured)
        prepare_review(comparison, accepted, service, lease.check)
        shown = {name: s for name, s in snapshots.items() if s.thumb}
        return _write_result(comparison, service), shown, used


def announce_again(
    comparison: ComparisonId,
    accepted: Accepted,
    service: CompareContext,
    time_left: Callable[[], float],
    observed_at: str | None = None,
) -> Outcome:
    """Announces the result of an earlier delivery again, or rewrites status.json.

    Args:
        comparison: the finished comparison.
        accepted: its head build.
        service: the ports.
        time_left: seconds until this worker is stopped from outside.
        observed_at: the time when this delivery read the manifest, if it did. A rejection in
            status.json from before that time is out of date and is replaced.

    Raises:
        Exception: another delivery should announce it.
    """
    record = service.ledger.comparison(comparison)
    if record is None:
        return Gone()  # its time to live ended between the two reads
    write = rewrite_status if record.announced else announce_result
    write(record, service, **({"claimed": observed_at} if observed_at else {}))
    carry_over_late(record, accepted, service, lambda: check_time(time_left, service.limits))
    return Duplicate(record)


def _count_answers(comparison: Comparison, measured: Measurements) -> None:
    """Counts the snapshots that needed no diff, and the errored ones."""
    tally, matches = measured.tally, measured.plan.matches
    tally.same_hash = sum(m.kind in (Kind.UNCHANGED, Kind.RENAMED) for m in matches)
    reasons = [s.reason for s in comparison.snapshots.values() if s.reason]
    tally.faults.update(reason.partition(":")[0] for reason in reasons)


def _draw(
    snapshots: Mapping[str, Snapshot],
    there: frozenset[str],
    service: CompareContext,
    lease: Lease,
) -> Exception | None:
    """Draws thumbnails while there is time; returns the error, as the verdict is out already."""
    if service.thumbnail is None:
        return None
    comparison, until = lease.claim.id, service.clock() + service.limits.thumbnails
    try:
        with service.stage("thumbnails"):
            draw_thumbnails(
                snapshots,
                folder=keys.pictures(comparison, lease.claim.execution),
                objects=service.objects,
                images=BucketImages(service.objects, comparison.project),
                thumbnail=service.thumbnail,
                has_time=lambda: lease.has_time(until),
                there=there,
            )
    except Exception as error:
        return error
    return None


def _write_result(comparison: Comparison, service: CompareContext) -> Result:
    """Writes comparison.json and the report under the execution's prefix."""
    comparison_key = keys.result(comparison.id, comparison.execution, "comparison.json")
    report_key = keys.result(comparison.id, comparison.execution, "index.html")
    service.objects.write(comparison_key, comparison.encoded(), "application/json")
    page = service.render(
        comparison, lambda sha: keys.image(comparison.id.project, sha), report_key
    )
    service.objects.write(report_key, page, "text/html; charset=utf-8")
    return Result(
        verdict=comparison.verdict,
        counts=comparison.counts.as_json(),
        comparison_key=comparison_key,
        report_key=report_key,
    )

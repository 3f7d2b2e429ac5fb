"""Publishes what was measured, whoever measured it: one worker or many."""

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
from pixelgate.pipeline.diffing.thumbnails import requests_of, with_addresses, with_thumbs
from pixelgate.pipeline.intake.accept import Accepted
from pixelgate.pipeline.intake.images import BucketImages
from pixelgate.pipeline.review.carry_over import carry_over_late, prepare_review


class Metering:
    """What a run has used since it began, and what others have used for it."""

    def __init__(self, service: CompareContext) -> None:
        self._meter = service.meter
        self._before = self._meter.read() if self._meter else None
        self._others = Usage()

    def add(self, usage: Usage) -> None:
        """Counts what another worker has used."""
        self._others = self._others.plus(usage)

    @property
    def used(self) -> Usage | None:
        """All of it; None where nobody charges for anything."""
        if self._meter is None or self._before is None:
            return None
        return self._meter.read().since(self._before).plus(self._others)


@dataclass(frozen=True)
class Found:
    """What was measured, whoever measured it.

    Attributes:
        plan: what was to be done.
        results: of every pair.
        faults: what is wrong with head images, by name, as far as no diff was needed to know.
        tally: how the pairs were answered.
        metering: what it took.
        thumbs: keys of thumbnails that are there already.
    """

    plan: Plan
    results: Mapping[Pair, Measured | ImageFault]
    faults: Mapping[str, ImageFault]
    tally: DiffStats
    metering: Metering
    thumbs: frozenset[str] = frozenset()


def publish(
    claim: ComparisonRecord, found: Found, accepted: Accepted, service: CompareContext, lease: Lease
) -> Published:
    """Writes manifest and report where nobody looks yet, then makes them the result, once.

    Raises:
        LeaseLost: another worker has taken over; nothing of this is visible.
        OutOfTime: this worker has to stop.
    """
    generation = service.generations.current
    result, shown = _write_down(claim, found, accepted, generation, service, lease)
    with service.stage("publish"):
        record = service.ledger.publish(claim, result, service.clock())
        published = Published(record, found.tally, record.updated - accepted.record.created)
        try:
            announce_result(record, service)
            carry_over_late(record, accepted, service, lease.check_time)
        except Exception as error:
            published = replace(published, announce_error=error)
    thumbnail_error = _draw(shown, found.thumbs, claim.id.project, generation, service, lease)
    return replace(published, thumbnail_error=thumbnail_error)


def _write_down(
    claim: ComparisonRecord,
    found: Found,
    accepted: Accepted,
    generation: str,
    service: CompareContext,
    lease: Lease,
) -> tuple[Result, dict[str, Snapshot]]:
    """Writes it under the execution's own prefix; what it was made of is then free to go.

    Returns:
        The result, and of the snapshots those that have thumbnails.
    """
    snapshots, project = assemble(found.plan, found.results, found.faults), claim.id.project
    used = found.metering.used
    if service.thumbnail:
        used = used and used.plus(requests_of(snapshots, project, generation, found.thumbs))
        snapshots = with_addresses(snapshots, project, generation)
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
            warnings=(*accepted.manifest.warnings, *case_hints(found.plan.matches)),
            choice=claim.choice,
            cost=used,
        )
        _count_answers(comparison, found)
        prepare_review(comparison, accepted, service, lease.check)
        shown = {name: s for name, s in snapshots.items() if s.thumb}
        return _write_result(comparison, service), shown


def tell_again(
    comparison: ComparisonId,
    accepted: Accepted,
    service: CompareContext,
    time_left: Callable[[], float],
    observed_at: str | None = None,
) -> Outcome:
    """Tells the result of an earlier delivery, if status.json does not.

    Args:
        comparison: that is finished.
        accepted: its head build.
        service: the ports.
        time_left: seconds until this worker is stopped from outside.
        observed_at: when this delivery looked for the manifest, if it did: what was said of a
            refused one before that is out of date, as the accepted one lies there again.

    Raises:
        Exception: another delivery should tell.
    """
    record = service.ledger.comparison(comparison)
    if record is None:
        return Gone()  # its time to live ended between the two reads
    again = rewrite_status if record.announced else announce_result
    again(record, service, **({"claimed": observed_at} if observed_at else {}))
    carry_over_late(record, accepted, service, lambda: check_time(time_left, service.limits))
    return Duplicate(record)


def _count_answers(comparison: Comparison, found: Found) -> None:
    """Counts what no pair tells: what hashes answered, and what could not be compared."""
    tally, matches = found.tally, found.plan.matches
    tally.same_hash = sum(m.kind in (Kind.UNCHANGED, Kind.RENAMED) for m in matches)
    reasons = [s.reason for s in comparison.snapshots.values() if s.reason]
    tally.faults.update(reason.partition(":")[0] for reason in reasons)


def _draw(
    snapshots: Mapping[str, Snapshot],
    there: frozenset[str],
    project: str,
    generation: str,
    service: CompareContext,
    lease: Lease,
) -> Exception | None:
    """Draws thumbnails as far as there is time: the verdict is out, nothing here changes it."""
    if service.thumbnail is None:
        return None
    until = service.clock() + service.limits.thumbnails
    try:
        with service.stage("thumbnails"):
            with_thumbs(
                snapshots,
                project=project,
                generation=generation,
                objects=service.objects,
                images=BucketImages(service.objects, project),
                thumbnail=service.thumbnail,
                has_time=lambda: lease.has_time(until),
                there=there,
            )
    except Exception as error:
        return error
    return None


def _write_result(comparison: Comparison, service: CompareContext) -> Result:
    """Writes manifest and report under the execution's own prefix."""
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

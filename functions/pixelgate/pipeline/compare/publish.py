"""Publishes the measured diffs of one worker or of many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from pixelgate.domain import keys
from pixelgate.domain.comparison import (
    ORIGIN,
    Comparison,
    Measured,
    Snapshot,
    Verdict,
    engine_of,
)
from pixelgate.domain.cost import Usage
from pixelgate.domain.history import entry_of
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.matching import Kind, case_hints, variant_hints
from pixelgate.domain.records import Baseline, ComparisonRecord, Result
from pixelgate.errors import ImageFault
from pixelgate.pipeline.announce.announce import announce_result, rewrite_status
from pixelgate.pipeline.announce.index import write_part
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.compare.learned import Learned
from pixelgate.pipeline.compare.outcomes import Duplicate, Gone, Outcome, Published
from pixelgate.pipeline.compare.quarantine import with_quarantine
from pixelgate.pipeline.context import CompareContext, Lease, check_time
from pixelgate.pipeline.diffing.pairs import DiffStats
from pixelgate.pipeline.diffing.plan import Pair, Plan, assemble, make_plan
from pixelgate.pipeline.diffing.previews import draw_previews, most_different
from pixelgate.pipeline.diffing.thumbnails import (
    draw_thumbnails,
    thumbnail_requests,
    with_thumbnail_keys,
)
from pixelgate.pipeline.intake.accept import Accepted, read_accepted
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
        plan, results: the diff or the fault of every pair of the plan.
        faults: the faults of head images that were found without a diff, by name.
        tally, metering: the counts of diffs, and the usage of the run.
        thumbs: keys of thumbnails that exist already.
    """

    plan: Plan
    results: Mapping[Pair, Measured | ImageFault]
    faults: Mapping[str, ImageFault]
    tally: DiffStats
    metering: Metering
    thumbs: Collection[str] = ()


def publish(
    claim: ComparisonRecord,
    measured: Measurements,
    accepted: Accepted,
    service: CompareContext,
    lease: Lease,
) -> Published:
    """Writes the result under the execution's prefix, then publishes it by one conditional write.

    Raises LeaseLost or OutOfTime; then nothing of this run is visible.
    """
    comparison, result = _write_down(claim, measured, accepted, service, lease)
    previews_error = _draw_previews(comparison, accepted, service, lease)
    with service.stage("publish"):
        record = service.ledger.publish(claim, result, service.clock())
        seconds = record.updated - accepted.record.created
        published = Published(
            *(record, measured.tally, seconds),
            preview_error=previews_error,
            cost=comparison.cost,
        )
        try:
            announce_result(record, service)
            carry_over_late(record, accepted, service, lease.check_time)
        except Exception as error:
            published = replace(published, announce_error=error)
    pictured = {name: s for name, s in comparison.snapshots.items() if s.thumb}
    try:
        draw(pictured, claim, service, lease.has_time, existing=measured.thumbs)
    except Exception as error:  # the verdict is out already
        published = replace(published, thumbnail_error=error)
    return published


def plan_against(baseline: Baseline | None, accepted: Accepted, service: CompareContext) -> Plan:
    """Plans which pairs of a build and its baseline are compared."""
    with service.stage("plan"):
        base = None
        if baseline and baseline.exists:
            base = read_accepted(BuildId(accepted.manifest.id.project, baseline.build), service)
        return make_plan(accepted.manifest, base, service.engine_label)


def _write_down(
    claim: ComparisonRecord,
    measured: Measurements,
    accepted: Accepted,
    service: CompareContext,
    lease: Lease,
) -> tuple[Comparison, Result]:
    """Writes comparison.json, review.json, the report, and what the index will say of it.

    Returns the first and the result.
    """
    learned = Learned(claim.id.project, service.objects)
    snapshots = assemble(measured.plan, measured.results, measured.faults, learned)
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
            warnings=(
                *accepted.manifest.warnings,
                *case_hints(measured.plan.matches),
                *variant_hints(measured.plan.matches),
                *learned.warnings,
            ),
            choice=claim.choice,
            cost=used,
            origin={name: str(v) for name in ORIGIN if (v := getattr(accepted.manifest, name))},
        )
        tally, matches = measured.tally, measured.plan.matches
        tally.same_hash = sum(m.kind in (Kind.UNCHANGED, Kind.RENAMED) for m in matches)
        tally.faults.update(s.reason.partition(":")[0] for s in snapshots.values() if s.reason)
        comparison = with_quarantine(comparison, accepted, service)
        prepare_review(comparison, accepted, service, lease.check)
        write_part(entry_of(comparison, accepted.manifest), service.objects)
        return comparison, _write_result(comparison, service)


def announce_again(
    comparison: ComparisonId,
    accepted: Accepted,
    service: CompareContext,
    time_left: Callable[[], float],
    observed_at: str | None = None,
) -> Outcome:
    """Announces the result of an earlier delivery again, or rewrites status.json.

    `observed_at` is the time when this delivery read the manifest, if it did: a rejection in
    status.json from before that time is out of date and is replaced. If it raises, another
    delivery should announce it.
    """
    record = service.ledger.comparison(comparison)
    if record is None:
        return Gone()  # its time to live ended between the two reads
    write = rewrite_status if record.announced else announce_result
    write(record, service, **({"claimed": observed_at} if observed_at else {}))
    carry_over_late(record, accepted, service, lambda: check_time(time_left, service.limits))
    return Duplicate(record)


def draw(
    snapshots: Mapping[str, Snapshot],
    claim: ComparisonRecord,
    service: CompareContext,
    has_time: Callable[[float], bool],
    check: Callable[[], None] = lambda: None,
    existing: Collection[str] = (),
) -> dict[str, Snapshot]:
    """Draws thumbnails while there is time; arguments and result as of `draw_thumbnails`.

    `has_time` is called with the time when drawing has to end, in seconds since 1970.
    """
    if service.thumbnail is None:
        return {}
    until = service.clock() + service.limits.thumbnails
    with service.stage("thumbnails"):
        return draw_thumbnails(
            snapshots,
            folder=keys.pictures(claim.id, claim.execution),
            objects=service.objects,
            images=BucketImages(service.objects, claim.id.project),
            thumbnail=service.thumbnail,
            check=check,
            has_time=lambda: has_time(until),
            existing=existing,
        )


def _draw_previews(
    comparison: Comparison, accepted: Accepted, service: CompareContext, lease: Lease
) -> Exception | None:
    """Draws the pictures of the pull request's comment, if they are wanted and there is time.

    The comment is written as soon as the result is announced, so they are drawn before that. A
    fork's build has none: whoever may open a pull request must not choose what is shown in it.

    Returns:
        The error that kept them from being drawn. Raises LeaseLost or OutOfTime.
    """
    build = accepted.record
    asked = service.preview is not None and build.pull_request and build.trusted
    if service.preview is None or not asked or comparison.verdict is Verdict.PASSED:
        return None
    # The comment shows what is left to review.
    shown = {name: s for name, s in comparison.snapshots.items() if not s.is_excused}
    lease.check()
    until = service.clock() + service.limits.previews
    try:
        with service.stage("previews"):
            draw_previews(
                most_different(shown, has_base=not comparison.is_first),
                folder=keys.previews(keys.pictures(comparison.id, comparison.execution)),
                objects=service.objects,
                images=BucketImages(service.objects, comparison.id.project),
                preview=service.preview,
                now=service.clock(),
                has_time=lambda: lease.has_time(until),
            )
    except Exception as error:  # a comment without pictures is worse, but no verdict waits
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
        counts=comparison.all_counts,
        comparison_key=comparison_key,
        report_key=report_key,
    )

"""Shares a large comparison among many workers: hand-over, the work on a batch, publication.

A comparison that was handed over keeps its claim and its execution id. The id is also the name of
the state machine's execution, so starting it twice is harmless, and it fences every write. Every
worker renews the claim. When no worker has renewed it for a quarter of an hour, the execution is
dead: the sweeper resumes the build, and the next claim finds the finished diffs in the cache.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace

from pixelgate.domain.comparison import Snapshot, Status
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.records import ComparisonRecord, State
from pixelgate.errors import ErrorCode, ImageFault, LeaseLost
from pixelgate.pipeline.compare.batches import (
    Batch,
    BatchResult,
    Handed,
    find_lost,
    gather_results,
    read_batch,
    read_hand_over,
    write_lost,
    write_plan,
    write_result,
)
from pixelgate.pipeline.compare.outcomes import Gone, HandedOver, Outcome, Superseded
from pixelgate.pipeline.compare.publish import (
    Measurements,
    Metering,
    announce_again,
    draw,
    plan_against,
    publish,
)
from pixelgate.pipeline.context import CompareContext, Lease
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
from pixelgate.pipeline.diffing.plan import Plan
from pixelgate.pipeline.intake import accept
from pixelgate.pipeline.intake.images import BucketImages
from pixelgate.ports import FanOut


@dataclass(frozen=True)
class BatchCompared:
    """This worker has finished its batch."""

    tally: DiffStats
    faults: int


def hand_over(
    claim: ComparisonRecord,
    plan: Plan,
    faults: Mapping[str, ImageFault],
    why: str,
    metering: Metering,
    service: CompareContext,
    fan_out: FanOut,
) -> HandedOver:
    """Writes the plan for many workers and starts them.

    The record is written first. If this worker dies before the start, the next delivery of the
    event starts the execution that the record names. Raises LeaseLost, or an error of the start,
    after which the caller gives the claim back.
    """
    handed = Handed(claim.id, claim.execution)
    with service.stage("hand over"):
        batches = write_plan(handed, plan, faults, metering.used, service.objects, service.limits)
        reason = f"{why}; {len(plan.pairs):,} pairs in {batches:,} batches"
        now = service.clock()
        record = service.ledger.hand_over(claim, reason, now, now + service.limits.fan_out_lease)
        fan_out.start(claim.execution, claim.id)
    return HandedOver(record)


def restart_fan_out(comparison: ComparisonId, service: CompareContext) -> ComparisonRecord | None:
    """Starts the workers of a comparison that was handed over; None if none was."""
    record = service.ledger.comparison(comparison)
    if service.fan_out is None or record is None or record.fan_out is None:
        return None
    if record.state is not State.PROCESSING:
        return None
    service.fan_out.start(record.execution, comparison)
    return record


def work(
    handed: Handed, batch: Batch, service: CompareContext, time_left: Callable[[], float]
) -> BatchCompared | Superseded:
    """Compares the pairs of one batch and writes the results for the publisher.

    If it raises, such as OutOfTime, the next attempt finds its diffs in the cache.
    """
    claim, metering, tally = _claim(handed, service), Metering(service), DiffStats()
    if claim is None:
        return Superseded(handed.comparison)
    objects, project = service.objects, handed.comparison.project
    lease = Lease(service, claim, time_left, service.limits.fan_out_lease)
    # Another odiff than the plan's may have been deployed by now: the results are this one's.
    pairs = {
        replace(pair, fingerprint=policy.fingerprint(service.engine_label)): policy
        for pair, policy in read_batch(handed, batch, objects).items()
    }
    # The order is random: a pair that kills its worker would else block the pairs behind it in
    # every attempt.
    order = random.sample(list(pairs.items()), len(pairs))
    try:
        with service.stage("diff"):
            results = diff_pairs(
                dict(order),
                images=BucketImages(objects, project),
                store=DiffCache(objects, project, handed.pictures, lists=False),
                pool=service.pool,
                tally=tally,
                check=lease.check,
            )
        pictured = {
            "".join(astuple(pair)): Snapshot(Status.ERRORED, pair.head, pair.base)
            if isinstance(result, ImageFault)
            else Snapshot(Status.CHANGED, pair.head, pair.base, measured=result)
            for pair, result in results.items()
            if isinstance(result, ImageFault) or not result.diff.passes(pairs[pair])
        }
        drawn = draw(pictured, claim, service, lambda until: service.clock() < until, lease.check)
        thumbs = {snapshot.thumb for snapshot in drawn.values() if snapshot.thumb}
    except LeaseLost:
        return Superseded(handed.comparison)
    in_order = {pair: results[pair] for pair in pairs}
    write_result(handed, batch, BatchResult(in_order, tally, thumbs, metering.used), objects)
    return BatchCompared(tally, sum(isinstance(result, ImageFault) for result in results.values()))


@dataclass(frozen=True)
class Round:
    """One round of the state machine's map over batches.

    Attributes:
        number: counted from 0.
        list: the name of the list of its batches.
        concurrency: the number of workers at the same time.
        batches: the number of its batches; 0 if no more round is wanted.
    """

    number: int
    list: str
    concurrency: int
    batches: int = 0


def next_round(
    handed: Handed, done: Round, service: CompareContext, time_left: Callable[[], float]
) -> Round:
    """Lists the batches without a result for the next round, which has half as many workers.

    In a busy account Lambda throttles workers until their attempts are used up. Fewer workers
    find a place. After the last round, and in a comparison that another execution has taken over,
    nothing is run again.
    """
    over = Round(done.number + 1, done.list, done.concurrency)
    claim = _claim(handed, service)
    if claim is None or over.number >= service.limits.map_rounds:
        return over
    lost = find_lost(handed, service.objects)
    if not lost:
        return over
    try:
        Lease(service, claim, time_left, service.limits.fan_out_lease).check()
    except LeaseLost:
        return over
    name = write_lost(handed, over.number, lost, service.objects)
    return Round(over.number, name, max(done.concurrency // 2, 1), len(lost))


def publish_handed(
    handed: Handed, service: CompareContext, time_left: Callable[[], float]
) -> Outcome:
    """Publishes the workers' results in the same way as an inline comparison.

    If it raises, the lease was given back and the error recorded; another attempt may help.
    """
    record = service.ledger.comparison(handed.comparison)
    if record is None or record.execution != handed.execution:
        return Superseded(handed.comparison)
    accepted = accept.find_accepted(record.head, service)
    if accepted is None:
        return Gone()
    if record.finished:
        return announce_again(handed.comparison, accepted, service, time_left)
    metering = Metering(service)
    lease = Lease(service, record, time_left, service.limits.fan_out_lease)
    try:
        lease.check()
        plan = plan_against(accepted.record.baseline, accepted, service)
        with service.stage("collect"):
            store = DiffCache(service.objects, record.id.project, handed.pictures)
            done = gather_results(handed, plan.pairs, store, service.objects)
            faults, usage = read_hand_over(handed, service.objects)
        metering.add(usage.plus(done.usage or Usage()))
        measured = Measurements(plan, done.results, faults, done.tally, metering, done.thumbs)
        return publish(record, measured, accepted, service, lease)
    except LeaseLost:
        return Superseded(handed.comparison)
    except Exception as error:
        give_back(handed, f"{type(error).__name__}: {error}", service)
        raise


def give_back(handed: Handed, error: str, service: CompareContext) -> bool:
    """Gives the lease back, so that the sweeper resumes it; returns whether it was still ours."""
    claim = _claim(handed, service)
    if claim is None:
        return False
    try:
        service.ledger.release(claim, ErrorCode.INTERNAL, error, service.clock())
    except LeaseLost:
        return False
    return True


def _claim(handed: Handed, service: CompareContext) -> ComparisonRecord | None:
    """Reads the claim of this execution; None if another one has taken over."""
    record = service.ledger.comparison(handed.comparison)
    if record is None or record.execution != handed.execution:
        return None
    return record if record.state is State.PROCESSING else None

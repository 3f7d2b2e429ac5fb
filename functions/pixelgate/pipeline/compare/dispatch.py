"""Handles an uploaded manifest: of a whole build, of a shard, or of `finalize`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, Upload
from pixelgate.errors import AlreadyFinished, BadManifest, HeldByOther, LeaseLost, NotFound
from pixelgate.pipeline.announce.announce import announce_progress
from pixelgate.pipeline.compare.failures import reject
from pixelgate.pipeline.compare.outcomes import Gone, Outcome
from pixelgate.pipeline.compare.run import compare_build, observation_time
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.intake import shards


@dataclass(frozen=True)
class Collecting:
    """The build still waits for shards."""

    progress: str  # which shards were uploaded
    repeated: bool = False  # this shard was accepted before with other content, which still counts


def receive(
    upload: Upload, service: CompareContext, time_left: Callable[[], float] = lambda: float("inf")
) -> Outcome | Collecting:
    """Accepts a shard, or compares the build if the upload completes it.

    `time_left` returns the seconds until this worker is stopped from outside.

    Raises:
        HeldByOther: another worker compares the build; deliver the event again later.
        Exception: a retry may help.
    """
    build, objects, total, repeated = upload.build, service.objects, None, False
    if not upload.shard and not upload.finalizes:
        return compare_build(build, service, time_left, resumed=upload.resumed)
    observed_at = observation_time(build, service)
    try:
        with service.stage("accept"):
            if upload.shard:
                repeated = shards.keep_shard(build, upload.shard, objects, service.pool)
            else:
                total = shards.keep_all_shards(build, objects, service.pool)
    except NotFound:
        return Gone()
    except BadManifest as error:
        where = f"{upload.shard.words}: " if upload.shard else ""
        return reject(build, f"{where}{error}", service, observed_at)
    try:
        whole = shards.merge_shards(build, objects, final=upload.finalizes, total=total)
    except BadManifest as error:
        return reject(build, str(error), service, observed_at)
    if whole is None:
        return _collect(build, repeated, service)
    return compare_build(build, service, time_left)


def _collect(build: BuildId, repeated: bool, service: CompareContext) -> Collecting:
    """Announces which shards were uploaded, and records the wait for the sweeper.

    It looks again after each announcement. A shard that another worker accepts meanwhile is then
    told of by one of the two: by the one whose claim was the last.
    """
    told, progress = "", shards.progress(build, service.objects)
    while progress != told:
        _announce_shards(build, progress, service)
        told = progress
        with suppress(BadManifest):  # of the other worker's shard, which says so itself
            progress = shards.progress(build, service.objects)
    return Collecting(progress, repeated)


def _announce_shards(build: BuildId, progress: str, service: CompareContext) -> None:
    comparison, now = build.against(keys.SHARDS), service.clock()
    before = service.ledger.comparison(comparison)
    if before and not before.finished:
        with suppress(LeaseLost):
            service.ledger.release(before, "", progress, now)
    with suppress(HeldByOther, AlreadyFinished):  # another shard is being accepted at the same time
        claim = service.ledger.claim(
            comparison, progress, service.new_execution(), now, now + service.limits.shard_patience
        )
        announce_progress(claim, service)

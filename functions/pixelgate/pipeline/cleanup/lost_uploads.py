"""Finds manifests whose event never came, so that no upload is lost.

S3 applies a new or changed notification only after some minutes, and an object that is written
before that has no event. Nothing in the table tells of it, so the uploads themselves are listed.
"""

from __future__ import annotations

from collections.abc import Callable

from pixelgate.domain import keys
from pixelgate.domain.keys import Upload
from pixelgate.pipeline.context import StorageContext
from pixelgate.ports import Listed

# Events take seconds, and minutes in a busy account.
PATIENCE = 600.0
# After that somebody has noticed; and the events of a flood may wait for hours.
TOO_OLD = 3_600.0
# Uploads are listed every third time of the five minutes in which the sweeper runs, as a listing
# costs a request for every thousand objects, plain images included.
EVERY, PERIOD = 3, 300.0


def is_due(now: float) -> bool:
    """Whether this sweep is one that lists the uploads."""
    return int(now // PERIOD) % EVERY == 0


def deliver_lost_uploads(records: StorageContext, deliver: Callable[[str], None]) -> list[Upload]:
    """Delivers the manifests of the last hour that no function has seen.

    An upload whose event is only late is then delivered twice, which is harmless.

    Args:
        records: where they lie.
        deliver: calls the compare function for a key.
    """
    now = records.clock()
    found: list[Upload] = []
    for listed in records.objects.list("uploads/"):
        if not PATIENCE <= now - listed.modified < TOO_OLD:
            continue
        upload = keys.upload_of(listed.key)
        if upload is not None and not _was_seen(upload, listed, records):
            deliver(listed.key)
            found.append(upload)
    return found


def _was_seen(upload: Upload, listed: Listed, records: StorageContext) -> bool:
    """Whether it was accepted, or rejected: the build's status is newer then.

    The status of a build in shards tells nothing of one shard; a rejected one is rejected again.
    """
    build, objects = upload.build, records.objects
    if records.ledger.build(build) is not None:
        return True
    if upload.shard:
        return objects.exists(keys.accepted_shard(build, upload.shard))
    status = keys.status(build)
    return any(s.key == status and s.modified >= listed.modified for s in objects.list(status))

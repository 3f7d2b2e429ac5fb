"""Waiting for a base that is named and not there, and being woken when it has come.

A head that waits first leaves an entry for each thing it waits for, then turns to
WAITING_FOR_BASE, then looks once more. A base first notes that its images are there, or that it
is approved, then reads the entries. So one of the two sees the other, whichever way their steps
interleave; and what ends a wait is one conditional write, which only one of them wins.
"""

from __future__ import annotations

from contextlib import suppress

from pixelgate.domain.keys import BuildId
from pixelgate.pipeline.context import StorageContext

OVER = "the wait is over: the build has a baseline"


def resume_waiting_builds(build: BuildId, records: StorageContext) -> None:
    """Calls a worker for each head that waits for this build.

    May be called any number of times: a head that does not wait any more is left alone. A head
    whose worker cannot be called is called by the sweeper: it is free to be claimed, and nobody
    claims it.

    Args:
        build: a build whose images are all there, or which may serve since it was approved.
        records: the ports.
    """
    record = records.ledger.build(build)
    if record is None or not record.trusted:
        return  # a fork's build is nobody's base, and is to start nothing
    for comparison in records.ledger.waiting(build.project, record.topics):
        if records.ledger.wake(comparison, records.clock()):
            # Whatever goes wrong with it, this build is not to suffer for another one.
            with suppress(Exception):
                records.resume(BuildId(comparison.project, comparison.head))

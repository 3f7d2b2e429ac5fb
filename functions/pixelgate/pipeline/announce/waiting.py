"""Resumes builds that wait for a missing base.

The head first writes an entry for each lookup key that it waits for, then changes its state to
WAITING_FOR_BASE, then searches once more. The base first records that its images are present, or
that it is approved, then reads the entries. So one of the two sees the other, in whatever order
their steps interleave. A wait ends by one conditional write, which only one worker wins.
"""

from __future__ import annotations

from contextlib import suppress

from pixelgate.domain.keys import BuildId
from pixelgate.pipeline.context import StorageContext

OVER = "the wait is over: the build has a baseline"


def resume_waiting_builds(build: BuildId, storage: StorageContext) -> None:
    """Calls a worker for each head that waits for this build, which may be a baseline now.

    It may be called any number of times: a head that no longer waits is skipped. If the call of a
    worker fails, the sweeper resumes the head, because it is unclaimed.
    """
    record = storage.ledger.build(build)
    if record is None or not record.trusted:
        return  # a fork's build is never a base, so no build waits for it
    for comparison in storage.ledger.waiting(build.project, record.topics):
        if storage.ledger.wake(comparison, storage.clock()):
            # An error of another build must not stop this one.
            with suppress(Exception):
                storage.resume(BuildId(comparison.project, comparison.head))

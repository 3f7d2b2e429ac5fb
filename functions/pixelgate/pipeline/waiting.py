"""Waiting for a base that is named and not there, and being woken when it has come.

A head that waits first leaves an entry for each thing it waits for, then turns to
WAITING_FOR_BASE, then looks once more. A base first notes that its images are there, then reads
the entries. So one of the two sees the other, whichever way their steps interleave; and what ends a
wait is one conditional write, which only one of them wins.
"""

from __future__ import annotations

from dataclasses import dataclass

from pixelgate.keys import BuildId, ComparisonId
from pixelgate.pipeline.baselines import topics_of
from pixelgate.pipeline.service import Service

OVER = "the wait is over: the build has a baseline"


@dataclass(frozen=True)
class Woken:
    """Who was woken by a build's arrival, and whose worker could not be called.

    The sweeper calls those: they are free to be claimed, and nobody claims them.
    """

    comparisons: tuple[ComparisonId, ...] = ()
    unheard: tuple[ComparisonId, ...] = ()


def wake_heads(build: BuildId, service: Service) -> Woken:
    """Calls a worker for each head that waits for this build.

    May be called any number of times: a head that does not wait any more is left alone.

    Args:
        build: a build whose images are all there.
        service: the ports.
    """
    record = service.ledger.build(build)
    if record is None:
        return Woken()
    woken, unheard = [], []
    for comparison in service.ledger.waiting(build.project, topics_of(record)):
        if not service.ledger.wake(comparison, service.clock()):
            continue
        woken.append(comparison)
        try:
            service.resume(BuildId(comparison.project, comparison.head))
        except Exception:  # whatever it is: this build is not to suffer for another one
            unheard.append(comparison)
    return Woken(tuple(woken), tuple(unheard))

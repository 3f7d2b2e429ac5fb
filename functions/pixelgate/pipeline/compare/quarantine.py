"""Puts the snapshots of a comparison into quarantine, before its verdict is written down."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pixelgate.domain.comparison import Comparison
from pixelgate.domain.eligibility import approved_by_rule
from pixelgate.domain.keys import NO_BASE, BuildId
from pixelgate.domain.quarantine import Quarantine, apply, divided
from pixelgate.pipeline.announce.quarantine_store import read_quarantine_log
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.intake.accept import Accepted, read_accepted


def with_quarantine(
    comparison: Comparison, accepted: Accepted, service: CompareContext
) -> Comparison:
    """Stamps the snapshots that are in quarantine at the time of the comparison.

    Reviewers' quarantines apply to every build. Those of the build's own pixelgate.toml apply if
    they have been reviewed: on a baseline branch, and elsewhere if the base has them too.
    """
    manifest = accepted.manifest
    own, proposed = divided(manifest.quarantine, _reviewed(comparison, accepted, service))
    log = read_quarantine_log(comparison.id.project, service.objects)
    return comparison.with_quarantine(
        apply(
            (*own, *log.quarantines()),
            comparison.snapshots.keys(),
            datetime.fromisoformat(comparison.created),
            manifest.known,
            proposed,
        )
    )


def _reviewed(
    comparison: Comparison, accepted: Accepted, service: CompareContext
) -> Iterable[Quarantine] | None:
    """Returns the quarantines of the base; None if all of the build's own have been reviewed."""
    build = accepted.record
    if not accepted.manifest.quarantine:
        return ()
    if build.trusted and approved_by_rule(build, service.baseline_branches, service.trunk_only):
        return None
    if comparison.id.base == NO_BASE:
        return ()
    return read_accepted(BuildId(comparison.id.project, comparison.id.base), service).quarantine

"""A fixed comparison in which every status occurs, for reports."""

from __future__ import annotations

from pixelgate.domain.comparison import Comparison, Diff, Measured, Region, Snapshot, Status
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.policy import Policy
from support.manifests import digest

SIZE = (320, 200)
A_LITTLE = Diff(77, 0, 64_000, SIZE, SIZE, (Region(4, 5, 11, 7, 77),))
SMALLER = Diff(
    *(10_400, 9_000, 70_400, (320, 220), (300, 200)),
    (Region(300, 0, 20, 220, 10_390), Region(0, 0, 10, 1, 10)),
)
NOTHING = Diff(0, 0, 64_000, SIZE, SIZE)
SNAPSHOTS = {
    "button/added.png": Snapshot(Status.ADDED, head_sha256=digest(1), head_size=SIZE),
    "button/changed a little.png": Snapshot(
        *(Status.CHANGED, digest(2), digest(3), SIZE, SIZE),
        Measured(A_LITTLE, "diffs/shop/f/3-2.png"),
        details={"display_name": "Button & icon"},
    ),
    "card/smaller.png": Snapshot(
        *(Status.CHANGED, digest(4), digest(5), (300, 200), (320, 220)),
        Measured(SMALLER, "diffs/shop/f/5-4.png"),
    ),
    "errored.png": Snapshot(
        *(Status.ERRORED, digest(6), digest(7), SIZE, SIZE),
        reason="UNREADABLE: head: the file is empty",
    ),
    "gone.png": Snapshot(Status.REMOVED, base_sha256=digest(8), base_size=SIZE),
    "new name.png": Snapshot(
        *(Status.RENAMED, digest(9), digest(9), SIZE, SIZE), previous_name="old name.png"
    ),
    "passed.png": Snapshot(
        *(Status.UNCHANGED, digest(10), digest(11), SIZE, SIZE), Measured(NOTHING, None)
    ),
    "same.png": Snapshot(Status.UNCHANGED, digest(12), digest(12), SIZE, SIZE),
    "skipped.png": Snapshot(Status.SKIPPED, base_sha256=digest(13), base_size=SIZE),
}


def comparison(
    snapshots: dict[str, Snapshot] = SNAPSHOTS,
    *,
    project: str = "shop",
    head: str = "b1",
    base: str = "b0",
    reason: str = "the manifest names this build as base_build",
    warnings: tuple[str, ...] = ("unknown field 'base_comit' was ignored",),
) -> Comparison:
    return Comparison(
        id=ComparisonId(project, head, base),
        baseline_reason=reason,
        execution="e1",
        created="2026-01-02T03:04:05.678+00:00",
        engine={"name": "odiff", "version": "4.5.0", "algorithm": "2"},
        policy=Policy(),
        snapshots=snapshots,
        warnings=warnings,
    )

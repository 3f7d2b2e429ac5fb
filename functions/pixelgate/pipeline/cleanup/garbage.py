"""Garbage collection: deletes builds past retention, and old images that nothing refers to.

A build past retention is hidden first and removed a week later, so that nobody is choosing it as a
base when it goes. An image is deleted when it is old and no build refers to it. S3 keeps the
version for 30 days: whoever misses an image restores it, see `BucketImages`, and each run ends by
restoring what has been referred to meanwhile.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pixelgate.domain import keys
from pixelgate.domain.eligibility import ineligibility
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord, Review
from pixelgate.pipeline.cleanup.references import References, second_look, survey
from pixelgate.pipeline.context import StorageContext
from pixelgate.pipeline.intake.images import BucketImages

DAY = 86_400.0
# The failed-events queue keeps an upload for 14 days; it may be sent again.
_UPLOADS_KEPT = 30 * DAY
# Images deleted in one run. Between its deletes and its end a run may owe somebody an image.
_MOST = 20_000
_THREADS = 16
# Earlier versions wrote masks and thumbnails to diffs/, and images that were to go to aside/.
_SWEPT = ("images", "diffs", "aside")


@dataclass(frozen=True)
class Retention:
    """How long what is kept.

    Attributes:
        days: younger builds are kept, as are approved ones, baselines and unfinished ones.
        min_age: of an image that is deleted, in seconds since it was written. With the 30 days
            that S3 keeps its version for, longer than any upload takes.
        hidden: seconds from hiding a build to removing it; longer than any comparison takes.
    """

    days: float = 90.0
    min_age: float = 30 * DAY
    hidden: float = 7 * DAY


@dataclass
class Collected:
    """What a run found and did; counts, and bytes of what goes in the end.

    Attributes:
        project: whose.
        kept: builds that stay, by reason.
        builds: builds past retention.
        images: old images that no other build refers to, and what earlier versions left.
        size: bytes of all of it.
        hidden: builds that this run hid.
        removed: builds that this run removed.
        swept: images that this run deleted.
        restored: images that this run brought back.
        deleted: objects that this run deleted, images included.
    """

    project: str
    kept: dict[str, int] = field(default_factory=dict)
    builds: list[str] = field(default_factory=list)
    images: int = 0
    size: int = 0
    hidden: int = 0
    removed: int = 0
    swept: int = 0
    restored: int = 0
    deleted: int = 0


def why_kept(
    build: BuildRecord, records: StorageContext, retention: Retention, now: float
) -> str | None:
    """Why a build stays, as far as its record tells; None if it is past retention."""
    if now - build.created <= retention.days * DAY:
        return "young"
    if build.review is Review.APPROVED:
        return "approved"
    if ineligibility(build, records.baseline_branches, records.trunk_only) is None:
        return "may be a baseline"
    return None


def collect(
    project: str, records: StorageContext, retention: Retention, *, delete: bool
) -> Collected:
    """Goes once through a project. Runs may overlap, and may be cut off at any point.

    Args:
        project: its id.
        records: bucket and table.
        retention: how long what is kept.
        delete: whether to act; a dry run changes nothing.

    Raises:
        ValueError: a manifest or result cannot be read; nothing was deleted.
    """
    return _Run(project, records, retention, delete).run()


class _Run:
    def __init__(
        self,
        project: str,
        records: StorageContext,
        retention: Retention,
        delete: bool,
    ) -> None:
        self._project = project
        self._records = records
        self._bucket = records.objects
        self._retention = retention
        self._delete = delete
        self._now = records.clock()
        self._done = Collected(project)

    def run(self) -> Collected:
        since = self._now - max(self._retention.days * DAY, _UPLOADS_KEPT)
        found = survey(self._project, self._bucket, uploads_since=since)
        doomed = self._doomed(found)
        gone = {name for name, hidden in doomed.items() if self._is_over(hidden)}
        self._done.builds = sorted(doomed)
        self._done.size += sum(found.sizes.get(name, 0) for name in doomed)
        everybody = found.builds.keys() | found.shown.keys()
        live = found.of(everybody - gone)
        if self._delete:
            for name in sorted(doomed):
                self._hide_or_remove(BuildId(self._project, name), name in gone)
        there = self._sweep(found.of(everybody - doomed.keys()), live)
        if self._delete:
            again = second_look(self._project, self._bucket, found)
            self._restore((live | again) - there)
        return self._done

    # --- builds ---

    def _doomed(self, found: References) -> dict[str, float | None]:
        """Builds past retention that nothing needs, and since when they are hidden."""
        doomed: dict[str, float | None] = {}
        bases = set()
        for name in found.builds.keys() | found.states.keys():
            build = BuildId(self._project, name)
            record = self._records.ledger.build(build)
            hidden = self._records.ledger.forgotten(build) if record is None else None
            why = self._why(name, record, hidden, found)
            if why is None:
                doomed[name] = hidden
                continue
            self._done.kept[why] = self._done.kept.get(why, 0) + 1
            if record and record.baseline and record.baseline.exists:
                bases.add(record.baseline.build)
        needed = doomed.keys() & bases
        if needed:
            self._done.kept["base of a kept build"] = len(needed)
        return {name: hidden for name, hidden in doomed.items() if name not in needed}

    def _why(
        self, name: str, record: BuildRecord | None, hidden: float | None, found: References
    ) -> str | None:
        if record is None:
            return None if hidden is not None else "not in the ledger"
        why = why_kept(record, self._records, self._retention, self._now)
        return why or ("not finished" if not found.is_finished(name) else None)

    def _is_over(self, since: float | None) -> bool:
        """Whether a build was hidden so long ago that no comparison can still choose it."""
        return since is not None and self._now - since >= self._retention.hidden

    def _hide_or_remove(self, build: BuildId, over: bool) -> None:
        ledger = self._records.ledger
        if not over:
            if ledger.forgotten(build) is None and ledger.forget(build, self._now):
                self._done.hidden += 1
            return
        # Its manifest last: the next run finds by it what this one may leave behind.
        manifest = keys.accepted_manifest(build)
        folders = (f"{top}/{build}/" for top in ("comparisons", "uploads", "reviews", "builds"))
        found = [entry.key for folder in folders for entry in self._bucket.list(folder)]
        self._bucket.delete([key for key in found if key != manifest])
        self._bucket.delete([manifest])
        ledger.bury(build)
        self._done.removed += 1
        self._done.deleted += len(found)

    # --- images ---

    def _sweep(self, referred: set[str], live: set[str]) -> set[str]:
        """Deletes what is old and not live; returns the hashes of the images that are left."""
        there, going = set(), list[str]()
        for top in _SWEPT:
            for entry in self._bucket.list(f"{top}/{self._project}/"):
                name = entry.key if top == "diffs" else entry.key.rpartition("/")[2]
                if top == "images":
                    there.add(name)
                if self._now - entry.modified < self._retention.min_age:
                    continue
                if name not in referred:
                    self._done.images += 1
                    self._done.size += entry.size
                if name not in live and len(going) < _MOST:
                    going.append(entry.key)
        if self._delete:
            self._bucket.delete(going)
            self._done.swept = len(going)
            self._done.deleted += len(going)
        return there - {key.rpartition("/")[2] for key in going if key.startswith("images/")}

    def _restore(self, missing: set[str]) -> None:
        """Undoes deletes of what is referred to: by this run, or by one that was cut off."""
        images = BucketImages(self._bucket, self._project)
        hashes = [name for name in missing if "/" not in name]  # the others are keys of masks
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="restore") as threads:
            self._done.restored = sum(threads.map(images.exists, hashes))

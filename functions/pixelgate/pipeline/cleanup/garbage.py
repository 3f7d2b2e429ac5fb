"""Garbage collection: what no build that is kept refers to goes, and nothing else.

A build past retention is first hidden, and removed a delay later, when nobody who had chosen it as
a base before can still be unseen. Results, masks and thumbnails go by generation: only those go
that no run looks for any more and no comparison shows. An image is set aside, and goes a delay
later, when no upload that had found it in its place can still be on its way.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from pixelgate.domain import keys
from pixelgate.domain.cache_month import Generations, is_generation
from pixelgate.domain.eligibility import ineligibility
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord, Review
from pixelgate.pipeline.cleanup.references import References, in_batches, second_look, survey
from pixelgate.pipeline.context import StorageContext
from pixelgate.pipeline.intake.gc_notice import SKEW, Announcement
from pixelgate.pipeline.intake.images import BucketImages
from pixelgate.ports import Attic

DAY = 86_400.0
# The failed-events queue keeps an upload for 14 days; it may be sent again.
_UPLOADS_KEPT = 30 * DAY
_BATCH = 1_000  # images that are taken away at once: one request
_BATCHES = 20  # in one run, so that what it says of them stays short
_PROMISE = 240.0  # for one batch: the second look, then that request
_THREADS = 16
_HOUR = 3_600.0  # from the copy of an image to its end in its place; a run is shorter


@dataclass(frozen=True)
class Retention:
    """How long what is kept.

    Attributes:
        days: builds younger than that are kept, as are approved ones, baselines and waiting ones.
        delay: seconds; longer than any upload takes, and any comparison.
    """

    days: float = 90.0
    delay: float = 7 * DAY


@dataclass
class Collected:
    """What a run did, or in a dry run would do in the end; counts, and bytes of what goes.

    Attributes:
        project: whose.
        kept: builds that stay, by reason.
        builds: builds past retention.
        images: images that nothing else refers to.
        diffs: results, masks and thumbnails that nothing else refers to and nobody looks for.
        size: bytes of all of it.
        forgotten: builds that were hidden in this run.
        removed: builds that were removed in this run.
        set_aside: images that were set aside in this run.
        restored: images that were taken back in this run.
        deleted: objects that were deleted in this run.
    """

    project: str
    kept: dict[str, int] = field(default_factory=dict)
    builds: list[str] = field(default_factory=list)
    images: int = 0
    diffs: int = 0
    size: int = 0
    forgotten: int = 0
    removed: int = 0
    set_aside: int = 0
    restored: int = 0
    deleted: int = 0


def why_kept(
    build: BuildRecord, records: StorageContext, retention: Retention, now: float
) -> str | None:
    """Why a build stays, as far as it alone tells; None if it is past retention."""
    if now - build.created <= retention.days * DAY:
        return "young"
    if build.review is Review.APPROVED:
        return "approved"
    if ineligibility(build, records.baseline_branches) is None:
        return "may be a baseline"
    return None


def collect(
    project: str, records: StorageContext, attic: Attic, retention: Retention, *, delete: bool
) -> Collected:
    """Goes once through a project.

    Args:
        project: its id.
        records: bucket and table.
        attic: the same bucket, to list by time, copy and delete.
        retention: how long what is kept.
        delete: whether to act; a dry run changes nothing.

    Raises:
        WriteConflict: another run is at it.
        ValueError: a manifest or result cannot be read: on doubt nothing goes.
    """
    return _Run(project, records, attic, retention, delete).run()


def oldest_of_runs(now: float, delay: float) -> str:
    """The oldest generation of which something may be referred to that no comparison refers to yet.

    A run that began a delay ago has written its comparison by now, or never will; one that began
    after that has looked for results in this generation, and in none before it.
    """
    return Generations.at(now - delay - SKEW).previous


class _Run:
    def __init__(
        self,
        project: str,
        records: StorageContext,
        attic: Attic,
        retention: Retention,
        delete: bool,
    ) -> None:
        self._project = project
        self._records = records
        self._attic = attic
        self._retention = retention
        self._delete = delete
        self._now = records.clock()
        self._done = Collected(project)

    def run(self) -> Collected:
        since = self._now - max(self._retention.days * DAY, _UPLOADS_KEPT)
        found = survey(self._project, self._records.objects, self._attic, uploads_since=since)
        doomed = self._doomed(found)
        gone = {name for name, hidden in doomed.items() if self._is_over(hidden)}
        self._done.builds = sorted(doomed)
        self._done.size += sum(found.sizes.get(name, 0) for name in doomed)
        everybody = found.builds.keys() | found.shown.keys()
        # What goes in the end, for the report; what may be touched now is less.
        self._images(found, found.of(everybody - doomed.keys()), found.of(everybody - gone))
        self._diffs(found.of(everybody - doomed.keys()), found.of(everybody - gone))
        if self._delete:
            for name in sorted(doomed):
                self._hide_or_remove(BuildId(self._project, name), name in gone)
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
        """Whether it was so long ago that nobody who began before can still be unseen."""
        return since is not None and self._now - since >= self._retention.delay

    def _hide_or_remove(self, build: BuildId, over: bool) -> None:
        ledger = self._records.ledger
        if not over:
            if ledger.forgotten(build) is None and ledger.forget(build, self._now):
                self._done.forgotten += 1
            return
        # Its manifest last, as it is what names it.
        manifest = keys.accepted_manifest(build)
        folders = (f"{top}/{build}/" for top in ("comparisons", "uploads", "reviews", "builds"))
        found = [entry.key for folder in folders for entry in self._attic.entries(folder)]
        self._attic.delete([key for key in found if key != manifest])
        self._attic.delete([manifest])
        ledger.bury(build)
        self._done.removed += 1
        self._done.deleted += len(found)

    # --- images ---

    def _images(self, found: References, referred: set[str], live: set[str]) -> None:
        present, old = set(), list[str]()
        for entry in self._attic.entries(f"images/{self._project}/"):
            sha256 = entry.key.rpartition("/")[2]
            present.add(sha256)
            if self._now - entry.modified < self._retention.delay:
                continue  # its upload may be on its way: not yet, whoever refers to it
            if sha256 not in referred:
                self._done.images += 1
                self._done.size += entry.size
            if sha256 not in live:
                old.append(sha256)
        if self._delete:
            if old:
                self._set_aside(old, found)
            self._look_aside(present, live)

    def _set_aside(self, old: list[str], found: References) -> None:
        """Copies, says so, looks once more who needs them, and only then takes them away."""
        word = Announcement(self._project, self._records)
        for batch in islice(in_batches(old, _BATCH), _BATCHES):
            with ThreadPoolExecutor(_THREADS, thread_name_prefix="aside") as threads:
                list(threads.map(self._copy_aside, batch))
            word.say(batch, self._records.clock() + _PROMISE)
            needed = second_look(self._project, self._records.objects, self._attic, found)
            going = [sha256 for sha256 in batch if sha256 not in needed]
            if word.may_delete():
                self._attic.delete([keys.image(self._project, sha256) for sha256 in going])
                self._done.set_aside += len(going)
        word.end()

    def _copy_aside(self, sha256: str) -> None:
        self._attic.copy(keys.image(self._project, sha256), keys.aside(self._project, sha256))

    def _look_aside(self, present: set[str], live: set[str]) -> None:
        """Takes back what is needed after all; what nobody missed for a delay goes."""
        images = BucketImages(self._records.objects, self._project)
        over = []
        for entry in list(self._attic.entries(keys.aside(self._project, ""))):
            sha256 = entry.key.rpartition("/")[2]
            if sha256 in live and sha256 not in present:
                self._done.restored += images.exists(sha256)
            elif self._now - entry.modified >= self._retention.delay + _HOUR:
                over.append(entry.key)
        self._attic.delete(over)
        self._done.deleted += len(over)

    # --- results, masks and thumbnails ---

    def _diffs(self, referred: set[str], live: set[str]) -> None:
        """Of generations in which no run looks: results, and pictures that nobody shows."""
        oldest = oldest_of_runs(self._now, self._retention.delay)
        over = []
        for key, size in self._of_generations_before(oldest):
            if key not in referred:
                self._done.diffs += 1
                self._done.size += size
            if key not in live:
                over.append(key)
        if self._delete:
            self._attic.delete(over)
            self._done.deleted += len(over)

    def _of_generations_before(self, oldest: str) -> Iterator[tuple[str, int]]:
        for entry in self._attic.entries(f"diffs/{self._project}/"):
            generation = entry.key.split("/", 3)[2]
            if is_generation(generation) and generation < oldest:
                yield entry.key, entry.size

"""Garbage collection: deletes builds past retention, and old images that nothing refers to.

A build past retention is hidden first and deleted a week later, so that no running comparison uses
it as a base when it is deleted. An image is deleted if it is old and no build refers to it. S3
keeps its version for 30 days: a worker that misses the image restores it, see `BucketImages`. At
its end, each run restores images to which something refers since its beginning.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pixelgate.domain import keys
from pixelgate.domain.eligibility import ineligibility
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord, Review, State
from pixelgate.pipeline.cleanup.references import References, second_look, survey
from pixelgate.pipeline.context import StorageContext
from pixelgate.pipeline.intake.images import BucketImages

DAY = 86_400.0
# The queue of failed events keeps an upload for 14 days, in which it may be sent again.
_UPLOADS_KEPT = 30 * DAY
# Images deleted in one run; until its end, some of them may be missing to somebody.
_MOST = 20_000
_THREADS = 16
# Earlier versions wrote masks and thumbnails to diffs/, and moved images to aside/ at first.
_SWEPT = ("images", "diffs", "aside")


@dataclass(frozen=True)
class Retention:
    """How long what is kept.

    Attributes:
        days: younger builds are kept, as are approved ones, baselines and unfinished ones.
        min_age: seconds since an image was written; younger ones are kept. Together with the 30
            days for which S3 keeps a version, longer than any upload takes.
        hidden: seconds from hiding a build to deleting it; longer than any comparison takes.
    """

    days: float = 90.0
    min_age: float = 30 * DAY
    hidden: float = 7 * DAY


@dataclass
class Collected:
    """What a run found and did.

    Attributes:
        kept: number of kept builds, by reason.
        builds: builds past retention.
        images: number of old images that no other build refers to, and files of earlier versions.
        size: bytes of those builds and images.
        hidden, removed: number of builds that this run hid, and that it deleted.
        swept, restored: number of images that this run deleted, and that it restored.
        deleted: number of all objects that this run deleted.
    """

    project: str
    kept: Counter[str] = field(default_factory=Counter)
    builds: list[str] = field(default_factory=list)
    images: int = 0
    size: int = 0
    hidden: int = 0
    removed: int = 0
    swept: int = 0
    restored: int = 0
    deleted: int = 0


def collect(
    project: str, storage: StorageContext, retention: Retention, *, delete: bool
) -> Collected:
    """Collects the garbage of a project. Runs may overlap, and may be killed at any point.

    Without `delete` nothing is changed, nor if a manifest cannot be read, which raises ValueError.
    """
    return _Run(project, storage, retention, delete).run()


class _Run:
    def __init__(
        self, project: str, storage: StorageContext, retention: Retention, delete: bool
    ) -> None:
        self._project = project
        self._storage = storage
        self._bucket = storage.objects
        self._retention = retention
        self._delete = delete
        self._now = storage.clock()
        self._done = Collected(project)

    def run(self) -> Collected:
        since = self._now - max(self._retention.days * DAY, _UPLOADS_KEPT)
        references = survey(self._project, self._bucket, uploads_since=since)
        doomed = self._doomed(references)
        over = {name for name, hidden in doomed.items() if self._is_over(hidden)}
        self._done.builds = sorted(doomed)
        self._done.size = sum(references.sizes.get(name, 0) for name in doomed)
        builds = references.by_build.keys()
        live = references.of(builds - over)
        if self._delete:
            for name in self._done.builds:
                build = BuildId(self._project, name)
                if name in over:
                    self._remove(build)
                elif doomed[name] is None:
                    self._done.hidden += self._storage.ledger.hide(build, self._now)
        existing = self._sweep(references.of(builds - doomed.keys()), live)
        if self._delete:
            live |= second_look(self._project, self._bucket, references)
            images = BucketImages(self._bucket, self._project)
            # Images that this run deleted, or one that was killed. The other names are of masks.
            missing = [name for name in live - existing if "/" not in name]
            with ThreadPoolExecutor(_THREADS, thread_name_prefix="restore") as threads:
                self._done.restored = sum(threads.map(images.exists, missing))
        return self._done

    def _doomed(self, references: References) -> dict[str, float | None]:
        """Returns the builds past retention, and since when they are hidden."""
        doomed: dict[str, float | None] = {}
        bases = set()
        for name in references.accepted | references.states.keys():
            build = BuildId(self._project, name)
            record = self._storage.ledger.build(build)
            hidden = None if record else self._storage.ledger.hidden_since(build)
            if record:
                why = self._why_kept(record, references.states.get(name))
            else:
                why = "not in the ledger" if hidden is None else None
            if why is None:
                doomed[name] = hidden
                continue
            self._done.kept[why] += 1
            if record and record.baseline and record.baseline.exists:
                bases.add(record.baseline.build)
        if needed := doomed.keys() & bases:
            self._done.kept["base of a kept build"] = len(needed)
        return {name: hidden for name, hidden in doomed.items() if name not in needed}

    def _why_kept(self, build: BuildRecord, state: str | None) -> str | None:
        """Returns why a build is kept, whatever needs it; None if it is past retention."""
        storage = self._storage
        if self._now - build.created <= self._retention.days * DAY:
            return "young"
        if build.review is Review.APPROVED:
            return "approved"
        if ineligibility(build, storage.baseline_branches, storage.trunk_only) is None:
            return "may be a baseline"
        return None if state in {State.SUCCEEDED, State.FAILED} else "not finished"

    def _is_over(self, hidden: float | None) -> bool:
        """Whether a build was hidden so long ago that no comparison can still use it as a base."""
        return hidden is not None and self._now - hidden >= self._retention.hidden

    def _remove(self, build: BuildId) -> None:
        """Deletes a build: its manifest last, as a later run finds by it what is left."""
        manifest = keys.accepted_manifest(build)
        folders = (f"{top}/{build}/" for top in ("comparisons", "uploads", "reviews", "builds"))
        objects = [entry.key for folder in folders for entry in self._bucket.list(folder)]
        self._bucket.delete([key for key in objects if key != manifest])
        self._bucket.delete([manifest])
        self._storage.ledger.delete_build(build)
        self._done.removed += 1
        self._done.deleted += len(objects)

    def _sweep(self, referred: set[str], live: set[str]) -> set[str]:
        """Deletes old images that are not live; returns the hashes of the others."""
        existing, garbage = set(), list[str]()
        for top in _SWEPT:
            for entry in self._bucket.list(f"{top}/{self._project}/"):
                name = entry.key if top == "diffs" else entry.key.rpartition("/")[2]
                old = self._now - entry.modified >= self._retention.min_age
                if old and name not in referred:
                    self._done.images += 1
                    self._done.size += entry.size
                if old and name not in live and len(garbage) < _MOST:
                    garbage.append(entry.key)
                elif top == "images":
                    existing.add(name)
        if self._delete:
            self._bucket.delete(garbage)
            self._done.swept = len(garbage)
            self._done.deleted += len(garbage)
        return existing

"""The projects of a bucket: what is there, what runs, and how one is deleted."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pixelgate.domain import keys
from pixelgate.domain.wording import joined
from pixelgate.errors import NotFound, Refused, UsageError
from pixelgate.pipeline.cleanup.lost_uploads import PATIENCE, TOO_OLD
from pixelgate.pipeline.cleanup.orphans import projects as names_in
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import SILENT, Bucket, Listed, Progress

# The folders with objects of a project, besides cached diffs, which S3 deletes by their age.
TOPS = ("builds", "comparisons", "uploads", "reviews", "images", "diffs", "aside")
_NEEDED = frozenset({"builds", "comparisons", "images"})  # which reviewers may list, too
_THREADS = 16
_SHOWN = 5
# comparison.json begins with its heading, in which is the cost; its images come last.
_HEADING = 64 * 1024
_IMAGES = b', "images": {'
_RUNNING = frozenset({"PROCESSING", "WAITING_FOR_BASE"})
# No build's id begins with "@", so no command or function takes it for a build.
_MARKER = "@move/from.json"


class Table(Protocol):
    """The records of projects, as items of the table; `pk` is the project."""

    def items(self, project: str) -> list[dict[str, Any]]:
        """Returns every item of a project."""

    def put_new(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        """Writes an item unless there is one with its key; returns the one that was there."""

    def put(self, item: Mapping[str, Any]) -> None:
        """Writes an item, also over another one."""

    def delete(self, item: Mapping[str, Any]) -> bool:
        """Deletes an item if it is as it was; returns whether it is gone."""


@dataclass(frozen=True)
class Place:
    """A project in a bucket and its table; `at` is the bucket's name."""

    bucket: Bucket
    table: Table
    at: str
    project: str

    def __str__(self) -> str:
        return f"{self.project} in {self.at}"

    def listed(self) -> list[Listed]:
        """Returns every object of the project, without the marker of a move."""
        marker = marker_of(self.project)
        return [entry for entry in everything(self.bucket, self.project) if entry.key != marker]


@dataclass
class Summary:
    """One project, as `projects list` shows it.

    Attributes:
        builds: the number of builds with a status.
        newest: when the newest status was written, seconds since 1970; None without builds.
        snapshots: the number of snapshots of the newest build with a result.
        images: the number of different images.
        size: bytes of all objects, without older versions and cached diffs.
        dollars: what the runs cost whose results are kept.
        runs: the number of these results.
        unpriced: how many of them have no cost.
        moving_from: from where a move into this project was begun and not finished.
        unseen: folders that these credentials may not list, whose size is not counted.
    """

    project: str
    builds: int = 0
    newest: float | None = None
    snapshots: int = 0
    images: int = 0
    size: int = 0
    dollars: float = 0.0
    runs: int = 0
    unpriced: int = 0
    moving_from: str | None = None
    unseen: list[str] = field(default_factory=list)
    statuses: list[Listed] = field(default_factory=list, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Returns the fields that `projects list --json` prints."""
        fields = {name: value for name, value in vars(self).items() if name != "statuses"}
        return {**fields, "dollars": round(self.dollars, 6)}


def list_projects(
    bucket: Bucket, only: str | None = None, progress: Progress = SILENT
) -> list[Summary]:
    """Describes every project of a bucket, or one.

    Raises:
        BucketError: the bucket cannot be read.
    """
    names = [only] if only else names_in(bucket)
    progress.begin("reading projects", len(names))
    found = []
    for name in names:
        found.append(_summary(bucket, name))
        progress.step()
    return found


def _summary(bucket: Bucket, project: str) -> Summary:
    found, results = Summary(project), []
    for entry in _seen(bucket, project, found.unseen):
        found.size += entry.size
        top, _, *rest = entry.key.split("/")
        if top == "images":
            found.images += 1
        elif top == "builds" and rest[1:] == ["status.json"]:
            found.statuses.append(entry)
        elif top == "comparisons" and rest[-1] == "comparison.json":
            results.append(entry.key)
        elif entry.key == marker_of(project):
            found.moving_from = str(read_marker(bucket, project).get("from"))
    found.builds = len(found.statuses)
    found.statuses.sort(key=lambda entry: entry.modified, reverse=True)
    if found.statuses:
        found.newest = found.statuses[0].modified
    found.snapshots = next(_totals(bucket, found.statuses), 0)
    found.runs = len(results)
    for _, dollars in bounded_map(lambda key: _dollars(bucket, key), results, _THREADS):
        found.dollars += dollars or 0.0
        found.unpriced += dollars is None
    return found


def _seen(bucket: Bucket, project: str, unseen: list[str]) -> Iterator[Listed]:
    """Yields every object that may be listed; adds the other folders to `unseen`."""
    for top in TOPS:
        try:
            yield from bucket.list(f"{top}/{project}/")
        except Refused:
            if top in _NEEDED:
                raise
            unseen.append(top)


def _totals(bucket: Bucket, statuses: Iterable[Listed]) -> Iterator[int]:
    """Yields the number of snapshots of each build that has a result, newest first."""
    for entry in statuses:
        try:
            counts = json.loads(bucket.read(entry.key)).get("counts") or {}
        except (NotFound, ValueError, AttributeError):
            continue
        if isinstance(counts, dict) and counts.get("total"):
            yield int(counts["total"])


def _dollars(bucket: Bucket, key: str) -> float | None:
    """Returns the cost in a comparison.json; None if it has none or cannot be read."""
    try:
        start = bucket.read_range(key, 0, _HEADING)
        heading, found, _ = start.partition(_IMAGES)
        fields = json.loads(heading + b"}" if found else bucket.read(key))
        return float(fields["cost"]["dollars"])
    except (NotFound, ValueError, KeyError, TypeError):
        return None


def everything(bucket: Bucket, project: str) -> Iterator[Listed]:
    """Yields every object of a project, besides cached diffs."""
    for top in TOPS:
        yield from bucket.list(f"{top}/{project}/")


def marker_of(project: str) -> str:
    """The key of the object that says that a move into a project is under way."""
    return f"builds/{project}/{_MARKER}"


def read_marker(bucket: Bucket, project: str) -> dict[str, Any]:
    """Returns the content of a move's marker; empty if there is none."""
    try:
        fields = json.loads(bucket.read(marker_of(project)))
    except (NotFound, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def check_idle(
    place: Place, listed: Iterable[Listed], items: Iterable[Mapping[str, Any]], now: float
) -> None:
    """Refuses a project in which something runs.

    `listed` and `items` are its objects and records, `now` is in seconds since 1970.

    Raises:
        UsageError: a comparison runs, waits or was not announced yet; or an upload or a review has
            only just come.
    """
    records = list(items)
    running = sorted(
        {
            str(item["sk"]).split("/")[1]
            for item in records
            if str(item["sk"]).startswith("comparison/")
            and ("unfinished" in item or item.get("state") in _RUNNING)
        }
    )
    objects = {entry.key: entry for entry in listed}
    known = {str(item["sk"]).split("/")[1] for item in records if str(item["sk"])[:6] == "build/"}
    known |= {key.split("/")[2] for key in objects if key.startswith("builds/")}
    coming = sorted(
        {
            upload.build.build
            for key, entry in objects.items()
            if (upload := keys.upload_of(key))
            and upload.build.build not in known
            and now - entry.modified < TOO_OLD
        }
    )
    reviewed = sorted(
        {
            review[0].build
            for key, entry in objects.items()
            if (review := keys.review_of(key))
            and keys.kept_review(*review) not in objects
            and now - entry.modified < PATIENCE
        }
    )
    for builds, what in (
        (running, "are compared, or their results are not announced yet"),
        (coming, "were uploaded in the last hour and nobody has accepted them yet"),
        (reviewed, "have reviews of the last minutes that are not applied yet"),
    ):
        if builds:
            raise UsageError(
                f"nothing was changed: in {place} builds {what}: {joined(builds, _SHOWN)}. Try "
                "again when they are done; `pixelgate status BUILD` shows their state"
            )


@dataclass(frozen=True)
class Deleted:
    """What was deleted, or what would be."""

    objects: int
    size: int
    records: int


def delete(place: Place, now: float, *, dry_run: bool, progress: Progress = SILENT) -> Deleted:
    """Deletes a project: objects and records. A run that was interrupted is run again.

    Records go first, so that no build is a baseline any more, and images last. Older versions of
    the objects stay in the bucket for its 30 days. `now` is in seconds since 1970.

    Raises:
        UsageError: there is no such project, something runs in it, or a move needs it.
    """
    listed, items = place.listed(), place.table.items(place.project)
    if not listed and not items:
        raise UsageError(f"there is no project {place}")
    if read_marker(place.bucket, place.project).get("deleting"):
        raise UsageError(
            f"{place} is what a move has copied, and its origin is partly removed: repeat that "
            "move first, else the builds would be lost"
        )
    check_idle(place, listed, items, now)
    found = Deleted(len(listed), sum(entry.size for entry in listed), len(items))
    if not dry_run:
        remove(place, [entry.key for entry in listed], items, progress)
        place.bucket.delete([marker_of(place.project)])
    return found


def remove(
    place: Place,
    names: Collection[str],
    items: Iterable[Mapping[str, Any]],
    progress: Progress = SILENT,
) -> None:
    """Deletes records, then objects; images last, as all that refers to them is gone by then.

    Raises:
        UsageError: a record has changed since it was read. No object was deleted then.
    """
    # Builds first: the other records are found by them, or ignored without them.
    records = sorted(items, key=lambda item: not str(item["sk"]).startswith("build/"))
    progress.begin("deleting", len(records) + 1)
    for item in records:
        if not place.table.delete(item):
            raise UsageError(
                f"a record of {place} has changed meanwhile ({item['sk']}); its objects are kept. "
                "Run the same command again"
            )
        progress.step()
    for step in (0, 1, 2):
        place.bucket.delete([key for key in names if _step(key) == step])
    progress.step()


def _step(key: str) -> int:
    """Returns when an object goes: what people see, what builds are made of, images."""
    if key.endswith(("/index.html", "/status.json")):
        return 0
    return 2 if key.split("/")[0] in {"images", "diffs", "aside"} else 1

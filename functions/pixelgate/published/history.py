"""Lists the builds of a project, newest first, and the results of one snapshot in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.names import find
from pixelgate.errors import NotFound
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import SILENT, Bucket, Listed, Progress
from pixelgate.published.comparison import read_comparison
from pixelgate.published.reviews import DONE, Given, counting, read_reviews
from pixelgate.published.status import in_words, reviewers

_THREADS = 8
_STATUS, _MANIFEST = "status.json", "manifest.json"


@dataclass(frozen=True)
class Past:
    """One build."""

    id: BuildId  # project and build
    updated: str  # the time at which its status was written, in ISO 8601
    status: Mapping[str, Any]
    # Its commit; None if its manifest was rejected or some of its shards are missing.
    commit: str | None
    branch: str | None  # its branch; None in the same cases
    pull_request: str | None  # its pull request; None also if it has none

    @property
    def uploaded(self) -> str:
        """When its comparison was asked for; where that is not known, when it was told of."""
        return str(self.status.get("created") or self.updated)

    def as_json(self) -> dict[str, Any]:
        """Returns the fields that `history --json` prints for a build."""
        return {
            "build": self.id.build,
            "commit": self.commit,
            "branch": self.branch,
            "pull_request": self.pull_request,
            "state": self.status.get("state"),
            "verdict": self.status.get("verdict"),
            "result": in_words(self.status),
            "counts": self.status.get("counts") or {},
            "base": self.status.get("base"),
            "report": self.status.get("report"),
            "updated": self.updated,
            "reviewers": list(reviewers(self.status)),
        }


@dataclass(frozen=True)
class Listing:
    """A build as a listing of the bucket shows it; `tag` is that of its status.json."""

    build: BuildId
    tag: str


def listing(store: Bucket, project: str) -> list[Listing]:
    """Lists every build of a project that has a status, the latest upload first.

    The accepted manifest says when that was: a review writes the status again. A build whose
    manifest was rejected has only a status.
    """
    prefix = f"builds/{project}/"
    told: dict[str, Listed] = {}
    accepted: dict[str, float] = {}
    for entry in store.list(prefix):
        build, slash, name = entry.key.removeprefix(prefix).partition("/")
        if slash and name == _STATUS:
            told[build] = entry
        elif slash and name == _MANIFEST:
            accepted[build] = entry.modified
    uploads = [(accepted.get(b, entry.modified), b, entry.tag) for b, entry in told.items()]
    return [Listing(BuildId(project, b), tag) for _, b, tag in sorted(uploads, reverse=True)]


def newest(store: Bucket, project: str) -> list[BuildId]:
    """Returns every build of a project that has a status, the latest upload first."""
    return [listed.build for listed in listing(store, project)]


def history(
    store: Bucket,
    project: str,
    *,
    branch: str | None = None,
    limit: int = 20,
    progress: Progress = SILENT,
) -> list[Past]:
    """Returns the newest builds of a project, or of one of its branches.

    Raises:
        BucketError: the bucket cannot be read.
    """
    builds = newest(store, project)
    matches: list[Past] = []
    progress.begin("reading builds", min(limit, len(builds)))
    # In slices, because with a branch it is unknown how many builds must be read.
    for first in range(0, len(builds), limit):
        part = builds[first : first + limit]
        read = dict(bounded_map(lambda build: _past(store, build), part, _THREADS))
        for build in part:
            past = read[build]
            if past and (branch is None or past.branch == branch):
                matches.append(past)
                progress.step()
        if len(matches) >= limit:
            break
    return matches[:limit]


@dataclass(frozen=True)
class Seen:
    """One snapshot in one build."""

    image: Mapping[str, Any] | None  # its result; None if the build has no such snapshot
    reviews: tuple[Given, ...] = ()  # those about it, the earliest first; the last one counts

    def as_json(self) -> dict[str, Any] | None:
        """Returns the field `snapshot` that `history NAME --json` prints."""
        if self.image is None:
            return None
        given = [{k: v for k, v in r.as_json().items() if k != "names"} for r in self.reviews]
        return {**self.image, **({"reviews": given} if given else {})}

    @property
    def words(self) -> str:
        """Who decided what on it: `approved by ada (before: rejected by bob)`."""
        decided = [f"{DONE[r.action]} by {r.by}" for r in reversed(self.reviews)]
        before = list(dict.fromkeys(word for word in decided[1:] if word != decided[0]))
        return "".join(decided[:1]) + (f" (before: {', '.join(before)})" if before else "")


def of_snapshot(
    store: Bucket, name: str, builds: list[Past], progress: Progress = SILENT
) -> Iterator[tuple[Past, Seen]]:
    """Yields each build with one snapshot's result in it, and the reviews of that."""
    progress.begin("reading comparisons", len(builds))

    def look(past: Past) -> Seen:
        comparison = read_comparison(store, past.status)
        images = (comparison or {}).get("images") or {}
        known = find(name, images)
        if known is None:
            return Seen(None)
        reviews = read_reviews(store, past.status, comparison)
        return Seen(images[known], tuple(counting(reviews, known)))

    read = {}
    for past, seen in bounded_map(look, builds, _THREADS):
        progress.step()
        read[past.id] = seen
    for past in builds:
        yield past, read[past.id]


def _past(store: Bucket, build: BuildId) -> Past | None:
    """Reads a build from its status; None if it has no valid one."""
    try:
        status = json.loads(store.read(keys.status(build)))
    except (NotFound, ValueError):
        return None
    if not isinstance(status, dict):
        return None
    pull = status.get("pull_request")
    return Past(
        id=build,
        updated=str(status.get("updated") or ""),
        status=status,
        commit=status.get("commit"),
        branch=status.get("branch"),
        pull_request=None if pull is None else str(pull),
    )

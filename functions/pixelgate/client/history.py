"""Lists the builds of a project, newest first, and the results of one snapshot in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pixelgate.client.exit_code import in_words
from pixelgate.client.progress import SILENT, Progress
from pixelgate.client.result import read_comparison
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.names import find
from pixelgate.errors import NotFound
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import Bucket

_THREADS = 8
_STATUS = "/status.json"


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
        }


def newest(store: Bucket, project: str) -> list[BuildId]:
    """Returns every build of a project that has a status, the newest status first."""
    prefix = f"builds/{project}/"
    builds = [
        (entry.modified, entry.key.removeprefix(prefix).removesuffix(_STATUS))
        for entry in store.list(prefix)
        if entry.key.endswith(_STATUS) and entry.key.count("/") == prefix.count("/") + 1
    ]
    return [BuildId(project, build) for _, build in sorted(builds, reverse=True)]


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


def of_snapshot(
    store: Bucket, name: str, builds: list[Past], progress: Progress = SILENT
) -> Iterator[tuple[Past, Mapping[str, Any] | None]]:
    """Yields each build with its result for one snapshot; None if it has no such snapshot."""
    progress.begin("reading comparisons", len(builds))
    read = {}
    for past, comparison in bounded_map(
        lambda past: read_comparison(store, past.status), builds, _THREADS
    ):
        progress.step()
        images = (comparison or {}).get("images") or {}
        read[past.id] = images.get(find(name, images))
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

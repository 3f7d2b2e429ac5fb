"""Adds results to the index that were published before there was one, or while it was lost."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pixelgate.client.counted import CountedBucket
from pixelgate.domain import keys
from pixelgate.domain.cost import Usage
from pixelgate.domain.history import Entry, change_of, encode, entry_of
from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest import parse_accepted
from pixelgate.domain.review_request import Reviewable
from pixelgate.domain.review_state import ReviewLog
from pixelgate.errors import BadManifest, BucketError, NotFound, UsageError
from pixelgate.past.model import Past
from pixelgate.pipeline.cleanup.index import add_lines
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import SILENT, Bucket, Progress
from pixelgate.published.history import newest
from pixelgate.published.status import review_of
from pixelgate.report import comparison_of

_THREADS = 8
# Builds that are written at once; what an interrupted run has written is not read again. A month is
# written whole each time, so later a fifth of what is done already is waited for.
_AT_ONCE, _MOST_AT_ONCE = 50, 2_000


@dataclass
class Indexed:
    """What a run found and did.

    Attributes:
        known: results that the index had.
        added: results that this run added.
        left: builds whose result could not be read, and why.
        usage: the requests to S3.
    """

    project: str
    known: int = 0
    added: int = 0
    left: dict[str, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)


def index_older(store: Bucket, project: str, progress: Progress = SILENT) -> Indexed:
    """Adds every published result of a project that its index lacks. Runs may be repeated.

    Raises:
        BucketError: the bucket cannot be used, or holds something else under a key of the index.
    """
    counted = CountedBucket(store)
    done = Indexed(project)
    known = {
        (entry.build, entry.execution)
        for entry in Past.of(counted.bucket, project, executions=True).entries
    }
    builds = newest(counted.bucket, project)
    progress.begin("indexing", len(builds))
    first = 0
    while some := builds[first : first + min(max(_AT_ONCE, first // 5), _MOST_AT_ONCE)]:
        first += len(some)
        lines: dict[str, dict[str, bytes]] = defaultdict(dict)
        for build, found in bounded_map(lambda b: _entry(counted.bucket, b, known), some, _THREADS):
            progress.step()
            if isinstance(found, Entry):
                done.added += 1
                lines[found.at[:7]][build.build] = encode([found])
            elif isinstance(found, str):
                done.left[build.build] = found
            else:
                done.known += found
        for month, bodies in sorted(lines.items()):
            try:
                add_lines(counted.bucket, keys.index_month(project, month), bodies)
            except ValueError as error:
                raise BucketError(f"{error}; delete it and repeat the command") from error
    done.usage = counted.usage
    return done


def _entry(store: Bucket, build: BuildId, known: Collection[tuple[str, str]]) -> Entry | str | bool:
    """Returns the entry to add, why there is none, or whether it is known (no result: False)."""
    status = _json(store, keys.status(build)) or {}
    execution, key = str(status.get("execution") or ""), status.get("comparison")
    if not key:
        return False
    if (build.build, execution) in known:
        return True
    try:
        comparison = comparison_of(json.loads(store.read(str(key))))
        manifest = parse_accepted(store.read(keys.accepted_manifest(build)), build)
        log = (
            ReviewLog.from_json(found) if (found := _json(store, keys.review_log(build))) else None
        )
        stored = _json(store, keys.result(comparison.id, execution, "review.json"))
        reviewable = Reviewable.from_json(stored) if stored else None
    except NotFound as error:
        return f"{error} is gone"
    except (UsageError, BadManifest, ValueError, KeyError, TypeError) as error:
        return str(error) or repr(error)
    own = (log or ReviewLog()).of_execution(execution)
    granted = (reviewable and reviewable.granted) or own.granted
    change = change_of(build.build, execution, review_of(status), own, granted)
    return entry_of(comparison, manifest).with_change(change)


def _json(store: Bucket, key: str) -> dict[str, Any] | None:
    try:
        found = json.loads(store.read(key))
    except (NotFound, ValueError):
        return None
    return found if isinstance(found, dict) else None

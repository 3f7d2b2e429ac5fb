"""Adds results to the index that were published before there was one, or while it was lost."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

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
from pixelgate.ports import SILENT, Bucket, Listed, Progress
from pixelgate.published.history import newest
from pixelgate.published.status import review_of
from pixelgate.report import comparison_of

_THREADS = 8
# Builds that are written at once; what an interrupted run has written is not read again.
_AT_ONCE = 50
_PAGE = 1_000  # keys of one request for a listing


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
    counted = _Counted(store)
    done = Indexed(project)
    known = {
        (entry.build, entry.execution)
        for entry in Past.of(counted.bucket, project, executions=True).entries
    }
    builds = newest(counted.bucket, project)
    progress.begin("indexing", len(builds))
    for first in range(0, len(builds), _AT_ONCE):
        lines: dict[str, dict[str, bytes]] = defaultdict(dict)
        some = builds[first : first + _AT_ONCE]
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
    done.usage = Usage(requests=dict(counted.requests))
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


class _Counted:
    """A bucket whose requests are counted, by the names that S3 gives them."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.bucket: Any = self

    def _count(self, operation: str, number: int = 1) -> None:
        with self._lock:
            self.requests[f"s3.{operation}"] += number

    def list(self, prefix: str) -> Iterator[Listed]:
        """Lists, a thousand keys a request."""
        self._count("ListObjectsV2")
        for number, entry in enumerate(self._bucket.list(prefix), 1):
            if number > 1 and number % _PAGE == 1:
                self._count("ListObjectsV2")
            yield entry

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "PutObject" if name in {"write", "replace", "put_new"} else "GetObject"
        method: Callable[..., Any] = getattr(self._bucket, name)

        def call(*args: Any, **options: Any) -> Any:
            self._count(operation)
            return method(*args, **options)

        return call

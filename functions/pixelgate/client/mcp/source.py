"""What an agent may look at: a bucket or a folder, opened as `pixelgate serve` does, to read."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pixelgate.client.serve import is_of_compare, open_folder
from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison
from pixelgate.domain.keys import COMPARISON, BuildId, check_build
from pixelgate.errors import BadManifest, NotFound, UsageError
from pixelgate.past.model import Past
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import Bucket, DifferPool, Listed
from pixelgate.published.comparison import read_comparison
from pixelgate.published.history import listing
from pixelgate.published.reviews import Given, read_reviews
from pixelgate.report.load import comparison_of
from pixelgate.web.catalogue import Cache, Row
from pixelgate.web.pasts import Pasts

_THREADS = 16
_SLICE = 50
_COMPARISONS = 4
_STATUSES = 5_000
# Of a folder that `pixelgate compare` wrote: no project can have this name in a bucket.
LOCAL_BUILD = "@compared"
Pool = Callable[[], AbstractContextManager[DifferPool] | None]


class ReadOnly:
    """A bucket of which nothing is written: whoever tries gets an error before anything is sent."""

    def __init__(self, inner: Bucket) -> None:
        self._inner = inner

    def read(self, key: str, limit: int | None = None) -> bytes:
        """Reads an object."""
        return self._inner.read(key, limit)

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        """Reads an object and its tag."""
        return self._inner.read_tagged(key, limit)

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Reads a part of an object."""
        return self._inner.read_range(key, offset, length)

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """Reads an object if it has another tag."""
        return self._inner.read_changed(key, tag)

    def read_deleted(self, key: str, limit: int | None = None) -> bytes:
        """Reads what a deleted object had."""
        return self._inner.read_deleted(key, limit)

    def exists(self, key: str) -> bool:
        """Asks for an object."""
        return self._inner.exists(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Lists objects."""
        return self._inner.list(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        """Lists folders."""
        return self._inner.folders(prefix)

    def caller(self) -> str:
        """Asks who we are."""
        return self._inner.caller()

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Refuses."""
        _refuse(key)

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Refuses."""
        _refuse(key)

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Refuses."""
        _refuse(key)

    def delete(self, keys: Collection[str]) -> None:
        """Refuses."""
        _refuse(next(iter(keys), ""))

    def check_write(self, key: str) -> None:
        """Refuses."""
        _refuse(key)


def _refuse(key: str) -> NoReturn:
    raise UsageError(f"`pixelgate mcp` writes nothing, and would have written {key}")


@dataclass(frozen=True)
class Result:
    """One build's status, and its comparison if there is one."""

    build: BuildId
    status: Mapping[str, Any]
    comparison: Comparison | None = None
    stored: Mapping[str, Any] = field(default_factory=dict)  # comparison.json

    @property
    def has_base(self) -> bool:
        """Whether it was compared with a build."""
        return bool(self.comparison and self.comparison.id.base != keys.NO_BASE)


class Source:
    """Reads projects, builds, pictures and pasts, and remembers what does not change."""

    def __init__(
        self,
        store: Bucket,
        *,
        bucket: str | None = None,
        project: str | None = None,
        pool: Pool = lambda: None,
        local: bool = False,
    ) -> None:
        """Takes what `of_bucket` and `of_folder` find out.

        Args:
            store: where everything lies.
            bucket: its name for commands; None for a folder.
            project: the one that is meant where none is named.
            pool: opens the engine, for drift; returns None where it is not installed.
            local: whether the store is a folder that `pixelgate compare` wrote.
        """
        self.store: Bucket = ReadOnly(store)
        self.bucket = bucket
        self.project = project
        self.pool = pool
        self.local = local
        self._pasts = Pasts(self.store, most=None)  # no page waits for it
        self._statuses: Cache[Mapping[str, Any] | None] = Cache(_STATUSES)
        # A published comparison never changes.
        self._comparisons: Cache[tuple[Comparison, Mapping[str, Any]]] = Cache(_COMPARISONS)

    @classmethod
    def of_bucket(cls, store: Bucket, bucket: str, project: str | None, pool: Pool) -> Source:
        """Opens a bucket."""
        return cls(store, bucket=bucket, project=project, pool=pool)

    @classmethod
    def of_folder(cls, folder: Path, project: str | None, pool: Pool) -> Source:
        """Opens a folder that `compare` or `report` wrote. Raises UsageError if neither did."""
        store = open_folder(folder)
        return cls(store, project=project, pool=pool, local=is_of_compare(folder))

    def projects(self) -> list[str]:
        """Lists the projects by name."""
        if self.local:
            return [self._local().build.project]
        return sorted(self.store.folders("builds/"), key=lambda name: (name.lower(), name))

    def named(self, project: str | None) -> str:
        """Returns the project that is meant. Raises UsageError if none is, or it is not there."""
        known = self.projects()
        wanted = project or self.project or (known[0] if len(known) == 1 else None)
        if wanted is None:
            raise UsageError("project: name one; list_projects lists them")
        if wanted not in known:
            raise UsageError(f"project: there is no {wanted!r}; list_projects lists them")
        return wanted

    def builds(
        self, project: str, words: Sequence[str], after: str | None, count: int
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """Returns statuses, the newest first, and whether there are others.

        `words` select builds as the search of the review site does; `after` is the build with which
        the page before ended.

        Raises:
            UsageError: that build is gone.
        """
        if self.local:
            return [self._local().status], False
        listed = listing(self.store, project)
        if after is not None:
            place = next((n for n, one in enumerate(listed) if one.build.build == after), None)
            if place is None:
                raise UsageError(
                    "cursor: the build at which the answer before ended is gone; ask again "
                    "without a cursor"
                )
            listed = listed[place + 1 :]
        found: list[Mapping[str, Any]] = []
        for first in range(0, len(listed), _SLICE):
            part = listed[first : first + _SLICE]
            read = dict(bounded_map(lambda one: self._status(one.build, one.tag), part, _THREADS))
            known = [status for one in part if (status := read[one])]
            found += [status for status in known if not words or Row.of(status).matches(words)]
            if len(found) > count:
                break
        return found[:count], len(found) > count

    def _status(self, build: BuildId, tag: str) -> Mapping[str, Any] | None:
        return self._statuses.get((build, tag), lambda: self._read_status(build))

    def _read_status(self, build: BuildId) -> Mapping[str, Any] | None:
        try:
            found = json.loads(self.store.read(keys.status(build)))
        except (NotFound, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def result(self, project: str, build: str | None) -> Result:
        """Reads a build, by default the newest one.

        Raises:
            UsageError: there is none.
            BucketError: its result cannot be read.
        """
        if self.local:
            return self._local()
        if not build:
            newest, _ = self.builds(project, (), None, 1)
            if not newest:
                raise UsageError("build: the project has none yet")
            build = str(newest[0].get("build"))
        try:
            named = check_build(BuildId(project, build.removeprefix(f"{project}/")))
        except BadManifest as error:
            raise UsageError(str(error)) from error
        status = self._read_status(named)
        if status is None:
            raise UsageError(
                f"build: {named.build!r} is not there, or its upload has not been read yet; "
                "list_builds lists them"
            )
        if status.get("state") != "SUCCEEDED" or not status.get("comparison"):
            return Result(named, status)
        key = str(status["comparison"])
        return Result(named, status, *self._comparisons.get(key, lambda: self._parsed(status)))

    def _parsed(self, status: Mapping[str, Any]) -> tuple[Comparison, Mapping[str, Any]]:
        stored = read_comparison(self.store, status) or {}
        return comparison_of(stored), stored

    def _local(self) -> Result:
        """Returns the comparison of a folder that `compare` wrote, in the place of a build."""
        # The folder may be compared again meanwhile.
        tag = self.store.read_tagged(COMPARISON)[1]
        fields = {"comparison": COMPARISON}
        comparison, stored = self._comparisons.get(tag, lambda: self._parsed(fields))
        build = BuildId(comparison.id.project, LOCAL_BUILD)
        status = {
            "project": build.project,
            "build": build.build,
            "state": "SUCCEEDED",
            "verdict": str(comparison.verdict),
            "counts": comparison.counts.as_json(),
            "created": comparison.created,
            "execution": comparison.execution,
            "baseline_reason": comparison.baseline_reason,
            "comparison": COMPARISON,
        }
        return Result(build, status, comparison, stored)

    def reviews(self, result: Result) -> tuple[Given, ...]:
        """Returns the reviews of a build, the earliest first. Raises BucketError."""
        if self.local:
            return ()
        return read_reviews(self.store, result.status, result.stored)

    def image(self, project: str, sha256: str | None) -> bytes | None:
        """Reads an image; None if there is none, or it is gone."""
        return self.object(keys.image(project, sha256)) if sha256 else None

    def object(self, key: str | None) -> bytes | None:
        """Reads an object; None if it is gone."""
        try:
            return self.store.read(key) if key else None
        except NotFound:
            return None

    def past(self, project: str) -> Past:
        """Reads the past of a project. Raises UsageError for a folder without one, BucketError."""
        if self.local:
            raise UsageError(
                "a folder that `pixelgate compare` wrote has no history; the history of a project "
                "is in its bucket: start `pixelgate mcp` without a folder"
            )
        return self._pasts.of(project)

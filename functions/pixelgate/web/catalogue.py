"""Finds projects and builds in a bucket, newest first, and remembers what did not change."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import NotFound
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import Bucket
from pixelgate.published.history import Listing, listing
from pixelgate.published.status import in_words, reviewers

_THREADS = 16
_REMEMBERED = 20_000  # rows of about 1 KB
_SLICE = 100
# Reports ask every few seconds whether there is a newer build, and a listing costs most of all.
_LISTED_SECONDS = 60.0
_PROJECTS = 200

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One build, as the list of builds shows it; times are ISO 8601 in UTC."""

    build: str
    state: str
    result: str  # the verdict and the review in words
    counts: Mapping[str, int]
    created: str
    branch: str = ""
    pull_request: str = ""
    commit: str = ""
    author: str = ""
    reviewers: tuple[str, ...] = ()

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Row:
        """Makes the row of a status.json."""
        counts = status.get("counts")
        return cls(
            build=str(status.get("build")),
            state=str(status.get("state")),
            result=in_words(status),
            counts=counts if isinstance(counts, dict) else {},
            created=str(status.get("created") or status.get("updated") or ""),
            branch=str(status.get("branch") or ""),
            pull_request=str(status.get("pull_request") or ""),
            commit=str(status.get("commit") or ""),
            author=str(status.get("author") or ""),
            reviewers=reviewers(status),
        )

    def matches(self, words: Sequence[str]) -> bool:
        """Whether it has all these lower-case words; `#12` finds a pull request, and no other."""
        text = " ".join(
            (self.build, self.result, self.branch, self.commit, self.author, *self.reviewers)
        ).lower()
        pull = f"#{self.pull_request}"
        return all(word == pull if word.startswith("#") else word in text for word in words)


@dataclass(frozen=True)
class Page:
    """Some rows of a project's builds; `before` and `after` say whether there are others."""

    rows: tuple[Row, ...]
    total: int  # builds of the project
    before: bool = False
    after: bool = False


class Cache(Generic[T]):
    """Remembers so many values, those that were asked for last. For several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Returns the value of a key; makes it unless it is remembered. Two threads may both."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        made = make()
        with self._lock:
            self._values[key] = made
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return made


class Catalogue:
    """The projects and builds of a bucket."""

    def __init__(self, store: Bucket, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._listed: dict[str, tuple[float, list[Listing]]] = {}
        # By key and tag of the status: a status that was written again is read again.
        self._rows: Cache[Row | None] = Cache(_REMEMBERED)

    def projects(self) -> list[str]:
        """Lists the projects by name."""
        return sorted(self._store.folders("builds/"), key=lambda name: (name.lower(), name))

    def page(self, project: str, words: Sequence[str], start: int, count: int) -> Page:
        """Returns the builds that match these words, the newest first.

        Only as many statuses are read as are needed to fill the page.
        """
        builds = self._listing(project)
        if not words:
            rows = tuple(self._read(builds[start : start + count]))
            return Page(rows, len(builds), start > 0, start + count < len(builds))
        found: list[Row] = []
        for first in range(0, len(builds), _SLICE):
            found += [r for r in self._read(builds[first : first + _SLICE]) if r.matches(words)]
            if len(found) > start + count:
                break
        rows = tuple(found[start : start + count])
        return Page(rows, len(builds), start > 0, len(found) > start + count)

    def newer(self, build: BuildId) -> str | None:
        """Returns the newest build of the same pull request, or of the same branch without one.

        None if it is the newest itself, or belongs to neither. A build of the last minute may be
        missed.
        """
        own: Row | None = None
        newest: dict[tuple[str, str], str] = {}
        builds = self._listing(build.project, _LISTED_SECONDS)
        place = next((n for n, b in enumerate(builds) if b.build == build), None)
        if place is None:
            return None
        for row in self._read(builds[: place + 1]):
            series = _series(row)
            if series:
                newest.setdefault(series, row.build)
            if row.build == build.build:
                own = row
        series = _series(own) if own else None
        first = newest.get(series) if series else None
        return None if first == build.build else first

    def _listing(self, project: str, age: float = 0.0) -> list[Listing]:
        """Lists the builds of a project, unless that was done in the last `age` seconds."""
        now = self._clock()
        then, builds = self._listed.get(project, (float("-inf"), []))
        if now - then > age or age <= 0:
            then, builds = now, listing(self._store, project)
            if len(self._listed) >= _PROJECTS:  # somebody makes names up
                self._listed.clear()
            self._listed[project] = (then, builds)
        return builds

    def _read(self, builds: Sequence[Listing]) -> Iterator[Row]:
        read = dict(bounded_map(self._row, builds, _THREADS))
        yield from (row for listed in builds if (row := read[listed]))

    def _row(self, listed: Listing) -> Row | None:
        key = keys.status(listed.build)

        def read() -> Row | None:
            try:
                status = json.loads(self._store.read(key))
            except (NotFound, ValueError):
                return None
            return Row.of(status) if isinstance(status, dict) else None

        return self._rows.get((key, listed.tag), read)


def _series(row: Row) -> tuple[str, str] | None:
    """Returns what says that builds follow each other; forks' builds follow only forks'."""
    fork = "fork" if row.build.startswith(keys.FORK) else ""
    if row.pull_request:
        return fork, f"#{row.pull_request}"
    return (fork, row.branch) if row.branch else None

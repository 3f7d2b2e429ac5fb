"""The past of a project, as its index has it: entries by time, and what each build looked like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple, Self

from pixelgate.domain import keys
from pixelgate.domain.history import Change, Entry, Given, Line, Shot, Spot, decode
from pixelgate.domain.names import canonical
from pixelgate.errors import BucketError, NotFound
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import Bucket

__all__ = ["Change", "Entry", "Given", "Past", "Seen", "Shot", "Spot", "read_lines"]

_THREADS = 16


class Seen(NamedTuple):
    """One snapshot in one entry that lists it."""

    entry: Entry
    shot: Shot


@dataclass(frozen=True)
class Past:
    """The past of a project.

    Attributes:
        entries: the published comparisons, the earliest first, each (build, execution) once; of a
            build only the latest execution, unless all were asked for.
        earlier: entries from before the time that was asked for, by which bases are looked up.
        since: the time that was asked for; of months before it nothing is known.
    """

    project: str
    entries: tuple[Entry, ...] = ()
    earlier: tuple[Entry, ...] = ()
    since: datetime | None = None
    _known: dict[tuple[str, str], str | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(
        cls,
        store: Bucket,
        project: str,
        since: datetime | None = None,
        *,
        executions: bool = False,
    ) -> Self:
        """Reads the past of a project from its index.

        That takes one request to list it, one for each month, and one for each line that the tidy
        function has not merged yet. Months from before `since` are not read.

        Raises:
            BucketError: the bucket cannot be read, or holds something else under a key of ours.
        """
        return cls.made_of(project, read_lines(store, project, since), since, executions=executions)

    @classmethod
    def made_of(
        cls,
        project: str,
        lines: Iterable[Line],
        since: datetime | None = None,
        *,
        executions: bool = False,
    ) -> Self:
        """Makes the past of the lines of an index, which may be in any order, and twice there."""
        entries: dict[tuple[str, str], Entry] = {}
        changes: dict[tuple[str, str], list[Change]] = defaultdict(list)
        for line in lines:
            at = line.build, line.execution
            if isinstance(line, Change):
                changes[at].append(line)
            elif (known := entries.setdefault(at, line)) is not line:
                entries[at] = known.with_change(line.change)
        for at, later in changes.items():
            for change in sorted(later, key=lambda change: change.revision):
                if at in entries:
                    entries[at] = entries[at].with_change(change)
        ordered = sorted(entries.values(), key=lambda e: (e.at, e.build, e.execution))
        if not executions:
            latest = {entry.build: entry for entry in ordered}
            ordered = [entry for entry in ordered if latest[entry.build] is entry]
        first = "" if since is None else since.astimezone(UTC).isoformat()
        return cls(
            project,
            tuple(entry for entry in ordered if entry.at >= first),
            tuple(entry for entry in ordered if entry.at < first),
            since,
        )

    @cached_property
    def _builds(self) -> Mapping[str, Entry]:
        return {entry.build: entry for entry in (*self.earlier, *self.entries)}

    @cached_property
    def _shown(self) -> Mapping[tuple[str, str], str]:
        """What later entries say of their bases: build and name to the hash of the image."""
        shown = {}
        for entry in (*self.earlier, *self.entries):
            if entry.base is not None:
                for shot in entry.shots.values():
                    if shot.base is not None:
                        shown[entry.base, canonical(shot.previous or shot.name)] = shot.base
        return shown

    def entry(self, build: str) -> Entry | None:
        """Returns the latest entry of a build; None if the index has none."""
        return self._builds.get(build)

    def hash(self, entry: Entry, name: str) -> str | None:
        """Returns the hash of a build's image of a snapshot; None if there is none or unknown.

        An entry lists only what is not as in its base, so the image is looked up there, and so on.
        Where an entry on that way is missing, it may be known from what later entries say of their
        bases.
        """
        name, way = canonical(name), dict[tuple[str, str], None]()
        step: Entry | None = entry
        found: str | None = None
        while step is not None:
            at = step.build, name
            if at in self._known:
                found = self._known[at]
                break
            if at in way:
                break  # no base of ours is its own base
            way[at] = None
            shot = step.shot(name)
            if shot is not None:
                found = shot.head
                break
            if step.base is None or name in step.renamed_away:
                break
            found = self._shown.get((step.base, name))
            step = None if found else self.entry(step.base)
        for at in way:
            self._known[at] = found
        return found

    def on_branch(self, branch: str) -> tuple[Entry, ...]:
        """Returns the entries of a branch, without those of pull requests and forks from it."""
        return tuple(
            e for e in self.entries if e.branch == branch and not e.pull_request and e.trusted
        )

    def only(self, entries: Iterable[Entry]) -> Past:
        """Returns this past with only these of its entries; images are looked up in all of them."""
        kept = tuple(entries)
        ours = {entry.build for entry in kept}
        others = (e for e in (*self.earlier, *self.entries) if e.build not in ours)
        return Past(self.project, kept, tuple(others), self.since)

    def named(self, name: str) -> tuple[Seen, ...]:
        """Returns a snapshot in every entry that lists it under this name, the earliest first."""
        return tuple(
            Seen(entry, shot) for entry in self.entries if (shot := entry.shot(name)) is not None
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name that an entry lists, sorted; each in the form in which it came last."""
        found = {}
        for entry in self.entries:
            for name in entry.shots:
                found[canonical(name)] = name
        return tuple(sorted(found.values()))


def read_lines(store: Bucket, project: str, since: datetime | None = None) -> Iterator[Line]:
    """Yields the lines of a project's index in no order; a line may come twice.

    Raises:
        BucketError: the bucket cannot be read, or holds something else under a key of ours.
    """
    first = "" if since is None else since.astimezone(UTC).strftime("%Y-%m")
    months, new = set(), []
    for listed in store.list(keys.index(project)):
        month = keys.index_month_of(listed.key)
        if month is None or month < first:
            continue
        if listed.key == keys.index_month(project, month):
            months.add(month)
        else:
            new.append(listed.key)
    # New lines before months: what is merged between the two is in its month by then.
    for key, body in bounded_map(lambda key: _read(store, key), new, _THREADS):
        if body is None:
            months.add(str(keys.index_month_of(key)))
        else:
            yield from _decoded(project, key, body)
    names = [keys.index_month(project, month) for month in sorted(months)]
    for key, body in bounded_map(lambda key: _read(store, key), names, _THREADS):
        if body is not None:
            yield from _decoded(project, key, body)


def _read(store: Bucket, key: str) -> bytes | None:
    try:
        return store.read(key)
    except NotFound:
        return None


def _decoded(project: str, key: str, body: bytes) -> Iterator[Line]:
    try:
        yield from decode(project, body)
    except ValueError as error:
        raise BucketError(
            f"{key} is no index of pixelgate: {error}; does something else write there? Delete it, "
            "and `pixelgate admin index` makes it anew from the results that are kept"
        ) from error

"""Finds every image and mask that the builds of a project refer to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pixelgate.domain import keys
from pixelgate.errors import NotFound
from pixelgate.ports import Bucket, Listed

_THREADS = 16
_AT_ONCE = 256  # bodies in memory; a manifest may have 256 MiB, but not all of them
_OPEN = frozenset({"WAITING_FOR_BASE", "PROCESSING"})


@dataclass
class References:
    """The builds of a project and what they refer to.

    Attributes:
        builds: hashes of the images of each accepted build.
        shown: what comparisons of a build show, published or not: hashes, keys of masks and thumbs.
        states: of each build, by its status.json.
        sizes: bytes that belong to a build alone.
        uploads: hashes that uploads name which were not accepted yet.
        seen: objects that were read, and when they were written.
    """

    builds: dict[str, set[str]] = field(default_factory=dict)
    shown: dict[str, set[str]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)
    seen: dict[str, float] = field(default_factory=dict)

    def is_finished(self, build: str) -> bool:
        """Whether nobody works on a build, nor waits to."""
        return self.states.get(build) is not None and self.states[build] not in _OPEN

    def of(self, builds: Iterable[str]) -> set[str]:
        """What these builds refer to, and what is on its way."""
        found = set(self.uploads)
        for build in builds:
            found |= self.builds.get(build, set()) | self.shown.get(build, set())
        return found

    @property
    def all(self) -> set[str]:
        """What anything refers to."""
        return self.of(self.builds.keys() | self.shown.keys())


def survey(project: str, bucket: Bucket, *, uploads_since: float = 0.0) -> References:
    """Reads every manifest, status and comparison of a project.

    Args:
        project: its id.
        bucket: the bucket.
        uploads_since: uploads that nobody has accepted and that are older are no longer on their
            way; seconds since 1970.

    Raises:
        ValueError: one of those that the functions wrote cannot be read: on doubt, all is live.
    """
    found = References()
    _look(project, bucket, found, uploads_since)
    return found


def second_look(project: str, bucket: Bucket, first: References) -> set[str]:
    """What is referred to by what was written since the first look; reads nothing else.

    Raises:
        ValueError: as `survey`.
    """
    found = References(seen=dict(first.seen))
    _look(project, bucket, found, 0.0)
    return found.all


def _look(project: str, bucket: Bucket, found: References, uploads_since: float) -> None:
    def fresh(entries: Iterable[Listed], wanted: Callable[[str], bool]) -> Iterator[Listed]:
        for entry in entries:
            build = entry.key.split("/", 3)[2]
            if entry.key.startswith(("builds/", "comparisons/", "uploads/")):
                found.sizes[build] = found.sizes.get(build, 0) + entry.size
            if wanted(entry.key) and found.seen.get(entry.key) != entry.modified:
                found.seen[entry.key] = entry.modified
                yield entry

    # Comparisons before builds, both after uploads: what one listing misses because it has just
    # been accepted, the next one finds.
    named: list[tuple[str, set[str]]] = []
    uploads = fresh(bucket.list(f"uploads/{project}/"), lambda key: keys.upload_of(key) is not None)
    recent = [entry for entry in uploads if entry.modified >= uploads_since]
    for key, body in _read_all(bucket, recent):
        named.append((key.split("/", 3)[2], _uploaded(body)))
    compared = bucket.list(f"comparisons/{project}/")
    for key, body in _read_all(bucket, fresh(compared, _is_result)):
        found.shown.setdefault(key.split("/", 3)[2], set()).update(_shown(json.loads(body)))
    for key, body in _read_all(bucket, fresh(bucket.list(f"builds/{project}/"), _is_kept)):
        _note(key, json.loads(body), found)
    found.uploads |= {sha for build, shas in named if build not in found.builds for sha in shas}


def _is_result(key: str) -> bool:
    return key.endswith("/comparison.json")


def _is_kept(key: str) -> bool:
    _, _, _, name = key.split("/", 3)
    return name in {"manifest.json", "status.json"} or keys.accepted_shard_of(key) is not None


def _note(key: str, body: dict[str, Any], found: References) -> None:
    _, _, build, name = key.split("/", 3)
    if name == "manifest.json":
        found.builds[build] = _hashes(body)
    elif name == "status.json":
        found.states[build] = body["state"]
    else:
        found.shown.setdefault(build, set()).update(_hashes(body))  # a shard's


def _read_all(bucket: Bucket, entries: Iterable[Listed]) -> Iterator[tuple[str, bytes]]:
    """Reads some at once; what is gone by now refers to nothing."""

    def read(entry: Listed) -> tuple[str, bytes] | None:
        try:
            return entry.key, bucket.read(entry.key)
        except NotFound:
            return None

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="survey") as threads:
        left = iter(entries)
        while some := list(islice(left, _AT_ONCE)):
            yield from filter(None, threads.map(read, some))


def _shown(result: dict[str, Any]) -> set[str]:
    """Everything that a comparison shows."""
    images = result["images"].values()
    return _hashes(result) | {
        image[name] for image in images for name in ("mask", "thumb") if image.get(name)
    }


def _hashes(manifest: dict[str, Any]) -> set[str]:
    """Every hash that a manifest or a result names."""
    return {
        value
        for image in manifest["images"].values()
        for name, value in image.items()
        if name.endswith("sha256") and isinstance(value, str)
    }


def _uploaded(body: bytes) -> set[str]:
    """What a manifest names that nobody has validated; one that makes no sense names nothing."""
    try:
        return _hashes(json.loads(body))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return set()

"""Finds everything that the builds of a project refer to: images, masks and thumbnails."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pixelgate.domain import keys
from pixelgate.errors import NotFound
from pixelgate.ports import Bucket, Listed

_THREADS = 16
_AT_ONCE = 256  # objects in memory; the largest manifest has 256 MiB


@dataclass
class References:
    """What the builds of a project refer to: hashes of images, keys of masks and thumbnails.

    Attributes:
        by_build: the references of each build, in its manifest, its shards and its comparisons.
        accepted: builds with an accepted manifest.
        states: the state in the status.json of each build.
        sizes: bytes of all objects that belong to one build alone.
        uploads: references of uploads that were not accepted yet.
        seen: when each object that was read had been written, seconds since 1970.
    """

    by_build: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    accepted: set[str] = field(default_factory=set)
    states: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)
    seen: dict[str, float] = field(default_factory=dict)

    def of(self, builds: Iterable[str]) -> set[str]:
        """Returns the references of these builds and of all uploads."""
        return self.uploads.union(*(self.by_build.get(build, ()) for build in builds))


def survey(
    project: str,
    bucket: Bucket,
    *,
    uploads_since: float = 0.0,
    seen: Mapping[str, float] | None = None,
) -> References:
    """Reads every manifest, status and comparison of a project.

    Uploads from before `uploads_since`, in seconds since 1970, are left out: nobody will accept
    them any more. So are objects that an earlier survey has `seen`. Raises ValueError if an object
    that our functions wrote cannot be read: then nothing may be deleted.
    """
    references = References(seen=dict(seen or {}))

    def unseen(folder: str, wanted: Callable[[str], object]) -> Iterator[Listed]:
        for entry in bucket.list(f"{folder}/{project}/"):
            build = entry.key.split("/", 3)[2]
            references.sizes[build] = references.sizes.get(build, 0) + entry.size
            if wanted(entry.key) and references.seen.get(entry.key) != entry.modified:
                references.seen[entry.key] = entry.modified
                yield entry

    # First uploads, then comparisons, then builds: what one listing misses, because it was accepted
    # a moment ago, is in the next one.
    uploads = [e for e in unseen("uploads", keys.upload_of) if e.modified >= uploads_since]
    uploaded = [(build, _of_upload(body)) for build, _, body in _read_all(bucket, uploads)]
    results = unseen("comparisons", lambda key: key.endswith("/comparison.json"))
    for build, _, body in _read_all(bucket, results):
        references.by_build[build] |= _of(json.loads(body))
    for build, name, body in _read_all(bucket, unseen("builds", _is_needed)):
        fields = json.loads(body)
        if name == "status.json":
            references.states[build] = fields["state"]
            continue
        references.by_build[build] |= _of(fields)
        if name == "manifest.json":
            references.accepted.add(build)
    references.uploads.update(
        *(hashes for build, hashes in uploaded if build not in references.accepted)
    )
    return references


def second_look(project: str, bucket: Bucket, first: References) -> set[str]:
    """Returns the references in objects that were written since the first survey."""
    later = survey(project, bucket, seen=first.seen)
    return later.of(later.by_build)


def _is_needed(key: str) -> bool:
    name = key.split("/", 3)[3]
    return name in {"manifest.json", "status.json"} or keys.accepted_shard_of(key) is not None


def _read_all(bucket: Bucket, entries: Iterable[Listed]) -> Iterator[tuple[str, str, bytes]]:
    """Yields build, name and bytes of each object; one that was deleted refers to nothing."""

    def read(entry: Listed) -> tuple[str, str, bytes] | None:
        _, _, build, name = entry.key.split("/", 3)
        try:
            return build, name, bucket.read(entry.key)
        except NotFound:
            return None

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="survey") as threads:
        left = iter(entries)
        while some := list(islice(left, _AT_ONCE)):
            yield from filter(None, threads.map(read, some))


def _of(manifest: dict[str, Any]) -> set[str]:
    """Returns the references in a manifest, or in comparison.json."""
    return {
        value
        for image in manifest["images"].values()
        for name, value in image.items()
        if (name.endswith("sha256") or name in {"mask", "thumb"}) and isinstance(value, str)
    }


def _of_upload(body: bytes) -> set[str]:
    """Returns the references in a manifest that nobody has validated; none if it is invalid."""
    try:
        return _of(json.loads(body))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return set()

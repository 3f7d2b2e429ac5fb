"""Finds out which shards of a build are in the bucket, while others are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.domain.shards import came_in_words, listed, missing_of, total_of
from pixelgate.errors import Refused
from pixelgate.ports import Bucket

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Shards:
    """The shards of a build that came, in order, and those of which an upload has begun.

    A shard came when the function has accepted it. The upload of one that has begun may have been
    interrupted, or its manifest has just been written.
    """

    came: tuple[ShardId, ...]
    begun: tuple[ShardId, ...] = ()

    @property
    def total(self) -> int:
        """The number of shards; 0 if it is not known before `pixelgate finalize`."""
        return total_of((*self.came, *self.begun))

    @property
    def missing(self) -> tuple[int, ...]:
        """The indices of the shards that did not come, if the total is known."""
        return tuple(missing_of(self.came, self.total))

    @property
    def words(self) -> str:
        """Says which shards came, and which are missing."""
        if self.came:
            came = came_in_words(self.came)
        else:
            came = (
                f"none of the {self.total} shards came yet" if self.total else "no shard came yet"
            )
        if not self.begun:
            return came
        begun = listed([shard.index for shard in self.begun])
        return f"{came}; the upload of {begun} has begun"

    def advice(self, build: BuildId) -> str:
        """Says what completes the build."""
        if not self.total:
            return f"After the last one, run `pixelgate finalize {build.build}`"
        if not self.missing:
            return "The comparison has not begun; the functions' logs say why"
        return (
            f"Run the jobs of {listed(self.missing)}, or `pixelgate finalize {build.build}` to "
            "compare the others without them"
        )

    def as_json(self) -> dict[str, Any]:
        """Returns the field `shards` of `pixelgate status --json`."""
        return {
            "total": self.total or None,
            "came": [shard.index for shard in self.came],
            "begun": [shard.index for shard in self.begun],
            "missing": list(self.missing) if self.total else None,
        }


def may_lack_shards(status: Mapping[str, Any] | None) -> bool:
    """Whether a build with this status may still wait for shards.

    Before they are merged, there is either no status, or one that has no commit yet.
    """
    if status is None:
        return True
    provisional = status.get("state") == "PROCESSING" and status.get("provisional")
    return bool(provisional) and status.get("commit") is None


def find_shards(store: Bucket, build: BuildId) -> Shards | None:
    """Lists the shards of a build; None if there is none, or these credentials may not list them.

    Raises:
        BucketError: the bucket cannot be asked.
    """
    accepted, uploaded = keys.accepted_shards(build), keys.uploaded_shards(build)
    came = _unless_refused(lambda: (keys.accepted_shard_of(o.key) for o in store.list(accepted)))
    # Not the objects: beside the manifest of a plain upload lie all of its images.
    uploads = _unless_refused(
        lambda: (
            keys.upload_of(f"{uploaded}{name}/manifest.json") for name in store.folders(uploaded)
        )
    )
    have = tuple(sorted(shard for shard in came if shard))
    shards = {upload.shard for upload in uploads if upload and upload.shard}
    indices = {shard.index for shard in have}
    begun = tuple(sorted(shard for shard in shards if shard.index not in indices))
    return Shards(have, begun) if have or begun else None


def _unless_refused(ask: Callable[[], Iterable[_Item]]) -> list[_Item]:
    try:
        return list(ask())
    except Refused:
        return []

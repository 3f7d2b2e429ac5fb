"""Which shards of a build came, and which did not, in words."""

from __future__ import annotations

from collections.abc import Sequence

from pixelgate.domain.keys import ShardId

_SHOWN = 20


def total_of(shards: Sequence[ShardId]) -> int:
    """Returns the number of shards of a build of which these came; 0 if they do not say it."""
    return max((shard.total for shard in shards), default=0)


def missing_of(shards: Sequence[ShardId], total: int) -> list[int]:
    """Returns the indices, from 1 to `total`, of the shards that are not among these."""
    return sorted(set(range(1, total + 1)) - {shard.index for shard in shards})


def came_in_words(shards: Sequence[ShardId]) -> str:
    """Says which shards came and which did not, such as `shard 1 of 2 came; shard 2 did not yet`.

    The shards are in order, and agree on the total.
    """
    total = total_of(shards)
    have = listed([shard.index for shard in shards])
    if not total:
        return f"{have} came; it is complete when finalize says so"
    missing = missing_of(shards, total)
    if not missing:
        return f"all of the {total} shards came"
    return f"{have} of {total} came; {listed(missing)} did not yet"


def listed(indices: Sequence[int]) -> str:
    """Returns `shard 2`, `shards 1, 3` or `no shard`; of many, the first twenty."""
    if not indices:
        return "no shard"
    numbers = ", ".join(map(str, indices[:_SHOWN])) + (", …" if len(indices) > _SHOWN else "")
    return f"shard{'s' if len(indices) > 1 else ''} {numbers}"

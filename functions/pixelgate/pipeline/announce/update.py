"""Changes an object that several workers write: the compare-and-set loop."""

from __future__ import annotations

from collections.abc import Callable

from pixelgate.errors import NotFound, WriteConflict
from pixelgate.ports import Bucket

# A script may approve hundreds of snapshots one by one; each lost race means that another one won.
_TRIES = 50


def update(objects: Bucket, key: str, change: Callable[[bytes | None], bytes | None]) -> bool:
    """Replaces an object by what follows from it, whoever else does so at the same time.

    A worker that was paused between reading and writing cannot undo what another one has written
    meanwhile: its write is refused, and `change` is called again with what is there now.

    Args:
        objects: the bucket.
        key: of a JSON object.
        change: from the object's bytes, None if there is none, to the new ones; None to leave it.

    Returns:
        Whether it was written.

    Raises:
        WriteConflict: others have written it 50 times in a row.
    """
    for _ in range(_TRIES):
        try:
            present, tag = objects.read_tagged(key)
        except NotFound:
            present, tag = None, None
        body = change(present)
        if body is None:
            return False
        try:
            objects.replace(key, body, "application/json", tag)
        except WriteConflict:
            continue
        return True
    raise WriteConflict(f"{key} was written by others {_TRIES} times in a row")

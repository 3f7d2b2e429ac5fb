"""Changes an object that several workers write: the compare-and-set loop."""

from __future__ import annotations

from collections.abc import Callable

from pixelgate.errors import NotFound, WriteConflict
from pixelgate.ports import Bucket

# A script may approve hundreds of snapshots at once; whenever one worker loses, another one wins.
_TRIES = 50


def update(objects: Bucket, key: str, change: Callable[[bytes | None], bytes | None]) -> bool:
    """Changes a JSON object by compare-and-set; returns whether it was written.

    `change` makes the new bytes from the present ones, which are None if there is no object; it
    returns None to leave the object as it is. If another worker has written the object meanwhile,
    `change` is called again with the new content.

    Raises:
        WriteConflict: other workers wrote the object 50 times in a row.
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

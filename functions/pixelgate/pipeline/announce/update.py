"""Reads JSON objects, and changes those that several workers write, by compare-and-set."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pixelgate.errors import NotFound, WriteConflict
from pixelgate.ports import Bucket

# A script may approve hundreds of snapshots at once; whenever one worker loses, another one wins.
_TRIES = 50


def read_json(objects: Bucket, key: str) -> Any:
    """Reads a JSON object; returns None if there is none."""
    try:
        return json.loads(objects.read(key))
    except NotFound:
        return None


def update(objects: Bucket, key: str, change: Callable[[Any], bytes | None]) -> bool:
    """Changes a JSON object by compare-and-set; returns whether it was written.

    `change` makes the new bytes from the present object, which is None if there is none; it
    returns None to leave the object as it is. If another worker has written the object meanwhile,
    `change` is called again with the new content; after 50 times it raises WriteConflict.
    """
    for _ in range(_TRIES):
        try:
            stored, tag = objects.read_tagged(key)
        except NotFound:
            stored, tag = b"null", None
        body = change(json.loads(stored))
        if body is None:
            return False
        try:
            objects.replace(key, body, "application/json", tag)
        except WriteConflict:
            continue
        return True
    raise WriteConflict(f"{key} was written by others {_TRIES} times in a row")

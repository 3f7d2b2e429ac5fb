"""Reads JSON objects, and changes those that several workers write, by compare-and-set."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

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


class Log(Protocol):
    """What several workers add to, and is stored as JSON."""

    def as_json(self) -> dict[str, Any]:
        """Returns what is stored."""


L = TypeVar("L", bound=Log)


def change_log(objects: Bucket, key: str, parse: Callable[[Any], L], change: Callable[[L], L]) -> L:
    """Changes a log by compare-and-set; returns the new one. Raises WriteConflict.

    `parse` makes a log of what is stored, and an empty one of None; what is equal is not written.
    """
    changed: L | None = None

    def encoded(stored: Any) -> bytes | None:
        nonlocal changed
        present = parse(stored)
        changed = change(present)
        if changed == present:
            return None
        return json.dumps(changed.as_json(), ensure_ascii=False).encode()

    update(objects, key, encoded)
    assert changed is not None  # noqa: S101 - update has called it
    return changed


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

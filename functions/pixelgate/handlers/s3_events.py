"""Reads S3's events of new objects: only the fields that are used, so that others may change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus


class UnreadableEvent(ValueError):
    """A record of an event that cannot be read, although S3 sent it.

    The function raises it, so that Lambda keeps the event in the failed-events queue.
    """


@dataclass(frozen=True)
class Ignored:
    """An event, or one record of it, that is not for this function."""

    why: str


@dataclass(frozen=True)
class Created:
    """An object that was written.

    Attributes:
        key: the object's key, decoded.
        record: the record of the event.
    """

    key: str
    record: Mapping[str, Any]

    @property
    def tag(self) -> str | None:
        """The ETag of the object; None if the event has none."""
        if self.record["s3"]["object"].get("eTag") is None:
            return None
        return _text(self.record, "s3", "object", "eTag")

    @property
    def by(self) -> str:
        """The author, as S3 names who wrote the object. Raises UnreadableEvent."""
        return _text(self.record, "userIdentity", "principalId")

    @property
    def at(self) -> float:
        """The time of the write in seconds since 1970. Raises UnreadableEvent."""
        time = _text(self.record, "eventTime")
        try:
            return datetime.fromisoformat(time).timestamp()
        except ValueError as error:
            raise UnreadableEvent(f"eventTime is no time: {time!r}") from error


def created_objects(event: object) -> Iterator[Created | Ignored | UnreadableEvent]:
    """Yields the objects that an event reports as written.

    A record that cannot be read is an item of its own: the others are to be handled before it is
    raised.
    """
    if not isinstance(event, Mapping):
        yield Ignored("not an event: no JSON object")
        return
    if event.get("Event") == "s3:TestEvent":
        yield Ignored("S3 tests the notification")
        return
    if "Records" not in event:
        yield Ignored("not an S3 event: no Records")
        return
    records = event["Records"]
    if not isinstance(records, list):
        yield UnreadableEvent("Records is no list")
        return
    for record in records:
        try:
            yield _read(record)
        except UnreadableEvent as error:
            yield error


def _read(record: object) -> Created | Ignored:
    name = _text(record, "eventName")
    key = unquote_plus(_text(record, "s3", "object", "key"))
    if "ObjectCreated" not in name:
        return Ignored(f"{name} of {key}")
    assert isinstance(record, Mapping)  # noqa: S101 - it has an eventName
    return Created(key, record)


def _text(record: object, *path: str) -> str:
    """Returns the text at a path of a record. Raises UnreadableEvent if there is none."""
    found = record
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str):
        raise UnreadableEvent(f"a record of the event has no {'.'.join(path)}")
    return found

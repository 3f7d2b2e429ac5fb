"""Parses S3's events of new objects; an invalid event becomes a reason, not an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.parser import ValidationError, parse
from aws_lambda_powertools.utilities.parser.exceptions import InvalidModelTypeError
from aws_lambda_powertools.utilities.parser.models import S3Model, S3RecordModel

# Powertools' validators raise the second error on some invalid input, instead of the first.
NOT_THE_MODEL = (ValidationError, InvalidModelTypeError)


@dataclass(frozen=True)
class Ignored:
    """An event, or one record of it, that is not for this function."""

    why: str


@dataclass(frozen=True)
class Created:
    """An object that was written: its key, decoded, and the whole record of the event."""

    key: str
    record: S3RecordModel


def created_objects(event: object) -> Iterator[Created | Ignored]:
    """Yields the objects that an event reports as written."""
    if not isinstance(event, Mapping):
        yield Ignored("not an event: no JSON object")
        return
    if event.get("Event") == "s3:TestEvent":
        yield Ignored("S3 tests the notification")
        return
    try:
        records = parse(event=dict(event), model=S3Model).Records
    except NOT_THE_MODEL as error:
        # A retry would deliver the same event.
        yield Ignored(f"not an S3 event: {error}")
        return
    for record in records:
        key = unquote_plus(record.s3.object.key) if record.s3.object else ""
        if "ObjectCreated" in record.eventName:
            yield Created(key, record)
        else:
            yield Ignored(f"{record.eventName} of {key}")

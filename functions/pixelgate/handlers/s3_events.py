"""Reads what S3 says of new objects; what makes no sense becomes words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.parser import ValidationError, parse
from aws_lambda_powertools.utilities.parser.exceptions import InvalidModelTypeError
from aws_lambda_powertools.utilities.parser.models import S3Model, S3RecordModel

# On some garbage Powertools' validators stumble before they can say what is wrong with it.
NOT_THE_MODEL = (ValidationError, InvalidModelTypeError)


@dataclass(frozen=True)
class Ignored:
    """An event, or a record of one, that is none of our business."""

    why: str


@dataclass(frozen=True)
class Created:
    """An object that was written.

    Attributes:
        key: of the object, decoded.
        record: what else S3 says.
    """

    key: str
    record: S3RecordModel


def created_objects(event: object) -> Iterator[Created | Ignored]:
    """The objects of which an event tells that they were written."""
    if not isinstance(event, Mapping):
        yield Ignored("not an event: no JSON object")
        return
    if event.get("Event") == "s3:TestEvent":
        yield Ignored("S3 tests the notification")
        return
    try:
        records = parse(event=dict(event), model=S3Model).Records
    except NOT_THE_MODEL as error:
        # No retry makes another event of it.
        yield Ignored(f"not an S3 event: {error}")
        return
    for record in records:
        key = unquote_plus(record.s3.object.key) if record.s3.object else ""
        if "ObjectCreated" in record.eventName:
            yield Created(key, record)
        else:
            yield Ignored(f"{record.eventName} of {key}")

"""Events that Lambda tried three times and then moved to the on-failure queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_plus

from pixelgate.errors import BadManifest


@dataclass(frozen=True)
class Message:
    """One message of the queue; `receipt` is SQS's handle to delete it or give it back."""

    id: str
    receipt: str
    body: str


@dataclass(frozen=True)
class FailedEvent:
    """An event that failed in every attempt.

    Attributes:
        function: ARN of the function that should handle it, without a version.
        when: when Lambda gave up, ISO 8601.
        why: Lambda's condition, such as RetriesExhausted, and the last attempt's error.
    """

    function: str
    when: str
    attempts: int
    why: str
    payload: dict[str, Any]

    @property
    def about(self) -> str:
        """The keys or the build that the event is about."""
        records = self.payload.get("Records")
        if isinstance(records, list):
            return ", ".join(_key_of(record) for record in records)
        resume = self.payload.get("resume")
        if isinstance(resume, dict):
            return f"build {resume.get('project')}/{resume.get('build')}"
        detail = self.payload.get("detail")
        if isinstance(detail, dict):
            return f"notice of {detail.get('project')}/{detail.get('build')}"
        return "an event of an unknown kind"

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.rpartition(":")[2]


def _key_of(record: Any) -> str:
    """The key in a record of S3; such a record may be here because it cannot be read."""
    try:
        return unquote_plus(str(record["s3"]["object"]["key"]))
    except (KeyError, TypeError):
        return "a record that cannot be read"


class FailedEvents(Protocol):
    """The queue of failed events, and the functions to which they can be sent again."""

    def messages(self) -> Iterator[Message]:
        """Yields every visible message once, and hides it from other readers for a minute."""

    def give_back(self, message: Message) -> None:
        """Makes the message visible to other readers at once."""

    def delete(self, message: Message) -> None:
        """Deletes the message from the queue."""

    def send(self, event: FailedEvent) -> None:
        """Delivers the event once more, with all of Lambda's attempts."""

    def is_ours(self, event: FailedEvent) -> bool:
        """Whether the event's function is in the account and region of the queue."""


def read(message: Message) -> FailedEvent:
    """Parses a message that Lambda wrote; raises BadManifest if it is no failed event."""
    try:
        body = json.loads(message.body)
        context, answer = body["requestContext"], body.get("responsePayload") or {}
        arn = ":".join(str(context["functionArn"]).split(":")[:7])
        message_of_error = answer.get("errorMessage") or "no error message"
        kind = answer.get("errorType")
        event = FailedEvent(
            function=arn,
            when=str(body["timestamp"]),
            attempts=int(context["approximateInvokeCount"]),
            why=f"{context['condition']}: {f'{kind}: ' if kind else ''}{message_of_error}",
            payload=dict(body["requestPayload"]),
        )
        _ = event.about
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadManifest(
            f"message {message.id} is no record of an event that Lambda gave up on: {error!r}"
        ) from error
    return event

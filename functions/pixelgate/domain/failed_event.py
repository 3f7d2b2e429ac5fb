"""Events on which Lambda gave up, as its on-failure queue keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_plus

from pixelgate.errors import BadManifest


@dataclass(frozen=True)
class Message:
    """One message of the queue.

    Attributes:
        id: the queue's.
        receipt: by which it is deleted or given back.
        body: what it says.
    """

    id: str
    receipt: str
    body: str


@dataclass(frozen=True)
class FailedEvent:
    """An event that no attempt could carry out.

    Attributes:
        function: ARN of the function that it was for, without a version.
        when: when Lambda gave up, ISO 8601.
        attempts: how often it was tried.
        why: Lambda's condition, and what the last attempt said.
        payload: the event itself.
    """

    function: str
    when: str
    attempts: int
    why: str
    payload: dict[str, Any]

    @property
    def about(self) -> str:
        """What the event is about: keys, or a build."""
        records = self.payload.get("Records")
        if isinstance(records, list):
            return ", ".join(unquote_plus(str(r["s3"]["object"]["key"])) for r in records)
        resume = self.payload.get("resume")
        if isinstance(resume, dict):
            return f"build {resume.get('project')}/{resume.get('build')}"
        detail = self.payload.get("detail")
        if isinstance(detail, dict):
            return f"notice of {detail.get('project')}/{detail.get('build')}"
        return "an event of its own kind"

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.rpartition(":")[2]


class FailedEvents(Protocol):
    """The queue, and the functions that its events were for."""

    def messages(self) -> Iterator[Message]:
        """Every message that can be had now, each once; others do not see it for a minute."""
        ...

    def give_back(self, message: Message) -> None:
        """Lets others see it again at once."""
        ...

    def delete(self, message: Message) -> None:
        """Takes it out of the queue."""
        ...

    def send(self, event: FailedEvent) -> None:
        """Delivers the event once more, with all of Lambda's attempts."""
        ...

    def is_ours(self, event: FailedEvent) -> bool:
        """Whether its function is in the account and region of the queue."""
        ...


def read(message: Message) -> FailedEvent:
    """What a message of Lambda's says.

    Raises:
        BadManifest: it is no record of a failed asynchronous invocation.
    """
    try:
        body = json.loads(message.body)
        context, answer = body["requestContext"], body.get("responsePayload") or {}
        arn = ":".join(str(context["functionArn"]).split(":")[:7])
        said = answer.get("errorMessage") or "it said nothing"
        kind = answer.get("errorType")
        event = FailedEvent(
            function=arn,
            when=str(body["timestamp"]),
            attempts=int(context["approximateInvokeCount"]),
            why=f"{context['condition']}: {f'{kind}: ' if kind else ''}{said}",
            payload=dict(body["requestPayload"]),
        )
        _ = event.about
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadManifest(
            f"message {message.id} is no record of an event that Lambda gave up on: {error!r}"
        ) from error
    return event

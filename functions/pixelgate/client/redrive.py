"""Lists the events that Lambda gave up on, and sends them again."""

from __future__ import annotations

from dataclasses import dataclass

from pixelgate.domain.failed_event import FailedEvent, FailedEvents, Message, read
from pixelgate.errors import BadManifest, PixelgateError


@dataclass(frozen=True)
class Listed:
    """A message of the queue, with its event or the reason why it could not be read."""

    message: Message
    event: FailedEvent | None
    problem: str = ""


def list_failed(queue: FailedEvents) -> list[Listed]:
    """Returns all messages, the oldest failure first; they stay in the queue."""
    messages = [_listed(message) for message in queue.messages()]
    for listed in messages:
        queue.give_back(listed.message)
    return sorted(messages, key=lambda listed: listed.event.when if listed.event else "")


def redrive(queue: FailedEvents) -> list[Listed]:
    """Sends every event again and deletes its message; returns all messages, with problems.

    It is safe to repeat or interrupt: a message is deleted after its event was sent, so an event
    may be sent twice, which changes nothing. A message whose event cannot be sent stays.
    """
    messages = []
    for message in queue.messages():
        listed = _listed(message)
        if listed.event is not None:
            listed = _send(listed.event, message, queue)
        messages.append(listed)
    for listed in messages:  # at the end, otherwise the queue would return it again
        if listed.problem:
            queue.give_back(listed.message)
    return messages


def _listed(message: Message) -> Listed:
    try:
        return Listed(message, read(message))
    except BadManifest as error:
        return Listed(message, None, str(error))


def _send(event: FailedEvent, message: Message, queue: FailedEvents) -> Listed:
    if not queue.is_ours(event):
        problem = f"{event.function} is not in the queue's account and region"
        return Listed(message, event, problem)
    try:
        queue.send(event)
    except (PixelgateError, OSError) as error:
        return Listed(message, event, f"could not be sent: {error}")
    queue.delete(message)
    return Listed(message, event)

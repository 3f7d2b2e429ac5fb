"""Lists and sends again the events on which Lambda gave up."""

from __future__ import annotations

from dataclasses import dataclass

from pixelgate.domain.failed_event import FailedEvent, FailedEvents, Message, read
from pixelgate.errors import BadManifest, PixelgateError


@dataclass(frozen=True)
class Listed:
    """A message of the queue: what it tells of, or why it makes no sense."""

    message: Message
    event: FailedEvent | None
    problem: str = ""


def list_failed(queue: FailedEvents) -> list[Listed]:
    """Everything in the queue, the oldest failure first; it all stays there."""
    found = [_listed(message) for message in queue.messages()]
    for listed in found:
        queue.give_back(listed.message)
    return sorted(found, key=lambda listed: listed.event.when if listed.event else "")


def redrive(queue: FailedEvents) -> list[Listed]:
    """Sends every event again, then takes it out of the queue; returns all, with problems.

    Safe to repeat, and safe to break off: a message is deleted after its event was sent, so at
    worst an event comes twice, which changes nothing. What cannot be sent stays.
    """
    done = []
    for message in queue.messages():
        listed = _listed(message)
        if listed.event is not None:
            listed = _send(listed.event, message, queue)
        done.append(listed)
    for listed in done:  # not before: it would come once more
        if listed.problem:
            queue.give_back(listed.message)
    return done


def _listed(message: Message) -> Listed:
    try:
        return Listed(message, read(message))
    except BadManifest as error:
        return Listed(message, None, str(error))


def _send(event: FailedEvent, message: Message, queue: FailedEvents) -> Listed:
    if not queue.is_ours(event):
        problem = f"{event.function} is not of the queue's account and region"
        return Listed(message, event, problem)
    try:
        queue.send(event)
    except (PixelgateError, OSError) as error:
        return Listed(message, event, f"could not be sent: {error}")
    queue.delete(message)
    return Listed(message, event)

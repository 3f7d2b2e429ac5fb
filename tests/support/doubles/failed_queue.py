"""A double of the on-failure queue, in memory."""

from __future__ import annotations

from collections.abc import Iterator

from pixelgate.domain.failed_event import FailedEvent, Message


class MemoryFailedEvents:
    """A queue in a list; `refuses` are functions that cannot be called."""

    def __init__(self, *bodies: str) -> None:
        self.queue = [Message(f"m{n}", f"r{n}", body) for n, body in enumerate(bodies)]
        self.sent: list[FailedEvent] = []
        self.hidden: set[str] = set()
        self.refuses: set[str] = set()

    def messages(self) -> Iterator[Message]:
        for message in list(self.queue):
            if message.id not in self.hidden:
                self.hidden.add(message.id)
                yield message

    def give_back(self, message: Message) -> None:
        self.hidden.discard(message.id)

    def delete(self, message: Message) -> None:
        """Takes it out."""
        self.queue.remove(message)

    def send(self, event: FailedEvent) -> None:
        if event.name in self.refuses:
            raise ConnectionError(f"{event.name} cannot be called")
        self.sent.append(event)

    def is_ours(self, event: FailedEvent) -> bool:
        return ":123456789012:" in event.function

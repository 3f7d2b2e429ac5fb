"""Sends events to the account's EventBridge bus."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pixelgate.domain.state_events import SOURCE
from pixelgate.errors import NotTold

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


class EventBridgeEvents:
    """An event bus of the account; by default the one on which AWS's own events are."""

    def __init__(self, connect: Callable[[], EventBridgeClient], bus: str = "default") -> None:
        self._connect = connect
        self._bus = bus

    @cached_property
    def _client(self) -> EventBridgeClient:
        # Making a client takes 0.1 s, so it is made at the first event, after the comparison began.
        return self._connect()

    def emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Sends one event. Raises NotTold if EventBridge did not accept it."""
        entry = {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": kind,
            "Detail": json.dumps(detail, ensure_ascii=False),
        }
        try:
            answer = self._client.put_events(Entries=[entry])  # type: ignore[list-item]
        except (BotoCoreError, ClientError) as error:
            raise NotTold(f"EventBridge: {error}") from error
        if answer["FailedEntryCount"]:
            [failed] = answer["Entries"]
            raise NotTold(f"EventBridge: {failed.get('ErrorCode')}: {failed.get('ErrorMessage')}")

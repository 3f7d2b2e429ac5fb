"""A double of the records of projects, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LATER = {"arrived", "baseline", "complete", "forgotten", "lost", "review", "review_revision",
         "unfinished"}  # fmt: skip


class MemoryProjectTable:
    """The items of a table in a dictionary, by their keys."""

    def __init__(self, items: Iterable[Mapping[str, Any]] = ()) -> None:
        self.stored = {(item["pk"], item["sk"]): dict(item) for item in items}

    def items(self, project: str) -> list[dict[str, Any]]:
        return [dict(self.stored[key]) for key in sorted(self.stored) if key[0] == project]

    def put_new(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        key = item["pk"], item["sk"]
        if key in self.stored:
            return dict(self.stored[key])
        self.stored[key] = dict(item)
        return None

    def put(self, item: Mapping[str, Any]) -> None:
        self.stored[item["pk"], item["sk"]] = dict(item)

    def delete(self, item: Mapping[str, Any]) -> bool:
        key = item["pk"], item["sk"]
        present = self.stored.get(key)
        if present is None:
            return True
        same = all(present.get(name) == value for name, value in item.items())
        if not same or (present.keys() - item.keys()) & LATER:
            return False
        del self.stored[key]
        return True

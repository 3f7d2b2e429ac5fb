"""Keeps the objects of a bucket and the items of a table in a folder, from one start to the next.

MiniStack writes objects into files itself (S3_PERSIST) and reads them when it starts. But it then
takes the bucket for made, so that no stack can make it: `take_out` puts the objects aside until the
stack has its bucket. Items are written by us, less than a second after each change, at once as a
whole: MiniStack would write them only when it ends in order.
"""

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import ministack.app  # type: ignore[import-not-found]
from ministack.services import dynamodb, s3  # type: ignore[import-not-found]

from . import ARTEFACTS

TABLE = "table.json"
PAUSE = 0.5  # seconds: changes of so long are written together
_READS = frozenset({"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"})
_ATTEMPTS = 20

Items = dict[str, dict[str, dict[str, Any]]]  # partition key → sort key → item


class Unreadable(Exception):
    """What was kept cannot be read; the message names the file."""


class Keeper:
    """Keeps one bucket and one table. Until `restore` it changes nothing in the folder."""

    def __init__(self, folder: Path) -> None:
        self.problem = ""  # why something is not kept, or nothing
        self._file = folder / TABLE
        self._table: dict[str, Any] | None = None
        self._changed = threading.Event()
        self._writing = threading.Lock()
        self._aside = take_out()
        self._note_lost_objects()
        self._note_changed_items()

    def restore(self, bucket: str, table: str) -> None:
        """Puts objects and items back into what the stack has made, and keeps both from now on.

        Raises:
            Unreadable: the file with the items is not as it was written. Nothing was changed.
        """
        items = self._read()
        made = _only(s3._buckets._data, bucket)
        made["objects"].update(self._aside.get(bucket, {}))
        self._aside.clear()
        restored = _only(dynamodb._tables._data, table)
        for partition, sorted_items in items.items():
            restored["items"][partition] = sorted_items
        dynamodb._items_replaced(restored)
        self._table = restored
        threading.Thread(target=self._write_changes, daemon=True).start()

    def close(self) -> None:
        """Writes what has changed."""
        if self._table is not None:
            self._write()

    def _read(self) -> Items:
        try:
            found = json.loads(self._file.read_text("utf-8"))
            return {name: dict(rows) for name, rows in found["items"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(f"{self._file} cannot be read: {error}") from error

    def _write_changes(self) -> None:
        while True:
            self._changed.wait()
            threading.Event().wait(PAUSE)
            self._changed.clear()
            self._write()

    def _write(self) -> None:
        assert self._table is not None  # noqa: S101 - `restore` comes first
        unfinished = self._file.with_suffix(".unfinished")
        with self._writing:
            try:
                with unfinished.open("w", encoding="utf-8") as file:
                    file.write(_as_json(self._table["items"]))
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(self._file)
            except OSError as error:
                self.problem = f"{self._file}: {error.strerror}"
                self._changed.set()  # there may be space later
            else:
                if self.problem.startswith(str(self._file)):
                    self.problem = ""

    def _note_changed_items(self) -> None:
        answer = ministack.app.SERVICE_HANDLERS["dynamodb"]

        async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
            answered = await answer(method, path, headers, body, query)
            if headers.get("x-amz-target", "").rpartition(".")[2] not in _READS:
                self._changed.set()
            return answered

        ministack.app.SERVICE_HANDLERS["dynamodb"] = handle

    def _note_lost_objects(self) -> None:
        """Has an object that cannot be written be a problem; the code of functions is not kept."""
        persist = s3._persist_object

        def kept(bucket: str, key: str, record: Any) -> None:
            if bucket == ARTEFACTS:
                return
            persist(bucket, key, record)
            if isinstance(record, dict) and record.get("body") is not None:  # it is dropped if kept
                self.problem = f"the object {key} of {bucket}: see the server's log"

        s3._persist_object = kept


def take_out() -> dict[str, dict[str, Any]]:
    """Takes the buckets out that MiniStack has read from the folder; their objects by bucket."""
    found = {name: made["objects"] for (_, name), made in s3._buckets._data.items()}
    s3._buckets._data.clear()
    return found


def _only(scoped: dict[tuple[str, ...], dict[str, Any]], name: str) -> dict[str, Any]:
    """What has a name, in the one account and region that there are."""
    return next(value for key, value in scoped.items() if key[-1] == name)


def _as_json(items: Items) -> str:
    """The items as JSON, while requests may change them."""
    for attempt in range(_ATTEMPTS):
        try:
            return json.dumps({"items": items})
        except RuntimeError:  # a dictionary changed its size meanwhile
            logging.info("the items changed while they were read, attempt %d", attempt + 1)
    raise OSError(0, "the items change faster than they can be read")

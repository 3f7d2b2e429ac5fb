"""Reads and changes the log of a project's quarantines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.quarantine_review import QuarantineLog
from pixelgate.pipeline.announce.update import read_json, update
from pixelgate.ports import Bucket


def read_quarantine_log(project: str, objects: Bucket) -> QuarantineLog:
    """Reads the log of a project; it is empty if nobody has written a quarantine."""
    stored = read_json(objects, keys.quarantine_log(project))
    return QuarantineLog.from_json(stored) if stored else QuarantineLog()


def change_quarantine_log(
    project: str, objects: Bucket, change: Callable[[QuarantineLog], QuarantineLog]
) -> QuarantineLog:
    """Changes the log by compare-and-set; returns the new one. Raises WriteConflict."""
    changed = QuarantineLog()

    def encoded(stored: Any) -> bytes | None:
        nonlocal changed
        present = QuarantineLog.from_json(stored) if stored else QuarantineLog()
        changed = change(present)
        if changed == present:
            return None
        return json.dumps(changed.as_json(), ensure_ascii=False).encode()

    update(objects, keys.quarantine_log(project), encoded)
    return changed

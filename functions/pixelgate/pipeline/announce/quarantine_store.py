"""Reads and changes the log of a project's quarantines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.quarantine_review import QuarantineLog
from pixelgate.pipeline.announce.update import change_log, read_json
from pixelgate.ports import Bucket


def read_quarantine_log(project: str, objects: Bucket) -> QuarantineLog:
    """Reads the log of a project; it is empty if nobody has written a quarantine."""
    return _log_of(read_json(objects, keys.quarantine_log(project)))


def change_quarantine_log(
    project: str, objects: Bucket, change: Callable[[QuarantineLog], QuarantineLog]
) -> QuarantineLog:
    """Changes the log by compare-and-set; returns the new one. Raises WriteConflict."""
    return change_log(objects, keys.quarantine_log(project), _log_of, change)


def _log_of(stored: Any) -> QuarantineLog:
    return QuarantineLog.from_json(stored) if stored else QuarantineLog()

"""Parses `--since`, which several commands take."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pixelgate.errors import UsageError

_DAYS = re.compile(r"([1-9]\d{0,4})d")


def beginning(since: str, now: datetime) -> datetime:
    """Returns the time that `30d` or a date stands for. Raises UsageError."""
    if found := _DAYS.fullmatch(since):
        return now - timedelta(days=int(found[1]))
    try:
        moment = datetime.fromisoformat(since)
    except ValueError as error:
        raise UsageError(
            f"--since {since}: give days, such as 30d, or a date, such as 2026-01-31"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

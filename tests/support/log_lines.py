"""Log lines as CloudWatch gets them, a few of each kind, for tests of the queries that find them.

Ours were written by the handlers' tests, which hold them up to date. Lambda's own are those of
its JSON format (`platform.*`), and of Python's runtime, awslambdaric, for an error nobody caught.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

Line = dict[str, Any]

RECORDED: dict[str, Line] = json.loads(
    Path(__file__).with_name("log_lines.json").read_text(encoding="utf-8")
)


def fields_of(line: Line, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Fields as Logs Insights finds them: those of objects with dots, but not what is null."""
    for name, value in line.items():
        if isinstance(value, dict):
            yield from fields_of(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value


def assert_is_recorded(message: str, caplog: pytest.LogCaptureFixture) -> None:
    """Fails if the handlers do not write this line with the fields of the recorded one."""
    # Imported here: Powertools reads its settings when it is imported.
    from pixelgate.handlers.telemetry import logger

    written = next(record for record in caplog.records if record.message == message)
    line = json.loads(logger.registered_formatter.format(written))
    assert dict(fields_of(line)).keys() == dict(fields_of(RECORDED[message])).keys()

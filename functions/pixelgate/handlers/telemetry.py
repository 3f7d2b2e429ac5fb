"""Logs, traces and metrics of the functions, configured by POWERTOOLS_* in the template."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger, Metrics, Tracer

from pixelgate.keys import BuildId, ComparisonId

logger = Logger()
metrics = Metrics()
tracer = Tracer()

_seconds: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A sub-segment of the trace around one stage of a run, whose time is kept for the log."""
    begun = time.monotonic()
    try:
        with tracer.provider.in_subsegment(name):
            yield
    finally:
        _seconds[name] = _seconds.get(name, 0.0) + time.monotonic() - begun


def seconds_by_stage() -> dict[str, float]:
    """How long each stage has taken since this was last asked."""
    taken = {name: round(seconds, 4) for name, seconds in _seconds.items()}
    _seconds.clear()
    return taken


def about(
    build: BuildId, comparison: ComparisonId | None = None, execution: str | None = None
) -> dict[str, str | None]:
    """What every log line of a build carries, so that one query finds all of them."""
    return {
        "project": build.project,
        "build": build.build,
        "comparison": str(comparison) if comparison else None,
        "execution": execution or None,
    }

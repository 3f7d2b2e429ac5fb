"""Logs, traces and metrics of the functions, configured by POWERTOOLS_* in the template."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger, Metrics, Tracer

from pixelgate.domain.keys import BuildId, ComparisonId

logger = Logger()
metrics = Metrics()
# The SDK's calls, not every request of the network: a comparison has a thousand, and to note one
# takes half as long as to send it.
tracer = Tracer(patch_modules=["botocore"])

_seconds: dict[str, float] = {}
_busy: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A sub-segment of the trace around one stage of a run, whose time is kept for the log."""
    begun, busy = time.monotonic(), time.process_time()
    try:
        with tracer.provider.in_subsegment(name):
            yield
    finally:
        _seconds[name] = _seconds.get(name, 0.0) + time.monotonic() - begun
        _busy[name] = _busy.get(name, 0.0) + time.process_time() - busy


def seconds_by_stage() -> dict[str, dict[str, float]]:
    """What each stage has taken since this was last asked.

    Returns:
        `stages`: seconds on the clock; `processors`: seconds of processors, without odiff's.
    """
    taken = {"stages": _rounded(_seconds), "processors": _rounded(_busy)}
    _seconds.clear()
    _busy.clear()
    return taken


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(taken, 4) for name, taken in seconds.items()}


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

"""Sets up logs and metrics; POWERTOOLS_* in the template configures them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from pixelgate.domain.keys import BuildId, ComparisonId

logger = Logger()
metrics = Metrics()

_seconds: dict[str, float] = {}
_busy: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Adds up the time of one stage of a run for the log (decision 0055: there are no traces)."""
    started, busy = time.monotonic(), time.process_time()
    try:
        yield
    finally:
        _seconds[name] = _seconds.get(name, 0.0) + time.monotonic() - started
        _busy[name] = _busy.get(name, 0.0) + time.process_time() - busy


def seconds_by_stage() -> dict[str, dict[str, float]]:
    """Returns seconds by stage since the last call; `processors` are those without odiff's."""
    times = {"stages": _seconds, "processors": _busy}
    taken = {kind: {n: round(t, 4) for n, t in each.items()} for kind, each in times.items()}
    _seconds.clear()
    _busy.clear()
    return taken


def count(name: str, number: int = 1) -> None:
    """Adds to a metric."""
    metrics.add_metric(name, MetricUnit.Count, number)


def log_fields(
    build: BuildId, comparison: ComparisonId | None = None, execution: str | None = None
) -> dict[str, str | None]:
    """Returns the fields of every log line of a build, so that one query finds all lines."""
    return {
        "project": build.project,
        "build": build.build,
        "comparison": str(comparison) if comparison else None,
        "execution": execution or None,
    }

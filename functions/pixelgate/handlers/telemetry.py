"""Logs, traces and metrics of the functions, configured by POWERTOOLS_* in the template."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger()
metrics = Metrics()
tracer = Tracer()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A sub-segment of the trace around one stage of a run."""
    with tracer.provider.in_subsegment(name):
        yield

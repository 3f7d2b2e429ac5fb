"""Runs every few minutes and takes care of comparisons that nobody works on any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.bootstrap import aws_records, resume_by_lambda
from pixelgate.domain.keys import BuildId
from pixelgate.handlers.telemetry import about, logger, metrics, tracer
from pixelgate.pipeline.cleanup.sweep import Action, sweep
from pixelgate.pipeline.context import StorageContext


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweeps once; the event of every minute has `only: waits`."""
    swept = sweep(records(), resume(), waits_only=event.get("only") == "waits")
    actions = [s.action for s in swept]
    given_up = actions.count(Action.GIVE_UP)
    metrics.add_metric("LeasesSwept", MetricUnit.Count, actions.count(Action.RESUME) + given_up)
    metrics.add_metric("WaitsInVain", MetricUnit.Count, actions.count(Action.END_WAIT))
    if given_up:
        metrics.add_metric("ComparisonsFailed", MetricUnit.Count, given_up)
    answers = [
        {"comparison": str(s.record.id), "action": s.action, "attempt": s.record.attempts}
        for s in swept
    ]
    for found in swept:
        said = about(found.record.head, found.record.id, found.record.execution)
        told = {"action": found.action, "attempt": found.record.attempts}
        logger.warning("a comparison that nobody works on", extra={**said, **told})
    return {"swept": answers}


@cache
def records() -> StorageContext:
    """Made at the first event and kept by the execution environment."""
    return replace(aws_records(), resume=resume())


@cache
def resume() -> Callable[[BuildId], None]:
    """Likewise."""
    return resume_by_lambda()

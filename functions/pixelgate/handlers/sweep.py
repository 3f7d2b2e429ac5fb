"""Lambda function that restarts or ends stalled comparisons; it runs every few minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.bootstrap import aws_records, resume_by_lambda
from pixelgate.domain.keys import BuildId
from pixelgate.handlers.telemetry import log_fields, logger, metrics
from pixelgate.pipeline.cleanup.sweep import Action, sweep
from pixelgate.pipeline.context import StorageContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweeps once; the event that comes every minute has `only: waits`."""
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
    for s in swept:
        fields = log_fields(s.record.head, s.record.id, s.record.execution)
        details = {"action": s.action, "attempt": s.record.attempts}
        logger.warning("stalled comparison", extra={**fields, **details})
    return {"swept": answers}


@cache
def records() -> StorageContext:
    """Makes the context at the first event; the execution environment keeps it."""
    return replace(aws_records(), resume=resume())


@cache
def resume() -> Callable[[BuildId], None]:
    """Makes the caller of the compare function; the execution environment keeps it."""
    return resume_by_lambda()

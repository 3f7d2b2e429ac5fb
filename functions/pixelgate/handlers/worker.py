"""Lambda function that compares one batch of a comparison that was handed over."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.bootstrap import aws_service
from pixelgate.domain.keys import BuildId
from pixelgate.handlers.machine_input import parse_work
from pixelgate.handlers.telemetry import (
    count,
    log_fields,
    logger,
    metrics,
    seconds_by_stage,
    stage,
)
from pixelgate.pipeline.compare.fan_out import BatchCompared, work
from pixelgate.pipeline.context import CompareContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Compares the batch that the event names; the answer is small, as the machine keeps it.

    If it raises, the state machine tries again.
    """
    handed, batch = parse_work(event)
    build = BuildId(handed.comparison.project, handed.comparison.head)
    logger.append_keys(**log_fields(build, handed.comparison, handed.execution), batch=batch.number)
    seconds_by_stage()  # drops the times of an earlier batch
    outcome = work(handed, batch, service(), lambda: context.get_remaining_time_in_millis() / 1000)
    if not isinstance(outcome, BatchCompared):
        count("LateWorkers")
        logger.info("batch superseded")
        return {"batch": batch.number, "superseded": True}
    tally = outcome.tally
    answer = {"diffed": tally.diffed, "cached": tally.cached, "errored": outcome.faults}
    count("BatchesDone")
    logger.info("batch compared", extra={**answer, **seconds_by_stage()})
    return {"batch": batch.number, **answer}


@cache
def service() -> CompareContext:
    """Makes the context at the first event; the execution environment keeps it."""
    return aws_service(stage)

"""Lambda function that publishes a comparison that was handed over to many workers."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.bootstrap import aws_service
from pixelgate.domain.keys import BuildId
from pixelgate.handlers.compare import report
from pixelgate.handlers.machine_input import parse_publish
from pixelgate.handlers.telemetry import (
    count,
    log_fields,
    logger,
    metrics,
    seconds_by_stage,
    stage,
)
from pixelgate.pipeline.compare.fan_out import give_back, publish_handed
from pixelgate.pipeline.compare.outcomes import Published
from pixelgate.pipeline.context import CompareContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publishes the results, or gives the comparison back if the map over its batches failed.

    If it raises, the state machine tries again.
    """
    handed, error = parse_publish(event)
    build = BuildId(handed.comparison.project, handed.comparison.head)
    logger.append_keys(**log_fields(build, handed.comparison, handed.execution))
    seconds_by_stage()  # drops the times of an earlier event
    if error is not None:
        given_back = give_back(handed, error, service())
        count("ComparisonsRetried", int(given_back))
        logger.error("fan-out failed", extra={"reason": error})
        return {"given_back": given_back}
    try:
        outcome = publish_handed(
            handed, service(), lambda: context.get_remaining_time_in_millis() / 1000
        )
    except Exception:
        count("ComparisonsRetried")
        raise
    answer = report(build, outcome)
    if isinstance(outcome, Published) and outcome.announce_error:
        raise outcome.announce_error  # the next attempt announces it again
    return answer


@cache
def service() -> CompareContext:
    """Makes the context at the first event; the execution environment keeps it."""
    return aws_service(stage)

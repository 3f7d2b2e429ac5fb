"""Lambda function that ends a comparison that was handed over to many workers.

It finds the batches that were lost, so that they are run again, and publishes the results.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.bootstrap import aws_service
from pixelgate.domain.keys import BuildId
from pixelgate.handlers.compare import report
from pixelgate.handlers.machine_input import parse_publish, parse_search
from pixelgate.handlers.telemetry import (
    count,
    log_fields,
    logger,
    metrics,
    seconds_by_stage,
    stage,
)
from pixelgate.pipeline.compare.batches import Handed
from pixelgate.pipeline.compare.fan_out import Round, give_back, next_round, publish_handed
from pixelgate.pipeline.compare.outcomes import Published
from pixelgate.pipeline.context import CompareContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publishes the results, or gives the comparison back if the map over its batches failed.

    After each round of the map it is asked first which batches have no result. If it raises, the
    state machine tries again.
    """

    def time_left() -> float:
        return context.get_remaining_time_in_millis() / 1000

    if search := parse_search(event):
        return _find_lost(*search, time_left)
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
        outcome = publish_handed(handed, service(), time_left)
    except Exception:
        count("ComparisonsRetried")
        raise
    answer = report(build, outcome)
    if isinstance(outcome, Published) and outcome.announce_error:
        raise outcome.announce_error  # the next attempt announces it again
    return answer


def _find_lost(handed: Handed, done: Round, time_left: Callable[[], float]) -> dict[str, Any]:
    build = BuildId(handed.comparison.project, handed.comparison.head)
    logger.append_keys(**log_fields(build, handed.comparison, handed.execution))
    wanted = next_round(handed, done, service(), time_left)
    count("BatchesLost", wanted.batches)
    if wanted.batches:
        logger.warning("lost batches are run again", extra=vars(wanted))
    return dict(vars(wanted))


@cache
def service() -> CompareContext:
    """Makes the context at the first event; the execution environment keeps it."""
    return aws_service(stage)

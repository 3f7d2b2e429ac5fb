"""Lambda function that restarts or ends stalled comparisons; it runs every few minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.bootstrap import aws_records, deliver_by_lambda, resume_by_lambda
from pixelgate.domain.keys import BuildId, Upload
from pixelgate.handlers.telemetry import count, log_fields, logger, metrics
from pixelgate.pipeline.cleanup.lost_uploads import deliver_lost_uploads, is_due
from pixelgate.pipeline.cleanup.sweep import Action, sweep
from pixelgate.pipeline.context import StorageContext


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweeps once; the event that comes every minute has `only: waits`."""
    waits_only = event.get("only") == "waits"
    try:
        swept = sweep(records(), resume(), waits_only=waits_only)
    except ExceptionGroup as group:
        # Lambda's own report of an ExceptionGroup leaves out what is in it.
        for error in group.exceptions:
            named = {"comparison": "; ".join(error.__notes__), "error": repr(error)}
            logger.error("comparison not swept", extra=named)
        raise
    actions = [s.action for s in swept]
    given_up = actions.count(Action.GIVE_UP)
    counts = {
        # The alarm on silence watches the sweeps that restart comparisons, and only those.
        "SweepsDone": int(not waits_only),
        "LeasesSwept": actions.count(Action.RESUME) + given_up,
        "WaitsInVain": actions.count(Action.END_WAIT),
        "ComparisonsFailed": given_up,
    }
    for name, number in counts.items():
        if number:  # a metric costs money for each hour in which it has a value, be it zero
            count(name, number)
    if any(counts.values()):
        metrics.flush_metrics()
    answers = []
    for s in swept:
        fields = log_fields(s.record.head, s.record.id, s.record.execution)
        details = {"action": s.action, "attempt": s.record.attempts}
        logger.warning("stalled comparison", extra={**fields, **details})
        answers.append({"comparison": str(s.record.id), **details})
    answer: dict[str, Any] = {"swept": answers}
    due = event.get("only") != "waits" and is_due(records().clock())
    if due and (delivered := _deliver()):
        answer["delivered"] = [str(upload.build) for upload in delivered]
    return answer


def _deliver() -> list[Upload]:
    """Delivers uploads whose event never came."""
    uploads = deliver_lost_uploads(records(), deliver_by_lambda())
    for upload in uploads:
        count("LostUploads")
        logger.warning("lost upload delivered", extra=log_fields(upload.build))
    return uploads


@cache
def records() -> StorageContext:
    """Makes the context at the first event; the execution environment keeps it."""
    return replace(aws_records(), resume=resume())


@cache
def resume() -> Callable[[BuildId], None]:
    """Makes the caller of the compare function; the execution environment keeps it."""
    return resume_by_lambda()

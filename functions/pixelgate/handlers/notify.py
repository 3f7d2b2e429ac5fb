"""Lambda function that updates a pull request when EventBridge sends a change of state."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from pixelgate.bootstrap import Notifier, aws_notifier
from pixelgate.domain.keys import BuildId, ComparisonId, check_id
from pixelgate.errors import BadManifest, NoticeRefused
from pixelgate.handlers.telemetry import log_fields, logger, metrics
from pixelgate.notify.forge import Forge
from pixelgate.notify.http import Patience
from pixelgate.notify.update import Notified, Skipped, notify

_MARGIN = 10.0  # seconds that remain for the answer


class _Detail(BaseModel):
    project: str
    build: str
    base: str | None = None
    execution: str | None = None


class _Event(BaseModel):
    detail: _Detail


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Updates one pull request.

    Raises:
        NotTold: the forge was not reached; a later delivery may succeed.
    """
    try:
        detail = _Event.model_validate(event).detail
        build = BuildId(check_id(detail.project, "project"), check_id(detail.build, "build"))
    except (ValidationError, BadManifest) as error:
        _count("EventsIgnored")
        logger.warning("event ignored", extra={"why": str(error)})
        return {"ignored": str(error)}
    comparison = ComparisonId(build.project, build.build, detail.base) if detail.base else None
    fields = log_fields(build, comparison, detail.execution)
    adapters = notifier()
    patience = Patience(lambda: context.get_remaining_time_in_millis() / 1000 - _MARGIN)
    forge = adapters.forge(build.project, patience)
    try:
        outcome = _notify(build, adapters, forge)
    except NoticeRefused as error:
        _count("NoticesRefused")
        logger.error("notification refused", extra={**fields, "why": str(error)})
        return {"build": str(build), "refused": str(error)}
    except Exception:
        _count("NoticesRetried")
        raise
    if isinstance(outcome, Notified):
        _count("NoticesSent", int(bool(outcome.done)))
        answer: dict[str, Any] = {"build": str(build), "done": list(outcome.done)}
    else:
        _count("NoticesSent", 0)
        answer = {"build": str(build), "skipped": outcome.why}
    logger.info("notification sent", extra={**answer, **fields})
    return answer


def _notify(build: BuildId, adapters: Notifier, forge: Forge | None) -> Notified | Skipped:
    if forge is None:
        return Skipped(f"no repository is configured for project {build.project}")
    return notify(build, adapters.records, forge, adapters.report_url)


@cache
def notifier() -> Notifier:
    """Makes the notifier at the first event; the execution environment keeps it."""
    return aws_notifier()


def _count(name: str, number: int = 1) -> None:
    metrics.add_metric(name, MetricUnit.Count, number)

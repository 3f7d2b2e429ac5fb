"""Lambda function that updates a pull request when EventBridge sends a change of state."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from pixelgate.bootstrap_web import Notifier, aws_notifier
from pixelgate.domain.keys import BuildId, check_build
from pixelgate.errors import BadManifest, NoticeRefused
from pixelgate.handlers.telemetry import count, log_fields, logger, metrics
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
    """Updates one pull request. Raises NotTold if a later delivery may succeed."""
    try:
        detail = _Event.model_validate(event).detail
        build = check_build(BuildId(detail.project, detail.build))
    except (ValidationError, BadManifest) as error:
        count("EventsIgnored")
        logger.warning("event ignored", extra={"why": str(error)})
        return {"ignored": str(error)}
    comparison = build.against(detail.base) if detail.base else None
    fields = log_fields(build, comparison, detail.execution)
    adapters = notifier()
    patience = Patience(lambda: context.get_remaining_time_in_millis() / 1000 - _MARGIN)
    try:
        forge = adapters.forge(build.project, patience)
        if forge:
            outcome = notify(build, adapters.records, forge, adapters.shown)
        else:
            outcome = Skipped(f"no repository is configured for project {build.project}")
    except NoticeRefused as error:
        count("NoticesRefused")
        logger.error("notification refused", extra={**fields, "why": str(error)})
        return {"build": str(build), "refused": str(error)}
    except Exception:
        count("NoticesRetried")
        raise
    answer: dict[str, Any] = {"build": str(build)}
    if isinstance(outcome, Notified):
        answer["done"] = list(outcome.done)
    else:
        answer["skipped"] = outcome.why
    count("NoticesSent", int(bool(answer.get("done"))))
    logger.info("notification sent", extra={**answer, **fields})
    return answer


@cache
def notifier() -> Notifier:
    """Makes the notifier at the first event; the execution environment keeps it."""
    return aws_notifier()

"""Runs once a day and removes what runs left behind that nobody will ever read."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.handlers.telemetry import logger, metrics, tracer
from pixelgate.pipeline.orphans import orphans, projects
from pixelgate.pipeline.service import Records
from pixelgate.ports import Attic
from pixelgate.wiring import open_attic

DAY = 86_400.0


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Tidies up every project.

    Raises:
        ExceptionGroup: some could not be tidied up; the others were.
    """
    records, attic = opened()
    told, failures = {}, []
    for project in projects(attic):
        try:
            told[project] = _tidy(project, records, attic)
        except Exception as error:
            error.add_note(project)
            failures.append(error)
            continue
        logger.info("tidied up", extra={"project": project, "done": told[project]})
    found = sum(done["orphans"] for done in told.values())
    metrics.add_metric("ExecutionsOrphaned", MetricUnit.Count, found)
    if failures:
        raise ExceptionGroup("not every project could be tidied up", failures)
    return {"projects": told}


@cache
def opened() -> tuple[Records, Attic]:
    """Made at the first event and kept by the execution environment."""
    return open_attic(os.environ["PIXELGATE_BUCKET"], os.environ["PIXELGATE_TABLE"])


def _tidy(project: str, records: Records, attic: Attic) -> dict[str, int]:
    executions = 0
    patience = float(os.environ.get("PIXELGATE_ORPHANS_SECONDS", DAY))
    for execution, files in orphans(project, records, attic, older_than=patience):
        attic.delete(files)
        executions += 1
        logger.info("removed what a run left", extra={"project": project, "execution": execution})
    return {"orphans": executions}

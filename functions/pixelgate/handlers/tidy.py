"""Lambda function that tidies up once a day: dead runs, the index, what it teaches, and garbage."""

from __future__ import annotations

import os
import random
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pixelgate.bootstrap import baseline_branches, open_storage, retention_days, trunk_only
from pixelgate.handlers.telemetry import count, logger, metrics
from pixelgate.past.noise import remember
from pixelgate.pipeline.cleanup.garbage import DAY, Retention, collect
from pixelgate.pipeline.cleanup.index import merge_index
from pixelgate.pipeline.cleanup.orphans import orphans, projects
from pixelgate.pipeline.context import StorageContext

OFF, DELETE = "off", "delete"  # the third mode, "dry", only counts
_METRICS = {
    "ExecutionsOrphaned": "orphans",
    "BuildsRemoved": "removed",
    "ImagesDeleted": "swept",
    "ObjectsRemoved": "deleted",
}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Tidies up every project. Raises ExceptionGroup if some failed; the others are done."""
    records = opened()
    days = retention_days(os.environ.get("PIXELGATE_RETENTION_DAYS", ""))
    results, failures = {}, []
    everyone = projects(records.objects)
    # In another order each day: a run that is cut off at its time limit leaves others each time.
    for project in random.sample(everyone, len(everyone)):
        done: dict[str, int] = {}
        failed = False
        # What stops one step, such as an object that is none of ours, does not stop the other.
        for step in (_index, _tidy):
            try:
                done |= step(project, records, days(project))
            except Exception as error:
                error.add_note(project)
                # Lambda's own report of an ExceptionGroup leaves out what is in it.
                logger.exception("project not tidied", extra={"project": project})
                failures.append(error)
                failed = True
        if done:
            results[project] = done
        if failed:
            continue
        logger.info("project tidied", extra={"project": project, "done": done})
    for metric, field in _METRICS.items():
        number = sum(done.get(field, 0) for done in results.values())
        count(metric, number)
    if failures:
        raise ExceptionGroup("not every project could be tidied up", failures)
    return {"projects": results}


@cache
def opened() -> StorageContext:
    """Opens bucket and table at the first event; the execution environment keeps them."""
    environ = os.environ
    return open_storage(
        environ["PIXELGATE_BUCKET"],
        environ["PIXELGATE_TABLE"],
        baseline_branches(environ),
        trunk_only=trunk_only(environ),
    )


def _index(project: str, records: StorageContext, days: float) -> dict[str, int]:
    wait = float(os.environ.get("PIXELGATE_INDEX_SECONDS", 3_600.0))
    merged = merge_index(project, records.objects, records.clock(), older_than=wait)
    return {"indexed": merged, "learned": remember(project, records.objects)}


def _tidy(project: str, records: StorageContext, days: float) -> dict[str, int]:
    executions = 0
    patience = float(os.environ.get("PIXELGATE_ORPHANS_SECONDS", DAY))
    for execution, files in orphans(project, records, older_than=patience):
        records.objects.delete(files)
        executions += 1
        logger.info("dead execution deleted", extra={"project": project, "execution": execution})
    mode = os.environ.get("PIXELGATE_GARBAGE_COLLECTION", OFF)
    if mode == OFF:
        return {"orphans": executions}
    retention = Retention(
        days,
        min_age=float(os.environ.get("PIXELGATE_GARBAGE_AGE_SECONDS", Retention.min_age)),
        hidden=float(os.environ.get("PIXELGATE_GARBAGE_HIDDEN_SECONDS", Retention.hidden)),
    )
    done = collect(project, records, retention, delete=mode == DELETE)
    counts = {name: n for name, n in vars(done).items() if isinstance(n, int)}
    return {
        "orphans": executions,
        "builds": len(done.builds),
        "bytes": counts.pop("size"),
        **counts,
    }

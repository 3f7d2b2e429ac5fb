"""The state machine that compares what is too much for one worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pixelgate.domain.keys import ComparisonId

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StateMachine:
    """One state machine of Step Functions, of type STANDARD: only these have unique names."""

    def __init__(self, client: SFNClient, arn: str, bucket: str, concurrency: int) -> None:
        """So many workers of one comparison run at the same time."""
        self._client = client
        self._arn = arn
        self._bucket = bucket
        self._concurrency = concurrency

    def start(self, execution: str, comparison: ComparisonId) -> None:
        """Starts the execution of that name, unless there is or was one."""
        c = comparison
        request = {
            "bucket": self._bucket,
            "project": c.project,
            "head": c.head,
            "base": c.base,
            "execution": execution,
            "concurrency": self._concurrency,
        }
        try:
            self._client.start_execution(
                stateMachineArn=self._arn, name=execution, input=json.dumps(request)
            )
        except self._client.exceptions.ExecutionAlreadyExists:
            return

"""Starts the state machine that compares builds too large for one worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pixelgate.domain.keys import ComparisonId

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StateMachine:
    """A state machine of Step Functions of type STANDARD, in which execution names are unique."""

    def __init__(self, client: SFNClient, arn: str, bucket: str, concurrency: int) -> None:
        """Makes the port; `concurrency` is the number of workers that one comparison may use."""
        self._client = client
        self._arn = arn
        self._bucket = bucket
        self._concurrency = concurrency

    def start(self, execution: str, comparison: ComparisonId) -> None:
        """Starts an execution, unless one of that name exists or existed."""
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

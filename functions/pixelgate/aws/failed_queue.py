"""Reads the queue of failed events on SQS and sends events again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from pixelgate.aws.errors import in_words
from pixelgate.domain.failed_event import FailedEvent, Message

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

_HIDDEN_SECONDS = 60  # long enough to send several hundred events again
_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


class SqsFailedEvents:
    """The queue of failed events, given by its URL."""

    def __init__(self, sqs: SQSClient, functions: LambdaClient, url: str) -> None:
        self._sqs = sqs
        self._functions = functions
        self._url = url

    def messages(self) -> Iterator[Message]:
        """Yields messages until no new one comes; long polling asks all servers of the queue."""
        seen: set[str] = set()
        while True:
            with self._in_words("sqs:ReceiveMessage"):
                answer = self._sqs.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=_HIDDEN_SECONDS,
                    WaitTimeSeconds=1,
                )
            new = [m for m in answer.get("Messages", ()) if m["MessageId"] not in seen]
            if not new:
                return
            for message in new:
                seen.add(message["MessageId"])
                yield Message(message["MessageId"], message["ReceiptHandle"], message["Body"])

    def give_back(self, message: Message) -> None:
        """Makes a message visible again for others."""
        with self._in_words("sqs:ChangeMessageVisibility"):
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=0
            )

    def delete(self, message: Message) -> None:
        """Deletes a message."""
        with self._in_words("sqs:DeleteMessage"):
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)

    def send(self, event: FailedEvent) -> None:
        """Invokes the event's function asynchronously."""
        with self._in_words("lambda:InvokeFunction", event.function):
            self._functions.invoke(
                FunctionName=event.function,
                InvocationType="Event",
                Payload=json.dumps(event.payload).encode(),
            )

    def is_ours(self, event: FailedEvent) -> bool:
        """Whether the function is in the queue's account and region.

        Otherwise a forged message could invoke a function of another account.
        """
        return event.function.startswith(self._functions_of_the_account)

    @cached_property
    def _functions_of_the_account(self) -> str:
        with self._in_words("sqs:GetQueueAttributes"):
            attributes = self._sqs.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["QueueArn"]
            )["Attributes"]
        _, partition, _, region, account, _ = attributes["QueueArn"].split(":", 5)
        return f"arn:{partition}:lambda:{region}:{account}:function:"

    def _in_words(self, action: str, resource: str = "") -> AbstractContextManager[None]:
        nowhere = (
            f"there is no queue {self._url}; set --queue or PIXELGATE_FAILED_EVENTS to its URL, "
            "which is the stack's output FailedEvents"
        )
        return in_words(
            action,
            resource or self._url,
            ". Compare them with examples/ci/role-operator.json",
            dict.fromkeys(_NO_QUEUE, nowhere),
        )

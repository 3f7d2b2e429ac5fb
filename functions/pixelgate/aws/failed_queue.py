"""The on-failure queue on SQS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pixelgate.domain.failed_event import FailedEvent, Message
from pixelgate.errors import BucketError, Refused
from pixelgate.storage.s3_errors import DENIED

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

_HIDDEN_SECONDS = 60  # long enough to send some hundred events again
_DENIED = DENIED | {"AccessDeniedException"}
_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


class SqsFailedEvents:
    """One queue, by its URL."""

    def __init__(self, sqs: SQSClient, functions: LambdaClient, url: str) -> None:
        self._sqs = sqs
        self._functions = functions
        self._url = url

    def messages(self) -> Iterator[Message]:
        """Asks until nothing more comes; a short queue answers from all its servers by waiting."""
        seen: set[str] = set()
        while True:
            with self._in_words("sqs:ReceiveMessage"):
                answer = self._sqs.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=_HIDDEN_SECONDS,
                    WaitTimeSeconds=1,
                )
            fresh = [m for m in answer.get("Messages", ()) if m["MessageId"] not in seen]
            if not fresh:
                return
            for found in fresh:
                seen.add(found["MessageId"])
                yield Message(found["MessageId"], found["ReceiptHandle"], found["Body"])

    def give_back(self, message: Message) -> None:
        """Ends its invisibility."""
        with self._in_words("sqs:ChangeMessageVisibility"):
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=0
            )

    def delete(self, message: Message) -> None:
        """Deletes it."""
        with self._in_words("sqs:DeleteMessage"):
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)

    def send(self, event: FailedEvent) -> None:
        """Invokes the function asynchronously."""
        with self._in_words("lambda:InvokeFunction", event.function):
            self._functions.invoke(
                FunctionName=event.function,
                InvocationType="Event",
                Payload=json.dumps(event.payload).encode(),
            )

    def is_ours(self, event: FailedEvent) -> bool:
        """By the queue's ARN: who may write to the queue must not have others' functions called."""
        return event.function.startswith(self._functions_of_the_account)

    @cached_property
    def _functions_of_the_account(self) -> str:
        with self._in_words("sqs:GetQueueAttributes"):
            attributes = self._sqs.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["QueueArn"]
            )["Attributes"]
        _, partition, _, region, account, _ = attributes["QueueArn"].split(":", 5)
        return f"arn:{partition}:lambda:{region}:{account}:function:"

    @contextmanager
    def _in_words(self, action: str, what: str = "") -> Iterator[None]:
        """Translates what the SDK raises within the context into BucketError."""
        what = what or self._url
        try:
            yield
        except ClientError as error:
            answer = error.response.get("Error", {})
            code, said = answer.get("Code", ""), answer.get("Message", "")
            if code in _DENIED:
                raise Refused(
                    f"AWS refuses {action} on {what}: these credentials lack it. Compare them "
                    "with examples/ci/role-operator.json"
                ) from error
            if code in _NO_QUEUE:
                raise BucketError(
                    f"there is no queue {self._url}; --queue or PIXELGATE_FAILED_EVENTS names "
                    "it, and the output FailedEvents of the stack is its URL"
                ) from error
            raise BucketError(f"{action} on {what}: AWS answered {code}: {said}") from error
        except (BotoCoreError, ValueError) as error:
            raise BucketError(f"{action} on {what} could not be asked for: {error}") from error

"""Replaces three of MiniStack's functions: how functions run, and how events are retried.

MiniStack's own Python workers find MiniStack's packages, so they would not miss what the artefact
forgot. Its asynchronous invocations give every attempt a new request id and do not tell what waits
for a retry. Its version is pinned, because its functions are replaced by name.
"""

import json
import threading
import time
import uuid
from datetime import UTC, datetime

import boto3
from botocore.config import Config
from ministack.services import lambda_svc  # type: ignore[import-not-found]

from . import iam
from .environment import Pool, Record


class Functions:
    """Runs the functions that MiniStack knows, when it says so."""

    def __init__(self, pool: Pool, endpoint: str, retry_delay: float) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._retry_delay = retry_delay
        self._lock = threading.Lock()
        self._accepted: list[object] = []

    @property
    def pending(self) -> list[object]:
        """Asynchronous events that were accepted and are not done with: they run or wait."""
        with self._lock:
            return list(self._accepted)

    def take_over(self) -> None:
        """Puts these methods where MiniStack looks for its own."""
        lambda_svc._execute_function_warm = self.run
        lambda_svc.invoke_async_with_retry = self.accept
        # An environment brings a folder in place of the archive that would be unpacked here.
        lambda_svc._provided_runtime_code_dir = str

    def run(self, record: Record, event: object, request_id: str) -> Record:
        """Invokes once; the result has the keys that MiniStack reads. The log is in its file."""
        record = record if "config" in record else {**record, "config": record}
        try:
            result = self._pool.invoke(record, event, request_id)
        except Exception as error:  # it did not start; MiniStack raises what it likes
            body = {"errorType": "Runtime.InitError", "errorMessage": str(error)}
            return {"body": body, "error": True, "function_error": "Unhandled", "log": ""}
        if result["status"] == "ok":
            return {"body": result["result"], "error": False, "log": ""}
        body = result["error_payload"]
        return {"body": body, "error": True, "function_error": "Unhandled", "log": ""}

    def accept(self, record: Record, event: object) -> None:
        """Takes an asynchronous event, be it S3's or an Invoke of type Event."""
        with self._lock:
            self._accepted.append(event)
        threading.Thread(target=self._deliver, args=(record, event), daemon=True).start()

    def _deliver(self, record: Record, event: object) -> None:
        """Invokes until it succeeds or the retries are used up; then tells the destination.

        AWS waits 1 minute before the first retry and 2 before the second; here the first delay
        is configured and the second twice as long. The request id stays the same, as on AWS.
        """
        config, settings = record["config"], invoke_settings(record)
        request_id = str(uuid.uuid4())
        last = 1 + settings.get("MaximumRetryAttempts", 2)
        try:
            for attempt in range(1, last + 1):
                # The part of MiniStack's Invoke below its concurrency limit, which is the pool's.
                result = lambda_svc._run_with_function_config_scope(
                    *(config, lambda_svc._execute_function_dispatch),
                    *(record, config, event, request_id, time.time()),
                )
                if not result["error"]:
                    return
                if attempt < last:
                    time.sleep(self._retry_delay * attempt)
                elif queue := on_failure(settings):
                    message = failure_record(config, request_id, attempt, event, result)
                    self._send(queue, message, config)
        finally:
            with self._lock:
                self._accepted.remove(event)

    def _send(self, queue_arn: str, message: Record, config: Record) -> None:
        """Sends to a queue under the function's own role, as Lambda does."""
        region, account, name = queue_arn.split(":")[3:]
        keys = iam.function_credentials(config)
        client = boto3.client(
            "sqs",
            region,
            endpoint_url=self._endpoint,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=keys["AWS_SESSION_TOKEN"],
            config=Config(proxies={}),
        )
        url = f"{self._endpoint}/{account}/{name}"
        client.send_message(QueueUrl=url, MessageBody=json.dumps(message))


def invoke_settings(record: Record) -> Record:
    """The function's EventInvokeConfig, or nothing."""
    by_qualifier = record.get("event_invoke_configs") or {}
    return record.get("event_invoke_config") or by_qualifier.get("$LATEST") or {}


def on_failure(settings: Record) -> str:
    """The ARN of the queue that failed events go to; empty when there is none."""
    destinations = settings.get("DestinationConfig") or {}
    return str((destinations.get("OnFailure") or {}).get("Destination") or "")


def failure_record(
    config: Record, request_id: str, attempts: int, event: object, result: Record
) -> Record:
    """What Lambda sends to the on-failure destination of an asynchronous invocation."""
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{config['FunctionArn']}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": result["function_error"],
        },
        "responsePayload": result["body"],
    }

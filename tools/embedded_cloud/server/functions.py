"""Replaces two parts of MiniStack's Lambda: how functions run, and how events are retried.

MiniStack's own workers find MiniStack's packages, so they would not miss what the artefact forgot,
and they know no /opt. Its asynchronous invocations give every attempt a new request id and do not
tell what waits for a retry. Its version is pinned, as functions are replaced by name.
"""

import json
import threading
import time
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any

from ministack.services import lambda_svc  # type: ignore[import-not-found]

from .calls import access_key
from .environment import Function
from .packages import Packages
from .pool import Pool

Record = dict[str, Any]  # MiniStack's own: {"config": …, "code_zip": …, …}


class Functions:
    """Runs the functions that MiniStack knows, when it says so."""

    def __init__(self, pool: Pool, packages: Packages, endpoint: str, retry_delay: float) -> None:
        self._pool = pool
        self._packages = packages
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
        """Put these methods where MiniStack looks for its own."""
        lambda_svc._execute_function_warm = self.run
        lambda_svc.invoke_async_with_retry = self.accept

    def run(self, record: Record, event: object, request_id: str) -> Record:
        """Invoke once; the result has the keys that MiniStack reads."""
        config = record.get("config") or record
        trace_id = lambda_svc._xray_trace_id_for_invocation(config) or ""
        function = self._function(record, config)
        outcome = self._pool.invoke(function, request_id, json.dumps(event).encode(), trace_id)
        return {
            "body": json.loads(outcome.payload or b"null"),
            "error": outcome.failed,
            "function_error": "Unhandled",
            "log": "",  # it is in the function's log file
        }

    def accept(self, record: Record, event: object) -> None:
        """Take an asynchronous event, be it S3's or an Invoke of type Event."""
        with self._lock:
            self._accepted.append(event)
        threading.Thread(target=self._deliver, args=(record, event), daemon=True).start()

    def _deliver(self, record: Record, event: object) -> None:
        """Invoke until it succeeds or the retries are used up; then tell the destination.

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
                    self._send(queue, message, as_function=config["FunctionName"])
        finally:
            with self._lock:
                self._accepted.remove(event)

    def _send(self, queue_arn: str, message: Record, as_function: str) -> None:
        """Send to a queue with the function's own role, as Lambda does."""
        region = queue_arn.split(":")[3]
        account, name = queue_arn.split(":")[-2:]
        url = f"{self._endpoint}/{account}/{name}"
        request = urllib.request.Request(  # noqa: S310 — to ourselves
            self._endpoint,
            json.dumps({"QueueUrl": url, "MessageBody": json.dumps(message)}).encode(),
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": "AmazonSQS.SendMessage",
                "Authorization": (
                    "AWS4-HMAC-SHA256 "
                    f"Credential={access_key(as_function)}/20200101/{region}/sqs/aws4_request"
                ),
            },
        )
        urllib.request.urlopen(request).close()  # noqa: S310

    def _function(self, record: Record, config: Record) -> Function:
        variables = (config.get("Environment") or {}).get("Variables") or {}
        logging = config.get("LoggingConfig") or {}
        log_settings = {
            "AWS_LAMBDA_LOG_GROUP_NAME": logging.get("LogGroup", ""),
            "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat", "Text"),
            "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", ""),
        }
        region = config["FunctionArn"].split(":")[3]
        access = {
            "AWS_ACCESS_KEY_ID": access_key(config["FunctionName"]),  # calls.py reads it
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self._endpoint,
        }
        everything = {**access, **log_settings, **variables}
        layers = [one["Arn"] for one in config.get("Layers") or ()]
        return Function(
            name=config["FunctionName"],
            arn=config["FunctionArn"],
            handler=config["Handler"],
            timeout=int(config["Timeout"]),
            memory_mb=int(config["MemorySize"]),
            tmp_mb=int(config["EphemeralStorage"]["Size"]),
            variables=tuple(
                (key, str(value)) for key, value in sorted(everything.items()) if value
            ),
            task=self._packages.unpacked({config["CodeSha256"]: record["code_zip"]}),
            opt=self._packages.unpacked({a: lambda_svc._resolve_layer_zip(a) for a in layers}),
        )


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

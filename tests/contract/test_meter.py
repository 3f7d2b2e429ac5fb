"""What a process used, counted where requests are sent."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from pixelgate.aws.meter import RequestMeter
from pixelgate.domain.cost import Usage
from support.aws import make_bucket, s3


class Clock:
    """Time that passes when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_memory_times_seconds_since_it_was_made() -> None:
    clock = Clock()
    meter = RequestMeter(3_538, clock)
    assert meter.read() == Usage(0.0, {})
    clock.now += 8
    assert meter.read().gb_seconds == pytest.approx(3_538 / 1_024 * 8)


def test_requests_by_operation_also_those_that_fail() -> None:
    with s3() as client:
        bucket = make_bucket(client)
        meter = RequestMeter(128)
        meter.watch(client)
        client.put_object(Bucket=bucket, Key="a", Body=b"1")
        client.get_object(Bucket=bucket, Key="a")
        with pytest.raises(ClientError):
            client.head_object(Bucket=bucket, Key="b")
        assert meter.read().requests == {
            "s3.PutObject": 1,
            "s3.GetObject": 1,
            "s3.HeadObject": 1,
        }


def test_every_retry_is_a_request() -> None:
    with s3() as client:
        bucket = make_bucket(client)
        client.put_object(Bucket=bucket, Key="a", Body=b"1")
        meter = RequestMeter(128)
        meter.watch(client)
        busy = iter([503, 503])

        def answer(request: Any, **_: Any) -> Any:
            status = next(busy, None)
            if status is None:
                return None
            response: Any = AWSResponse(request.url, status, {}, None)  # type: ignore[arg-type]
            response._content = b""
            return response

        def at_once(response: Any, **_: Any) -> int | None:
            """As the SDK would decide, without its pause."""
            return 0 if response and response[0].status_code == 503 else None

        events: Any = client.meta.events  # whose types know no handler that answers
        events.register_first("before-send.s3.GetObject", answer)
        events.register("needs-retry.s3.GetObject", at_once)
        assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"
        assert meter.read().requests == {"s3.GetObject": 3}

"""How AWS's SDK is set up for the functions: retries that end, and no work that nobody needs.

A comparison sends some hundred requests, so what the SDK does for each of them counts. Together
these settings save a third of it (docs/decisions/0053).
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.utils import parse_timestamp


def open_session() -> boto3.Session:
    """A session whose clients read times by the standard library, and send objects at once.

    Every object has a time, and so has every line of a listing. The SDK's own parser takes
    60 to 110 microseconds for one. And before it sends an object, however small, it asks S3
    whether it may, and waits for the answer.
    """
    core = botocore.session.get_session()
    core.register("before-call.s3", _send_at_once)  # after the SDK's own, which adds the question
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    return boto3.Session(botocore_session=core)


def lambda_config() -> Config:
    """How a function's clients call AWS.

    A call that stalls in every attempt takes some 45 s, half a lease: a heartbeat, which is sent
    with two thirds of the lease left, does not outlive it.
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=3,
        read_timeout=10,
        max_pool_connections=64,
        tcp_keepalive=True,
        # AWS checks it anyway; the tests' clients check it before they send it.
        parameter_validation=False,
        # The SDK puts its usual one together anew, twice for each request.
        user_agent="pixelgate boto3",
    )


def _send_at_once(**event: Any) -> None:
    event["params"]["headers"].pop("Expect", None)


def read_time(value: Any) -> datetime:
    """A time as AWS writes it: ISO 8601 in XML, RFC 5322 in header fields, a number in JSON."""
    if isinstance(value, str):
        for read in (datetime.fromisoformat, parsedate_to_datetime):
            try:
                return read(value)
            except ValueError:
                continue
    read_by_sdk: datetime = parse_timestamp(value)
    return read_by_sdk

"""The functions' handlers on moto: real events, real odiff, a bucket and a table in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from support.aws import REGION, make_bucket, make_table
from support.world import sha

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

EVENTS = Path(__file__).parents[2] / "events"


@dataclass
class Context:
    """What Lambda hands to a handler."""

    function_name: str = "compare"
    memory_limit_in_mb: int = 3538
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:compare"
    aws_request_id: str = "5c9f2d1e-0000-4000-8000-000000000000"
    seconds_left: float = 900.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds_left * 1000)


@dataclass
class Account:
    """A bucket, a table, and the module of the compare function."""

    s3: S3Client
    dynamodb: DynamoDBClient
    bucket: str
    table: str
    compare: ModuleType
    sweep: ModuleType
    review: ModuleType

    def upload(
        self, build: BuildId, images: dict[str, bytes], *, lost: bool = False, **fields: Any
    ) -> None:
        for body in images.values() if not lost else ():
            self.put(keys.image(build.project, sha(body)), body)
        manifest = {
            "project": build.project,
            "build": build.build,
            "commit": "c0ffee",
            "branch": "main",
            "images": {
                name: {"sha256": sha(body), "width": 40, "height": 40}
                for name, body in images.items()
            },
            **fields,
        }
        self.put(keys.uploaded_manifest(build), json.dumps(manifest).encode())

    def deliver(self, build: BuildId, **context: Any) -> Any:
        """Hands the event of the build's manifest to the compare function."""
        return self.compare.handler(created(build), Context(**context))

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def read(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def status(self, build: BuildId) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.read(keys.status(build)))
        return status

    def keys(self) -> list[str]:
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]


def event(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return content


def created(build: BuildId) -> dict[str, Any]:
    """S3's event of a build's manifest."""
    made = event("s3-manifest-put.json")
    made["Records"][0]["s3"]["object"]["key"] = keys.uploaded_manifest(build)
    return made


@pytest.fixture
def calls(account: Account, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Invocations of the compare function, which moto cannot run."""
    calls: list[dict[str, Any]] = []
    real = boto3.client

    class Lambda:
        def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:  # noqa: N803
            assert (FunctionName, InvocationType) == ("compare", "Event")
            calls.append(json.loads(Payload))

    def client(service: str, **settings: Any) -> Any:
        return Lambda() if service == "lambda" else real(service, **settings)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3, "client", client)
    account.sweep.resume.cache_clear()
    return calls


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "PIXELGATE_COMPARE_FUNCTION": "compare",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
        bucket, table = make_bucket(s3), make_table(dynamodb)
        monkeypatch.setenv("PIXELGATE_BUCKET", bucket)
        monkeypatch.setenv("PIXELGATE_TABLE", table)
        from pixelgate.handlers import compare, review, sweep

        compare.service.cache_clear()
        sweep.records.cache_clear()
        review.records.cache_clear()
        yield Account(s3, dynamodb, bucket, table, compare, sweep, review)
        compare.service().pool.close()  # type: ignore[attr-defined]
        review.records.cache_clear()
        compare.service.cache_clear()
        sweep.records.cache_clear()

"""Each port's contract runs on every adapter of the port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelgate.ports import Bucket, Ledger
from pixelgate.storage.client_bucket import ClientBucket
from pixelgate.storage.dynamodb_comparisons import DynamoLedger
from pixelgate.storage.folder import FolderBucket
from pixelgate.storage.s3 import S3Bucket
from support import aws
from support.doubles.memory import MemoryBucket, MemoryLedger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Client]:
    with aws.s3() as client:
        yield client


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[DynamoDBClient]:
    with aws.dynamodb() as client:
        yield client


@pytest.fixture
def table(dynamodb: DynamoDBClient) -> str:
    return aws.make_table(dynamodb)


@pytest.fixture(params=["memory", "folder", "s3", "s3 for a client"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    if request.param == "memory":
        return MemoryBucket()
    if request.param == "folder":
        return FolderBucket(tmp_path)
    client: S3Client = request.getfixturevalue("s3")
    made = ClientBucket if request.param == "s3 for a client" else S3Bucket
    return made(client, aws.make_bucket(client))


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return MemoryLedger()
    return DynamoLedger(request.getfixturevalue("dynamodb"), request.getfixturevalue("table"))

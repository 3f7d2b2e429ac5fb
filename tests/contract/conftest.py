"""Each port's contract runs on every adapter of the port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelgate.ports import Bucket, Ledger
from pixelgate.storage.dynamodb_comparisons import DynamoLedger
from pixelgate.storage.folder import FolderObjects
from pixelgate.storage.s3 import S3Objects
from pixelgate.storage.s3_store import S3Store
from support import aws
from support.doubles.memory import MemoryLedger, MemoryObjects

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# An adapter, and how somebody else deletes one of its objects.
AnyBucket = tuple[Bucket, Callable[[str], object]]


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
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> AnyBucket:
    if request.param == "memory":
        in_memory = MemoryObjects()
        return in_memory, in_memory.delete
    if request.param == "folder":
        return FolderObjects(tmp_path), lambda key: (tmp_path / key).unlink()
    client: S3Client = request.getfixturevalue("s3")
    name = aws.make_bucket(client)
    made = S3Store if request.param == "s3 for a client" else S3Objects
    return made(client, name), lambda key: client.delete_object(Bucket=name, Key=key)


@pytest.fixture
def objects(bucket: AnyBucket) -> Bucket:
    return bucket[0]


@pytest.fixture
def delete(bucket: AnyBucket) -> Callable[[str], object]:
    return bucket[1]


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return MemoryLedger()
    return DynamoLedger(request.getfixturevalue("dynamodb"), request.getfixturevalue("table"))

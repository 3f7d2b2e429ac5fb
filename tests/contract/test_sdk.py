"""How the functions' SDK is set up: what it reads, and what it sends for one object."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from moto import mock_aws

from pixelgate.aws.sdk import lambda_config, open_session, read_time
from pixelgate.storage.s3 import S3Bucket
from support import aws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOMENT = datetime(2022, 10, 12, 17, 50, tzinfo=UTC)


@pytest.fixture(scope="module")
def client() -> Iterator[S3Client]:
    with mock_aws():
        yield open_session().client("s3", region_name=aws.REGION, config=lambda_config())


@pytest.fixture
def sent(client: S3Client) -> Iterator[list[AWSPreparedRequest]]:
    requests: list[AWSPreparedRequest] = []

    def note(request: AWSPreparedRequest, **_: Any) -> None:
        requests.append(request)

    client.meta.events.register_first("before-send.s3", note)
    yield requests
    client.meta.events.unregister("before-send.s3", note)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("2022-10-12T17:50:00.000Z", id="a listing's"),
        pytest.param("2022-10-12T17:50:00+00:00", id="with an offset"),
        pytest.param("Wed, 12 Oct 2022 17:50:00 GMT", id="a header field's"),
        pytest.param(1665597000, id="JSON's"),
        pytest.param(1665597000.0, id="DynamoDB's"),
        pytest.param("1665597000", id="a number as text"),
    ],
)
def test_a_time_is_read_as_aws_writes_it(written: object) -> None:
    assert read_time(written) == MOMENT


def test_what_is_no_time_is_an_error() -> None:
    with pytest.raises(ValueError, match="yesterday"):
        read_time("yesterday")


def test_listing_and_object_have_times(client: S3Client) -> None:
    bucket = aws.make_bucket(client)
    before = datetime.now(UTC).replace(microsecond=0)
    S3Bucket(client, bucket).write("a", b"1", "text/plain")
    [listed] = client.list_objects_v2(Bucket=bucket)["Contents"]
    for time in (listed["LastModified"], client.get_object(Bucket=bucket, Key="a")["LastModified"]):
        assert before <= time <= datetime.now(UTC)


def test_an_object_is_sent_in_one_piece_with_its_checksum(
    client: S3Client, sent: list[AWSPreparedRequest]
) -> None:
    objects = S3Bucket(client, aws.make_bucket(client))
    sent.clear()
    objects.write("a", b"12345", "text/plain")
    objects.replace("b", b"12345", "text/plain", None)
    assert len(sent) == 2
    for request in sent:
        fields = {name.lower(): value for name, value in request.headers.items()}
        assert not {"expect", "content-encoding", "x-amz-trailer"} & fields.keys()
        assert base64.b64decode(fields["x-amz-checksum-crc32"]) == zlib.crc32(b"12345").to_bytes(4)

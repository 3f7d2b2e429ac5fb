"""What only S3 does: content types, and its many ways of saying no."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, FlexibleChecksumError, IncompleteReadError
from botocore.stub import Stubber

from pixelgate.bootstrap import bucket_owner
from pixelgate.errors import NotFound, UsageError, WriteConflict
from pixelgate.storage.s3 import S3Bucket, owner_in
from support import aws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "builds/shop/b1/status.json"
Refusing = Callable[[str, str, int], S3Bucket]


def test_browsers_are_told_the_content_type(s3: S3Client) -> None:
    bucket = aws.make_bucket(s3)
    objects = S3Bucket(s3, bucket)
    objects.write("a.html", b"", "text/html; charset=utf-8")
    objects.replace("b.json", b"", "application/json", None)
    objects.replace("c.txt", b"", "application/json", None)
    objects.replace("c.txt", b"{}", "text/plain", objects.read_tagged("c.txt")[1])
    types = {o.key: s3.head_object(Bucket=bucket, Key=o.key) for o in objects.list("")}
    assert {key: head["ContentType"] for key, head in types.items()} == {
        "a.html": "text/html; charset=utf-8",
        "b.json": "application/json",
        "c.txt": "text/plain",
    }


def test_every_request_names_the_owner_of_the_bucket(s3: S3Client) -> None:
    told: dict[str, str | None] = {}

    def note(model: Any, params: Any, **_: Any) -> None:
        told[model.name] = params["headers"].get("x-amz-expected-bucket-owner")

    s3.meta.events.register("before-call.s3", note)
    objects = S3Bucket(s3, aws.make_bucket(s3), owner="123456789012")
    objects.write("a", b"a", "text/plain")
    objects.replace("b", b"", "text/plain", None)
    objects.put_new("c", b"c", "text/plain", hashlib.sha256(b"c").digest())
    objects.read("a")
    objects.read_range("a", 0, 1)
    objects.exists("a")
    assert list(objects.list("")) != []
    assert list(objects.folders("")) == []
    objects.check_write("nothing")
    objects.delete(["a"])
    assert objects.read_deleted("a") == b"a"
    told.pop("CreateBucket")
    told.pop("PutBucketVersioning", None)
    assert told.keys() == {
        "DeleteObjects", "GetObject", "HeadObject", "ListObjectVersions", "ListObjectsV2",
        "PutObject",
    }  # fmt: skip
    assert set(told.values()) == {"123456789012"}


@pytest.mark.parametrize(
    ("bucket", "owner"),
    [
        ("pixelgate-123456789012-eu-central-1", "123456789012"),
        ("pixelgate-123456789012-us-gov-west-1", "123456789012"),
        ("pixelgate-123456789012-us-east-1-an", "123456789012"),
        ("shots-of-123456789012", None),
        ("pixelgate-1234-eu-central-1", None),
        ("shots", None),
    ],
)
def test_a_stack_s_bucket_tells_its_owner(bucket: str, owner: str | None) -> None:
    assert owner_in(bucket) == owner
    assert bucket_owner(bucket, {}) == owner
    assert bucket_owner(bucket, {"PIXELGATE_BUCKET_OWNER": ""}) == owner
    assert bucket_owner(bucket, {"PIXELGATE_BUCKET_OWNER": "9" * 12}) == "9" * 12


def test_an_owner_is_an_account() -> None:
    with pytest.raises(UsageError, match="12 digits"):
        bucket_owner("shots", {"PIXELGATE_BUCKET_OWNER": "acme"})


@pytest.fixture(scope="module")
def client() -> S3Client:
    return boto3.client(
        "s3", region_name=aws.REGION, aws_access_key_id="x", aws_secret_access_key="x"
    )


@pytest.fixture
def refusing(client: S3Client) -> Iterator[Refusing]:
    """Makes a bucket that answers its next call with an error."""
    with Stubber(client) as stubber:

        def refusing(method: str, code: str, status: int) -> S3Bucket:
            stubber.add_client_error(method, code, http_status_code=status)
            return S3Bucket(client, "a-bucket")

        yield refusing


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        pytest.param("PreconditionFailed", 412, WriteConflict, id="another tag"),
        pytest.param("ConditionalRequestConflict", 409, WriteConflict, id="a write under way"),
        # So S3 answers If-Match where the object was deleted meanwhile.
        pytest.param("NoSuchKey", 404, WriteConflict, id="the object is gone"),
        pytest.param("AccessDenied", 403, ClientError, id="not allowed"),
        pytest.param("NoSuchBucket", 404, ClientError, id="no bucket"),
        pytest.param("SlowDown", 503, ClientError, id="too much"),
    ],
)
def test_refused_replace(
    refusing: Refusing, code: str, status: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        refusing("put_object", code, status).replace(KEY, b"", "text/plain", '"tag"')


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        pytest.param("NoSuchKey", 404, NotFound, id="no such key"),
        pytest.param("AccessDenied", 403, ClientError, id="not allowed"),
        pytest.param("NoSuchBucket", 404, ClientError, id="no bucket"),
    ],
)
def test_refused_read(refusing: Refusing, code: str, status: int, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        refusing("get_object", code, status).read(KEY)
    if error is NotFound:
        assert KEY in str(caught.value)
        assert isinstance(caught.value.__cause__, ClientError)


def test_head_of_nothing_is_a_bare_404_and_what_is_not_allowed_is_no_answer(
    refusing: Refusing,
) -> None:
    assert refusing("head_object", "404", 404).exists(KEY) is False
    # Without s3:ListBucket S3 says 403 for what is not there; "missing" would be a guess.
    with pytest.raises(ClientError):
        refusing("head_object", "403", 403).exists(KEY)


BROKEN_OFF = IncompleteReadError(actual_bytes=1, expected_bytes=5)
GARBLED = FlexibleChecksumError(error_msg="expected checksum a did not match calculated checksum b")


class BreakingBody:
    """A body that does not arrive as it was sent, so and so often."""

    def __init__(self, body: bytes, breaks: list[bool], error: Exception) -> None:
        self.body = body
        self.breaks = breaks
        self.error = error

    def read(self) -> bytes:
        if self.breaks.pop(0):
            raise self.error
        return self.body

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("breaks", "whole"),
    [
        pytest.param([False], True, id="never"),
        pytest.param([True, False], True, id="once"),
        pytest.param([True, True, False], True, id="twice"),
        pytest.param([True, True, True], False, id="always"),
    ],
)
@pytest.mark.parametrize("error", [BROKEN_OFF, GARBLED], ids=["broken off", "garbled"])
def test_body_that_does_not_arrive_is_fetched_again(
    client: S3Client, breaks: list[bool], whole: bool, error: Exception
) -> None:
    left = [*breaks]
    with Stubber(client) as stubber:
        for _ in breaks:
            answer = {"Body": BreakingBody(b"12345", left, error), "ETag": "e", "ContentLength": 5}
            stubber.add_response("get_object", answer)
        objects = S3Bucket(client, "bucket")
        if whole:
            assert objects.read("a") == b"12345"
        else:
            with pytest.raises(type(error)):
                objects.read("a")
        stubber.assert_no_pending_responses()

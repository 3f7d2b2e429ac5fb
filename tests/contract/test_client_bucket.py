"""What only S3 does for a client: checksums, refusals in words, puts that meet."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import exceptions as sdk
from botocore.response import StreamingBody
from botocore.stub import Stubber

from pixelgate import bootstrap
from pixelgate.errors import BucketError, NotFound, Refused
from pixelgate.storage import s3
from pixelgate.storage.client_bucket import ClientBucket
from pixelgate.storage.s3_errors import translate_errors, without_pattern
from support import aws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BODY = b"one"
DIGEST = hashlib.sha256(BODY)
KEY = "images/shop/a"
PUT = {
    "Bucket": "shots",
    "Key": KEY,
    "Body": BODY,
    "ContentType": "image/png",
    "ChecksumSHA256": base64.b64encode(DIGEST.digest()).decode(),
    "IfNoneMatch": "*",
}


@pytest.fixture
def client() -> S3Client:
    return boto3.client(
        "s3", region_name=aws.REGION, aws_access_key_id="x", aws_secret_access_key="x"
    )


@pytest.fixture
def stub(client: S3Client) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def store(client: S3Client, monkeypatch: pytest.MonkeyPatch) -> ClientBucket:
    monkeypatch.setattr(s3, "_PAUSE", 0)
    return ClientBucket(client, "shots")


def put(store: ClientBucket) -> bool:
    return store.put_new(KEY, BODY, "image/png", DIGEST.digest())


def test_an_image_goes_with_checksum_and_condition(store: ClientBucket, stub: Stubber) -> None:
    stub.add_response("put_object", {}, PUT)
    assert put(store) is True


def test_two_puts_of_one_image_that_meet_end_well(store: ClientBucket, stub: Stubber) -> None:
    for _ in range(2):
        stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    stub.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
    assert put(store) is False


def test_puts_that_meet_for_ever_end_too(store: ClientBucket, stub: Stubber) -> None:
    for _ in range(5):
        stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    with pytest.raises(BucketError, match="409 ConditionalRequestConflict"):
        put(store)


@pytest.mark.parametrize(
    ("code", "status", "kind", "words"),
    [
        ("AccessDenied", 403, Refused, r"AWS refuses to write s3://shots/images/shop/a: these "
         r"credentials lack s3:PutObject there"),
        ("ExpiredToken", 400, BucketError, "the AWS credentials have expired: in CI let the job"),
        ("InvalidAccessKeyId", 403, BucketError, "AWS does not know these credentials"),
        ("NoSuchBucket", 404, BucketError, r"there is no bucket 'shots'; --bucket, PIXELGATE_BUCK"),
        ("PermanentRedirect", 301, BucketError, "'shots' lies in another region; set AWS_REGION"),
        ("RequestTimeTooSkewed", 403, BucketError, "this machine's clock is wrong"),
        ("SlowDown", 503, BucketError, "could not write s3://shots/images/shop/a: AWS answered 50"),
        ("BadDigest", 400, BucketError, "AWS answered 400 BadDigest"),
    ],
)  # fmt: skip
def test_refusals_in_words(
    store: ClientBucket, stub: Stubber, code: str, status: int, kind: type[Exception], words: str
) -> None:
    stub.add_client_error("put_object", code, http_status_code=status)
    with pytest.raises(BucketError, match=words) as caught:
        put(store)
    assert type(caught.value) is kind


NO_NAME = 'Invalid bucket name "my shots": Bucket name must match the regex "^[a-z0-9]{1,255}$"'
NAMED: Any = {"endpoint_url": "https://s3.example", "error": "timed out"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sdk.NoCredentialsError(), "there are no AWS credentials: in CI let the job take a role"),
        (sdk.PartialCredentialsError(provider="env", cred_var="x"), "credentials are not whole"),
        (sdk.ProfileNotFound(profile="acme"), r"\(acme\) could not be found; AWS_PROFILE names"),
        (sdk.NoRegionError(), "no AWS region is set: set AWS_REGION"),
        (sdk.TokenRetrievalError(provider="sso", error_msg="gone"), "credentials could not be had"),
        (sdk.EndpointConnectionError(**NAMED), "S3 could not be reached for s3://shots, also when"),
        (sdk.ConnectTimeoutError(**NAMED), "check the network, AWS_REGION, and AWS_ENDPOINT_URL"),
        (sdk.SSLError(**NAMED), "no trusted connection to S3 .* See AWS_CA_BUNDLE"),
        (sdk.ReadTimeoutError(**NAMED), "S3 could not be reached"),
        (sdk.ParamValidationError(report="Invalid key"), "gave up on s3://shots"),
        (
            sdk.ParamValidationError(report=NO_NAME),
            "'shots' is not the name of a bucket, which has",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_no_answer_in_words(error: Exception, words: str) -> None:
    with pytest.raises(BucketError, match=words), translate_errors("read", "shots", "a"):
        raise error


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param(
            "1 validation error detected: Value 'my stack' at 'stackName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*",
            "1 validation error detected: Value 'my stack' at 'stackName'",
            id="CloudFormation, DynamoDB",
        ),
        pytest.param(
            "Parameter GitHubApi must match pattern ^https://.+$", "Parameter GitHubApi", id="ours"
        ),
        pytest.param(
            f"Parameter validation failed:\n{NO_NAME}",
            'Parameter validation failed: Invalid bucket name "my shots"',
            id="boto3",
        ),
    ],
)
def test_a_regular_expression_is_not_quoted(message: str, said: str) -> None:
    rule = "this text has a length or characters that AWS does not take"
    assert without_pattern(message) == f"{said}: {rule}"
    assert without_pattern("Rate exceeded") == "Rate exceeded"


def test_our_own_errors_pass() -> None:
    with pytest.raises(NotFound), translate_errors("read", "shots", "a"):
        raise NotFound("a")


@pytest.mark.parametrize(("code", "status"), [("NoSuchKey", 404), ("PreconditionFailed", 412)])
def test_a_probe_that_fails_for_its_condition_was_allowed(
    store: ClientBucket, stub: Stubber, code: str, status: int
) -> None:
    stub.add_client_error("put_object", code, http_status_code=status)
    store.check_write("uploads/shop/@doctor/probe")


def test_a_probe_that_is_refused_says_so(store: ClientBucket, stub: Stubber) -> None:
    stub.add_client_error("put_object", "AccessDenied", http_status_code=403)
    with pytest.raises(Refused, match=r"s3:PutObject"):
        store.check_write("uploads/shop/@doctor/probe")


@pytest.mark.parametrize(
    ("listed", "missing"),
    [
        pytest.param([], True, id="nothing begins so"),
        pytest.param(["builds/shop/1/status.json2"], True, id="another one does"),
        pytest.param(["builds/shop/1/status.json"], False, id="it is there"),
        pytest.param(None, False, id="nor may we list"),
    ],
)
def test_what_is_missing_is_told_from_what_is_forbidden(
    store: ClientBucket, stub: Stubber, listed: list[str] | None, missing: bool
) -> None:
    # Who may list some prefixes only gets 403 for what is not there.
    key = "builds/shop/1/status.json"
    for method in ("get_object", "get_object", "head_object"):
        stub.add_client_error(method, "AccessDenied", http_status_code=403)
        if listed is None:
            stub.add_client_error("list_objects_v2", "AccessDenied", http_status_code=403)
        else:
            contents = [{"Key": name} for name in listed]
            asked = {"Bucket": "shots", "Prefix": key, "MaxKeys": 1}
            stub.add_response("list_objects_v2", {"Contents": contents}, asked)
        if not missing:  # it may have been written after the first try
            stub.add_client_error(method, "AccessDenied", http_status_code=403)
    with pytest.raises(NotFound if missing else Refused):
        store.read(key)
    with pytest.raises(NotFound if missing else Refused):
        store.read_changed(key, '"e"')
    if missing:
        assert store.exists(key) is False
    else:
        with pytest.raises(Refused):
            store.exists(key)


def test_what_is_written_between_the_refusal_and_the_listing_is_read(
    store: ClientBucket, stub: Stubber
) -> None:
    key = "builds/shop/1/status.json"
    stub.add_client_error("get_object", "AccessDenied", http_status_code=403)
    stub.add_response("list_objects_v2", {"Contents": [{"Key": key}]})
    body = StreamingBody(BytesIO(BODY), len(BODY))
    stub.add_response("get_object", {"ETag": '"e"', "Body": body, "ContentLength": len(BODY)})
    assert store.read(key) == BODY


def test_the_caller_is_whom_sts_names(client: S3Client) -> None:
    arn = "arn:aws:iam::1:role/ci"
    assert ClientBucket(client, "shots", lambda: {"Arn": arn}).caller() == arn


LACKING = r"refuses to delete s3://shots/: .* lack s3:DeleteObject"


def test_a_delete_that_is_refused_says_so(store: ClientBucket, stub: Stubber) -> None:
    stub.add_client_error("delete_objects", "AccessDenied", http_status_code=403)
    with pytest.raises(Refused, match=LACKING):
        store.delete(["a"])


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("AccessDenied", Refused, LACKING),
        ("InternalError", BucketError, r"AWS answered 200 InternalError: b: try again"),
    ],
)
def test_a_delete_of_which_a_part_is_refused_is_an_error(
    store: ClientBucket, stub: Stubber, code: str, kind: type[Exception], words: str
) -> None:
    failed = {"Errors": [{"Key": "b", "Code": code, "Message": "try again"}]}
    stub.add_response("delete_objects", failed)
    with pytest.raises(kind, match=words):
        store.delete(["a", "b"])


def test_who_may_not_see_older_versions_is_told_so(store: ClientBucket, stub: Stubber) -> None:
    stub.add_client_error("list_object_versions", "AccessDenied", http_status_code=403)
    with pytest.raises(Refused, match=r"lack s3:ListBucketVersions and s3:GetObjectVersion"):
        store.read_deleted("a")


def test_the_region_is_aws_region_s_which_boto3_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    opened = bootstrap.open_bucket("shots")
    assert isinstance(opened, ClientBucket)
    assert opened._client.meta.region_name == "eu-north-1"
    monkeypatch.setenv("AWS_REGION", "")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    opened = bootstrap.open_bucket("shots")
    assert isinstance(opened, ClientBucket)
    assert opened._client.meta.region_name == "eu-west-3"

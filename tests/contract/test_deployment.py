"""The bucket for code: private, ours, in the right region; nothing is uploaded twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from pixelgate.aws.deployment import ArtefactBucket, in_words, open_target
from pixelgate.errors import BucketError, Refused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCOUNT, REGION = "123456789012", "eu-central-1"  # moto's


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with mock_aws():
        yield boto3.client("s3", region_name=REGION)


def test_the_default_bucket_is_named_with_account_and_region(s3: S3Client) -> None:
    target = open_target("shots", REGION, None)
    assert target.artefacts.name == f"pixelgate-artefacts-{ACCOUNT}-{REGION}"
    assert (target.account, target.region) == (ACCOUNT, REGION)
    assert open_target("shots", REGION, "mine").artefacts.name == "mine"


@pytest.mark.parametrize("region", ["us-east-1", REGION])
def test_a_new_bucket_is_private_and_in_the_region(region: str) -> None:
    with mock_aws():
        s3 = boto3.client("s3", region_name=region)
        bucket = ArtefactBucket(s3, "code", ACCOUNT, region)
        assert not bucket.exists()
        bucket.make()
        assert bucket.exists()
        assert s3.get_bucket_location(Bucket="code")["LocationConstraint"] == (
            None if region == "us-east-1" else region
        )
        blocked = s3.get_public_access_block(Bucket="code")["PublicAccessBlockConfiguration"]
        assert [*blocked.values()] == [True] * 4
        [statement] = json.loads(s3.get_bucket_policy(Bucket="code")["Policy"])["Statement"]
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_is_there_is_not_uploaded_again_unless_it_is_something_else(s3: S3Client) -> None:
    bucket = ArtefactBucket(s3, "code", ACCOUNT, REGION)
    bucket.make()
    s3.delete_bucket_policy(Bucket="code")  # moto reads no conditions
    assert bucket.put("a.zip", b"one")
    assert not bucket.put("a.zip", b"one")
    s3.put_object(Bucket="code", Key="a.zip", Body=b"somebody else's")
    assert bucket.put("a.zip", b"one")
    assert s3.get_object(Bucket="code", Key="a.zip")["Body"].read() == b"one"


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "403", "belongs to another account, or these credentials lack s3:ListBucket on it"),
        (301, "301", "lies in another region than eu-central-1"),
        (500, "500", "AWS answered 500"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_told(
    s3: S3Client, status: int, code: str, said: str
) -> None:
    bucket = ArtefactBucket(s3, "code", ACCOUNT, REGION)
    asked = {"Bucket": "code", "ExpectedBucketOwner": ACCOUNT}
    with Stubber(s3) as stub:
        stub.add_client_error("head_bucket", code, "", status, expected_params=asked)
        with pytest.raises(BucketError, match=said):
            bucket.exists()


def test_a_bucket_of_another_region_is_told_where_s3_answers_for_it(s3: S3Client) -> None:
    with Stubber(s3) as stub:
        stub.add_response("head_bucket", {"BucketRegion": "us-west-2"})
        with pytest.raises(BucketError, match="lies in us-west-2, and Lambda takes code only"):
            ArtefactBucket(s3, "code", ACCOUNT, REGION).exists()


def test_a_name_that_others_have_is_told(s3: S3Client) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("create_bucket", "BucketAlreadyExists", "taken", 409)
        with pytest.raises(BucketError, match="code is taken by another account; name a bucket"):
            ArtefactBucket(s3, "code", ACCOUNT, REGION).make()


def test_an_upload_goes_to_nobody_else(s3: S3Client) -> None:
    """The bucket could be deleted, and made by others, between two requests."""
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", "404", "", 404)
        stub.add_client_error("put_object", "AccessDenied", "", 403)
        with pytest.raises(Refused, match=r"s3:PutObject on code/a\.zip"):
            ArtefactBucket(s3, "code", ACCOUNT, REGION).put("a.zip", b"one")


def test_a_region_that_is_none_is_told() -> None:
    from botocore.exceptions import EndpointConnectionError, NoCredentialsError

    with pytest.raises(BucketError, match="Is the region's name right"), in_words("a", "b"):
        raise EndpointConnectionError(endpoint_url="https://sts.nowhere-1.amazonaws.com")
    with pytest.raises(BucketError, match="there are no AWS credentials"), in_words("a", "b"):
        raise NoCredentialsError

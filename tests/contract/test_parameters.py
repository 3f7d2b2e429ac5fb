"""Secret parameters of Systems Manager, on an emulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from pixelgate.aws.parameters import Parameters, SecretParameter
from pixelgate.errors import BucketError, NotFound, Refused, UsageError, WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

NAME = "/acme/github-app"


@pytest.fixture
def client() -> Iterator[SSMClient]:
    with mock_aws():
        yield boto3.client("ssm", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


def test_a_parameter_is_read_again_after_five_minutes_or_when_it_is_asked_to(
    client: SSMClient,
) -> None:
    now = [0.0]
    read = SecretParameter(client, NAME, clock=lambda: now[0])
    for number, (newer, seconds, said) in enumerate(
        [(False, 0, "0"), (False, 299, "0"), (True, 0, "2"), (False, 0, "2"), (False, 301, "4")]
    ):
        now[0] += seconds
        client.put_parameter(Name=NAME, Value=str(number), Type="SecureString", Overwrite=True)
        assert read(newer) == said


def test_a_parameter_that_does_not_exist_is_said(client: SSMClient) -> None:
    with pytest.raises(UsageError, match="there is no parameter /acme/github-app"):
        SecretParameter(client, NAME)()


def test_a_parameter_is_encrypted_and_never_overwritten_unless_that_is_asked_for(
    client: SSMClient,
) -> None:
    parameters = Parameters(client)
    with pytest.raises(NotFound):
        parameters.read(NAME)
    parameters.write(NAME, "one", "words", replace=False)
    with pytest.raises(WriteConflict):
        parameters.write(NAME, "two", "words", replace=False)
    assert parameters.read(NAME) == "one"
    parameters.write(NAME, "three", "words", replace=True)
    assert parameters.read(NAME) == "three"
    found = client.get_parameter(Name=NAME)["Parameter"]
    assert (found["Type"], found["Value"] != "three") == ("SecureString", True)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("AccessDeniedException", Refused, "AWS refuses ssm:GetParameter on /acme/github-app"),
        ("InternalServerError", BucketError, "AWS answered InternalServerError: words"),
        ("ExpiredTokenException", BucketError, "AWS does not accept these credentials"),
    ],
)
def test_errors_are_in_words(
    client: SSMClient, code: str, error: type[Exception], words: str
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("get_parameter", code, "words")
        with pytest.raises(error, match=words):
            Parameters(client).read(NAME)

"""Encrypted documents in the Parameter Store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from pixelgate import bootstrap
from pixelgate.aws.parameters import KeptParameter, Parameter
from pixelgate.errors import BucketError, NotFound, Refused, WriteConflict

REGION = "eu-central-1"


@pytest.fixture
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ssm", region_name=REGION)


def test_what_is_written_is_encrypted_and_read_again(ssm: Any) -> None:
    parameter = bootstrap.open_parameter("/shots/site", REGION)
    parameter.write('{"a": 1}')
    parameter.write('{"a": "ü"}')
    assert parameter.read() == '{"a": "ü"}'
    found = ssm.get_parameter(Name="/shots/site", WithDecryption=False)["Parameter"]
    assert found["Type"] == "SecureString"
    [described] = ssm.describe_parameters()["Parameters"]
    assert described["Tier"] == "Standard"


def test_a_parameter_that_is_not_there_is_not_found(ssm: Any) -> None:
    with pytest.raises(NotFound, match="there is no parameter /shots/site"):
        Parameter(ssm, "/shots/site").read()


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("AccessDeniedException", Refused, "AWS refuses ssm:{} on the parameter /shots/site"),
        ("ExpiredTokenException", BucketError, "AWS does not accept these credentials"),
        ("InternalServerError", BucketError, "ssm:{} on the parameter /shots/site: AWS answered"),
    ],
)  # fmt: skip
def test_what_aws_refuses_is_told(ssm: Any, code: str, error: type[Exception], words: str) -> None:
    parameter = Parameter(ssm, "/shots/site")
    with Stubber(ssm) as stub:
        stub.add_client_error("get_parameter", code, "why")
        stub.add_client_error("put_parameter", code, "why")
        with pytest.raises(error, match=words.format("GetParameter")):
            parameter.read()
        with pytest.raises(error, match=words.format("PutParameter")):
            parameter.write("x")


def test_what_is_created_overwrites_nothing(ssm: Any) -> None:
    parameter = Parameter(ssm, "/shots/github-app")
    parameter.create("one")
    with pytest.raises(WriteConflict, match="there is a parameter /shots/github-app already"):
        parameter.create("two")
    assert parameter.read() == "one"
    found = ssm.get_parameter(Name="/shots/github-app", WithDecryption=False)["Parameter"]
    assert found["Type"] == "SecureString"


def test_a_refused_creation_is_no_conflict(ssm: Any) -> None:
    with Stubber(ssm) as stub:
        stub.add_client_error("put_parameter", "AccessDeniedException", "why")
        with pytest.raises(Refused, match="AWS refuses ssm:PutParameter"):
            Parameter(ssm, "/shots/github-app").create("one")


def test_a_kept_parameter_is_read_again_after_five_minutes_or_when_it_is_asked_to(
    ssm: Any,
) -> None:
    now = [0.0]
    parameter = Parameter(ssm, "/shots/github-app")
    read = KeptParameter(parameter, clock=lambda: now[0])
    for number, (newer, seconds, said) in enumerate(
        [(False, 0, "0"), (False, 299, "0"), (True, 0, "2"), (False, 0, "2"), (False, 301, "4")]
    ):
        now[0] += seconds
        parameter.write(str(number))
        assert read(newer) == said

"""The token that a forge asks for, as Secrets Manager keeps it."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from pixelgate.aws.secrets import SecretToken
from pixelgate.errors import UsageError


@pytest.mark.parametrize(
    ("said", "token"),
    [("ghp_1", "ghp_1"), ("ghp_1\n", "ghp_1"), ('{"token": "ghp_1", "user": "x"}', "ghp_1")],
)
def test_secret_holds_the_token(said: str, token: str) -> None:
    client = boto3.client(
        "secretsmanager", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        stub.add_response("get_secret_value", {"SecretString": said}, {"SecretId": "arn"})
        read = SecretToken(client, "arn", clock=lambda: 0.0)
        assert (read(), read()) == (token, token)


def test_secret_is_read_again_after_five_minutes_or_when_it_is_asked_to() -> None:
    client = boto3.client(
        "secretsmanager", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    now = [0.0]
    with Stubber(client) as stub:
        for said in ("one", "two", "three"):
            stub.add_response("get_secret_value", {"SecretString": said})
        read = SecretToken(client, "arn", clock=lambda: now[0])
        assert (read(), read(True), read()) == ("one", "two", "two")
        now[0] = 301.0
        assert read() == "three"


@pytest.mark.parametrize("said", [" ", "{}", "{", '{"token": 5}', "two words\nand lines", "tökén"])
def test_what_is_no_token_is_said_without_saying_it(said: str) -> None:
    client = boto3.client(
        "secretsmanager", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        stub.add_response("get_secret_value", {"SecretString": said})
        with pytest.raises(UsageError) as raised:
            SecretToken(client, "arn")()
    message = "the secret must hold the token, or JSON with the token as 'token'"
    assert str(raised.value) == message

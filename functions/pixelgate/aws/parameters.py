"""Reads and writes secret parameters of AWS Systems Manager, which cost nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pixelgate.aws import errors
from pixelgate.errors import BucketError, NotFound, UsageError, WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_KEPT_SECONDS = 300.0
in_words = partial(errors.in_words, denied="; docs/pull-requests.md says who needs it")


class SecretParameter:
    """A parameter that a function reads at its first use and keeps for five minutes."""

    def __init__(
        self, client: SSMClient, name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._text = ""
        self._read = float("-inf")

    def __call__(self, newer: bool = False) -> str:
        """Returns the text; `newer` reads it again in any case. Raises UsageError."""
        if newer or self._clock() - self._read > _KEPT_SECONDS:
            try:
                found = self._client.get_parameter(Name=self._name, WithDecryption=True)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ParameterNotFound":
                    raise
                raise UsageError(f"there is no parameter {self._name}") from error
            self._text = found["Parameter"]["Value"]
            self._read = self._clock()
        return self._text


class Parameters:
    """The parameters of an account and a region, for an operator. Raises BucketError."""

    def __init__(self, client: SSMClient) -> None:
        self._client = client

    def read(self, name: str) -> str:
        """Returns the text of a parameter. Raises NotFound if there is none."""
        try:
            with in_words("ssm:GetParameter", name):
                found = self._client.get_parameter(Name=name, WithDecryption=True)
        except BucketError as error:
            if _code(error) == "ParameterNotFound":
                raise NotFound(name) from error
            raise
        return found["Parameter"]["Value"]

    def write(self, name: str, text: str, description: str, *, replace: bool) -> None:
        """Writes an encrypted parameter; raises WriteConflict if it exists, unless `replace`."""
        try:
            with in_words("ssm:PutParameter", name):
                self._client.put_parameter(
                    Name=name,
                    Value=text,
                    Description=description,
                    Type="SecureString",
                    Overwrite=replace,
                )
        except BucketError as error:
            if _code(error) == "ParameterAlreadyExists":
                raise WriteConflict(name) from error
            raise


def _code(error: BucketError) -> str:
    cause = error.__cause__
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else ""

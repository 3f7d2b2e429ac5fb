"""Documents in AWS Systems Manager's Parameter Store, encrypted."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pixelgate.aws import errors
from pixelgate.errors import BucketError, NotFound, WriteConflict

_DENIED = (
    ", or the key of AWS that encrypts it. The stack's administrators have it, and the function "
    "that needs the parameter"
)
_KEPT_SECONDS = 300.0


class Client(Protocol):
    """What is used of boto3's client `ssm`."""

    def get_parameter(self, **arguments: Any) -> Any:
        """Returns a parameter."""

    def put_parameter(self, **arguments: Any) -> Any:
        """Writes one."""


class Parameter:
    """One parameter, a SecureString with the key of AWS, which costs nothing."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self.name = name

    def read(self) -> str:
        """Returns its value.

        Raises:
            NotFound: there is no such parameter.
            BucketError: AWS refuses or does not answer.
        """
        try:
            with self._in_words("ssm:GetParameter"):
                found = self._client.get_parameter(Name=self.name, WithDecryption=True)
        except BucketError as error:
            response = getattr(error.__cause__, "response", {})
            if response.get("Error", {}).get("Code") == "ParameterNotFound":
                raise NotFound(f"there is no parameter {self.name}") from error
            raise
        return str(found["Parameter"]["Value"])

    def write(self, value: str) -> None:
        """Writes it, also over an older value. Raises BucketError."""
        with self._in_words("ssm:PutParameter"):
            self._client.put_parameter(
                Name=self.name, Value=value, Type="SecureString", Tier="Standard", Overwrite=True
            )

    def create(self, value: str) -> None:
        """Writes it, unless there is one.

        Raises:
            WriteConflict: there is one already.
            BucketError: AWS refuses or does not answer.
        """
        try:
            with self._in_words("ssm:PutParameter"):
                self._client.put_parameter(
                    Name=self.name,
                    Value=value,
                    Type="SecureString",
                    Tier="Standard",
                    Overwrite=False,
                )
        except BucketError as error:
            response = getattr(error.__cause__, "response", {})
            if response.get("Error", {}).get("Code") == "ParameterAlreadyExists":
                raise WriteConflict(f"there is a parameter {self.name} already") from error
            raise

    def _in_words(self, action: str) -> AbstractContextManager[None]:
        return errors.in_words(action, f"the parameter {self.name}", _DENIED)


class KeptParameter:
    """A parameter that a function reads at its first use and keeps for five minutes."""

    def __init__(self, parameter: Parameter, clock: Callable[[], float] = time.monotonic) -> None:
        self._parameter = parameter
        self._clock = clock
        self._value = ""
        self._read = float("-inf")

    def __call__(self, newer: bool = False) -> str:
        """Returns its value; `newer` reads it again in any case. Raises as `Parameter.read`."""
        if newer or self._clock() - self._read > _KEPT_SECONDS:
            self._value = self._parameter.read()
            self._read = self._clock()
        return self._value

"""Documents in AWS Systems Manager's Parameter Store, encrypted."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from pixelgate.aws import errors
from pixelgate.errors import BucketError, NotFound

_DENIED = (
    ", or the key of AWS that encrypts it. The stack's administrators have it, and the function "
    "that needs the parameter"
)


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

    def _in_words(self, action: str) -> AbstractContextManager[None]:
        return errors.in_words(action, f"the parameter {self.name}", _DENIED)

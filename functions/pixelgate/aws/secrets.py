"""The one secret, from AWS Secrets Manager."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_KEPT_SECONDS = 300.0


class SecretToken:
    """A token that is read when it is needed and kept for five minutes."""

    def __init__(
        self,
        client: SecretsManagerClient,
        secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._secret = secret
        self._clock = clock
        self._token = ""
        self._read = float("-inf")

    def __call__(self, newer: bool = False) -> str:
        """The token; with `newer` as it is now.

        Raises:
            UsageError: the secret is no token.
        """
        if newer or self._clock() - self._read > _KEPT_SECONDS:
            said = self._client.get_secret_value(SecretId=self._secret).get("SecretString", "")
            self._token = _token(said.strip())
            self._read = self._clock()
        return self._token


def _token(said: str) -> str:
    """The secret is the token, or JSON with a field `token`, as the console makes it."""
    token: object = said
    if said.startswith("{"):
        try:
            token = json.loads(said).get("token")
        except ValueError:
            token = None
    if isinstance(token, str) and token and token.isascii() and token.isprintable():
        return token
    # The secret's own words stay out of the message: it goes into the log.
    raise UsageError("the secret must hold the token, or JSON with the token as 'token'")

"""Reads the token for pull requests from AWS Secrets Manager."""

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
    """A token that is read at its first use and kept for five minutes."""

    def __init__(
        self, client: SecretsManagerClient, secret: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._secret = secret
        self._clock = clock
        self._token = ""
        self._read = float("-inf")

    def __call__(self, newer: bool = False) -> str:
        """Returns the token; `newer` reads it again in any case. Raises UsageError."""
        if newer or self._clock() - self._read > _KEPT_SECONDS:
            secret = self._client.get_secret_value(SecretId=self._secret).get("SecretString", "")
            self._token = _token(secret.strip())
            self._read = self._clock()
        return self._token


def _token(secret: str) -> str:
    """Returns the secret, or its field `token` if it is JSON, as the console writes it."""
    token: object = secret
    if secret.startswith("{"):
        try:
            token = json.loads(secret).get("token")
        except ValueError:
            token = None
    if isinstance(token, str) and token and token.isascii() and token.isprintable():
        return token
    # The message goes into the log, so it must not contain the secret.
    raise UsageError("the secret must hold the token, or JSON with the token as 'token'")

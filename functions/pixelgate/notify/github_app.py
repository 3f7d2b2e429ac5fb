"""The GitHub App with which pixelgate writes to GitHub: its credentials and its tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pixelgate.errors import NoticeRefused, UsageError
from pixelgate.notify.forge import checked
from pixelgate.notify.github import GitHub, headers
from pixelgate.notify.http import Answer, Api, Patience, part

# What the App may do, and what each token of it may do. GitHub needs no `contents` for any of it.
PERMISSIONS = {"checks": "write", "metadata": "read", "pull_requests": "write"}
# GitHub allows ten minutes and refuses a time that its own clock has not reached.
_JWT_SECONDS = 540
_CLOCK_SECONDS = 60
_RENEWED_BEFORE = 300.0  # seconds before a token's end

_Text = Annotated[str, StringConstraints(min_length=1, max_length=8_192)]


class Credentials(BaseModel):
    """What `pixelgate github-app create` stores.

    Attributes:
        app_id, slug: the App's number and its name in URLs.
        webhook_secret: with which GitHub signs; None if the App has no webhook.
        private_key: PEM.
        web, api: URLs of GitHub's pages and of its API, without "/" at the end.
    """

    # An error of this model is logged, so it must not contain the input.
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    schema_version: Literal[1]
    app_id: Annotated[int, Field(gt=0)]
    slug: _Text
    client_id: _Text
    client_secret: _Text = Field(repr=False)
    webhook_secret: _Text | None = Field(repr=False)
    private_key: _Text = Field(repr=False)
    web: _Text
    api: _Text

    @property
    def page(self) -> str:
        """The App's page, from which it is installed."""
        return f"{self.web}/{'apps' if is_cloud(self.web) else 'github-apps'}/{self.slug}"

    @classmethod
    def parse(cls, text: str, name: str) -> Credentials:
        """Parses the JSON in the parameter of that name. Raises UsageError without any secret."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            wrong = ", ".join(
                f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors()
            )
            raise UsageError(
                f"the parameter {name} holds no GitHub App ({wrong}); "
                "`pixelgate github-app create --replace` makes another one"
            ) from None


def is_cloud(web: str) -> bool:
    """Whether these pages are GitHub's own, on github.com or ghe.com, and no server's."""
    host = urlsplit(web).hostname or ""
    return host == "github.com" or host.endswith(".ghe.com")


class App:
    """One App; it keeps the tokens of its installations until five minutes before their end."""

    def __init__(
        self,
        read: Callable[[bool], str],
        name: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Reads nothing yet.

        `read` returns the text of the parameter `name`; called with True it reads it again.
        """
        self._read = read
        self._name = name
        self._clock = clock
        self._tokens: dict[str, tuple[str, float]] = {}  # by repository, with the time of renewal

    def credentials(self, newer: bool = False) -> Credentials:
        """Returns the credentials; `newer` reads them again. Raises UsageError."""
        return Credentials.parse(self._read(newer), self._name)

    def token(self, repository: str, patience: Patience) -> Callable[[bool], str]:
        """Returns a function as in `forge.Connector`: the token of the repository's installation.

        It raises UsageError, and what `Api.ask` raises.
        """
        return partial(self._token, checked(repository, GitHub.REPOSITORY), patience)

    def signed(self, newer: bool = False) -> str:
        """Returns a token by which GitHub knows the App itself, valid for nine minutes."""
        import jwt  # with `cryptography`, a fifth of a second: only where there is an App

        credentials = self.credentials(newer)
        now = int(self._clock())
        claims = {
            "iat": now - _CLOCK_SECONDS,
            "exp": now + _JWT_SECONDS,
            "iss": str(credentials.app_id),
        }
        try:
            return jwt.encode(claims, credentials.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise UsageError(
                f"the private key in the parameter {self._name} is no RSA key in PEM"
            ) from None

    def _token(self, repository: str, patience: Patience, newer: bool) -> str:
        token, until = self._tokens.get(repository, ("", 0.0))
        if newer or self._clock() >= until:
            token, until = self._new_token(repository, patience, newer)
            self._tokens[repository] = token, until
        return token

    def _new_token(self, repository: str, patience: Patience, newer: bool) -> tuple[str, float]:
        credentials = self.credentials(newer)
        api = Api(credentials.api, self.signed, headers, patience)
        found = api.ask("GET", f"/repos/{repository}/installation", fine=_is_missing)
        if _is_missing(found):
            raise NoticeRefused(
                f"the GitHub App {credentials.slug} is not installed in {repository}: install it "
                f"at {credentials.page}"
            )
        # One repository and these permissions, even if the installation has more.
        wanted = {"repositories": [repository.partition("/")[2]], "permissions": PERMISSIONS}
        path = f"/app/installations/{part(str(found.json()['id']))}/access_tokens"
        made: Mapping[str, Any] = api.ask("POST", path, wanted).json()
        until = datetime.fromisoformat(made["expires_at"]).timestamp()
        return str(made["token"]), until - _RENEWED_BEFORE


def _is_missing(answer: Answer) -> bool:
    return answer.status == HTTPStatus.NOT_FOUND

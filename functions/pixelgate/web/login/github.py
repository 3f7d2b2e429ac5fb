"""Login by GitHub (OAuth, which is not OpenID Connect), and permissions in repositories."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import quote, urlencode

from pixelgate.errors import NotTold
from pixelgate.notify.github import GitHub as Repository
from pixelgate.notify.http import Patience
from pixelgate.web.gate import Person
from pixelgate.web.http import Refused
from pixelgate.web.login.flow import Flow
from pixelgate.web.login.https import Https, no_answer, said
from pixelgate.web.login.settings import GitHubLogin

_LOG = logging.getLogger(__name__)
_VERSION = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_KEPT_SECONDS = 300.0
_REFUSAL_KEPT_SECONDS = 30.0  # somebody who was just given access need not wait
_MOST_KEPT = 10_000
_PATIENCE_SECONDS = 5.0  # a person waits


class GitHub:
    """GitHub, or a server of its kind, and the site as an OAuth app of it."""

    def __init__(self, login: GitHubLogin, https: Https) -> None:
        """Asks nothing yet."""
        self._login = login
        self._https = https
        self._web = login.web.rstrip("/")
        self._api = login.api.rstrip("/")

    @property
    def issuer(self) -> str:
        """The issuer of its people."""
        return self._login.issuer

    def address(self, flow: Flow, callback: str) -> str:
        """Where the browser is sent to log in. Public facts need no scope, so none is asked for."""
        query = {
            "client_id": self._login.client_id,
            "redirect_uri": callback,
            "state": flow.state,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
            "allow_signup": "false",
        }
        return f"{self._web}/login/oauth/authorize?{urlencode(query, quote_via=quote)}"

    def check_sender(self, iss: str | None) -> None:
        """Refuses an answer that names another server than the one that was asked (RFC 9207)."""
        if iss is not None and iss != self._web and not iss.startswith(f"{self._web}/"):
            raise Refused(
                HTTPStatus.FORBIDDEN, "The answer comes from another issuer than the site asked."
            )

    def person(self, code: str, flow: Flow, callback: str) -> Person:
        """Turns a code into the person who logged in, and drops the token.

        Raises:
            Refused: GitHub refuses the code, or does not answer.
        """
        token = self._redeem(code, flow, callback)
        try:
            status, found = self._https.get(
                f"{self._api}/user", {**_VERSION, "Authorization": f"Bearer {token}"}
            )
        finally:
            self._revoke(token)
        if status != HTTPStatus.OK:
            raise no_answer(self._api, f"answered {status} when it was asked who you are")
        number, login = found.get("id"), found.get("login")
        if isinstance(number, bool) or not isinstance(number, int) or not _is_login(login):
            raise no_answer(self._api, "did not say who you are")
        return Person(self.issuer, str(number), str(login))

    def _redeem(self, code: str, flow: Flow, callback: str) -> str:
        form = {
            "client_id": self._login.client_id,
            "client_secret": self._login.client_secret,
            "code": code,
            "redirect_uri": callback,
            "code_verifier": flow.verifier,
        }
        _, answer = self._https.post(f"{self._web}/login/oauth/access_token", form)
        token = answer.get("access_token")  # GitHub answers 200 to a code that it refuses
        if (
            not isinstance(token, str)
            or not token
            or not token.isascii()
            or not token.isprintable()
        ):
            words = said(answer, "error", "error_description")
            raise Refused(HTTPStatus.FORBIDDEN, f"GitHub refuses the login: {words}.")
        return token

    def _revoke(self, token: str) -> None:
        """Ends the token at GitHub. If that fails, nobody has it all the same."""
        login = self._login
        pair = base64.b64encode(f"{login.client_id}:{login.client_secret}".encode()).decode()
        at = f"{self._api}/applications/{quote(login.client_id, safe='')}/token"
        with suppress(Refused):
            headers = {**_VERSION, "Authorization": f"Basic {pair}"}
            self._https.send("DELETE", at, headers, {"access_token": token})


def _is_login(login: object) -> bool:
    return (
        isinstance(login, str)
        and 0 < len(login) <= 256
        and login.isascii()
        and login.isprintable()
        and " " not in login
    )


Permission = Callable[[str, Person], str]  # of somebody in a repository


class RepositoryPermission:
    """What GitHub says about somebody's permission, with the site's own credential.

    The token needs the permission *metadata: read* of the repositories.
    """

    def __init__(self, api: str, token: Callable[[bool], str]) -> None:
        """Takes the API's URL, and the token as `forge.Connector` does."""
        self._api = api
        self._token = token

    def __call__(self, repository: str, person: Person) -> str:
        """Returns admin, write, read or none.

        Raises:
            NotTold: GitHub does not answer, or not to this credential.
            UsageError: the repository or the API's URL is invalid.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        patience = Patience(time_left=lambda: until - time.monotonic())
        forge = Repository(repository, self._token, self._api, patience)
        permission, account = forge.permission(person.login)
        if account is None and permission != "none":
            raise NotTold(f"GitHub does not say whose permission in {repository} that is")
        # A login may be given up and taken by somebody else, while the session lasts.
        return permission if str(account) == person.subject else "none"


class Permissions:
    """Permissions of people in repositories, kept for five minutes; refusals for less."""

    def __init__(self, ask: Permission, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes what asks GitHub; any error of it means that nobody gets in."""
        self._ask = ask
        self._clock = clock
        self._kept: dict[tuple[str, str, str], tuple[float, str]] = {}

    @property
    def size(self) -> int:
        """How many are kept, also those that are too old."""
        return len(self._kept)

    def __call__(self, person: Person, repository: str) -> str:
        """Returns the permission. Raises Refused with 503 if GitHub does not say."""
        key = person.subject, person.login, repository
        now = self._clock()
        until, permission = self._kept.get(key, (float("-inf"), ""))
        if now < until:
            return permission
        self._kept.pop(key, None)
        try:
            permission = self._ask(repository, person)
        except Exception as error:
            _LOG.warning("no permission in %s is known: %s", repository, error)
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"GitHub does not say what you may do in {repository}, so nothing is shown. Try "
                "again in a minute.",
            ) from error
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        seconds = _REFUSAL_KEPT_SECONDS if permission in {"", "none"} else _KEPT_SECONDS
        self._kept[key] = now + seconds, permission
        return permission

"""The gate of the review site: login, session and access by the site's settings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Protocol

from pixelgate.errors import PixelgateError
from pixelgate.web.gate import Person, Session
from pixelgate.web.http import Refused, Request, Response, redirect
from pixelgate.web.login import flow as flows
from pixelgate.web.login import session as sessions
from pixelgate.web.login.access import Access, groups_named
from pixelgate.web.login.addresses import path_of_site
from pixelgate.web.login.flow import Flow
from pixelgate.web.login.github import GitHub, Permission, Permissions
from pixelgate.web.login.https import Https, said
from pixelgate.web.login.oidc import Oidc
from pixelgate.web.login.seal import Seal
from pixelgate.web.login.settings import SiteSettings
from pixelgate.web.pages import message

CALLBACK = "/login/callback"
_MAX_CODE = 4_096
_LOG = logging.getLogger(__name__)


class Issuer(Protocol):
    """Who says who somebody is: `Oidc` or `GitHub`."""

    @property
    def issuer(self) -> str:
        """The issuer of its people."""

    def address(self, flow: Flow, callback: str) -> str:
        """Where the browser is sent to log in. Raises Refused."""

    def check_sender(self, iss: str | None) -> None:
        """Refuses an answer of another issuer than the one that was asked."""

    def person(self, code: str, flow: Flow, callback: str) -> Person:
        """Turns a code into the person who logged in. Raises Refused."""


@dataclass(frozen=True)
class _Ready:
    """What is made of one document."""

    settings: SiteSettings
    seal: Seal
    issuer: Issuer
    access: Access
    groups: frozenset[str]


class LoginGate:
    """Implements `pixelgate.web.gate.Gate`."""

    def __init__(
        self,
        settings: Callable[[], SiteSettings],
        permission: Permission | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Asks nothing yet.

        Args:
            settings: returns the current settings, such as a `SettingsSource`.
            permission: says what a GitHub login may do in a repository; without it, nothing.
            clock: seconds since 1970.
        """
        self._settings = settings
        self._permissions = Permissions(permission, clock) if permission else None
        self._clock = clock
        self._https = Https()
        self._made: _Ready | None = None

    def session(self, request: Request) -> Session | None:
        """Returns the session of the request's cookie; None if nobody is logged in."""
        if sessions.COOKIE not in request.cookies:
            return None
        ready = self._ready()
        return sessions.read_session(ready.seal, request, ready.issuer.issuer, self._clock())

    def begin(self, request: Request, to: str) -> Response:
        """Sends the browser to the issuer; `to` is the path of the site to come back to.

        Raises Refused if the issuer does not answer, or if `to` is no path of the site.
        """
        path = path_of_site(to)
        if path is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "`to` must be a path of this site, such as /.")
        ready = self._ready()
        flow, cookie = flows.begin(ready.seal, path, self._clock())
        return redirect(ready.issuer.address(flow, self._callback(ready, request)), cookie)

    def finish(self, request: Request) -> Response:
        """Answers GET /login/callback: sets the session's cookie and sends the browser back.

        Raises Refused if the login failed.
        """
        ready, query = self._ready(), request.query
        # First, so that a link that somebody made has no effect, and shows no words of theirs.
        flow = flows.resume(ready.seal, request, self._clock())
        ready.issuer.check_sender(query.get("iss"))
        if "error" in query:
            raise Refused(HTTPStatus.FORBIDDEN, _error(query))
        code = query.get("code", "")
        if not 0 < len(code) <= _MAX_CODE or not code.isascii() or not code.isprintable():
            raise Refused(HTTPStatus.BAD_REQUEST, "The issuer's answer has no code; log in again.")
        found = ready.issuer.person(code, flow, self._callback(ready, request))
        named = tuple(sorted(ready.groups.intersection(found.groups)))
        person = replace(found, groups=named)
        cookie = sessions.make_cookie(ready.seal, person, self._clock())
        return redirect(flow.to, cookie, flows.end(flow))

    def end(self, request: Request) -> Response:
        """Answers POST /logout: removes the session's cookie.

        It shows a page and not the site, which would log in again at once where the issuer does so
        without asking.
        """
        words = (
            "You are logged out of this site, and still logged in at "
            f"{self._ready().issuer.issuer}. Log out there, too, on a machine that others use."
        )
        headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
        page = message("Logged out", words, None, login="/login?to=/")
        return Response(HTTPStatus.OK, headers, page, (sessions.no_cookie(),))

    def may_look(self, person: Person, project: str) -> bool:
        """Whether somebody may see a project. Raises Refused if that cannot be found out."""
        return self._ready().access.may_look(person, project)

    def may_decide(self, person: Person, project: str) -> bool:
        """Whether somebody may review a project's builds. Raises Refused as above."""
        return self._ready().access.may_decide(person, project)

    def _callback(self, ready: _Ready, request: Request) -> str:
        return f"{ready.settings.url or request.origin}{CALLBACK}"

    def _ready(self) -> _Ready:
        """Returns what the current settings say. Raises Refused with 503 if they are unusable."""
        try:
            settings = self._settings()
        except PixelgateError as error:
            _LOG.error("the review site has no settings: %s", error)
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "This site is not set up rightly, or cannot read its settings. Who runs it finds "
                "the reason in its log, and the cure in `pixelgate site setup`.",
            ) from error
        if self._made is None or self._made.settings is not settings:
            self._made = self._make(settings)
        return self._made

    def _make(self, settings: SiteSettings) -> _Ready:
        named, login = groups_named(settings), settings.login
        issuer: Issuer
        if login.kind == "oidc":
            issuer = Oidc(login, self._https, wants_groups=bool(named), clock=self._clock)
        else:
            issuer = GitHub(login, self._https)
        access = Access(settings, self._permissions)
        return _Ready(settings, Seal(settings.key), issuer, access, named)


def _error(query: Mapping[str, str]) -> str:
    if query["error"] == "access_denied":
        return "The login was cancelled, or the issuer does not let you in here. You can try again."
    return f"The issuer refuses the login: {said(query, 'error', 'error_description')}."

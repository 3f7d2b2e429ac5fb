"""The port through which the site knows who somebody is and what that person may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pixelgate.web.http import Request, Response


@dataclass(frozen=True)
class Person:
    """Somebody who is logged in.

    Attributes:
        issuer: the URL of the OpenID Connect issuer, or of GitHub.
        subject: the issuer's own id of the person, which never changes.
        login: the name that is shown: a GitHub login, an e-mail address.
        groups: those that the access rules name.
    """

    issuer: str
    subject: str
    login: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """A login; `csrf` must come with every change, `expires` is in seconds since 1970."""

    person: Person
    csrf: str
    expires: float


class Gate(Protocol):
    """Login and access. Without a gate, whoever can reach the site may do all."""

    def session(self, request: Request) -> Session | None:
        """Returns the session of the request's cookie; None if nobody is logged in."""

    def begin(self, request: Request, to: str) -> Response:
        """Sends the browser to the issuer; `to` is the path of the site to come back to.

        Raises Refused if the issuer does not answer, or if `to` is no path of the site.
        """

    def finish(self, request: Request) -> Response:
        """Answers GET /login/callback: sets the session's cookie and sends the browser back.

        Raises Refused if the login failed.
        """

    def end(self, request: Request) -> Response:
        """Answers POST /logout: removes the session's cookie."""

    def may_look(self, person: Person, project: str) -> bool:
        """Whether somebody may see a project. Raises Refused if that cannot be found out."""

    def may_decide(self, person: Person, project: str) -> bool:
        """Whether somebody may review a project's builds. Raises Refused as above."""

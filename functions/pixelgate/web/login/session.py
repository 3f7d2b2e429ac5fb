"""The session's cookie: who is logged in, until when."""

from __future__ import annotations

import secrets
from http import HTTPStatus

from pixelgate.web.gate import Person, Session
from pixelgate.web.http import Refused, Request
from pixelgate.web.login.seal import Seal, set_cookie

COOKIE = "__Host-pixelgate"
SECONDS = 8 * 3_600
SKEW = 60  # seconds by which clocks may differ
_MAX_COOKIE = 4_096  # bytes; browsers drop larger ones silently
_SESSION, _CSRF = "session", "csrf"  # other fields need another name: old cookies live for hours


def make_cookie(seal: Seal, person: Person, now: float, seconds: int = SECONDS) -> str:
    """Returns Set-Cookie of a new session; nothing of the issuer but the person is in it.

    Args:
        seal: the site's key.
        person: with those groups only that the access rules name.
        now: seconds since 1970.
        seconds: how long it lives, at most eight hours.

    Raises:
        Refused: the person's groups do not fit into a cookie.
    """
    seconds = min(seconds, SECONDS)
    fields = {
        # New for each login, so that nobody can know a session, or its CSRF token, beforehand.
        "id": secrets.token_urlsafe(16),
        "issuer": person.issuer,
        "subject": person.subject,
        "login": person.login,
        "groups": person.groups,
        "made": int(now),
        "expires": int(now) + seconds,
    }
    cookie = set_cookie(COOKIE, seal.close(_SESSION, fields), seconds)
    if len(cookie) > _MAX_COOKIE:
        raise Refused(
            HTTPStatus.FORBIDDEN,
            f"You are in {len(person.groups)} groups that this site's rules name, and a session "
            "cannot hold so many. Who runs the site can let its rules name fewer groups.",
        )
    return cookie


def no_cookie() -> str:
    """Set-Cookie that removes the session's cookie."""
    return set_cookie(COOKIE, "", 0)


def read_session(seal: Seal, request: Request, issuer: str, now: float) -> Session | None:
    """Returns the session of a request.

    None if there is no cookie, this key did not sign it, its time is over, or it was made by
    another issuer than the site has now.
    """
    cookie = request.cookies.get(COOKIE)
    fields = seal.open(_SESSION, cookie) if cookie else None
    if fields is None or fields["issuer"] != issuer:
        return None
    # Whatever `expires` says, eight hours after the login it is over.
    expires = min(fields["expires"], fields["made"] + SECONDS)
    if not fields["made"] - SKEW <= now < expires:
        return None
    person = Person(fields["issuer"], fields["subject"], fields["login"], tuple(fields["groups"]))
    return Session(person, seal.derived(_CSRF, fields["id"]), float(expires))

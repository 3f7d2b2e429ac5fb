"""A login that has begun: what the browser keeps until it comes back from the issuer."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from http import HTTPStatus

from pixelgate.web.http import Refused, Request
from pixelgate.web.login.seal import Seal, encoded, set_cookie

SECONDS = 600
# Tabs that are opened at once begin logins at once, and each has to find its own cookie. Few, so
# that nobody can fill the browser's header with them.
_PLACES = 4
_PURPOSE = "login"
_STRANGE = (
    "This login was not begun in this browser, or over ten minutes ago, or it has ended already. "
    "Open the page that you want to see again."
)


@dataclass(frozen=True)
class Flow:
    """One login.

    Attributes:
        place: which cookie it is in.
        to: the path of the site to come back to.
        state: sent to the issuer and back.
        nonce: sent to the issuer; the ID token must have it.
        verifier: of PKCE; only the token endpoint is told it.
    """

    place: int
    to: str
    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        """The S256 challenge of PKCE."""
        return encoded(hashlib.sha256(self.verifier.encode()).digest())

    @property
    def cookie_name(self) -> str:
        """The name of its cookie."""
        return _name(self.place)


def begin(seal: Seal, to: str, now: float) -> tuple[Flow, str]:
    """Begins a login; returns it and its Set-Cookie.

    The cookie has a random id. State, nonce and verifier are derived from it with the site's key,
    so that whoever reads the cookie does not know them.
    """
    place = secrets.randbelow(_PLACES)
    chosen = secrets.token_urlsafe(32)
    fields = {"id": chosen, "place": place, "to": to, "expires": int(now) + SECONDS}
    flow = _flow(seal, chosen, place, to)
    return flow, set_cookie(flow.cookie_name, seal.close(_PURPOSE, fields), SECONDS)


def resume(seal: Seal, request: Request, now: float) -> Flow:
    """Finds the login that the callback's `state` belongs to.

    Raises:
        Refused: this browser has begun no such login.
    """
    state = request.query.get("state", "")
    place = state[:1]
    if not place.isascii() or not place.isdigit():
        raise Refused(HTTPStatus.BAD_REQUEST, _STRANGE)
    fields = seal.open(_PURPOSE, request.cookies.get(_name(int(place)), ""))
    if fields is None or now >= fields["expires"]:
        raise Refused(HTTPStatus.BAD_REQUEST, _STRANGE)
    flow = _flow(seal, fields["id"], fields["place"], fields["to"])
    if not hmac.compare_digest(flow.state.encode(), state.encode("utf-8", "surrogatepass")):
        raise Refused(HTTPStatus.BAD_REQUEST, _STRANGE)
    return flow


def end(flow: Flow) -> str:
    """Set-Cookie that removes a login's cookie."""
    return set_cookie(flow.cookie_name, "", 0)


def _name(place: int) -> str:
    return f"__Host-pixelgate-login{place}"


def _flow(seal: Seal, chosen: str, place: int, to: str) -> Flow:
    state, nonce, verifier = (seal.derived(name, chosen) for name in ("state", "nonce", "verifier"))
    return Flow(place, to, f"{place}{state}", nonce, verifier)

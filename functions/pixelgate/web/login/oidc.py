"""Login by an OpenID Connect issuer: authorization code flow with PKCE."""

from __future__ import annotations

import base64
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from pixelgate.web.gate import Person
from pixelgate.web.http import Refused
from pixelgate.web.login.addresses import is_loopback, problem_of
from pixelgate.web.login.flow import Flow
from pixelgate.web.login.https import Https, no_answer, read_object, said
from pixelgate.web.login.session import SKEW
from pixelgate.web.login.settings import UNVERIFIED, OidcLogin

_LOG = logging.getLogger(__name__)
_KEPT_SECONDS = 3_600.0
_MAX_NAME = 256
_PATH = ".well-known/openid-configuration"


@dataclass(frozen=True)
class Endpoints:
    """What the discovery document of an issuer says.

    Attributes:
        authorize: where people log in.
        token: where a code becomes tokens.
        userinfo: where claims are told; None if nowhere.
        basic: whether a client's secret is sent as HTTP Basic; else in the form.
        names_itself: whether its answers always have `iss` (RFC 9207).
    """

    authorize: str
    token: str
    userinfo: str | None
    basic: bool
    names_itself: bool


def discover(issuer: str, https: Https) -> Endpoints:
    """Reads and checks the discovery document of an issuer.

    Raises:
        Refused: with 503, if it cannot be read; with 502, if it breaks a rule, which is said.
    """
    url = f"{issuer.rstrip('/')}/{_PATH}"
    status, found = https.get(url)
    if status != HTTPStatus.OK:
        raise no_answer(url, f"answered {status} when it was asked for {_PATH}")
    if found.get("issuer") != issuer:
        raise _wrong(
            issuer,
            f"its discovery document names the issuer {str(found.get('issuer'))[:200]!a}; the "
            "settings must have exactly that, also a slash at its end, if it is the right one",
        )
    addresses: dict[str, str | None] = {}
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint"):
        address = found.get(name)
        if address is None and name == "userinfo_endpoint":
            addresses[name] = None
            continue
        # Plain http only for an issuer of this machine: else one could send us to our own services.
        problem = (
            problem_of(address, loopback=is_loopback(issuer))
            if isinstance(address, str)
            else "is missing"
        )
        if problem:
            raise _wrong(issuer, f"in its discovery document {name} {problem}")
        addresses[name] = address
    # OpenID Connect Discovery, section 3: this is the default where the list is missing.
    ways = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Endpoints(
        authorize=addresses["authorization_endpoint"] or "",
        token=addresses["token_endpoint"] or "",
        userinfo=addresses["userinfo_endpoint"],
        basic="client_secret_basic" in ways,
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
    )


class Oidc:
    """One issuer, and the site as its client."""

    def __init__(
        self,
        login: OidcLogin,
        https: Https,
        *,
        wants_groups: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Asks nothing yet; `wants_groups` says whether any access rule names a group."""
        self._login = login
        self._https = https
        self._wants_groups = wants_groups
        self._clock = clock
        self._endpoints: Endpoints | None = None
        self._discovered = float("-inf")

    @property
    def issuer(self) -> str:
        """The issuer of its people."""
        return self._login.issuer

    def _known(self) -> Endpoints:
        if self._endpoints is None or self._clock() - self._discovered > _KEPT_SECONDS:
            self._endpoints = discover(self._login.issuer, self._https)
            self._discovered = self._clock()
        return self._endpoints

    def address(self, flow: Flow, callback: str) -> str:
        """Where the browser is sent to log in. Raises Refused."""
        query = {
            "response_type": "code",
            "client_id": self._login.client_id,
            "redirect_uri": callback,
            "scope": " ".join(self._login.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        at = self._known().authorize
        return f"{at}{'&' if '?' in at else '?'}{urlencode(query, quote_via=quote)}"

    def check_sender(self, iss: str | None) -> None:
        """Refuses an answer of another issuer than the one that was asked (RFC 9207)."""
        if iss is None and not self._known().names_itself:
            return
        if iss != self._login.issuer:
            raise Refused(
                HTTPStatus.FORBIDDEN, "The answer comes from another issuer than the site asked."
            )

    def person(self, code: str, flow: Flow, callback: str) -> Person:
        """Turns a code into the person who logged in, and forgets the tokens.

        Raises:
            Refused: the issuer refuses the code, or the ID token is not for this login.
        """
        tokens = self._redeem(code, flow, callback)
        claims = self._checked(tokens.get("id_token"), flow)
        more = self._userinfo(tokens, claims)
        source = claims if self._login.login_claim in claims else more
        groups = _claim(claims, self._login.groups_claim)
        if groups is None:
            groups = _claim(more, self._login.groups_claim)
        subject = claims["sub"]
        return Person(self.issuer, subject, _shown(source, self._login, subject), _texts(groups))

    def _redeem(self, code: str, flow: Flow, callback: str) -> dict[str, Any]:
        login, headers = self._login, {}
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback,
            "code_verifier": flow.verifier,
        }
        if login.client_secret is None or not self._known().basic:
            form["client_id"] = login.client_id
            if login.client_secret is not None:
                form["client_secret"] = login.client_secret
        else:  # RFC 6749, section 2.3.1: both are form-encoded first
            pair = f"{quote(login.client_id, safe='')}:{quote(login.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        status, answer = self._https.post(self._known().token, form, headers)
        if status != HTTPStatus.OK:
            raise Refused(
                HTTPStatus.FORBIDDEN,
                f"The issuer refuses the login: {said(answer, 'error', 'error_description')}.",
            )
        return answer

    def _checked(self, token: object, flow: Flow) -> dict[str, Any]:
        """Returns the claims of an ID token.

        The token comes straight from the token endpoint, over TLS and from nobody else's hand.
        OpenID Connect Core 3.1.3.7, number 6, lets TLS then vouch for it in place of the signature,
        which is not checked. Whatever else that section asks for is.
        """
        claims = _parsed(token)
        login, now = self._login, self._clock()
        if claims.get("iss") != login.issuer:
            raise _bad("is of another issuer")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if login.client_id not in audiences:
            raise _bad("is for another client")
        party = claims.get("azp")
        if (len(audiences) > 1 or party is not None) and party != login.client_id:
            raise _bad("was made for another client (azp)")
        if _number(claims, "exp") <= now - SKEW:
            raise _bad("has expired")
        if _number(claims, "iat") > now + SKEW or _number(claims, "nbf", 0) > now + SKEW:
            raise _bad("is of the future: are the clocks right?")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(_raw(nonce), _raw(flow.nonce)):
            raise _bad("is for another login (nonce)")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_NAME:
            raise _bad("names nobody (sub)")
        if not subject.isprintable():
            raise _bad("has a name that cannot be printed (sub)")
        return claims

    def _userinfo(self, tokens: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
        """Asks the issuer for what the ID token does not say; an empty object if nothing is."""
        at, token = self._known().userinfo, tokens.get("access_token")
        no_groups = self._wants_groups and _claim(claims, self._login.groups_claim) is None
        if not (no_groups or self._login.login_claim not in claims):
            return {}
        if at is None or not isinstance(token, str) or not token.isascii():
            return {}
        status, found = self._https.get(at, {"Authorization": f"Bearer {token}"})
        if status != HTTPStatus.OK:
            raise no_answer(at, f"answered {status} when it was asked who you are")
        if found.get("sub") != claims["sub"]:  # OpenID Connect Core 5.3.2: it must not be used
            _LOG.warning("userinfo of %s tells of another person than logged in", self.issuer)
            return {}
        return found


def _parsed(token: object) -> dict[str, Any]:
    if not isinstance(token, str) or not token.isascii() or token.count(".") != 2:
        raise _bad("is missing, or is no token that can be read")
    head, body, _ = token.split(".")
    try:
        header, claims = (read_object(_decoded(part)) for part in (head, body))
    except ValueError as error:
        raise _bad("is no token that can be read") from error
    if str(header.get("alg", "none")).lower() == "none":
        raise _bad("is not signed")
    return claims


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _number(claims: Mapping[str, Any], name: str, default: float | None = None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(f"has no time {name}")
    return value


def _claim(claims: Mapping[str, Any], path: str) -> object:
    """Returns a claim by its name, which may have dots, or by a path with dots; None if missing."""
    if path in claims:
        return claims[path]
    found: object = claims
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _texts(value: object) -> tuple[str, ...]:
    """Group names: a list of texts, or one text; anything else is none."""
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(one for one in values if isinstance(one, str))


def _shown(claims: Mapping[str, Any], login: OidcLogin, subject: str) -> str:
    """The name of a person as it is shown, and as the rules `login:…` match it.

    Whoever may write any address into their profile would pass for somebody else. So one that the
    issuer has not verified is marked as such, and no rule matches the mark.
    """
    name = claims.get(login.login_claim)
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
        return f"subject {subject}"[:_MAX_NAME]  # which has a space, so no rule matches it
    if "@" not in name:
        return name
    if is_verified(claims.get("email_verified")) and claims.get("email") == name:
        return name
    return f"{name[: _MAX_NAME - len(UNVERIFIED)]}{UNVERIFIED}"


def is_verified(value: object) -> bool:
    """Whether this says that an address is verified; Cognito's userinfo says so by a text."""
    return value is True or value == "true"


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _bad(what: str) -> Refused:
    return Refused(HTTPStatus.FORBIDDEN, f"The issuer's ID token {what}.")


def _wrong(issuer: str, what: str) -> Refused:
    return Refused(HTTPStatus.BAD_GATEWAY, f"The issuer {issuer} cannot be used: {what}.")

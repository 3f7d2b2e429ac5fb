"""An OpenID Connect issuer with a page on which a browser logs in, and its checks of a client."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import unquote, urlencode

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from support.small_server import (
    Asked,
    SmallServer,
    Told,
    json_answer,
    login_page,
    page,
    running,
    to_address,
)

CLIENT, SECRET = "the site", "secret of the tests: /+&%"
PEOPLE: dict[str, dict[str, Any]] = {
    "Ada": {"sub": "1001", "email": "ada@acme.com", "email_verified": True, "groups": ["leads"]},
    "Bob": {"sub": "1002", "email": "bob@acme.com", "email_verified": True, "groups": ["web"]},
    "Eve": {"sub": "1003", "email": "ada@acme.com", "email_verified": False, "groups": []},
}


@dataclass(frozen=True)
class _Code:
    person: str
    redirect_uri: str
    challenge: str
    nonce: str


@dataclass
class OidcIssuer(SmallServer):
    """Its state.

    Attributes:
        secret: of the client; None for a public client.
        auth: the one way in which it takes the secret.
        callbacks: the redirect URIs that were registered.
        only_in_userinfo: claims that the ID token does not have.
        spoilt: changes the claims of the next ID tokens.
        header: of ID tokens.
        document: fields that the discovery document has besides, or instead.
        sends_iss: whether it says who it is in the callback (RFC 9207).
    """

    people: dict[str, dict[str, Any]] = field(
        default_factory=lambda: json.loads(json.dumps(PEOPLE))
    )
    secret: str | None = SECRET
    auth: str = "client_secret_basic"
    callbacks: set[str] = field(default_factory=set)
    only_in_userinfo: set[str] = field(default_factory=set)
    spoilt: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "1"})
    document: dict[str, Any] = field(default_factory=dict)
    sends_iss: bool = False
    clock: Callable[[], float] = time.time
    codes: dict[str, _Code] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)  # of people, by access token

    def answer(self, asked: Asked) -> Told:
        match asked.method, asked.path:
            case "GET", "/.well-known/openid-configuration":
                return json_answer(self.discovery())
            case "GET" | "POST", "/authorize":
                return self._authorize(asked)
            case "POST", "/token":
                return self._token(asked)
            case "GET", "/userinfo":
                return self._userinfo(asked)
            case "GET", "/keys":
                return json_answer(keys())
        return page("Not found", "", 404)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": [self.auth if self.secret else "none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": self.sends_iss,
            **self.document,
        }

    def _authorize(self, asked: Asked) -> Told:
        query = asked.query
        callback = query.get("redirect_uri", "")
        if query.get("client_id") != CLIENT or callback not in self.callbacks:
            return page("Unknown client or callback", "", 400)  # never a redirect: it may be forged

        def back(**said: str) -> Told:
            more = {"state": query["state"]} if "state" in query else {}
            iss = {"iss": self.url} if self.sends_iss else {}
            return to_address(f"{callback}?{urlencode({**said, **more, **iss})}")

        if query.get("response_type") != "code":
            return back(error="unsupported_response_type")
        if "openid" not in query.get("scope", "").split():
            return back(error="invalid_scope")
        challenge = query.get("code_challenge", "")
        if query.get("code_challenge_method") != "S256" or not re.fullmatch(
            r"[\w-]{43}", challenge, re.ASCII
        ):
            return back(error="invalid_request", error_description="PKCE with S256 is needed")
        if asked.method == "GET":
            return login_page("Log in at the issuer", asked.target, [*self.people])
        if asked.form.get("answer") != "login":
            return back(error="access_denied", error_description="The person cancelled")
        code = secrets.token_urlsafe(16)
        nonce = query.get("nonce", "")
        self.codes[code] = _Code(asked.form["person"], callback, challenge, nonce)
        return back(code=code)

    def _token(self, asked: Asked) -> Told:
        form = asked.form
        if asked.headers.get("content-type") != "application/x-www-form-urlencoded":
            return json_answer({"error": "invalid_request"}, 400)
        if not self._is_client(asked, form):
            return json_answer({"error": "invalid_client"}, 401)
        if form.get("grant_type") != "authorization_code":
            return json_answer({"error": "unsupported_grant_type"}, 400)
        code = self.codes.pop(form.get("code", ""), None)  # a code is good for one request
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if code is None:
            why = "the code is unknown, or used"
        elif form.get("redirect_uri") != code.redirect_uri:
            why = "another redirect_uri"
        elif _encoded(digest) != code.challenge:
            why = "the verifier does not fit the challenge"
        else:
            return self._tokens(code)
        return json_answer({"error": "invalid_grant", "error_description": why}, 400)

    def _is_client(self, asked: Asked, form: dict[str, str]) -> bool:
        given = asked.headers.get("authorization")
        if self.secret is None:
            return given is None and form.get("client_id") == CLIENT and "client_secret" not in form
        if self.auth == "client_secret_post":
            return given is None and (form.get("client_id"), form.get("client_secret")) == (
                CLIENT,
                self.secret,
            )
        pair = base64.b64decode((given or "").removeprefix("Basic ")).decode().partition(":")
        return (unquote(pair[0]), unquote(pair[2])) == (CLIENT, self.secret)

    def _tokens(self, code: _Code) -> Told:
        now = int(self.clock())
        about = {
            name: value
            for name, value in self.people[code.person].items()
            if name not in self.only_in_userinfo
        }
        claims = {"iss": self.url, "aud": CLIENT, "exp": now + 300, "iat": now, **about}
        if code.nonce:
            claims["nonce"] = code.nonce
        access = secrets.token_urlsafe(16)
        self.tokens[access] = code.person
        token = signed(self.spoilt(claims), self.header)
        return json_answer({"access_token": access, "token_type": "Bearer", "id_token": token})

    def _userinfo(self, asked: Asked) -> Told:
        person = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if person is None:
            return json_answer({"error": "invalid_token"}, 401)
        return json_answer(self.people[person])


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def signed(claims: dict[str, Any], header: dict[str, Any]) -> str:
    """A JSON Web Token of these claims."""
    text = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{_encoded(_key().sign(text.encode(), padding.PKCS1v15(), SHA256()))}"


def keys() -> dict[str, Any]:
    """The JSON Web Key Set."""
    numbers = _key().public_key().public_numbers()
    n, e = (_encoded(x.to_bytes((x.bit_length() + 7) // 8, "big")) for x in (numbers.n, numbers.e))
    return {"keys": [{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", "n": n, "e": e}]}


@contextmanager
def oidc_issuer(**state: Any) -> Iterator[OidcIssuer]:
    """One on a free port of this machine."""
    with running(OidcIssuer(**state)) as issuer:
        yield issuer

"""A GitHub at which a browser logs in by OAuth, and that tells permissions in repositories."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

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

CLIENT, SECRET = "Iv1.0123456789abcdef", "0123456789abcdef0123456789abcdef01234567"
TOKEN = "the site's own token"


@dataclass(frozen=True)
class _Code:
    login: str
    redirect_uri: str
    challenge: str


@dataclass
class GitHubLogin(SmallServer):
    """Its state; its API is under /api/v3, as a server's of one's own.

    Attributes:
        people: numbers by login.
        callback: the one that was registered.
        permissions: by repository and login; whoever is not named is unknown to the repository.
        tokens: logins by access token; those that were not revoked.
    """

    people: dict[str, int] = field(default_factory=lambda: {"ada": 11, "bob": 12, "eve": 13})
    callback: str = ""
    permissions: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, _Code] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def api(self) -> str:
        return f"{self.url}/api/v3"

    def answer(self, asked: Asked) -> Told:
        match asked.method, asked.path.removeprefix("/api/v3").split("/")[1:]:
            case "GET" | "POST", ["login", "oauth", "authorize"]:
                return self._authorize(asked)
            case "POST", ["login", "oauth", "access_token"]:
                return self._token(asked)
            case "GET", ["user"]:
                return self._user(asked)
            case "DELETE", ["applications", client, "token"]:
                return self._revoke(asked, unquote(client))
            case "GET", ["repos", owner, name, "collaborators", login, "permission"]:
                return self._permission(asked, f"{owner}/{name}", unquote(login))
        return page("Not found", "", 404)

    def _authorize(self, asked: Asked) -> Told:
        query = asked.query
        if query.get("client_id") != CLIENT:
            return page("Not found", "", 404)
        state = {"state": query["state"]} if "state" in query else {}
        if query.get("redirect_uri", self.callback) != self.callback:
            said = {"error": "redirect_uri_mismatch", **state}
            return to_address(f"{self.callback}?{urlencode(said)}")
        if asked.method == "GET":
            return login_page("Sign in to GitHub", asked.target, [*self.people])
        if asked.form.get("answer") != "login":
            said = {"error": "access_denied", "error_description": "The user has denied", **state}
            return to_address(f"{self.callback}?{urlencode(said)}")
        code = secrets.token_hex(10)
        self.codes[code] = _Code(
            asked.form["person"],
            query.get("redirect_uri", ""),
            query.get("code_challenge", "") if query.get("code_challenge_method") == "S256" else "",
        )
        return to_address(f"{self.callback}?{urlencode({'code': code, **state})}")

    def _token(self, asked: Asked) -> Told:
        """GitHub answers 200 to what it refuses, and a form unless one asks for JSON."""
        form = asked.form
        if asked.headers.get("accept") != "application/json":
            return Told(200, b"error=not_asked_for_json")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return json_answer({"error": "incorrect_client_credentials"})
        code = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if code is None or code.redirect_uri != form.get("redirect_uri"):
            return json_answer({"error": "bad_verification_code"})
        if code.challenge and code.challenge != challenge:
            return json_answer({"error": "bad_verification_code", "error_description": "PKCE"})
        token = f"gho_{secrets.token_hex(16)}"
        self.tokens[token] = code.login
        return json_answer({"access_token": token, "token_type": "bearer", "scope": ""})

    def _user(self, asked: Asked) -> Told:
        login = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if login is None:
            return json_answer({"message": "Bad credentials"}, 401)
        return json_answer({"login": login, "id": self.people[login], "type": "User"})

    def _revoke(self, asked: Asked, client: str) -> Told:
        pair = base64.b64decode(asked.headers.get("authorization", "").removeprefix("Basic "))
        if pair.decode() != f"{CLIENT}:{SECRET}" or client != CLIENT:
            return json_answer({"message": "Not Found"}, 404)
        self.tokens.pop(json.loads(asked.body)["access_token"], None)
        return Told(204)

    def _permission(self, asked: Asked, repository: str, login: str) -> Told:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return json_answer({"message": "Bad credentials"}, 401)
        known = {
            name.lower(): value for name, value in self.permissions.get(repository, {}).items()
        }
        if login.lower() not in known:
            return json_answer({"message": "Not Found"}, 404)
        permission = known[login.lower()]
        # `permission` knows these four words only; `role_name` has the finer ones.
        coarse = {"triage": "read", "maintain": "write"}.get(permission, permission)
        user = {"login": login, "id": self.people.get(login.lower(), 99)}
        return json_answer({"permission": coarse, "role_name": permission, "user": user})


@contextmanager
def github_login(**state: Any) -> Iterator[GitHubLogin]:
    """One on a free port of this machine."""
    with running(GitHubLogin(**state)) as github:
        yield github

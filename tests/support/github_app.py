"""GitHub's side of a GitHub App: its tokens, its installation and its check runs."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from support.forge import Answer, Request

if TYPE_CHECKING:
    from jwt.types import Options

    from support.github import FakeGitHub

SECRET = "webhook secret of the tests"
CLIENT_SECRET = "client secret of the tests"
SLUG = "acme-pixelgate"
APP_ID, INSTALLATION, OTHER_APP = 4711, 99, 4712
CONCLUSIONS = {
    "action_required", "cancelled", "failure", "neutral", "skipped", "success", "timed_out",
}  # fmt: skip


@cache
def _key(name: str) -> RSAPrivateKey:
    """Keys are drawn once in a process: that takes a tenth of a second."""
    return generate_private_key(65537, 2048)


def private_key(name: str = "first") -> str:
    """The App's key, as GitHub gives it."""
    pem = _key(name).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return pem.decode()


@dataclass
class FakeApp:
    """An App and its installation.

    Attributes:
        repository: where it is installed; empty for nowhere.
        key: the name of its private key.
        runs: the check runs of every App, oldest first; `actions` are kept though GitHub does not
            show them.
        tokens: those that are valid, with the time of their end and their permissions.
        clock: the time here, in seconds since 1970.
        codes: codes of the manifest flow and what they are exchanged for, once.
        granted: the installation's permissions.
        asked, answers: requests about tokens, and answers to the next ones out of turn.
    """

    repository: str
    key: str = "first"
    runs: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, tuple[float, dict[str, str]]] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    granted: dict[str, str] = field(
        default_factory=lambda: {"checks": "write", "metadata": "read", "pull_requests": "write"}
    )
    asked: list[Request] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    _made: int = 0

    @property
    def author(self) -> dict[str, Any]:
        """The author of its comments."""
        user = {"id": 13, "login": f"{SLUG}[bot]", "type": "Bot"}
        return {"user": user, "performed_via_github_app": {"id": APP_ID, "slug": SLUG}}

    def is_about_tokens(self, path: str) -> bool:
        return path.startswith("/app/") or path.endswith("/installation")

    def credentials(self, api: str, **changes: Any) -> str:
        """What is in the parameter of the stack."""
        fields = {
            "schema_version": 1, "app_id": APP_ID, "slug": SLUG, "client_id": "Iv1.tests",
            "client_secret": CLIENT_SECRET, "webhook_secret": SECRET,
            "private_key": private_key(self.key), "web": "https://github.com", "api": api,
        }  # fmt: skip
        return json.dumps({**fields, **changes})

    def run(self, commit: str, name: str) -> dict[str, Any] | None:
        """The check run of that name which a commit shows: the App's latest."""
        ours = [
            r for r in self.runs
            if (r["head_sha"], r["name"], r["app"]["id"]) == (commit, name, APP_ID)
        ]  # fmt: skip
        return ours[-1] if ours else None

    def shown(self, commit: str, name: str) -> tuple[str, str, str | None] | None:
        run = self.run(commit, name)
        if run is None:
            return None
        return run["conclusion"] or run["status"], run["output"]["title"], run["details_url"]

    def buttons(self, commit: str, name: str) -> list[str]:
        run = self.run(commit, name)
        return [action["identifier"] for action in run["actions"]] if run else []

    def add_run(self, commit: str, name: str, app: int = OTHER_APP, **fields: Any) -> int:
        """A check run as another App makes it."""
        self._made += 1
        run = {
            "id": 9_000 + self._made, "head_sha": commit, "name": name, "app": {"id": app},
            "external_id": "", "details_url": None, "status": "completed",
            "conclusion": "success", "output": {"title": "", "summary": ""}, "actions": [],
            **fields,
        }  # fmt: skip
        self.runs.append(run)
        return int(run["id"])

    def problem(self, request: Request, path: str) -> Answer | None:
        """What GitHub objects to: a wrong token, or one that may not do this."""
        if path.startswith("/app-manifests/"):
            return None
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.is_about_tokens(path):
            return self._wrong_signature(token)
        until, permissions = self.tokens.get(token, (0.0, {}))
        if self.clock() >= until:
            return 401, {}, {"message": "Bad credentials"}
        wanted = {"check-runs": "checks", "collaborators": "metadata", "pulls": "pull_requests",
                  "issues": "pull_requests"}  # fmt: skip
        needed = next((n for part, n in wanted.items() if f"/{part}" in path), None)
        if needed is None or needed not in permissions:
            return 403, {}, {"message": "Resource not accessible by integration"}
        return None

    def _wrong_signature(self, token: str) -> Answer | None:
        public = _key(self.key).public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )  # fmt: skip
        # Only the signature and the issuer: the times are of this App's clock.
        options: Options = {"verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, public, ["RS256"], options=options, issuer=str(APP_ID))
        except jwt.PyJWTError:
            return 401, {}, {"message": "A JSON web token could not be decoded"}
        now = self.clock()
        if not claims["iat"] <= now < claims["exp"] <= now + 600:
            return 401, {}, {"message": "'Expiration time' claim ('exp') is too far in the future"}
        return None

    def route(self, fake: FakeGitHub, request: Request, path: str) -> Answer | None:
        """The answer to what only an App asks for; None for all else."""
        match request.method, path.split("/")[1:]:
            case "POST", ["app-manifests", code, "conversions"]:
                made = self.codes.pop(unquote(code), None)
                return (201, {}, made) if made else (404, {}, {"message": "Not Found"})
            case "GET", ["repos", owner, name, "installation"]:
                if f"{owner}/{name}" != self.repository:
                    return 404, {}, {"message": "Not Found"}
                return 200, {}, {"id": INSTALLATION, "app_id": APP_ID}
            case "POST", ["app", "installations", number, "access_tokens"]:
                return self._new_token(int(number), request.body)
            case "GET", ["repos", _, _, "commits", commit, "check-runs"]:
                return self._list(fake, unquote(commit), request)
            case "POST", ["repos", _, _, "check-runs"]:
                return self._create(fake, request.body)
            case "PATCH", ["repos", _, _, "check-runs", number]:
                return self._update(int(number), request.body)
        return None

    def _new_token(self, installation: int, body: Any) -> Answer:
        if installation != INSTALLATION:
            return 404, {}, {"message": "Not Found"}
        if body["repositories"] != [self.repository.partition("/")[2]]:
            return 422, {}, {"message": "There is at least one repository that does not exist"}
        if not body["permissions"].items() <= self.granted.items():
            return 422, {}, {"message": "The permissions requested are not granted"}
        self._made += 1
        token, until = f"ghs_{self._made}", self.clock() + 3_600
        self.tokens[token] = until, body["permissions"]
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
        return 201, {}, {"token": token, "expires_at": ends}

    def _list(self, fake: FakeGitHub, commit: str, request: Request) -> Answer:
        name, app = request.query["check_name"], int(request.query["app_id"])
        found = [
            r for r in self.runs
            if (r["head_sha"], r["name"], r["app"]["id"]) == (commit, name, app)
        ]  # fmt: skip
        if request.query["filter"] == "latest":
            found = found[-1:]
        shown = [{k: v for k, v in run.items() if k != "actions"} for run in found]
        headers, page = fake.page(request, shown)
        return 200, headers, {"total_count": len(shown), "check_runs": page}

    def _create(self, fake: FakeGitHub, body: Any) -> Answer:
        if fake.commits is not None and body["head_sha"] not in fake.commits:
            return 422, {}, {"message": f"No commit found for SHA: {body['head_sha']}"}
        if problem := _wrong_run(body):
            return problem
        number = self.add_run(body["head_sha"], body["name"], APP_ID, conclusion=None)
        self.runs[-1].update(body)
        return 201, {}, {k: v for k, v in self.runs[-1].items() if k != "actions"} | {"id": number}

    def _update(self, number: int, body: Any) -> Answer:
        run = next((r for r in self.runs if r["id"] == number), None)
        if run is None or run["app"]["id"] != APP_ID:
            return (
                403,
                {},
                {"message": "Invalid app_id - check run can only be modified by its App"},
            )
        if problem := _wrong_run(body):
            return problem
        changes = dict(body)
        if run["status"] == "completed" and changes.get("status") != "completed":
            del changes["status"]  # GitHub accepts the request and leaves it completed
        run.update(changes)
        return 200, {}, {k: v for k, v in run.items() if k != "actions"}


def _wrong_run(body: Any) -> Answer | None:
    problem = None
    known = {"name", "head_sha", "external_id", "details_url", "status", "conclusion", "output",
             "actions"}  # fmt: skip
    if body.keys() - known:
        problem = "unknown field"
    elif body.get("status") not in {"queued", "in_progress", "completed"}:
        problem = "status"
    elif (body["status"] == "completed") != (body.get("conclusion") in CONCLUSIONS):
        problem = "conclusion"
    elif not re.match(r"https?://", body.get("details_url", "https://")):
        problem = "details_url"
    elif len(body.get("external_id", "")) > 255 or len(body["output"]["title"]) > 255:
        problem = "external_id or title is too long"
    elif not 0 < len(body["output"]["summary"].encode()) <= 65_535:
        problem = "summary exceeds a maximum bytesize of 65535"
    limits = {"label": 20, "description": 40, "identifier": 20}
    for action in body.get("actions", []):
        if action.keys() != limits.keys() or any(len(action[k]) > n for k, n in limits.items()):
            problem = "actions"
    return (422, {}, {"message": f"Validation Failed: {problem}"}) if problem else None


def delivery(
    content: dict[str, Any],
    *,
    secret: str = SECRET,
    number: str = "72d3162e-cc78-11e3",
    event: str = "check_run",
) -> tuple[dict[str, str], bytes]:
    """Headers, in lower case, and body of a webhook's delivery."""
    body = json.dumps(content).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json", "x-github-event": event, "x-github-delivery": number,
        "x-hub-signature-256": f"sha256={signature}", "user-agent": "GitHub-Hookshot/044aadd",
    }  # fmt: skip
    return headers, body

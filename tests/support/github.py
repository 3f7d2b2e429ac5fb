"""A GitHub that knows statuses, comments and Apps, and checks requests as the real one does."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from support.forge import OURS, Answer, FakeForge, Request, serving
from support.github_app import FakeApp

REPOSITORY = "acme/shop"
REPOSITORY_ID = 22
TOKEN = "github_pat_of_the_tests"
REACTIONS = {"+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"}


@dataclass
class FakeGitHub(FakeForge):
    """Its state.

    Attributes:
        statuses: by commit, the latest last.
        app: the GitHub App that is known here; None for none.
        pulls: those of which more is known than where they come from; None for those that are none.
        members: permission and number of each account that it knows, by login.
        from_forks: pull requests whose head is in another repository; None is one deleted since.
        reactions: of comments, by their number, the latest last.
        attachments: what was uploaded, by address.
        writes_contents: whether the token may write contents, without which nothing is attached.
    """

    token: str = TOKEN
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    app: FakeApp | None = None
    pulls: dict[int, dict[str, Any] | None] = field(default_factory=dict)
    members: dict[str, tuple[str, int]] = field(default_factory=dict)
    from_forks: dict[int, int | None] = field(default_factory=dict)
    reactions: dict[int, list[str]] = field(default_factory=dict)
    attachments: dict[str, bytes] = field(default_factory=dict)
    writes_contents: bool = True

    def latest(self, commit: str, context: str) -> dict[str, Any] | None:
        found = [s for s in self.statuses.get(commit, []) if s["context"] == context]
        return found[-1] if found else None

    def shown(self, commit: str, name: str) -> tuple[str, str, str | None] | None:
        if self.app is not None:
            return self.app.shown(commit, name)
        found = self.latest(commit, name)
        return (found["state"], found["description"], found["target_url"]) if found else None

    def handle(self, request: Request) -> Answer:
        """How an App gets its tokens is kept apart from what it then asks for."""
        path = urlsplit(request.path).path.removeprefix(self.prefix)
        if self.app is not None and self.app.is_about_tokens(path):
            with self._lock:
                self.app.asked.append(request)
                if self.app.answers:
                    return self.app.answers.popleft()
                return self.problem(request) or self.route(request)
        return super().handle(request)

    def problem(self, request: Request) -> Answer | None:
        headers = request.headers
        path = urlsplit(request.path).path.removeprefix(self.prefix)
        if self.app is not None:
            if problem := self.app.problem(request, path):
                return problem
        elif headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}, {"message": "Bad credentials"}
        if not headers.get("user-agent"):
            return 403, {}, {"message": "Request forbidden by administrative rules."}
        if headers.get("accept") != "application/vnd.github+json":
            return 415, {}, {"message": "Unsupported 'Accept' header"}
        if headers.get("x-github-api-version") != "2022-11-28":
            return 400, {}, {"message": "Unknown API version"}
        return None

    def route(self, request: Request) -> Answer:
        path = urlsplit(request.path).path.removeprefix(self.prefix)
        base = f"/repos/{REPOSITORY}"
        if self.app is not None and (answer := self.app.route(self, request, path)):
            return answer
        if path == "/user-attachments/assets" and request.method == "POST":
            return self._attach(request)
        if path == "/user" and request.method == "GET":
            if self.app is not None:
                return 403, {}, {"message": "Resource not accessible by integration"}
            return 200, {}, OURS["user"]
        if path == base and request.method == "GET":
            return 200, {}, {"id": REPOSITORY_ID, "full_name": REPOSITORY}
        if not path.startswith(base):
            return 404, {}, {"message": "Not Found"}
        parts = path.removeprefix(base).split("/")[1:]
        return self._of_people(request, parts) or self._of_notices(request, parts)

    def _of_notices(self, request: Request, parts: list[str]) -> Answer:
        match request.method, parts:
            case "GET", ["commits", commit, "status"]:
                return self._combined(unquote(commit), request)
            case "POST", ["statuses", commit]:
                return self._add_status(unquote(commit), request.body)
            case "GET", ["issues", number, "comments"]:
                headers, page = self.page(request, self.comments.get(int(number), []))
                return 200, headers, page
            case "POST", ["issues", number, "comments"]:
                if problem := _bad_comment(request.body):
                    return problem
                ours = self.app.author if self.app else OURS
                made = self.say(int(number), request.body["body"], **ours)
                return 201, {}, {"id": made, "body": request.body["body"]}
            case "PATCH", ["issues", "comments", comment]:
                return self._edit(int(comment), request.body)
            case "DELETE", ["issues", "comments", comment]:
                return self._delete(int(comment))
        return 404, {}, {"message": "Not Found"}

    def _attach(self, request: Request) -> Answer:
        """As uploads.github.com: 404 to other kinds of tokens than those of persons."""
        token = request.headers["authorization"].removeprefix("Bearer ")
        if not token.startswith(("gho_", "ghp_", "github_pat_")):
            return 404, {}, {"message": "Not Found"}
        if request.query.get("repository_id") != str(REPOSITORY_ID):
            return 404, {}, {"message": "Not Found"}
        if not self.writes_contents:
            return 403, {}, {"message": "Resource not accessible by personal access token"}
        name, kind = request.query.get("name", ""), request.query.get("content_type")
        wrong = kind != "image/png" or not name.endswith(".png") or not request.body
        if wrong or len(request.body) > 10 * 1024 * 1024:
            return 422, {}, {"message": "Validation Failed"}
        number = uuid.UUID(int=self.number())
        url = f"https://github.com/user-attachments/assets/{number}"
        self.attachments[url] = request.body
        return 201, {}, {"id": number.int, "url": url, "name": name, "content_type": kind}

    def pull(self, number: int, sha: str, *, fork: bool = False, state: str = "open") -> None:
        """Makes a pull request with this head."""
        repo = {"id": REPOSITORY_ID + 1 if fork else REPOSITORY_ID}
        self.pulls[number] = {
            "number": number,
            "state": state,
            "head": {"sha": sha, "repo": repo},
            "base": {"repo": {"id": REPOSITORY_ID}},
        }

    def _of_people(self, request: Request, parts: list[str]) -> Answer | None:
        """Who may do what, where a pull request comes from, and reactions."""
        match request.method, parts:
            case "GET", ["collaborators", login, "permission"]:
                return self._permission(unquote(login))
            case "GET", ["pulls", number] if int(number) in self.pulls:
                found = self.pulls[int(number)]
                return (200, {}, found) if found else (404, {}, {"message": "Not Found"})
            case "GET", ["pulls", number]:
                head = self.from_forks.get(int(number), REPOSITORY_ID)
                repo = None if head is None else {"id": head}
                base = {"repo": {"id": REPOSITORY_ID}}
                return 200, {}, {"number": int(number), "head": {"repo": repo}, "base": base}
            case "POST", ["issues", "comments", comment, "reactions"]:
                return self._react(int(comment), request.body)
        return None

    def _permission(self, login: str) -> Answer:
        if login not in self.members:
            return 404, {}, {"message": f"{login} is not a user"}
        permission, account = self.members[login]
        role = permission
        # As the real one: the roles maintain and triage are told as these two permissions.
        permission = {"maintain": "write", "triage": "read"}.get(permission, permission)
        user = {"login": login, "id": account}
        return 200, {}, {"permission": permission, "role_name": role, "user": user}

    def _react(self, comment: int, body: Any) -> Answer:
        known = {c["id"] for comments in self.comments.values() for c in comments}
        if comment not in known:
            return 404, {}, {"message": "Not Found"}
        if body.keys() != {"content"} or body["content"] not in REACTIONS:
            return 422, {}, {"message": "Validation Failed: content"}
        self.reactions.setdefault(comment, []).append(body["content"])
        return 201, {}, body

    def _combined(self, commit: str, request: Request) -> Answer:
        latest = {s["context"]: s for s in self.statuses.get(commit, [])}
        headers, page = self.page(request, list(latest.values()))
        return 200, headers, {"state": "pending", "statuses": page, "total_count": len(latest)}

    def _add_status(self, commit: str, body: Any) -> Answer:
        if self.commits is not None and commit not in self.commits:
            return 422, {}, {"message": f"No commit found for SHA: {commit}"}
        if body.keys() - {"state", "context", "description", "target_url"}:
            return 422, {}, {"message": "unknown field"}
        if body["state"] not in {"error", "failure", "pending", "success"}:
            return 422, {}, {"message": "Validation Failed: state"}
        if len(body["description"]) > 140:
            return 422, {}, {"message": "Validation Failed: description is too long"}
        if not re.match(r"https?://", body.get("target_url", "https://")):
            return 422, {}, {"message": "Validation Failed: target_url"}
        made = {"target_url": None, **body}
        self.statuses.setdefault(commit, []).append(made)
        return 201, {}, made

    def _edit(self, comment: int, body: Any) -> Answer:
        for comments in self.comments.values():
            for found in comments:
                if found["id"] == comment:
                    if problem := _bad_comment(body):
                        return problem
                    found["body"] = body["body"]
                    return 200, {}, found
        return 404, {}, {"message": "Not Found"}

    def _delete(self, comment: int) -> Answer:
        for comments in self.comments.values():
            for found in comments:
                if found["id"] == comment:
                    comments.remove(found)
                    return 204, {}, None
        return 404, {}, {"message": "Not Found"}


def _bad_comment(body: Any) -> Answer | None:
    if body.keys() != {"body"} or not body["body"]:
        return 422, {}, {"message": "Validation Failed: body"}
    if len(body["body"]) > 65_536:
        return 422, {}, {"message": "Validation Failed: body is too long"}
    return None


@contextmanager
def github(prefix: str = "") -> Iterator[FakeGitHub]:
    with serving(FakeGitHub(prefix=prefix)) as fake:
        yield fake


@contextmanager
def github_with_app(prefix: str = "") -> Iterator[FakeGitHub]:
    """One in whose repository an App is installed."""
    app = FakeApp(REPOSITORY)
    with serving(FakeGitHub(prefix=prefix, app=app)) as fake:
        fake.token = app.credentials(fake.url)
        yield fake

"""A GitHub that knows commit statuses and comments, and checks requests as the real one does."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REPOSITORY = "acme/shop"
TOKEN = "github_pat_of_the_tests"


@dataclass(frozen=True)
class Request:
    """What was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class FakeGitHub:
    """Its state; `url` is what the adapter is given.

    Attributes:
        requests: everything that was sent, the earliest first.
        answers: given to the next requests instead of what they deserve: status, headers, body.
        statuses: by commit, the latest last.
        comments: by number of the pull request, the oldest first.
        commits: those that the repository has; None for any.
    """

    url: str = ""
    token: str = TOKEN
    requests: list[Request] = field(default_factory=list)
    answers: deque[tuple[int, dict[str, str], Any]] = field(default_factory=deque)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    commits: set[str] | None = None
    prefix: str = ""
    _next: int = 100
    _lock: Any = field(default_factory=threading.RLock)

    def sent(self, *methods: str) -> list[tuple[str, str]]:
        """Method and path of the requests, or of those with these methods."""
        return [(r.method, r.path) for r in self.requests if not methods or r.method in methods]

    def bodies(self, pull_request: int) -> list[str]:
        return [comment["body"] for comment in self.comments.get(pull_request, [])]

    def latest(self, commit: str, context: str) -> dict[str, Any] | None:
        found = [s for s in self.statuses.get(commit, []) if s["context"] == context]
        return found[-1] if found else None

    def say(self, pull_request: int, body: str) -> int:
        """Writes a comment as somebody does."""
        with self._lock:
            self._next += 1
            comment = {"id": self._next, "body": body, "user": {"login": "somebody"}}
            self.comments.setdefault(pull_request, []).append(comment)
            return self._next

    def handle(self, request: Request) -> tuple[int, dict[str, str], Any]:
        with self._lock:
            self.requests.append(request)
            if self.answers:
                return self.answers.popleft()
            problem = self._problem(request)
            return problem or self._route(request)

    def _problem(self, request: Request) -> tuple[int, dict[str, str], Any] | None:
        """What GitHub objects to before it looks at the path."""
        headers = request.headers
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}, {"message": "Bad credentials"}
        if not headers.get("user-agent"):
            return 403, {}, {"message": "Request forbidden by administrative rules."}
        if headers.get("accept") != "application/vnd.github+json":
            return 415, {}, {"message": "Unsupported 'Accept' header"}
        if headers.get("x-github-api-version") != "2022-11-28":
            return 400, {}, {"message": "Unknown API version"}
        return None

    def _route(self, request: Request) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(request.path)
        query = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix(self.prefix)
        base = f"/repos/{REPOSITORY}"
        if not path.startswith(base):
            return 404, {}, {"message": "Not Found"}
        match request.method, path.removeprefix(base).split("/")[1:]:
            case "GET", ["commits", commit, "status"]:
                return self._combined(unquote(commit), query)
            case "POST", ["statuses", commit]:
                return self._add_status(unquote(commit), request.body)
            case "GET", ["issues", number, "comments"]:
                return 200, {}, self._page(self.comments.get(int(number), []), query)
            case "POST", ["issues", number, "comments"]:
                if problem := _bad_comment(request.body):
                    return problem
                made = self.say(int(number), request.body["body"])
                return 201, {}, {"id": made, "body": request.body["body"]}
            case "PATCH", ["issues", "comments", comment]:
                return self._edit(int(comment), request.body)
            case "DELETE", ["issues", "comments", comment]:
                return self._delete(int(comment))
        return 404, {}, {"message": "Not Found"}

    def _combined(self, commit: str, query: dict[str, int]) -> tuple[int, dict[str, str], Any]:
        latest = {s["context"]: s for s in self.statuses.get(commit, [])}
        page = self._page(list(latest.values()), query)
        return 200, {}, {"state": "pending", "statuses": page, "total_count": len(latest)}

    def _add_status(self, commit: str, body: Any) -> tuple[int, dict[str, str], Any]:
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

    def _edit(self, comment: int, body: Any) -> tuple[int, dict[str, str], Any]:
        for found in self._all():
            if found["id"] == comment:
                if problem := _bad_comment(body):
                    return problem
                found["body"] = body["body"]
                return 200, {}, found
        return 404, {}, {"message": "Not Found"}

    def _delete(self, comment: int) -> tuple[int, dict[str, str], Any]:
        for comments in self.comments.values():
            for found in comments:
                if found["id"] == comment:
                    comments.remove(found)
                    return 204, {}, None
        return 404, {}, {"message": "Not Found"}

    def _all(self) -> Iterator[dict[str, Any]]:
        for comments in self.comments.values():
            yield from comments

    def _page(self, items: list[Any], query: dict[str, int]) -> list[Any]:
        size, number = query.get("per_page", 30), query.get("page", 1)
        return items[size * (number - 1) : size * number]


def _bad_comment(body: Any) -> tuple[int, dict[str, str], Any] | None:
    if body.keys() != {"body"} or not body["body"]:
        return 422, {}, {"message": "Validation Failed: body"}
    if len(body["body"]) > 65_536:
        return 422, {}, {"message": "Validation Failed: body is too long"}
    return None


@contextmanager
def github(prefix: str = "") -> Iterator[FakeGitHub]:
    """A running one, on a free port of this machine."""
    fake = FakeGitHub(prefix=prefix)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, json.loads(sent) if sent else None)
            status, more, body = fake.handle(request)
            if status == 0:  # the network breaks
                self.close_connection = True
                return
            said = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}{prefix}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""What the forges of the tests have in common: a server, comments, and answers out of turn."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, str], Any]


@dataclass(frozen=True)
class Request:
    """What was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}


@dataclass
class FakeForge(ABC):
    """Its state; `url` is what the adapter is given.

    Attributes:
        requests: everything that was sent, the earliest first.
        answers: given to the next requests instead of what they deserve: status, headers, body.
        comments: by number of the pull request, the oldest first.
        commits: those that the repository has; None for any.
    """

    url: str = ""
    token: str = "token of the tests"
    prefix: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    commits: set[str] | None = None
    _next: int = 100
    _lock: Any = field(default_factory=threading.RLock)

    def sent(self, *methods: str) -> list[tuple[str, str]]:
        """Method and path of the requests, or of those with these methods."""
        return [(r.method, r.path) for r in self.requests if not methods or r.method in methods]

    def bodies(self, pull_request: int) -> list[str]:
        return [c["body"] for c in self.comments.get(pull_request, []) if not c.get("system")]

    @abstractmethod
    def shown(self, commit: str, name: str) -> tuple[str, str, str | None] | None:
        """State, description and link of a commit's status, in the forge's words."""

    def say(self, pull_request: int, body: str, **more: Any) -> int:
        """Writes a comment as somebody does; `more` may be of another author, such as OURS."""
        with self._lock:
            comment = {"id": self.number(), "body": body, **SOMEBODY, **more}
            self.comments.setdefault(pull_request, []).append(comment)
            return int(comment["id"])

    def number(self) -> int:
        with self._lock:
            self._next += 1
            return self._next

    def handle(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            if self.answers:
                return self.answers.popleft()
            return self.problem(request) or self.route(request)

    @abstractmethod
    def problem(self, request: Request) -> Answer | None:
        """What the forge objects to before it looks at the path."""

    @abstractmethod
    def route(self, request: Request) -> Answer:
        """The answer of the path that was asked for."""

    def page(self, request: Request, items: list[Any]) -> tuple[dict[str, str], list[Any]]:
        """A page of a list, and where the next one is."""
        size, number = (int(request.query.get(k, d)) for k, d in (("per_page", 30), ("page", 1)))
        more = size * number < len(items)
        link = f'<{self.url}/elsewhere?page={number + 1}>; rel="next"'
        return {"Link": link} if more else {}, items[size * (number - 1) : size * number]


def _by(number: int, login: str) -> dict[str, Any]:
    """The author of a comment, as GitHub and as GitLab call that."""
    return {"user": {"id": number, "login": login}, "author": {"id": number, "username": login}}


SOMEBODY, OURS = _by(11, "somebody"), _by(12, "ci-bot")  # the token is that one's

T = TypeVar("T", bound=FakeForge)


@contextmanager
def serving(fake: T) -> Iterator[T]:
    """Runs one on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            as_it_is = headers.get("content-type") == "application/octet-stream"
            body = sent if as_it_is else json.loads(sent) if sent else None
            request = Request(self.command, self.path, headers, body)
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

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}{fake.prefix}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

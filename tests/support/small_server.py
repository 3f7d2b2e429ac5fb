"""A web server on a free port of this machine, for issuers that tests log in at."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True)
class Told:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def page(title: str, content: str, status: int = 200) -> Told:
    """A page of HTML."""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"</head><body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    return Told(status, html.encode(), {"Content-Type": "text/html; charset=utf-8"})


def login_page(title: str, action: str, people: list[str]) -> Told:
    """A page on which somebody chooses a name and presses Log in or Cancel."""
    names = "".join(f"<option>{escape(name)}</option>" for name in people)
    return page(
        title,
        f'<form method="post" action="{escape(action)}"><label>Person <select name="person">{names}'
        '</select></label> <button name="answer" value="login">Log in</button> '
        '<button name="answer" value="cancel">Cancel</button></form>',
    )


def json_answer(content: Any, status: int = 200) -> Told:
    return Told(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


def to_address(address: str) -> Told:
    return Told(303, headers={"Location": address})


@dataclass
class SmallServer(ABC):
    """What an issuer here has.

    Attributes:
        url: where it is.
        asked: all requests, the earliest first.
        broken: answers by path instead of the right ones; None hangs up.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    broken: dict[str, Told | None] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.RLock)

    @abstractmethod
    def answer(self, asked: Asked) -> Told:
        """The right answer."""

    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


S = TypeVar("S", bound=SmallServer)


@contextmanager
def running(small: S) -> Iterator[S]:
    """Runs one for as long as the context."""

    class Handler(BaseHTTPRequestHandler):
        def handle_it(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            with small.lock:
                small.asked.append(asked)
                told = (
                    small.broken[asked.path] if asked.path in small.broken else small.answer(asked)
                )
            if told is None:
                self.close_connection = True
                return
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        do_GET = do_POST = do_DELETE = handle_it  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    small.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield small
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A wire between functions and AWS on which answers are lost, late, broken or refused."""

from __future__ import annotations

import http.client
import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")
_NOT_FORWARDED = {"connection", "expect", "transfer-encoding"}
LONGEST_SECONDS = 300  # that AWS takes for an answer, on a machine that does much else
_XML = "<?xml version='1.0'?><Error><Code>{0}</Code><Message>an injected {0}</Message></Error>"


@dataclass(frozen=True)
class Request:
    """What a function asks of AWS.

    Attributes:
        method: of HTTP.
        path: with its query.
        headers: as they came.
        body: its bytes.
        port: of the client's end, by which its process is found.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    port: int

    @property
    def service(self) -> str:
        """As it was signed for: s3, dynamodb, lambda, events."""
        found = _SERVICE.search(self.headers.get("Authorization", ""))
        return found[1] if found else ""

    @property
    def operation(self) -> str:
        """The method, or what a service with one address calls it."""
        return self.headers.get("X-Amz-Target", self.method).rpartition(".")[2]

    @property
    def key(self) -> str:
        """An S3 object's key, or the prefix that is listed."""
        address = urlsplit(self.path)
        if not address.query or "prefix=" not in address.query:
            return unquote(address.path).lstrip("/").partition("/")[2]
        return unquote(re.split("[?&]prefix=", self.path)[1].partition("&")[0])

    @property
    def kind(self) -> str:
        """Service, operation and the kind of object or record: what is one step's work."""
        if self.service != "s3":
            return f"{self.service} {self.operation}"
        first, *_, last = [*self.key.split("/"), ""]
        return f"s3 {self.operation} {first} {last if last.endswith(('.json', '.html')) else ''}"

    def repeats(self, other: Request) -> bool:
        """Whether it is another request's, sent again."""
        ours, theirs = ((r.operation, r.path, r.body) for r in (self, other))
        return ours == theirs

    def is_about(self, project: str) -> bool:
        return project in unquote(self.path) or project.encode() in self.body


@dataclass(frozen=True)
class Answer:
    """What AWS says to it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


Forward = Callable[[], Answer]
# Makes an answer of a request; None hangs up instead.
Act = Callable[[Request, Forward], Answer | None]
# What is to become of the next request of a project.
Plan = Callable[[Request], Act | None]


@dataclass
class Wire:
    """Forwards requests to AWS, but for what its plans do.

    Attributes:
        aws: the address that it forwards to.
        plans: by the project that a request is about.
        seen: requests of each project that has a plan.
        witnesses: look at every request before anything comes of it.
    """

    aws: str
    plans: dict[str, Plan] = field(default_factory=dict)
    seen: dict[str, list[Request]] = field(default_factory=dict)
    witnesses: list[Callable[[Request], None]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    url: str = ""

    def act(self, request: Request) -> Act:
        with self.lock:
            for project, plan in self.plans.items():
                if request.is_about(project):
                    self.seen.setdefault(project, []).append(request)
                    return plan(request) or passes
        return passes


@contextmanager
def wire(aws: str) -> Iterator[Wire]:
    """A wire to a cloud, for as long as the context."""
    laid = Wire(aws)
    server = _Server(("127.0.0.1", 0), _Requests)
    server.wire = laid
    laid.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield laid
    finally:
        server.shutdown()
        for requests in list(server.open):
            requests.hang_up()
        server.server_close()  # waits for their threads
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 256
    wire: Wire

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.open: set[_Requests] = set()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients are killed in mid-sentence."""


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server
    _aws: http.client.HTTPConnection | None = None
    _asked: Request | None = None  # what AWS has not answered yet

    def setup(self) -> None:
        """Is known to the server, which may have to hang up."""
        super().setup()
        self.server.open.add(self)

    def hang_up(self) -> None:
        """Ends both connections from another thread; this one waits for neither any longer."""
        if self._asked:
            sys.stderr.write(f"AWS never answered {self._asked.method} {self._asked.path}\n")
        for end in (self.connection, self._aws.sock if self._aws else None):
            with suppress(OSError):
                if end:
                    end.shutdown(socket.SHUT_RDWR)

    def handle_expect_100(self) -> bool:
        """The SDK waits a second for this before it sends a body."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.title(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body, self.client_address[1])
        for witness in self.server.wire.witnesses:
            witness(request)
        answer = self.server.wire.act(request)(request, lambda: self._forward(request))
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        said = int(next((v for n, v in answer.headers if n.lower() == "content-length"), 0))
        self.wfile.write(answer.body)
        self.wfile.flush()
        if self.command != "HEAD" and said != len(answer.body):
            self.close_connection = True

    def _forward(self, request: Request) -> Answer:
        if self._aws is None:
            address = urlsplit(self.server.wire.aws).netloc
            self._aws = http.client.HTTPConnection(address, timeout=LONGEST_SECONDS)
        sent = {n: v for n, v in request.headers.items() if n.lower() not in _NOT_FORWARDED}
        self._asked = request
        self._aws.request(request.method, request.path, request.body or None, sent)
        answer = self._aws.getresponse()
        body = answer.read()
        self._asked = None
        headers = [(n, v) for n, v in answer.getheaders() if n.lower() not in _NOT_FORWARDED]
        if not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(body))))
        return Answer(answer.status, tuple(headers), body)

    def finish(self) -> None:
        """Hangs up at both ends."""
        self.server.open.discard(self)
        if self._aws:
            self._aws.close()
        with suppress(OSError):
            super().finish()


# --- what may become of a request -------------------------------------------------------------


def passes(request: Request, forward: Forward) -> Answer | None:
    return forward()


def refuses(code: str, status: int) -> Act:
    """AWS says an error, of S3 or of a service that speaks JSON, and has done nothing."""

    def act(request: Request, forward: Forward) -> Answer | None:
        if request.service == "s3":
            body, kind = _XML.format(code).encode(), "application/xml"
        else:
            said = {"__type": f"com.amazonaws.dynamodb#{code}", "message": f"an injected {code}"}
            body, kind = json.dumps(said).encode(), "application/x-amz-json-1.0"
        headers = ("Content-Type", kind), ("Content-Length", str(len(body)))
        return Answer(status, headers, b"" if request.method == "HEAD" else body)

    return act


def cuts_off(request: Request, forward: Forward) -> Answer | None:
    """Half of the body, and the end of the connection."""
    answer = forward()
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def garbles(request: Request, forward: Forward) -> Answer | None:
    """One bit of the body is another; the checksum in the head is the right one."""
    answer = forward()
    middle = len(answer.body) // 2
    wrong = bytes([answer.body[middle] ^ 1]) if answer.body else b""
    return replace(answer, body=answer.body[:middle] + wrong + answer.body[middle + 1 :])


def loses_the_answer(request: Request, forward: Forward) -> Answer | None:
    """It was done, and nobody hears of it."""
    forward()
    return None


def delays(seconds: float) -> Act:
    """The answer comes late."""

    def act(request: Request, forward: Forward) -> Answer | None:
        time.sleep(seconds)
        return forward()

    return act


# --- who asked --------------------------------------------------------------------------------


def client_of(port: int, server_port: int, candidates: list[int]) -> int:
    """The process, of some, that holds the client's end of a connection; 0 if none does."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, *_, inode = line.split()[:10]
        if int(local.partition(":")[2], 16) == port and int(remote[-4:], 16) == server_port:
            wanted = f"socket:[{inode}]"
            return next((pid for pid in candidates if wanted in _open_files(pid)), 0)
    return 0


def _open_files(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found

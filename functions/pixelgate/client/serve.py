"""Serves the pages of the review site on this machine alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pixelgate.domain.keys import COMPARISON, REPORT
from pixelgate.errors import NotFound, UsageError
from pixelgate.ports import Bucket
from pixelgate.storage.folder import FolderBucket
from pixelgate.web.app import Site
from pixelgate.web.http import Request, Response, picture_type, read_cookies, redirect

HOST = "127.0.0.1"
_MOST = 8 * 1024 * 1024  # bytes of a request's body
_SECONDS = 60.0  # for a browser to send a request
_NOTHING = Response(HTTPStatus.NOT_FOUND, {"Content-Type": "text/plain"}, b"There is nothing here.")


class Responder(Protocol):
    """What answers requests."""

    def respond(self, request: Request) -> Response:
        """Answers one request."""


class LocalReport:
    """The report that `pixelgate compare` wrote into a folder."""

    def __init__(self, folder: Path) -> None:
        self._store = FolderBucket(folder)

    def respond(self, request: Request) -> Response:
        """Answers with the page or with one of its pictures, and nothing else of the folder."""
        key = REPORT if request.path == "/" else request.path.removeprefix("/")
        parts = key.split("/")
        if key != REPORT and parts[0] not in {"images", "diffs"}:
            return _NOTHING
        if request.method not in {"GET", "HEAD"} or {"", ".", ".."} & set(parts) or "\\" in key:
            return _NOTHING
        try:
            body = self._store.read(key)
        except (NotFound, OSError):
            return _NOTHING
        kind = "text/html; charset=utf-8" if key == REPORT else picture_type(body)
        headers = {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        return Response(headers=headers, body=body)


def of_folder(folder: Path) -> Responder:
    """Returns what serves a folder that `compare` or `report` wrote.

    Raises:
        UsageError: neither of them wrote it.
    """
    store = open_folder(folder)
    if is_of_compare(folder):
        return LocalReport(folder)
    why_not = "This is a copy: reviews are written to the bucket, with `pixelgate serve` there."
    return Site(store, why_not=why_not)


def is_of_compare(folder: Path) -> bool:
    """Whether `pixelgate compare` wrote this folder."""
    return (folder / COMPARISON).is_file() and (folder / REPORT).is_file()


def open_folder(folder: Path) -> FolderBucket:
    """Opens a folder that `compare` or `report` wrote.

    Raises:
        UsageError: neither of them wrote it.
    """
    if not is_of_compare(folder) and not (folder / "builds").is_dir():
        raise UsageError(
            f"{folder} has no report: `pixelgate compare` and `pixelgate report` write folders "
            "with one"
        )
    return FolderBucket(folder)


def of_bucket(store: Bucket, bucket: str) -> Responder:
    """Returns what serves a bucket; reviews are written with the credentials of its store."""
    return Site(store, bucket=bucket)


@contextmanager
def serving(responder: Responder, port: int = 0, secret: str = "") -> Iterator[str]:
    """Serves on the loopback in other threads until the end; yields the address.

    `port` 0 stands for any free one. Everybody on this machine reaches the loopback: with a secret,
    only a browser that came with `?secret=` once is answered, and keeps it as a cookie.

    Raises:
        UsageError: the port is taken.
    """
    try:
        server = _Server((HOST, port), _Handler)
    except OSError as error:
        raise UsageError(f"port {port} of this machine cannot be used: {error.strerror}") from error
    server.responder = responder
    server.secret = secret
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
    )
    thread.start()
    try:
        yield server.origin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET
    responder: Responder
    secret = ""

    @property
    def cookie(self) -> str:
        """The name of the cookie: cookies know no ports, and two servers may run."""
        return f"pixelgate-{self.server_port}"

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "pixelgate", ""
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS

    def _respond(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _MOST:
            self.close_connection = True
            self._send(Response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            return
        body = self.rfile.read(int(length))
        # Another site may have its name lead to the loopback: the browser then sends that name.
        if self.headers.get("Host") != f"{HOST}:{self.server.server_port}":
            words = f"This is {self.server.origin}/ and no other host.".encode()
            kind = {"Content-Type": "text/plain"}
            self._send(Response(HTTPStatus.MISDIRECTED_REQUEST, kind, words))
            return
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(
            self.command,
            unquote(parts.path),
            self.server.origin,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers,
            read_cookies(headers.get("cookie", "")),
            body,
        )
        self._send(self._let_in(request) or self.server.responder.respond(request))

    def _let_in(self, request: Request) -> Response | None:
        """Returns None to who knows the secret; else what keeps it, or a refusal."""
        secret = self.server.secret
        if not secret or compare_digest(request.cookies.get(self.server.cookie, ""), secret):
            return None
        if compare_digest(request.query.get("secret", ""), secret):
            cookie = f"{self.server.cookie}={secret}; Path=/; HttpOnly; SameSite=Strict"
            return redirect(quote(request.path), cookie)
        words = b"Open the address that `pixelgate serve` printed."
        return Response(HTTPStatus.FORBIDDEN, {"Content-Type": "text/plain"}, words)

    do_GET = do_HEAD = do_POST = _respond  # noqa: N815

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        for cookie in response.cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody reads it."""

"""Makes a GitHub App of the user's own, by GitHub's manifest flow."""

from __future__ import annotations

import html
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import ValidationError

from pixelgate.errors import NotTold, UsageError
from pixelgate.notify.github_app import PERMISSIONS, Credentials, is_cloud
from pixelgate.notify.http import Api, Patience

HOME = "https://github.com"
WEBHOOK = "/github/webhook"
_NAME_LETTERS = 34  # of an App's name on GitHub
_EXCHANGE_SECONDS = 60.0
_ORGANISATION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?")
_NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True)
class Wanted:
    """The App that is wanted.

    Attributes:
        name: on GitHub, where it can still be changed.
        web: URL of GitHub's pages, or of a server's.
        organisation: that owns it; None for the person who is logged in.
        site: URL of the review site, which gets the webhook; None if there is none.
    """

    name: str
    web: str = HOME
    organisation: str | None = None
    site: str | None = None

    def __post_init__(self) -> None:
        """Raises UsageError if GitHub would refuse it."""
        if not 0 < len(self.name) <= _NAME_LETTERS:
            raise UsageError(
                f"--name {self.name!r}: an App's name has 1 to {_NAME_LETTERS} letters"
            )
        if self.organisation is not None and not _ORGANISATION.fullmatch(self.organisation):
            raise UsageError(f"--org {self.organisation!r} is no organisation of GitHub")
        _check_url("--server", self.web)
        if self.site is not None:
            _check_url("--site", self.site)

    @property
    def api(self) -> str:
        """URL of the API that belongs to the pages."""
        parts = urlsplit(self.web)
        if is_cloud(self.web):
            return f"https://api.{parts.netloc}"
        return f"{self.web}/api/v3"

    @property
    def form(self) -> str:
        """URL that takes the manifest."""
        owner = f"organizations/{self.organisation}/" if self.organisation else ""
        return f"{self.web}/{owner}settings/apps/new"

    def manifest(self, redirect: str) -> dict[str, Any]:
        """Describes the App to GitHub, which sends the browser to `redirect` when it is made."""
        fields: dict[str, Any] = {
            "name": self.name,
            "url": self.site or HOME,
            "description": "Writes pixelgate's verdicts to pull requests. It reads no code.",
            "redirect_url": redirect,
            "public": False,
            "default_permissions": PERMISSIONS,
        }
        # GitHub takes no webhook without a URL, not even one that is off.
        if self.site is not None:
            fields["hook_attributes"] = {"url": f"{self.site}{WEBHOOK}", "active": True}
            fields["default_events"] = ["check_run"]
        return fields


def _check_url(option: str, url: str) -> None:
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    plain = parts.netloc and not (parts.path or parts.query or parts.fragment or parts.username)
    if not plain or not (parts.scheme == "https" or local):
        raise UsageError(f'{option} {url}: https://HOST is expected, without "/" at the end')


class _Callback:
    """Waits for the code with which GitHub sends the browser back."""

    def __init__(self, wanted: Wanted) -> None:
        # Neither can be guessed, so no other page and no other user of this machine can hand us
        # an App of theirs.
        self.state = secrets.token_urlsafe(24)
        self.path = f"/{secrets.token_urlsafe(24)}"
        self.wanted = wanted
        self.code = ""
        self.came = threading.Event()
        self.origin = ""
        self._lock = threading.Lock()

    def answer(self, path: str, host: str) -> tuple[int, dict[str, str], str]:
        """Returns status, headers and page."""
        parts = urlsplit(path)
        if f"http://{host}" != self.origin:  # a name that somebody made lead here
            return HTTPStatus.MISDIRECTED_REQUEST, {}, _page("This is another address.")
        if parts.path == self.path:
            return HTTPStatus.OK, self._only_form(), self._form()
        if parts.path == f"{self.path}/created":
            return self._created(parse_qs(parts.query))
        return HTTPStatus.NOT_FOUND, {}, _page("There is nothing here.")

    def _created(self, query: Mapping[str, list[str]]) -> tuple[int, dict[str, str], str]:
        [state], [code] = query.get("state", [""])[:1], query.get("code", [""])[:1]
        if not secrets.compare_digest(state.encode(), self.state.encode()) or not code:
            return (
                HTTPStatus.BAD_REQUEST,
                {},
                _page("This is no answer to what pixelgate asked. Go back to the first page."),
            )
        with self._lock:
            if self.code:
                return HTTPStatus.GONE, {}, _page("The App was made already.")
            self.code = code
        return HTTPStatus.OK, {}, _page("GitHub has made the App. The terminal says what is next.")

    def _only_form(self) -> dict[str, str]:
        policy = f"default-src 'none'; form-action {self.wanted.web}; frame-ancestors 'none'"
        return {"Content-Security-Policy": policy}

    def _form(self) -> str:
        manifest = self.wanted.manifest(f"{self.origin}{self.path}/created")
        owner = self.wanted.organisation or "your account"
        action = f"{self.wanted.form}?state={quote(self.state)}"
        rights = "".join(f"<li>{name}: {right}" for name, right in sorted(PERMISSIONS.items()))
        return _page(
            f"<p>This makes the GitHub App <b>{html.escape(self.wanted.name)}</b> of "
            f"{html.escape(owner)}. It may:<ul>{rights}</ul>"
            f'<form method="post" action="{html.escape(action)}">'
            f'<input type="hidden" name="manifest" value="{html.escape(json.dumps(manifest))}">'
            "<button autofocus>Make it on GitHub</button></form>",
            escaped=True,
        )


def _page(words: str, *, escaped: bool = False) -> str:
    body = words if escaped else f"<p>{html.escape(words)}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>pixelgate</title>'
        f"<h1>pixelgate</h1>{body}"
    )


@contextmanager
def _serving(callback: _Callback, port: int) -> Iterator[str]:
    """Serves on loopback only; yields the URL of the page."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 30  # a browser may open a connection and send nothing

        def do_GET(self) -> None:
            try:
                self._answer()
            finally:
                if callback.code:  # only now, as the end of waiting is the end of the server
                    callback.came.set()

        def _answer(self) -> None:
            status, headers, page = callback.answer(self.path, self.headers.get("Host", ""))
            body = page.encode()
            self.send_response(status)
            fields = {"Content-Security-Policy": "default-src 'none'", **_NO_STORE, **headers}
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """The URL contains the code."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    try:
        server = Server(("127.0.0.1", port), Handler)
    except OSError as error:
        raise UsageError(f"--port {port} cannot be listened on: {error.strerror}") from error
    callback.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield callback.origin + callback.path
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_app(
    wanted: Wanted, show: Callable[[str], None], seconds: float, port: int = 0
) -> Credentials:
    """Makes the App with the help of a browser.

    Args:
        wanted: the App.
        show: gets the URL of the page to open.
        seconds: how long to wait for the person.
        port: where to listen on 127.0.0.1; 0 for any that is free.

    Raises:
        UsageError: nobody came in time, or the port is taken.
        NotTold: GitHub did not exchange the code.
    """
    callback = _Callback(wanted)
    with _serving(callback, port) as url:
        show(url)
        if not callback.came.wait(seconds):
            raise UsageError(
                f"nobody made the App on GitHub within {seconds:.0f} s, and nothing was stored. "
                "If GitHub made it after all, delete it there; then run the same command again"
            )
    return _exchange(callback.code, wanted)


def _exchange(code: str, wanted: Wanted) -> Credentials:
    """Exchanges the code for the App's credentials, which GitHub shows only once."""
    until = time.monotonic() + _EXCHANGE_SECONDS
    patience = Patience(lambda: until - time.monotonic())
    api = Api(wanted.api, lambda newer: "", _headers, patience)
    try:
        made = api.ask("POST", f"/app-manifests/{quote(code, safe='')}/conversions").json()
        return Credentials(
            schema_version=1,
            app_id=made["id"],
            slug=made["slug"],
            client_id=made["client_id"],
            client_secret=made["client_secret"],
            webhook_secret=made.get("webhook_secret"),
            private_key=made["pem"],
            web=wanted.web,
            api=wanted.api,
        )
    except (NotTold, KeyError, TypeError, ValueError, ValidationError) as error:
        # The code is in the path, and good for an hour.
        why = str(error).replace(quote(code, safe=""), "…") if isinstance(error, NotTold) else ""
        raise NotTold(
            f"GitHub did not hand over the App's credentials{': ' if why else ''}{why}. Delete the "
            f"App at {wanted.form.removesuffix('/new')} and run the same command again"
        ) from None


def _headers(token: str) -> Mapping[str, str]:
    return {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

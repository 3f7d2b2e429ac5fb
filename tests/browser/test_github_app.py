"""`pixelgate github-app create` in a real browser: from the page on this machine and back to it."""

from __future__ import annotations

import html
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser

from pixelgate.client.github_app import Wanted, make_app
from pixelgate.notify.github_app import Credentials

MADE: dict[str, Any] = {
    "id": 4711, "slug": "acme-pixelgate", "client_id": "Iv1.tests", "client_secret": "c",
    "webhook_secret": "w", "pem": "-----BEGIN RSA PRIVATE KEY-----",
}  # fmt: skip


@dataclass
class Pages:
    """GitHub's page for a manifest, its button, and the exchange of the code.

    Attributes:
        url: of the pages; the API is below it.
        manifests: those that browsers have posted.
        owners: the paths that they were posted to.
    """

    url: str = ""
    manifests: list[dict[str, Any]] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)

    def ask(self, path: str, form: dict[str, list[str]]) -> str:
        manifest = json.loads(form["manifest"][0])
        self.manifests.append(manifest)
        self.owners.append(urlsplit(path).path)
        state = parse_qs(urlsplit(path).query)["state"][0]
        back = f"{manifest['redirect_url']}?code=c0de&state={quote(state)}"
        return (
            f'<form method="post" action="/make"><input type="hidden" name="back" '
            f'value="{html.escape(back)}"><button>Create GitHub App</button></form>'
        )


@contextmanager
def serving(pages: Pages) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            body, status, headers = "", 200, {"Content-Type": "text/html; charset=utf-8"}
            if self.path == "/api/v3/app-manifests/c0de/conversions":
                body, status, headers = json.dumps(MADE), 201, {"Content-Type": "application/json"}
            elif self.path == "/make":
                status, headers = 302, {"Location": parse_qs(sent)["back"][0]}
            else:
                body = pages.ask(self.path, parse_qs(sent))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pages.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.browser
def test_two_clicks_make_an_app(browser: Browser) -> None:
    pages, opened = Pages(), queue.Queue[str]()
    made: list[Credentials] = []
    with serving(pages):
        wanted = Wanted("acme-pixelgate", pages.url, "acme", "https://shots.example")
        worker = threading.Thread(target=lambda: made.append(make_app(wanted, opened.put, 60)))
        worker.start()
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(f"{message.text} {message.location}"))
        page.goto(opened.get(timeout=30))
        assert "acme-pixelgate" in page.inner_text("body")
        assert page.inner_text("ul") == "checks: write\nmetadata: read\npull_requests: write"
        page.keyboard.press("Enter")  # the button has the focus
        page.get_by_role("button", name="Create GitHub App").click()
        page.wait_for_url("**/created?*")
        assert "The terminal says what is next." in page.inner_text("body")
        worker.join(60)
        page.close()
    assert [app.slug for app in made] == ["acme-pixelgate"]
    assert pages.owners == ["/organizations/acme/settings/apps/new"]
    [manifest] = pages.manifests
    assert manifest["hook_attributes"]["url"] == "https://shots.example/github/webhook"
    assert [said for said in complaints if "favicon" not in said] == []

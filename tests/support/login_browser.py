"""A browser that has only what a login needs: cookies, redirects, one form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

import urllib3

from pixelgate.web.gate import Gate
from pixelgate.web.http import Request, Response

SITE = "https://shots.acme.com"


@dataclass
class Browser:
    """Somebody's browser at a site."""

    gate: Gate
    origin: str = SITE
    cookies: dict[str, str] = field(default_factory=dict)

    def request(self, target: str, method: str = "GET") -> Request:
        """What the browser sends for this path and query."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(method, unquote(parts.path), self.origin, query, cookies=dict(self.cookies))

    def take(self, response: Response) -> Response:
        """Keeps and removes cookies as browsers do; refuses `__Host-` cookies as they do."""
        for cookie in response.cookies:
            pair, *attributes = cookie.split("; ")
            name, _, value = pair.partition("=")
            settings = dict(a.partition("=")[::2] for a in attributes)
            assert {"Secure", "HttpOnly", "Path", "SameSite", "Max-Age"} == settings.keys()
            assert (settings["Path"], settings["SameSite"]) == ("/", "Lax")
            assert name.startswith("__Host-")
            assert len(cookie) <= 4_096
            if settings["Max-Age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return response

    def begin(self, to: str = "/") -> str:
        """Begins a login; returns where the site sends the browser."""
        response = self.take(self.gate.begin(self.request("/login"), to))
        assert response.status == HTTPStatus.FOUND
        return response.headers["Location"]

    def callback(self, address: str, person: str, answer: str = "login") -> str:
        """Logs in at the issuer's page; returns path and query that it sends the browser to."""
        location = press(address, person, answer)
        assert location.startswith(f"{self.origin}/"), location
        return location.removeprefix(self.origin)

    def finish(self, target: str) -> Response:
        """Comes back to the site."""
        return self.take(self.gate.finish(self.request(target)))

    def log_in(self, person: str, to: str = "/") -> Response:
        """All of it."""
        return self.finish(self.callback(self.begin(to), person))


def press(address: str, person: str, answer: str = "login") -> str:
    """Fills in the form of a login page, and returns where it leads."""
    http = urllib3.PoolManager(retries=False)
    shown = http.request("GET", address, redirect=False)
    if location := shown.headers.get("Location"):
        return location
    assert shown.status == HTTPStatus.OK, shown.data
    html = shown.data.decode()
    found = re.search(r'<form method="post" action="([^"]+)">', html)
    assert found
    assert f"<option>{person}</option>" in html
    action = urljoin(address, unescape(found[1]))
    form = urlencode({"person": person, "answer": answer})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answered = http.request("POST", action, body=form, headers=kind, redirect=False)
    return answered.headers["Location"]


def changed(target: str, **values: str | None) -> str:
    """A target with other values in its query; None removes one."""
    parts = urlsplit(target)
    query: Mapping[str, str | None] = {**dict(parse_qsl(parts.query)), **values}
    return f"{parts.path}?{urlencode({n: v for n, v in query.items() if v is not None})}"

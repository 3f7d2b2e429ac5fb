"""A small review site on loopback: it serves a real report, signs pictures and takes reviews.

The rules of reviews are those of the domain. The pictures lie on a server of their own, as S3 does,
and are given out only under a signed address that has not ended.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison
from pixelgate.domain.review_request import Action, Reviewable, parse, select
from pixelgate.domain.review_state import Applied, Refusal, ReviewLog, to_status_json
from pixelgate.errors import ReviewRefused
from pixelgate.published.reviews import Given, standing
from pixelgate.report import content_policy, render

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ISSUER = "https://github.com"
MAX_BODY, MOST_DECISIONS = 1024 * 1024, 100  # of the real site
Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Asked:
    """A request that the site got."""

    method: str
    path: str
    body: Any = None


@dataclass
class FakeSite:
    """Its state, which tests change while a page is open.

    Attributes:
        folder: where pictures lie under their keys, as in the bucket.
        comparison: what the report shows.
        url, pictures: the origins of the site and of the pictures.
        signs: whether pictures have signed addresses (a review site) or not (`pixelgate serve`).
        seconds: how long a signed address is good.
        spoils: which keys get addresses from the API that do not work, by their beginning.
        leaves_out: which keys the API does not sign.
        person: who logs in next.
        decides, why_not: whether that person may decide.
        looks: how often the build is looked at until a review counts.
        refuses: why the next reviews are refused after they were taken, or "".
        answers: status and words with which the next requests of a path are answered.
        slow: seconds that a request of a path takes.
        execution: the newest result; another than the comparison's makes the page out of date.
        state: of that result, as in status.json.
        newer: a later build of the pull request.
        asked, loaded: requests of the site, and paths of pictures that were given out.
    """

    folder: Path
    comparison: Comparison
    url: str = ""
    pictures: str = ""
    signs: bool = True
    seconds: int = 300
    spoils: str | None = None
    leaves_out: str | None = None
    person: str | None = "ada"
    decides: bool = True
    why_not: str = ""
    looks: int = 1
    refuses: str = ""
    answers: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    execution: str = ""
    state: str = "SUCCEEDED"
    pull_request: str | None = "57"
    newer: dict[str, str] | None = None
    asked: list[Asked] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    log: ReviewLog = field(default_factory=ReviewLog)
    given: list[Given] = field(default_factory=list)
    _sessions: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    _signatures: dict[str, tuple[str, float]] = field(default_factory=dict)
    _waiting: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.execution = self.execution or self.comparison.execution
        self._there = {f"images/local/{path.name}" for path in self.folder.glob("images/local/*")}
        self.reviewable = Reviewable.of(self.comparison)
        self.log = self.log.of_execution(self.comparison.execution)

    # --- what tests ask and do --------------------------------------------------------------------

    @property
    def page(self) -> str:
        """The address of the report."""
        return self.url + "/" + quote(self._key)

    @property
    def _key(self) -> str:
        c = self.comparison
        return f"comparisons/{c.id.project}/{c.id.head}/{c.id.base}/{c.execution}/index.html"

    @property
    def _build(self) -> str:
        return f"{self.comparison.id.project}/{self.comparison.id.head}"

    def sent(self, ending: str) -> list[Any]:
        """Bodies of the POSTs to a path with this end."""
        return [a.body for a in self.asked if a.method == "POST" and a.path.endswith(ending)]

    def looked(self) -> int:
        """How often a page looked at the build."""
        return sum(a.path == f"/api/builds/{self._build}" for a in self.asked)

    def end_sessions(self) -> None:
        self._sessions.clear()

    def decide(
        self, by: str, action: str, names: list[str] | None = None, reason: str | None = None
    ) -> None:
        """A review by somebody else, which counts at once."""
        decision = {"action": action, "names": names, "reason": reason}
        self._take(decision, by, secrets.token_hex(4), None)()

    # --- requests ---------------------------------------------------------------------------------

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        route = unquote(urlsplit(path).path)
        query = {k: v[0] for k, v in parse_qs(urlsplit(path).query).items()}
        is_json = headers.get("content-type", "") == "application/json"
        with self._lock:
            self.asked.append(Asked(method, route, json.loads(body) if is_json else None))
            delay = self.slow.get(route, 0.0)
            planned = self.answers.get(route)
            forced = planned.pop(0) if planned else None
        time.sleep(delay)
        with self._lock:
            if route == "/favicon.ico":
                return 204, {}, b""
            if route == "/login":
                if headers.get("sec-fetch-mode") != "navigate":
                    return 200, {"Content-Type": "text/html"}, b"<!doctype html>a login for people"
                return self._login(query["to"])
            session = self._session(headers)
            if session is None:
                if route.startswith("/api/"):
                    return _error(401, "log in first")
                return 302, {"Location": f"/login?to={quote(route, safe='')}"}, b""
            if forced:
                return _error(*forced)
            if method == "POST" and not self._is_ours(headers, session[1], body):
                return _error(403, "the request did not come from a page of this site")
            return self._route(method, route, session, body)

    def _route(
        self, method: str, route: str, session: tuple[str | None, str], body: bytes
    ) -> Answer:
        api = f"/api/builds/{self._build}"
        if (method, route) == ("POST", f"{api}/reviews"):
            return self._reviews(json.loads(body), session[0] or "you")
        if (method, route) == ("POST", "/api/sign"):
            return _json({"urls": self._signed(json.loads(body)["keys"]), "seconds": self.seconds})
        if (method, route) == ("POST", "/logout"):
            self.end_sessions()
            return 302, {"Location": "/"}, b""
        if route == api:
            return _json(self._state())
        if route == "/" + self._key:
            return 200, self._page_headers(), self._page(session)
        if route == f"/builds/{self._build}":
            return 302, {"Location": "/" + quote(self._key)}, b""
        if (self.folder / route[1:]).is_file() and method == "GET":
            if self.signs:
                return 302, {"Location": self._sign(route[1:])}, b""
            self.loaded.append(route)
            return 200, {"Cache-Control": "max-age=600"}, (self.folder / route[1:]).read_bytes()
        if route == f"/projects/{self.comparison.id.project}" or route == "/":
            return 200, {"Content-Type": "text/html"}, b"<!doctype html><title>Builds</title>"
        return _error(404, "there is nothing")

    def _session(self, headers: Mapping[str, str]) -> tuple[str | None, str] | None:
        if self.person is None:
            return None, "csrf of nobody"
        return self._sessions.get(headers.get("cookie", "").partition("session=")[2])

    def _login(self, to: str) -> Answer:
        token = secrets.token_hex(8)
        self._sessions[token] = self.person, f"csrf-{token}"
        cookie = f"session={token}; HttpOnly; SameSite=Lax; Path=/"
        return 302, {"Location": to, "Set-Cookie": cookie}, b""

    def _is_ours(self, headers: Mapping[str, str], csrf: str, body: bytes) -> bool:
        form = parse_qs(body.decode(errors="replace")).get("csrf", [""])[0]
        sent = headers.get("x-pixelgate-csrf", form)
        return headers.get("origin") == self.url and sent == csrf and len(body) <= MAX_BODY

    def _page_headers(self) -> dict[str, str]:
        origins = [self.pictures] if self.signs else []
        return {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": content_policy(origins),
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
        }

    def _page(self, session: tuple[str | None, str]) -> bytes:
        person, csrf = session
        served = {
            "project": self.comparison.id.project,
            "build": self.comparison.id.head,
            "api": f"/api/builds/{self._build}",
            "sign": "/api/sign" if self.signs else None,
            "builds": f"/projects/{self.comparison.id.project}",
            "decide": self.decides,
            "why_not": self.why_not,
            "csrf": csrf,
            "person": person,
            "logout": "/logout" if person else None,
        }
        return render(self.comparison, self._image, self._key, served=served)

    def _image(self, sha256: str) -> str | None:
        key = keys.image("local", sha256)
        return key if key in self._there else None

    def _signed(self, asked: list[str]) -> dict[str, str]:
        def is_one(key: str, beginning: str | None) -> bool:
            return beginning is not None and key.startswith(beginning)

        signed = {key: self._sign(key) for key in asked if not is_one(key, self.leaves_out)}
        return {key: f"{url}!" if is_one(key, self.spoils) else url for key, url in signed.items()}

    def _sign(self, key: str) -> str:
        signature = secrets.token_hex(8)
        self._signatures[signature] = key, time.monotonic() + self.seconds
        return f"{self.pictures}/{quote(key)}?signature={signature}"

    def give(self, path: str) -> Answer:
        """A picture, if its address is signed and good."""
        parts = urlsplit(path)
        signature = parse_qs(parts.query).get("signature", [""])[0]
        with self._lock:
            key, until = self._signatures.get(signature, ("", 0.0))
            if key != unquote(parts.path)[1:] or time.monotonic() > until:
                return 403, {}, b"<Error>AccessDenied</Error>"
            if not (self.folder / key).is_file():
                return 404, {}, b"<Error>NoSuchKey</Error>"
            self.loaded.append(unquote(parts.path))
        return 200, {"Content-Type": "image/png"}, (self.folder / key).read_bytes()

    # --- reviews ----------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        due = [apply for looks, apply in self._waiting if looks <= 1]
        self._waiting = [(looks - 1, apply) for looks, apply in self._waiting if looks > 1]
        for apply in due:
            apply()
        shown = self.comparison.id
        status = {
            "schema_version": 1,
            "project": shown.project,
            "build": shown.head,
            "pull_request": self.pull_request,
            "state": self.state,
            "verdict": "needs_review",
            "execution": self.execution,
            "review": to_status_json(self.reviewable, self.log),
        }
        mine = self.given if self.execution == self.comparison.execution else []
        ordered = sorted(mine, key=lambda g: (g.at, g.id))
        return {
            "status": status,
            "standing": standing(status, ordered, "shots"),
            "newer": self.newer,
        }

    def _reviews(self, body: dict[str, Any], by: str) -> Answer:
        if body["execution"] != self.execution:
            return _error(409, "the review is of an older result; look at the present one")
        if len(body["decisions"]) > MOST_DECISIONS:
            return _error(400, f"at most {MOST_DECISIONS} decisions are taken at once")
        ids = []
        for decision in body["decisions"]:
            ids.append(f"r{len(self.given) + len(self._waiting) + 1:03}-{secrets.token_hex(3)}")
            issuer = ISSUER if self.person else None
            self._waiting.append((self.looks, self._take(decision, by, ids[-1], issuer)))
        return _json({"reviews": ids}, 202)

    def _take(
        self, decision: Mapping[str, Any], by: str, identifier: str, issuer: str | None
    ) -> Callable[[], None]:
        kept = {name: value for name, value in decision.items() if value is not None}
        written = {"schema_version": 1, "execution": self.comparison.execution, **kept}
        refused = self.refuses

        def apply() -> None:
            at = (NOON + timedelta(minutes=len(self.given))).isoformat(timespec="milliseconds")
            try:
                request = parse(json.dumps(written).encode())
                if refused:
                    raise ReviewRefused(refused)
                names = select(request, self.reviewable)
            except ReviewRefused as error:
                self.log = self.log.with_refusal(Refusal(identifier, by, at, str(error)))
                return
            action = Action(request.action)
            applied = Applied(identifier, action, by, at, request.reason, whole=not names)
            self.log = self.log.with_review(applied, names)
            named = tuple(sorted(names)) or None
            self.given.append(Given(identifier, str(action), by, at, request.reason, named, issuer))

        return apply


def _json(content: Mapping[str, Any], status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


def _error(status: int, words: str) -> Answer:
    return _json({"error": words}, status)


@contextmanager
def serving(site: FakeSite) -> Iterator[FakeSite]:
    """The site and the pictures' server, each on a free port, for as long as this is open."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        is_site = True

        def do_GET(self) -> None:
            self._respond(b"")

        def do_POST(self) -> None:
            self._respond(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _respond(self, body: bytes) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.is_site:
                status, more, content = site.answer(self.command, self.path, headers, body)
            else:
                status, more, content = site.give(self.path)
            self.send_response(status)
            for name, value in {**more, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Pictures(Handler):
        is_site = False

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), kind) for kind in (Handler, Pictures)]
    site.url, site.pictures = (f"http://127.0.0.1:{s.server_port}" for s in servers)
    threads = [threading.Thread(target=s.serve_forever, daemon=True) for s in servers]
    for thread in threads:
        thread.start()
    try:
        yield site
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()

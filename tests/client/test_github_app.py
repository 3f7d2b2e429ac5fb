"""A GitHub App by the manifest flow: a browser, GitHub, and who else may knock."""

from __future__ import annotations

import html
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import urllib3

from pixelgate.client.github_app import Wanted, make_app
from pixelgate.errors import NotTold, UsageError
from support import github_app
from support.github import FakeGitHub, github_with_app

PERMISSIONS = {"checks": "write", "metadata": "read", "pull_requests": "write"}
MADE: dict[str, Any] = {
    "id": 4711, "slug": "acme-pixelgate", "client_id": "Iv1.tests",
    "client_secret": github_app.CLIENT_SECRET, "webhook_secret": github_app.SECRET,
    "pem": "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n",
    "owner": {"login": "acme"}, "permissions": PERMISSIONS, "events": [],
}  # fmt: skip


@dataclass
class Browser:
    """Somebody who opens the page and confirms on GitHub, which sends them back."""

    fake: FakeGitHub
    code: str = "a/code"
    steps: Callable[[Browser, str], None] = lambda browser, url: browser.confirm(url)
    answers: list[int] = field(default_factory=list)
    form: str = ""
    manifest: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    _thread: threading.Thread | None = None

    def __call__(self, url: str) -> None:
        self._thread = threading.Thread(target=self.steps, args=(self, url))
        self._thread.start()

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join()

    def get(self, url: str, **headers: str) -> str:
        with urllib3.PoolManager(retries=False, timeout=10) as http:
            answer = http.request("GET", url, headers=headers)
        self.answers.append(answer.status)
        self.headers = {name.lower(): value for name, value in answer.headers.items()}
        return answer.data.decode()

    def look(self, url: str) -> str:
        """Reads the form; returns the state."""
        page = self.get(url)
        found = re.search(r'action="([^"]+)"', page)
        sent = re.search(r'name="manifest" value="([^"]+)"', page)
        assert found
        assert sent
        self.form = html.unescape(found[1])
        self.manifest = json.loads(html.unescape(sent[1]))
        return parse_qs(urlsplit(self.form).query)["state"][0]

    def confirm(self, url: str) -> None:
        state = self.look(url)
        assert self.fake.app is not None
        self.fake.app.codes[self.code] = MADE
        self.back(state)

    def back(self, state: str, code: str | None = None) -> str:
        code = quote(self.code if code is None else code, safe="")
        return self.get(f"{self.manifest['redirect_url']}?code={code}&state={quote(state)}")


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with github_with_app("/api/v3") as running:
        yield running


def wanted(fake: FakeGitHub, **changes: Any) -> Wanted:
    return Wanted(**{"name": "acme-pixelgate", "web": fake.url.removesuffix("/api/v3"), **changes})


def test_an_app_is_made(fake: FakeGitHub) -> None:
    browser = Browser(fake)
    app = make_app(wanted(fake), browser, 30)
    browser.join()
    assert (app.app_id, app.slug, app.client_id) == (4711, "acme-pixelgate", "Iv1.tests")
    assert (app.client_secret, app.webhook_secret) == (github_app.CLIENT_SECRET, github_app.SECRET)
    assert app.private_key == MADE["pem"]
    assert app.api == fake.url
    assert browser.answers == [200, 200]
    [asked] = fake.requests
    assert (asked.method, asked.path) == (
        "POST",
        "/api/v3/app-manifests/a%2Fcode/conversions",
    )
    assert "authorization" not in asked.headers
    policy = "default-src 'none'"
    assert browser.headers["content-security-policy"] == policy
    assert browser.headers["referrer-policy"] == "no-referrer"


def test_the_manifest_asks_for_no_more_than_is_needed(fake: FakeGitHub) -> None:
    browser = Browser(fake)
    make_app(wanted(fake), browser, 30)
    browser.join()
    redirect = browser.manifest.pop("redirect_url")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/created", redirect)
    assert browser.manifest == {
        "name": "acme-pixelgate",
        "url": "https://github.com",
        "description": "Writes pixelgate's verdicts to pull requests. It reads no code.",
        "public": False,
        "default_permissions": PERMISSIONS,
    }
    assert browser.form.startswith(f"{fake.url.removesuffix('/api/v3')}/settings/apps/new?state=")


def test_with_a_site_the_app_has_a_webhook() -> None:
    manifest = Wanted("x", site="https://shots.example").manifest("http://127.0.0.1:1/x")
    assert manifest["hook_attributes"] == {
        "url": "https://shots.example/github/webhook",
        "active": True,
    }
    assert manifest["default_events"] == ["check_run"]
    assert manifest["url"] == "https://shots.example"


@pytest.mark.parametrize(
    ("web", "organisation", "form", "api"),
    [
        ("https://github.com", None, "/settings/apps/new", "https://api.github.com"),
        (
            "https://github.com",
            "acme",
            "/organizations/acme/settings/apps/new",
            "https://api.github.com",
        ),
        ("https://acme.ghe.com", None, "/settings/apps/new", "https://api.acme.ghe.com"),
        ("https://git.acme.com", None, "/settings/apps/new", "https://git.acme.com/api/v3"),
    ],
)
def test_where_an_app_is_made(web: str, organisation: str | None, form: str, api: str) -> None:
    made = Wanted("x", web, organisation)
    assert (made.form, made.api) == (web + form, api)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "--name '': an App's name has 1 to 34 letters"),
        ({"name": "x" * 35}, "has 1 to 34 letters"),
        ({"organisation": "a/b"}, "--org 'a/b' is no organisation"),
        ({"organisation": "-a"}, "--org '-a' is no organisation"),
        ({"web": "http://github.com"}, "--server http://github.com: https://HOST is expected"),
        ({"web": "github.com"}, "--server github.com: https://HOST"),
        ({"web": "https://github.com/acme"}, "--server https://github.com/acme: https://HOST"),
        ({"site": "https://a@b.example"}, "--site https://a@b.example: https://HOST"),
        ({"site": "https://shots.example/?x"}, "--site https://shots.example/"),
    ],
)
def test_what_github_would_refuse_is_said_first(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        Wanted(**{"name": "x", **changes})


def test_forged_and_repeated_answers(fake: FakeGitHub) -> None:
    pages: list[str] = []

    def steps(browser: Browser, url: str) -> None:
        state = browser.look(url)
        assert fake.app is not None
        fake.app.codes["a/code"] = MADE
        pages.append(browser.back("", "theirs"))
        pages.append(browser.back("x" * len(state), "theirs"))
        pages.append(browser.back(f"{state}é", "theirs"))
        pages.append(browser.back(state, ""))
        browser.get(url.rpartition("/")[0] + f"/created?code=theirs&state={quote(state)}")
        browser.get(url.rpartition("/")[0] + "/")
        browser.get(url, Host="evil.example")
        browser.back(state)

    browser = Browser(fake, steps=steps)
    app = make_app(wanted(fake), browser, 30)
    browser.join()
    assert app.app_id == 4711
    assert browser.answers == [200, 400, 400, 400, 400, 404, 404, 421, 200]
    assert all("no answer to what pixelgate asked" in page for page in pages)
    assert [r.path for r in fake.requests] == ["/api/v3/app-manifests/a%2Fcode/conversions"]


def test_nothing_listens_when_it_is_over(fake: FakeGitHub) -> None:
    ports: list[int] = []

    def show(url: str) -> None:
        ports.append(int(urlsplit(url).port or 0))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_app(wanted(fake), show, 30)
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", ports[0])) != 0


def test_nobody_comes(fake: FakeGitHub) -> None:
    with pytest.raises(UsageError, match="nobody made the App on GitHub within 0 s, and nothing"):
        make_app(wanted(fake), lambda url: None, 0.05)
    assert fake.requests == []


def test_a_taken_port_is_said(fake: FakeGitHub) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--port {port} cannot be listened on"):
            make_app(wanted(fake), lambda url: None, 1, port)


def test_a_code_that_github_does_not_take(fake: FakeGitHub) -> None:
    def steps(browser: Browser, url: str) -> None:
        browser.back(browser.look(url))

    browser = Browser(fake, steps=steps)
    with pytest.raises(
        NotTold, match=r"404 Not Found\. Delete the App at http.*/settings/apps and"
    ):
        make_app(wanted(fake), browser, 30)
    browser.join()


@pytest.mark.parametrize("changes", [{"id": None}, {"pem": ""}, {"slug": 5}])
def test_an_answer_that_is_none_shows_no_secret(fake: FakeGitHub, changes: dict[str, Any]) -> None:
    def steps(browser: Browser, url: str) -> None:
        state = browser.look(url)
        assert fake.app is not None
        fake.app.codes["a/code"] = {**MADE, **changes}
        browser.back(state)

    browser = Browser(fake, steps=steps)
    with pytest.raises(NotTold, match="did not hand over the App's credentials") as error:
        make_app(wanted(fake), browser, 30)
    browser.join()
    secrets = (github_app.SECRET, github_app.CLIENT_SECRET, "PRIVATE KEY", "a%2Fcode", "a/code")
    assert not any(secret in str(error.value) for secret in secrets)


def test_an_app_without_a_webhook_has_no_secret_of_one(fake: FakeGitHub) -> None:
    def steps(browser: Browser, url: str) -> None:
        state = browser.look(url)
        assert fake.app is not None
        fake.app.codes["a/code"] = {**MADE, "webhook_secret": None}
        browser.back(state)

    browser = Browser(fake, steps=steps)
    assert make_app(wanted(fake), browser, 30).webhook_secret is None
    browser.join()

"""A stack with a review site, a pull request on a GitHub of ours, and people with real browsers."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Error, Page

from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import EmbeddedCloud
from support import oidc_issuer
from support.chromium import driver, executable
from support.github import TOKEN, FakeGitHub, github
from support.oidc_issuer import OidcIssuer
from support.site import Site, site
from uploader import Uploader

PROJECT, CONTEXT = "shop", "pixelgate/shop"
SETTINGS = "/pixelgate/site"  # of the stack that is called pixelgate
KEY = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()
SNAPSHOTS = ("cart", "footer", "header", "home")
SEEN = "document.querySelector('#panes img')?.naturalWidth > 0"


@dataclass
class Stand:
    """All of it; the base of each pull request is the build `base`."""

    cloud: EmbeddedCloud
    site: Site
    issuer: OidcIssuer
    github: FakeGitHub
    browser: Browser
    uploader: Uploader
    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _contexts: list[BrowserContext] = field(default_factory=list)

    def pull_request(self, changed: tuple[str, ...] = SNAPSHOTS[:3], **more: Any) -> PullRequest:
        """Opens a pull request whose first build changes these snapshots."""
        number = next(self._numbers)
        pull = PullRequest(self, number, f"{number:040x}", BuildId(PROJECT, f"head-{number}"))
        pull.upload(changed, **more)
        return pull

    def person(self, **options: Any) -> Person:
        """Somebody with a browser of their own."""
        options = {"viewport": {"width": 1280, "height": 800}, **options}
        context = self.browser.new_context(**options)
        self._contexts.append(context)
        return Person(self, context.new_page())

    def forget_listings(self) -> None:
        """Gives the site a new execution environment: one remembers listings for a minute."""
        self.cloud.configure("SiteFunction", {"NUMBER": str(next(self._numbers))})

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@dataclass
class PullRequest:
    """A pull request with a build."""

    stand: Stand
    number: int
    commit: str
    build: BuildId

    def upload(self, changed: tuple[str, ...], **more: Any) -> None:
        """Uploads the build and waits for its result and for the comment."""
        folder = drawn(self.stand.folder / self.build.build, changed)
        fields = {"base_build": "base", "branch": f"topic-{self.number}", **more}
        uploader, build = self.stand.uploader, self.build.build
        sent = uploader.upload(
            build, folder, commit=self.commit, pull_request=self.number, **fields
        )
        uploader.wait(sent)
        wait_until(lambda: self.comment is not None)

    @property
    def comment(self) -> str | None:
        """The comment that the stack keeps on the pull request."""
        return next(iter(self.stand.github.bodies(self.number)), None)

    @property
    def link(self) -> str:
        """Where the comment leads."""
        found = re.search(r"\((https://[^)]+)\)", self.comment or "")
        assert found, self.comment
        return found[1]

    @property
    def check(self) -> str:
        """What GitHub shows beside the commit: pending, success, failure or error."""
        shown = self.stand.github.shown(self.commit, CONTEXT)
        return shown[0] if shown else "nothing"


@dataclass
class Person:
    """Somebody at a browser; `clicks` counts clicks and keys that stand for one."""

    stand: Stand
    page: Page
    clicks: int = 0

    def opens(self, address: str) -> None:
        """Follows a link, as from the comment."""
        self.clicks += 1
        self.page.goto(address)

    def logs_in(self, name: str) -> None:
        """Chooses a name at the issuer's page."""
        self.page.get_by_label("Person").select_option(name)
        self.click(self.page.get_by_role("button", name="Log in"))

    def click(self, target: Any) -> None:
        self.clicks += 1
        target.click()

    def presses(self, *keys: str) -> None:
        for key in keys:
            self.clicks += 1
            self.page.keyboard.press(key)

    def decides_on_all_changed(self, key: str, reason: str) -> None:
        """By keyboard: searches for what changed, and decides on all of it with a reason."""
        self.presses("/")
        self.page.keyboard.type("s:changed")
        self.presses("Enter", key)
        self.page.keyboard.type(reason)
        self.presses("Enter")

    def hands_in(self) -> None:
        """By keyboard."""
        self.presses("e")
        self.sees("document.querySelector('#go:not(:disabled)')")
        self.presses("Enter")

    def sees(self, condition: str, seconds: float = 30) -> None:
        """Waits until an expression of the page holds."""
        end = time.monotonic() + seconds
        while not self._holds(condition):
            assert time.monotonic() < end, f"{condition} never came true: {self.text[:2_000]}"
            self.page.wait_for_timeout(20)

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.page.evaluate(f"Boolean({condition})"))
        except Error:  # the browser is on its way to another page
            return False

    def reads(self, words: str, seconds: float = 30) -> None:
        """Waits until the page says these words."""
        end = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < end, f"{words!r} was never said: {self.text[:2_000]}"
            self.page.wait_for_timeout(20)

    @property
    def text(self) -> str:
        return self.page.locator("body").inner_text()


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def drawn(folder: Path, changed: tuple[str, ...] = ()) -> Path:
    """Screenshots, of which some have another block than in the base."""
    folder.mkdir()
    for n, name in enumerate(SNAPSHOTS):
        pixels = np.full((200, 300, 3), 240, np.uint8)
        side = 40 + (8 * (n + 1) if name in changed else 0)
        pixels[20 : 20 + side, 30 : 30 + side] = (20 + 40 * n, 60, 200)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def settings(issuer: OidcIssuer) -> Mapping[str, Any]:
    """Who has an address of acme.com may look, and the group `leads` may decide."""
    return {
        "schema_version": 1,
        "session_keys": [KEY],
        "login": {
            "kind": "oidc",
            "issuer": issuer.url,
            "client_id": oidc_issuer.CLIENT,
            "client_secret": issuer.secret,
        },
        "access": {"look": ["login:*@acme.com"], "decide": ["group:leads"]},
    }


def set_up(cloud: EmbeddedCloud, content: Mapping[str, Any]) -> None:
    """What `pixelgate site setup` writes; the function reads it in a new environment."""
    cloud.client("ssm").put_parameter(
        Name=SETTINGS, Value=json.dumps(content), Type="SecureString", Overwrite=True
    )
    digest = hashlib.sha256(repr(content).encode()).hexdigest()
    cloud.configure("SiteFunction", {"SETTINGS_OF": digest})


@contextmanager
def review_stand(built: Path, folder: Path) -> Iterator[Stand]:
    """Starts all of it, and uploads the base."""
    parameters = {
        "Site": "function-url",
        "TrunkPrefix": "optional",
        "GitHubRepositories": "acme/shop",
    }
    with ExitStack() as stack:
        fake = stack.enter_context(github())
        cloud = stack.enter_context(
            EmbeddedCloud.start(
                build_dir=built, parameters=parameters, secrets={"GitHubTokenSecret": TOKEN}
            )
        )
        cloud.configure("NotifyFunction", {"PIXELGATE_GITHUB_API": fake.url})
        found = stack.enter_context(site(cloud))
        callbacks = {f"{found.url}/login/callback"}
        issuer = stack.enter_context(oidc_issuer.oidc_issuer(callbacks=callbacks))
        set_up(cloud, settings(issuer))
        browser = driver().chromium.launch(
            executable_path=executable(),
            args=["--no-sandbox", *found.chromium()],
        )
        stack.callback(browser.close)
        uploader = Uploader(cloud.client("s3"), cloud.bucket, PROJECT)
        uploader.wait(uploader.upload("base", drawn(folder / "base"), branch="main"))
        stand = Stand(cloud, found, issuer, fake, browser, uploader, folder)
        stack.callback(stand.close)
        yield stand

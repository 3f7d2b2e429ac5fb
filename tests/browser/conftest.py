"""Debian's Chromium, driven by Playwright, and a report of drawn screenshots to open in it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from browser.drawings import as_before, compare, draw_folders, rewrite, tagged
from pixelgate.client.compare_folders import LocalResult
from pixelgate.domain.baseline import Choice, Kind, PassedOver
from pixelgate.domain.comparison import Comparison
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import ComparisonId
from support.chromium import driver, executable
from support.fake_site import FakeSite, serving

HERE = Path(__file__).parent
# What `pixelgate report` puts into a page: ada approved all, and bob rejected two of them later.
REJECTED = {
    "schema_version": 1,
    "execution": "e1",
    "bucket": "shots",
    "state": "rejected",
    "by": ["ada", "bob"],
    "reasons": ["the new header", "that is not our blue"],
    "carried_from": None,
    "reviews": [
        {"action": "approve", "by": "ada", "at": "2026-01-02T10:00:00.000Z",
         "reason": "the new header", "names": None},
        {"action": "reject", "by": "bob", "at": "2026-01-02T11:30:00.000Z",
         "reason": "that is not our blue", "names": ["cart/banner.png", "icons/clear.png"]},
    ],
}  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Without its own sandbox, which Chromium refuses to root, as CI usually is. With the
    # Liberation fonts and no others: pictures of the page are the same on every machine.
    browser = driver().chromium.launch(
        executable_path=executable(),
        args=["--no-sandbox", "--font-render-hinting=none", "--disable-lcd-text"],
        env={**os.environ, "FONTCONFIG_FILE": str(HERE / "fonts.conf")},
    )
    yield browser
    browser.close()


@dataclass
class Opened:
    """A page and everything that went wrong on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """The name of the snapshot in the main view."""
        return str(self.page.locator("#name .title").get_attribute("title"))

    @property
    def done(self) -> str:
        """How many decisions are made, as the page says it."""
        return self.page.locator("#done").inner_text()

    def names(self) -> list[str]:
        """Names of the snapshots in the list."""
        return [row.split("\n")[0] for row in self.rows()]

    def click(self, name: str, *, exact: bool = False) -> None:
        self.page.get_by_role("button", name=name, exact=exact).click()

    def box(self, selector: str) -> dict[str, float]:
        """Where the first such element lies."""
        box = self.page.locator(selector).first.bounding_box()
        assert box is not None, selector
        return dict(box)  # type: ignore[arg-type]

    def rows(self, kind: str = "card") -> list[str]:
        """Texts of the rows of the list that are in sight, from top to bottom."""
        texts: list[str] = self.page.locator(f"#list .row.{kind}").evaluate_all(
            "all => all.sort((a, b) => a.offsetTop - b.offsetTop).map(r => r.innerText.trim())"
        )
        return texts

    def chosen(self) -> str:
        return self.page.locator("#list [aria-selected=true]").inner_text()

    @property
    def mode(self) -> str | None:
        return self.page.locator("#panes").get_attribute("data-mode")

    @property
    def scale(self) -> str:
        return self.page.locator("#toolbar .scale").inner_text()

    def transforms(self) -> list[str]:
        found: list[str] = self.page.locator(".world").evaluate_all(
            "all => all.map(w => w.style.transform)"
        )
        return found

    def settled(self) -> str:
        """The fragment of the address once it is written."""
        self.page.wait_for_timeout(200)
        return str(self.page.evaluate("location.hash"))

    def wait_for(self, what: str, seconds: float = 3.0) -> None:
        """Waits until an expression holds; the page's own policy forbids Playwright's way."""
        until = time.monotonic() + seconds
        while not self.page.evaluate(what):
            assert time.monotonic() < until, f"{what} never came true"
            self.page.wait_for_timeout(20)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


Open = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    contexts: list[BrowserContext] = []

    def open_page(path: Path | str, fragment: str = "", **options: object) -> Opened:
        options.setdefault("viewport", {"width": 1300, "height": 800})
        contexts.append(browser.new_context(**options))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        opened = Opened(page)
        page.on("console", lambda m: opened.complaints.append(m.text))
        page.on("pageerror", lambda e: opened.complaints.append(str(e)))
        page.on("requestfailed", lambda r: opened.complaints.append(f"failed: {r.url}"))
        page.on("request", lambda r: opened.requests.append(r.url))
        page.goto((path if isinstance(path, str) else path.as_uri()) + fragment)
        page.wait_for_selector("body.ready")
        return opened

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> LocalResult:
    root = tmp_path_factory.mktemp("drawn")
    base, head = draw_folders(root)
    made = compare(base, head, root / "report # 1")  # a path that links must encode
    snapshots = {name: as_before(name, s) for name, s in made.comparison.snapshots.items()}
    shown = replace(made.comparison, snapshots=snapshots)
    rewrite(made, "index.html", shown, local=True)
    return replace(made, comparison=shown)


@pytest.fixture(scope="session")
def report(compared: LocalResult) -> Path:
    """The report of the drawn folders."""
    return compared.out / "index.html"


@pytest.fixture(scope="session")
def published(compared: LocalResult) -> Comparison:
    """The comparison as if it came out of a bucket: a project, builds, tags, a baseline, a bill."""
    shown = compared.comparison
    return replace(
        shown,
        id=ComparisonId("shop", "1234-1", "1230-1"),
        baseline_reason="the nearest ancestor with an approved build",
        choice=Choice(Kind.ANCESTOR, 2, (PassedOver("it was rejected", build="1233-1"),)),
        cost=Usage(42.5, {"s3.GetObject": 120, "s3.PutObject": 60}),
        execution="e1",
        engine={"name": "odiff", "version": "4.5.0", "algorithm": "3"},
        started=None,
        created="2026-01-02T03:04:05.678+00:00",
        snapshots={name: tagged(name, s) for name, s in shown.snapshots.items()},
        origin={
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "branch": "new-header",
            "pull_request": "57",
            "author": "Ada Lovelace",
            "ci_url": "https://github.com/acme/shop/actions/runs/1234",
        },
    )


@pytest.fixture(scope="session")
def of_a_bucket(published: Comparison, compared: LocalResult) -> Path:
    """The page of that comparison."""
    return rewrite(compared, "bucket.html", published, bucket="shots")


@pytest.fixture(scope="session")
def rejected(published: Comparison, compared: LocalResult) -> Path:
    """The page as it is fetched after bob and ada have reviewed the build."""
    return rewrite(compared, "rejected.html", published, bucket="shots", reviews=REJECTED)


@pytest.fixture
def site(published: Comparison, compared: LocalResult) -> Iterator[FakeSite]:
    """A review site that shows that comparison; ada is about to log in."""
    with serving(FakeSite(compared.out, published)) as site:
        yield site

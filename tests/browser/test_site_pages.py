"""The site's own pages in a browser: light, dark, phone, keyboard, many builds and none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from browser.conftest import Opened
from browser.test_access import violations
from pixelgate.client.serve import serving
from pixelgate.domain import keys
from pixelgate.domain.history import encode
from pixelgate.domain.keys import BuildId
from pixelgate.past.model import Entry, Spot
from pixelgate.published.reviews import DONE
from pixelgate.web.app import Site
from pixelgate.web.http import Request, Response
from support.images import png
from support.pasts import entry, given, passed, seen
from support.reviews import Reviewed
from support.sites import ADA, NOW, OpenGate
from support.world import sha

pytestmark = pytest.mark.browser

RESULTS: tuple[dict[str, Any], ...] = (
    {"verdict": "passed", "counts": {"total": 300, "unchanged": 300}, "review": None},
    {"verdict": "needs_review", "counts": {"total": 300, "changed": 12, "added": 3},
     "review": None},
    {"verdict": "needs_review", "counts": {"total": 300, "changed": 4},
     "review": {"state": "approved", "by": ["AWS:X:ada"]}},
    {"verdict": "needs_review", "counts": {"total": 300, "removed": 1},
     "review": {"state": "rejected", "by": ["AWS:X:bob"]}},
    {"state": "FAILED", "verdict": None, "counts": {}, "error": {"code": "X", "message": "y"}},
    {"state": "PROCESSING", "verdict": None, "counts": {}},
)  # fmt: skip


OLD, NEW = (png((320, 200), colour) for colour in ((220, 230, 250), (250, 220, 220)))


def images() -> list[bytes]:
    return [OLD, NEW, *(png((320, 200), (220, 250, blue)) for blue in (220, 222))]


def past() -> list[Entry]:
    """Half a year of builds, and a snapshot that was approved, rejected, and drifted."""
    name, entries = "pages/checkout.png", []
    shown = [sha(image) for image in images()]
    shots = {
        0: seen(name, shown[0]),
        20: seen(name, shown[1], shown[0], pixels=64_000, total=64_000, mask="masks/f/m.png"),
        40: seen(name, shown[2], shown[1], pixels=64_000, total=64_000),
        60: passed(name, shown[3], shown[2], pixels=900, total=64_000),
        70: passed(name, shown[1], shown[3], pixels=900, total=64_000),
        75: seen(name, shown[0], shown[1], pixels=64_000, total=64_000),
    }
    for n in range(80):
        shot = shots.get(n)
        when = (NOW - timedelta(days=2.2 * (79 - n))).isoformat()
        decided = (NOW - timedelta(days=2.2 * (79 - n) - 0.3)).isoformat()
        changed = shot is not None and shot.status == "changed"
        action = "reject" if n == 75 else "approve"
        said = given("10", action, at=decided, reason="The header is as the designers want it.")
        entries.append(
            entry(
                f"acme.1287{n:04}.1",
                f"acme.1287{n - 1:04}.1" if n else None,
                *((shot,) if shot else ()),
                at=when,
                usd=0.0012 + n / 40_000,
                counts={"total": 300, "changed": int(changed)},
                verdict="needs_review" if changed else "passed",
                review=DONE[action] if changed else "not_needed",
                reviews=(said,) if changed else (),
                branch="main" if n % 4 else f"topic/the-new-checkout-{n}",
                pull_request=None if n % 4 or n == 20 else str(n),
            )
        )
    return [*entries, *flaky()]


def flaky() -> list[Entry]:
    """A clock that every third re-run of a job shows in another way, and a font near a limit."""
    name, first, second = "pages/clock.png", sha(OLD), sha(NEW)
    region = Spot(20, 30, 90, 20, 1_800, "plain")
    odd = seen(name, second, first, pixels=1_800, total=64_000, regions=(region,))
    font = passed("pages/font.png", second, first, headroom=0.11)
    added = (seen(name, first), seen("pages/font.png", first))
    made = [entry("clock.0", None, *added, at=(NOW - timedelta(days=99)).isoformat())]
    for n in range(24):
        shots = ((odd,) if n % 6 == 5 else ()) + ((font,) if n == 23 else ())
        when = (NOW - timedelta(days=24 - n)).isoformat()
        made.append(
            entry(f"clock.{n + 1}", "clock.0", *shots, at=when, commit=f"c{n // 2}", branch="clock")
        )
    return made


class LoggedIn:
    """A site to which Ada is logged in, wherever it is served."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def respond(self, request: Request) -> Response:
        return self.site.respond(replace(request, cookies={"who": ADA.login}))


def site_with(builds: int) -> LoggedIn:
    """A site whose project has so many builds besides two real ones."""
    reviewed = Reviewed()
    reviewed.build("b0", {"pages/home.png": OLD}, branch="main")
    reviewed.build("b1", {"pages/home.png": NEW}, base_build="b0", pull_request=5)
    month = keys.index_month("shop", "2026-01")
    reviewed.world.objects.write(month, encode(past()), "application/gzip")
    for image in images():
        reviewed.world.objects.write(keys.image("shop", sha(image)), image, "image/png")
    masked = past()[20]
    mask = str(masked.mask(masked.shots["pages/checkout.png"]))
    reviewed.world.objects.write(mask, png((320, 200), (230, 0, 122)), "image/png")
    known = reviewed.world.status("b1")
    for n in range(builds):
        name = f"acme.1287{n:04}.1"
        at = (NOW - timedelta(minutes=17 * n)).isoformat()
        more = {
            "build": name,
            "branch": f"topic/the-new-checkout-{n}",
            "pull_request": str(100 + n),
            "commit": f"{n:07x}" + "9c1d4f2a" * 4,
            "author": "Grace Hopper",
            "created": at,
        }
        status = {**known, **more, **RESULTS[n % len(RESULTS)]}
        key = keys.status(BuildId("shop", name))
        reviewed.world.objects.write(key, json.dumps(status).encode(), "application/json")
    gate = OpenGate(looking={ADA.login: {"shop", "docs", "a-project-with-quite-a-long-name"}})
    for other in ("docs", "a-project-with-quite-a-long-name"):
        key = keys.status(BuildId(other, "b"))
        reviewed.world.objects.write(key, json.dumps(known).encode(), "application/json")
    return LoggedIn(Site(reviewed.world.objects, gate=gate, clock=lambda: NOW))


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with serving(site_with(120)) as found:
        yield found


PATHS = {
    "projects": "/",
    "builds": "/projects/shop",
    "search": "/projects/shop?q=rejected",
    "nothing": "/projects/shop?q=absent",
    "snapshot": "/projects/shop/snapshot?name=pages/home.png",
    "life of a snapshot": "/projects/shop/snapshot?name=pages/checkout.png",
    "two images": f"/projects/shop/snapshot?name=pages/checkout.png&a={sha(OLD)}&b={sha(NEW)}",
    "life": "/projects/shop/life",
    "life of a year": "/projects/shop/life?days=365",
    "no life": "/projects/docs/life",
    "flakes": "/projects/shop/flakes?days=365",
    "no flakes": "/projects/docs/flakes",
    "a flake": "/projects/shop/flakes?days=365&name=pages/clock.png",
    "missing": "/projects/nowhere",
}
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 780}},
}


def page_of(browser: Browser, address: str, **view: Any) -> Iterator[Page]:
    context = browser.new_context(bypass_csp=True, **view)
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_no_violation(
    browser: Browser, origin: str, path: str, view: str, tmp_path: Path
) -> None:
    for page in page_of(browser, origin + PATHS[path], **VIEWS[view]):
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        assert violations(Opened(page)) == []
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, "the page is wider than the window"


def test_by_keyboard_from_projects_to_a_report(browser: Browser, origin: str) -> None:
    for page in page_of(browser, origin, **VIEWS["light"]):
        page.get_by_role("link", name="shop", exact=True).press("Enter")
        search = page.get_by_role("searchbox")
        search.press_sequentially("#5")
        search.press("Enter")
        assert page.locator("table.builds tbody tr").count() == 1
        page.get_by_role("link", name="b1").press("Enter")
        page.wait_for_url("**/comparisons/shop/b1/**")
        assert page.locator("h1").inner_text().startswith("Needs review")


def test_by_keyboard_any_two_images_of_a_snapshot_are_compared(
    browser: Browser, origin: str
) -> None:
    for page in page_of(browser, f"{origin}/projects/shop/life?days=365", **VIEWS["light"]):
        page.get_by_role("link", name="pages/checkout.png").press("Enter")
        assert page.locator("ol.film li").count() == 5
        first = page.get_by_role("radio", name="A is the image of").last
        assert page.get_by_role("radio", name="A is the image of").count() == 4
        first.press("Space")
        assert first.is_checked()
        page.get_by_role("button", name="Compare A and B").press("Enter")
        page.wait_for_url(re.compile("[?&]a="))
        assert page.locator("section.pair figure").count() == 3
        assert "64,000 of 64,000 pixels differ" in page.locator("section.pair").inner_text()
        loaded = page.evaluate(
            "[...document.querySelectorAll('.pair img')].map(i => i.complete && i.naturalWidth)"
        )
        assert loaded == [320, 320, 320]


def test_by_keyboard_from_builds_to_the_lines_that_ignore_a_region(
    browser: Browser, origin: str
) -> None:
    for page in page_of(browser, f"{origin}/projects/shop", **VIEWS["phone"]):
        page.get_by_role("link", name="Flakes").press("Enter")
        page.get_by_role("link", name="Evidence for pages/clock.png").press("Enter")
        assert page.locator("h1").inner_text() == "pages/clock.png"
        lines = page.get_by_role("group", name="Lines for pixelgate.toml")
        assert not lines.is_visible()
        page.locator("summary").press("Enter")
        assert "{x = 16, y = 26, width = 98, height = 28}" in lines.inner_text()
        page.get_by_role("link", name="Its life").press("Enter")
        page.wait_for_url("**/projects/shop/snapshot?name=pages%2Fclock.png")


def test_logging_out_is_a_request_of_the_own_page(browser: Browser, origin: str) -> None:
    for page in page_of(browser, f"{origin}/projects/shop"):
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{origin}/")
        assert "Forbidden" not in page.locator("body").inner_text()


def test_the_policy_lets_nothing_else_in_and_nothing_breaks_it(
    browser: Browser, origin: str
) -> None:
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for path in (
        "/",
        "/projects/shop",
        *(PATHS[n] for n in ("snapshot", "two images", "life", "a flake")),
    ):
        page.goto(origin + path)
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x'}))")
    page.wait_for_timeout(100)
    context.close()
    assert len(said) == 1
    assert "Content Security Policy" in said[0]


def test_without_builds_it_says_what_to_do(browser: Browser) -> None:
    with serving(Site(Reviewed().world.objects)) as origin:
        for page in page_of(browser, origin):
            assert "There is no project yet" in page.locator("main").inner_text()
            assert violations(Opened(page)) == []

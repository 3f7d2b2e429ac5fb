"""The served report for everybody: light, dark, on a phone; axe; keyboard; accepted looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Opened
from browser.test_access import violations
from browser.test_served import CARTS, dialog, look_now
from browser.test_shots import DESKTOP, PHONE, check
from support.fake_site import FakeSite
from support.gold import Gold

pytestmark = pytest.mark.browser

Prepare = Callable[[FakeSite, Opened], None]


def undecided(site: FakeSite, it: Opened) -> None:
    pass


def asking(site: FakeSite, it: Opened) -> None:
    it.press("1", "a", "e")
    expect(dialog(it).locator(".overturned li")).to_have_count(1)


def without_session(site: FakeSite, it: Opened) -> None:
    asking(site, it)
    site.end_sessions()
    it.press("Space", "Enter")
    expect(dialog(it).get_by_role("alert")).to_be_visible()


def handed_in(site: FakeSite, it: Opened) -> None:
    asking(site, it)
    it.press("Space", "Enter")
    expect(dialog(it).get_by_role("button", name="Done")).to_be_focused()
    expect(dialog(it).get_by_role("status")).to_contain_text("Rejected")


def closed(site: FakeSite, it: Opened) -> None:
    handed_in(site, it)
    it.press("Enter")


def out_of_date(site: FakeSite, it: Opened) -> None:
    it.press("1", "a")
    site.execution = "e2"
    look_now(it)
    expect(it.page.locator("#news")).to_contain_text("Open the newest result")
    it.press("e")


STATES: dict[str, Prepare] = {
    "undecided": undecided,
    "asking": asking,
    "without-session": without_session,
    "handed-in": handed_in,
    "closed": closed,
    "out-of-date": out_of_date,
}


def prepared(
    site: FakeSite,
    opened: Open,
    state: str,
    scheme: str,
    viewport: dict[str, int],
    *,
    decides: bool = True,
) -> Opened:
    site.decide("bob", "reject", [*CARTS, "broken.png"], "that is not our blue")
    site.newer = {"build": "1240-1", "url": "/builds/shop/1240-1"}
    site.decides = decides
    site.why_not = "" if decides else "ada may look at this project, but not decide."
    it = opened(
        site.page, "#s=cart/banner.png", color_scheme=scheme, viewport=viewport, bypass_csp=True
    )
    expect(it.page.locator("#done")).to_have_text("4 of 14")
    STATES[state](site, it)
    return it


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_no_violation_whatever_state_it_is_in(
    site: FakeSite, opened: Open, state: str, scheme: str
) -> None:
    assert violations(prepared(site, opened, state, scheme, DESKTOP)) == []


@pytest.mark.parametrize("state", ["undecided", "asking", "handed-in"])
def test_axe_finds_no_violation_on_a_phone(site: FakeSite, opened: Open, state: str) -> None:
    it = prepared(site, opened, state, "light", PHONE)
    assert violations(it) == []
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert it.page.evaluate(wide) is False, "nothing is wider than the screen"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_for_a_reader(site: FakeSite, opened: Open, scheme: str) -> None:
    it = prepared(site, opened, "undecided", scheme, DESKTOP, decides=False)
    assert violations(it) == []


def test_on_a_phone_one_decides_by_touch(site: FakeSite, opened: Open) -> None:
    it = opened(site.page, viewport=PHONE, has_touch=True)
    it.page.locator("#list .row.card").nth(1).tap()
    it.page.get_by_role("button", name="Approve").tap()
    it.page.get_by_role("button", name="Hand in…").tap()
    it.page.get_by_role("button", name="Hand in 1 decision").tap()
    expect(dialog(it).get_by_role("status")).to_have_text("Handed in. 13 of 14 left to decide.")
    it.page.get_by_role("button", name="Done").tap()
    assert it.page.get_by_role("dialog").count() == 0


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_what_has_to_be_known_is_seen_beside_the_pictures_too(
    site: FakeSite, opened: Open, viewport: dict[str, int]
) -> None:
    it = opened(site.page, "#s=cart/banner.png", viewport=viewport)
    site.execution = "e2"
    look_now(it)
    expect(it.page.locator("#news .warning")).to_be_visible()


def test_the_chosen_row_stays_in_sight_when_reviews_arrive(site: FakeSite, opened: Open) -> None:
    it = opened(site.page, "#s=cart/banner.png", viewport=DESKTOP)
    row = it.page.locator("#list [aria-selected=true]")
    expect(row).to_be_in_viewport(ratio=1)
    for n in range(3):
        site.decide("bob", "reject", [CARTS[n]], "that is not our blue")
    look_now(it)
    expect(it.page.locator("#done")).to_have_text("3 of 14")
    expect(row).to_be_in_viewport(ratio=1)


def test_tab_reaches_what_the_site_adds(site: FakeSite, opened: Open) -> None:
    site.newer = {"build": "1240-1", "url": "/builds/shop/1240-1"}
    it = opened(site.page)
    expect(it.page.locator("#news")).to_contain_text("newer build")
    seen = []
    for _ in range(16):
        it.press("Tab")
        seen.append(it.page.evaluate("document.activeElement.textContent"))
    assert {"‹ Builds", "Log out", "Open 1240-1", "Hand in…"} <= set(seen)


@pytest.mark.parametrize(
    ("name", "state", "scheme", "viewport"),
    [
        ("served-light", "undecided", "light", DESKTOP),
        ("served-hand-in-dark", "asking", "dark", DESKTOP),
        ("served-done-light", "handed-in", "light", DESKTOP),
        ("served-phone", "closed", "light", PHONE),
    ],
)
def test_a_served_report_looks_as_accepted(
    site: FakeSite,
    opened: Open,
    gold: Gold,
    name: str,
    state: str,
    scheme: str,
    viewport: dict[str, int],
) -> None:
    check(prepared(site, opened, state, scheme, viewport), name, gold)

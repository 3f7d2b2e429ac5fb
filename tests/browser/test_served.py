"""The report as a review site serves it: handed in within the page, by mouse and by keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from browser.conftest import Open, Opened
from support.fake_site import FakeSite

pytestmark = pytest.mark.browser

GREEN = "Approved: the pull request’s check turns green."
CARTS = ["cart/banner.png", "cart/button-desktop.png", "cart/grown.png"]


def decisions(site: FakeSite) -> list[dict[str, Any]]:
    """All that was handed in."""
    return [decision for body in site.sent("/reviews") for decision in body["decisions"]]


def dialog(it: Opened) -> Locator:
    return it.page.get_by_role("dialog", name="Hand in the review")


def look_now(it: Opened) -> None:
    """As if one came back to the page."""
    it.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def until_looked(it: Opened, site: FakeSite) -> None:
    before = site.looked()
    look_now(it)
    while site.looked() == before:
        it.page.wait_for_timeout(20)
    it.page.wait_for_timeout(100)


# --- deciding -----------------------------------------------------------------------------------


def test_by_keyboard_one_decides_hands_in_and_reads_what_came_of_it(
    site: FakeSite, opened: Open
) -> None:
    it = opened(site.page)
    it.press("a", "c")
    it.page.keyboard.type("not our blue")
    it.press("Enter", "r", "e")
    assert dialog(it).get_by_role("listitem").all_inner_texts() == [
        "Approve broken.png",
        "Reject icons/clear.png: “not our blue”",
    ]
    assert "12 of 14 are undecided" in dialog(it).inner_text()
    it.press("Enter")
    words = "Rejected: the pull request’s check is red. 12 of 14 left to decide."
    expect(dialog(it).get_by_role("status")).to_have_text(words)
    assert site.sent("/reviews") == [
        {
            "execution": "e1",
            "decisions": [
                {"action": "approve", "names": ["broken.png"], "reason": None},
                {"action": "reject", "names": ["icons/clear.png"], "reason": "not our blue"},
            ],
        }
    ]
    it.press("Enter")
    assert it.page.get_by_role("dialog").count() == 0, "Enter closes it, too"
    assert it.page.locator("#news").inner_text() == words
    assert it.complaints == []


def test_what_counts_is_shown_everywhere_and_is_not_handed_in_twice(
    site: FakeSite, opened: Open
) -> None:
    it = opened(site.page)
    it.press("a", "c")
    it.page.keyboard.type("not our blue")
    it.press("Enter", "r", "e", "Enter")
    found = "1 could not be compared, 11 changed, 1 added, 1 removed"
    expect(it.page.locator("h1")).to_have_text(f"Rejected by ada: {found}")
    it.press("Enter", "2", "ArrowUp", "ArrowDown")
    assert it.shown == "icons/clear.png"
    said = "Rejected by ada, 2026-01-02 12:01 UTC: not our blue"
    assert it.page.locator("#notes .told.reject").inner_text() == said
    site_says = " on the review site (login by https://github.com): not our blue"
    assert said.replace(": not our blue", site_says) in it.page.locator("#facts").inner_text()
    assert site_says in it.page.locator("#run").inner_text()
    row = it.page.locator("#list .row", has_text="icons/clear.png")
    assert row.get_by_role("img", name="rejected").is_visible()
    assert it.page.locator("#reviews p").all_inner_texts() == [
        "ada rejected icons/clear.png, 2026-01-02 12:01 UTC: not our blue",
        "ada approved broken.png, 2026-01-02 12:00 UTC",
    ]
    assert "rejected icons/clear.png" in it.page.locator("#run").inner_text()
    assert it.page.locator("#top.rejected").count() == 1
    assert it.done == "2 of 14"
    assert it.page.get_by_role("button", name="Undo", exact=True).is_disabled()
    it.press("e")
    assert "Nothing is decided here that has not been handed in." in dialog(it).inner_text()
    assert dialog(it).get_by_role("button", name="Hand in 0 decisions").is_disabled()
    it.page.reload()
    it.page.wait_for_selector("body.ready")
    expect(it.page.locator("#done")).to_have_text("2 of 14")
    it.press("e")
    assert dialog(it).get_by_role("button", name="Hand in 0 decisions").is_disabled()
    assert len(site.sent("/reviews")) == 1


def test_by_mouse_all_is_approved_and_the_check_turns_green(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    it.page.locator("#search").fill("-nothing")
    it.click("Approve 14 found…")
    it.page.get_by_label("Reason for all of them").fill("the new header")
    it.click("Approve 14 snapshots")
    it.click("Hand in…")
    assert "Approve all 14 snapshots: “the new header”" in dialog(it).inner_text()
    it.click("Hand in 14 decisions")
    expect(dialog(it).get_by_role("status")).to_have_text(GREEN)
    assert decisions(site) == [{"action": "approve", "names": None, "reason": "the new header"}]
    it.click("Done")
    assert it.page.locator("h1").inner_text().startswith("Approved by ada: ")
    assert it.page.locator("#top.approved").count() == 1
    assert it.complaints == []


def test_decisions_of_groups_and_searches_are_one_review_for_each_action_and_reason(
    site: FakeSite, opened: Open
) -> None:
    it = opened(site.page)
    it.page.locator("#list .stack .name").click()
    it.press("a", "/")
    it.page.keyboard.type("cart")
    it.press("Enter", "Shift+R")
    it.page.get_by_label("Reason for all of them").fill("no")
    it.press("Enter", "Escape", "1", "r", "e", "Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("left to decide")
    assert decisions(site) == [
        {"action": "approve", "names": [f"pages/step-{n}-mobile.png" for n in (1, 2, 3, 4)],
         "reason": None},
        {"action": "reject", "names": ["broken.png"], "reason": None},
        {"action": "reject", "names": CARTS, "reason": "no"},
    ]  # fmt: skip


def test_what_is_not_handed_in_is_said_beside_the_snapshot(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    it.press("c")
    it.page.keyboard.type("broken")
    it.press("Enter", "r", "1")
    assert it.shown == "broken.png"
    words = "Rejected by you, not handed in yet: broken"
    assert words in it.page.locator("#facts").inner_text()
    it.click("Undecided")
    assert words not in it.page.locator("#facts").inner_text()
    site.decide("bob", "approve", ["broken.png"])
    until_looked(it, site)
    it.click("Reject")
    it.press("1")
    assert it.page.locator("#notes .told").inner_text() == (
        "Approved by bob, 2026-01-02 12:00 UTC · Rejected by you, not handed in yet: broken"
    )


def test_all_can_be_forgotten(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    it.press("a", "r", "e")
    it.click("Forget all decisions")
    assert it.done == "0 of 14"
    assert site.sent("/reviews") == []


# --- what others decided ------------------------------------------------------------------------


def test_what_it_would_overturn_is_shown_and_must_be_agreed_to(
    site: FakeSite, opened: Open
) -> None:
    site.decide("bob", "reject", [*CARTS, "broken.png"], "not our blue")
    it = opened(site.page)
    expect(it.page.locator("#done")).to_have_text("4 of 14")
    it.press("a", "e")
    asked = dialog(it)
    assert asked.locator(".overturned li").all_inner_texts() == [
        "bob’s rejection of broken.png, 2026-01-02 12:00 UTC: not our blue"
    ]
    button = asked.get_by_role("button", name="Hand in 1 decision")
    assert button.is_disabled()
    it.press("Enter")
    assert site.sent("/reviews") == []
    it.press("Space")
    assert button.is_enabled()
    it.press("Enter")
    expect(asked.get_by_role("status")).to_contain_text("Rejected")
    it.press("Enter")
    facts = it.page.locator("#facts").inner_text()
    it.press("1")
    facts = it.page.locator("#facts").inner_text()
    assert "Rejected by bob, 2026-01-02 12:00 UTC: not our blue (overturned)" in facts
    assert "Approved by ada, 2026-01-02 12:01 UTC on the review site" in facts


def test_what_another_decides_while_one_looks_is_asked_about_before_it_is_sent(
    site: FakeSite, opened: Open
) -> None:
    it = opened(site.page)
    it.press("a", "e")
    expect(dialog(it).get_by_role("button", name="Hand in 1 decision")).to_be_enabled()
    it.page.wait_for_timeout(200)
    site.decide("bob", "reject", None, "stop")
    it.press("Enter")
    expect(dialog(it).locator(".overturned li")).to_have_text(
        "bob’s rejection of broken.png, 2026-01-02 12:00 UTC: stop"
    )
    assert site.sent("/reviews") == []
    it.page.keyboard.press("Space")
    it.press("Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("Rejected")
    assert len(decisions(site)) == 1


def test_two_reviewers_at_once_see_each_other(site: FakeSite, opened: Open) -> None:
    ada = opened(site.page)
    site.person = "bob"
    bob = opened(site.page)
    bob.press("ArrowDown", "a")
    ada.press("a", "a", "e", "Enter")
    expect(dialog(ada).get_by_role("status")).to_contain_text("12 of 14 left")
    assert bob.done == "1 of 14"
    look_now(bob)
    expect(bob.page.locator("#done")).to_have_text("2 of 14")
    bob.press("e")
    assert "Nothing is decided here" in dialog(bob).inner_text(), "ada has said the same"
    bob.press("Escape", "1", "r", "e")
    lost = dialog(bob).locator(".overturned li")
    expect(lost).to_contain_text("ada’s approval of broken.png")
    bob.press("Space", "Enter")
    expect(dialog(bob).get_by_role("status")).to_contain_text("Rejected")
    look_now(ada)
    expect(ada.page.locator("h1")).to_contain_text("Rejected by bob")
    assert ada.complaints == bob.complaints == []


def test_without_decisions_the_page_looks_every_half_minute_while_it_is_in_sight(
    site: FakeSite, opened: Open
) -> None:
    it = opened(site.page)
    it.page.clock.install()
    until_looked(it, site)
    before = site.looked()
    site.decide("bob", "approve", ["broken.png"])
    it.page.clock.fast_forward(29_000)
    assert site.looked() == before
    it.page.clock.fast_forward(2_000)
    expect(it.page.locator("#done")).to_have_text("1 of 14")
    it.page.evaluate(
        "Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })"
    )
    look_now(it)
    before = site.looked()
    it.page.clock.fast_forward(120_000)
    it.page.wait_for_timeout(100)
    assert site.looked() == before, "nobody looks at it"
    it.page.evaluate("delete document.hidden")
    until_looked(it, site)


# --- until it counts ----------------------------------------------------------------------------


def test_the_page_waits_until_the_review_counts(site: FakeSite, opened: Open) -> None:
    site.looks = 3
    it = opened(site.page)
    it.press("a", "e", "Enter")
    expect(dialog(it).get_by_role("status")).to_have_text("Handed in. Waiting until it counts…")
    assert it.page.locator("#news").inner_text() == "Handed in. Waiting until it counts…"
    it.press("Escape", "e")
    assert "What you handed in before is still on its way." in dialog(it).inner_text()
    assert dialog(it).get_by_role("button", name="Hand in 0 decisions").is_disabled()
    it.press("Escape")
    expect(it.page.locator("#news")).to_have_text("Handed in. 13 of 14 left to decide.")


def test_a_page_that_is_loaded_anew_waits_on(site: FakeSite, opened: Open) -> None:
    site.looks = 4
    it = opened(site.page)
    it.press("a", "e", "Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("Waiting")
    it.page.reload()
    it.page.wait_for_selector("body.ready")
    expect(it.page.locator("#news")).to_have_text("Handed in. Waiting until it counts…")
    expect(it.page.locator("#news")).to_have_text("Handed in. 13 of 14 left to decide.")
    assert len(decisions(site)) == 1
    assert it.page.evaluate(
        "Object.entries(localStorage).filter(([k, v]) => k.includes(':') && /r00|broken/.test(v))"
    ) == []  # fmt: skip


def test_what_takes_too_long_is_said_and_still_found_later(site: FakeSite, opened: Open) -> None:
    site.looks = 10_000
    it = opened(site.page)
    it.page.clock.install()
    until_looked(it, site)
    it.press("a", "e", "Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("Waiting")
    looked = site.looked()
    while "two minutes" not in it.page.locator("#news").inner_text():
        it.page.clock.fast_forward(3_000)
        it.page.wait_for_timeout(30)
        assert site.looked() - looked < 100
    assert site.looked() - looked > 40, "every second, then every three"
    words = "It is handed in, but was not carried out within two minutes."
    expect(dialog(it).get_by_role("status")).to_contain_text(words)
    it.press("Enter")
    site.looks = 1
    site._waiting = [(1, apply) for _, apply in site._waiting]
    it.page.clock.fast_forward(31_000)
    expect(it.page.locator("#news")).to_have_text("Handed in. 13 of 14 left to decide.")


def test_a_review_that_is_refused_is_said_and_its_decisions_are_kept(
    site: FakeSite, opened: Open
) -> None:
    site.refuses = "the key has been turned"
    it = opened(site.page)
    it.press("a", "e", "Enter")
    alert = dialog(it).get_by_role("alert")
    expect(alert).to_have_text("Refused: the key has been turned. Your decisions are kept.")
    it.press("Enter")
    assert it.done == "1 of 14"
    site.refuses = ""
    it.press("e", "Enter")
    expect(dialog(it).get_by_role("status")).to_have_text("Handed in. 13 of 14 left to decide.")
    assert dialog(it).get_by_role("alert").count() == 0
    it.press("Enter", "e")
    assert dialog(it).get_by_role("button", name="Hand in 0 decisions").is_disabled()


# --- who is there -------------------------------------------------------------------------------


def test_the_header_leads_to_the_builds_and_out(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    assert it.page.locator("#person").inner_text().split("\n")[0] == "ada"
    assert it.page.locator("#reviews").is_hidden(), "the page asks, and need not be fetched"
    it.page.get_by_role("link", name="‹ Builds").click()
    assert it.page.url == f"{site.url}/projects/shop"
    it.page.go_back()
    it.page.wait_for_selector("body.ready")
    it.press("a")
    it.click("Log out")
    it.page.wait_for_url(f"{site.url}/")
    assert site.sent("/logout") == [None]
    assert [said for said in it.complaints if not said.startswith("failed: ")] == []


def test_a_reader_sees_the_reviews_and_why_there_is_nothing_to_decide(
    site: FakeSite, opened: Open
) -> None:
    words = "ada may look at this project, but not decide."
    site.decides, site.why_not = False, words
    site.decide("bob", "reject", ["broken.png"], "not our blue")
    it = opened(site.page, "#q=cart")
    assert it.page.locator("#news").inner_text() == words
    expect(it.page.locator("#done")).to_have_text("1 of 14")
    for name in ("Approve", "Reject", "Undecided", "Undo", "Hand in…", "Approve 3 found…"):
        assert it.page.get_by_role("button", name=name, exact=True).count() == 0, name
    assert it.page.get_by_label("Reason for the decision").is_hidden()
    for key in ("a", "r", "u", "Shift+A", "e", "Control+z"):
        it.page.evaluate("document.querySelector('#said').textContent = ''")
        it.press(key)
        assert it.page.locator("#said").inner_text() == words, key
    it.press("c")
    assert it.page.get_by_role("dialog").count() == 0
    assert it.done == "1 of 14"
    assert "bob rejected broken.png" in it.page.locator("#reviews").inner_text()
    assert it.complaints == []


def test_one_persons_decisions_are_not_handed_in_by_the_next(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    it.press("a")
    site.person = "bob"
    it.click("Log out")
    it.page.wait_for_url(f"{site.url}/")
    it.page.goto(site.page)
    it.page.wait_for_selector("body.ready")
    assert it.done == "0 of 14"
    site.end_sessions()
    site.person = "ada"
    it.page.goto(site.page)
    it.page.wait_for_selector("body.ready")
    assert it.done == "1 of 14", "ada's are there"


def test_served_on_a_laptop_nobody_logs_in_and_all_else_is_the_same(
    site: FakeSite, opened: Open
) -> None:
    site.person, site.signs = None, False
    it = opened(site.page)
    assert it.page.locator("#person").is_hidden()
    it.press("a", "e", "Enter")
    expect(dialog(it).get_by_role("status")).to_have_text("Handed in. 13 of 14 left to decide.")
    assert site.sent("/sign") == []
    assert it.complaints == []

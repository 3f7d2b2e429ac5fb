"""Approve, reject, undecided; progress; what comes out; by mouse and by keyboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from browser.conftest import REJECTED, Open
from browser.drawings import rewrite
from pixelgate.client.compare_folders import LocalResult
from pixelgate.domain.comparison import Comparison

pytestmark = pytest.mark.browser


def downloaded(page: Page) -> Any:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download decisions.json").click()
    assert download.value.suggested_filename == "decisions.json"
    return json.loads(Path(download.value.path()).read_text())


def test_by_keys_one_decides_and_is_led_on(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    assert it.done == "0 of 14"
    it.press("a")
    assert it.shown == "icons/clear.png"
    it.press("r")
    assert it.done == "2 of 14"
    row = it.page.locator("#list .row", has_text="icons/clear.png")
    assert row.get_by_role("img", name="rejected").is_visible()
    it.page.locator("#search").fill("d:rejected")
    assert it.names() == ["icons/clear.png"]
    it.page.locator("#search").fill("")
    it.page.locator("#list").focus()
    row.click()
    it.press("u")
    assert it.done == "1 of 14"
    assert it.shown == "icons/clear.png", "who takes back stays"
    assert it.page.get_by_role("progressbar").get_attribute("aria-valuenow") == "1"
    it.press("5")
    assert it.shown == "moved/is.png"
    assert not it.page.get_by_role("button", name="Approve").is_visible(), "nothing to decide"
    it.press("a")
    assert it.done == "1 of 14"


def test_control_z_takes_back_what_was_decided_last(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    it.press("a")
    assert it.shown == "icons/clear.png"
    it.press("u")
    assert it.done == "1 of 14", "U is about what is shown, which is not decided"
    said = it.page.locator("#said").inner_text()
    assert said == "Nothing is decided on it yet. Ctrl+Z undoes the last decision."
    it.press("r", "Control+z")
    assert (it.shown, it.done) == ("icons/clear.png", "1 of 14")
    it.click("Undo", exact=True)
    assert (it.shown, it.done) == ("broken.png", "0 of 14")
    assert it.page.locator("#said").inner_text() == "Undone: broken.png. 0 of 14 decided."
    assert it.page.get_by_role("button", name="Undo", exact=True).is_disabled()
    it.press("Control+z")
    assert it.done == "0 of 14"


def test_undo_brings_back_what_was_there_before_and_all_of_a_group(
    of_a_bucket: Path, opened: Open
) -> None:
    it = opened(of_a_bucket)
    it.press("a", "ArrowUp", "r", "Control+z")
    row = it.page.locator("#list .row", has_text="broken.png")
    assert row.get_by_role("img", name="approved").is_visible()
    it.page.locator("#list .stack .name").click()
    it.press("a")
    assert it.done == "5 of 14"
    it.press("Control+z")
    assert it.done == "1 of 14"
    assert it.page.get_by_role("button", name="Approve 4 alike").is_visible()
    it.press("e")
    it.click("Forget all decisions")
    assert it.done == "0 of 14"
    it.press("Control+z")
    assert it.done == "1 of 14"


def test_by_mouse(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    it.click("Approve")
    assert it.done == "1 of 14"
    it.click("Previous snapshot")
    approve = it.page.get_by_role("button", name="Approve")
    assert approve.get_attribute("aria-pressed") == "true"
    approve.click()
    assert it.done == "0 of 14", "a second click takes it back"
    it.click("Reject")
    it.click("Previous snapshot")
    it.click("Undecided")
    assert it.done == "0 of 14"


def test_a_folded_group_is_decided_as_one(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    it.page.locator("#list .stack .name").click()
    assert it.page.get_by_role("button", name="Approve 4 alike").is_visible()
    it.press("a")
    assert it.done == "4 of 14"
    assert it.page.locator("#said").inner_text() == "Approved: 4 alike. 4 of 14 decided."
    it.page.locator("#list .stack .alike").click()
    it.page.locator("#list .card", has_text="step-2").click()
    assert it.page.get_by_role("button", name="Approve", exact=True).is_visible()
    it.press("r")
    assert it.done == "4 of 14"
    stack = it.page.locator("#list .stack")
    assert stack.get_by_role("img", name="partly decided").is_visible()


def test_decisions_are_there_again_for_this_run_only(
    of_a_bucket: Path, report: Path, opened: Open
) -> None:
    it = opened(of_a_bucket)
    it.press("a", "a", "r")
    it.page.reload()
    it.page.wait_for_selector("body.ready")
    assert it.done == "3 of 14"
    it.page.goto(report.as_uri())
    it.page.wait_for_selector("body.ready")
    assert it.done == "0 of 14", "another run of the same snapshots"


def test_what_is_remembered_wrongly_does_no_harm(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    key = "pixelgate:decisions:shop/1234-1/e1"
    for stored in ('{"broken.png":"approve","x":"approve","icons/clear.png":"<b>"}', "[", "7"):
        it.page.evaluate("([key, value]) => localStorage.setItem(key, value)", [key, stored])
        it.page.reload()
        it.page.wait_for_selector("body.ready")
        assert it.done == ("1 of 14" if "approve" in stored else "0 of 14")
    assert it.complaints == []


def test_the_file_says_what_the_command_reads_and_all_can_be_forgotten(
    of_a_bucket: Path, opened: Open
) -> None:
    it = opened(of_a_bucket)
    it.press("a", "r", "e")
    dialog = it.page.get_by_role("dialog", name="Hand in the review")
    assert "1 approval, 1 rejection, 12 of 14 undecided." in dialog.inner_text()
    assert dialog.get_by_label("Command").input_value() == (
        "pixelgate approve 1234-1 --project shop --bucket shots --from decisions.json"
    )
    assert downloaded(it.page) == {
        "schema_version": 1,
        "project": "shop",
        "build": "1234-1",
        "execution": "e1",
        "decisions": {"broken.png": "approve", "icons/clear.png": "reject"},
    }
    it.click("Copy")
    it.wait_for("document.querySelector('dialog .said').textContent !== ''")
    assert it.page.locator("dialog .said").inner_text() in {"Copied.", "Press Ctrl+C to copy."}
    it.click("Forget all decisions")
    assert it.done == "0 of 14"
    assert it.page.get_by_role("dialog").count() == 0
    it.click("Hand in…")
    assert it.page.get_by_role("dialog").is_visible()


def test_two_folders_have_no_command(report: Path, opened: Open) -> None:
    it = opened(report)
    it.press("e")
    dialog = it.page.get_by_role("dialog")
    assert dialog.get_by_label("Command").count() == 0
    assert "Two folders on one machine" in dialog.inner_text()


def test_where_nothing_can_be_remembered_the_page_says_so(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    it.page.evaluate(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked') } })"
    )
    it.press("a", "e")
    assert it.done == "1 of 14"
    assert "This browser keeps nothing" in it.page.get_by_role("dialog").inner_text()


def test_a_reason_goes_with_each_decision(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    it.press("c")
    it.page.keyboard.type("a damaged file")
    assert it.done == "0 of 14", "a is a letter of the reason"
    it.press("Enter", "r")
    reason = it.page.get_by_label("Reason for the decision")
    assert (it.shown, reason.input_value()) == ("icons/clear.png", "")
    it.press("a", "1")
    assert (it.shown, reason.input_value()) == ("broken.png", "a damaged file")
    it.page.reload()
    it.page.wait_for_selector("body.ready")
    it.press("1")
    assert reason.input_value() == "a damaged file", "and it is kept"
    it.press("e")
    file = downloaded(it.page)
    assert file["decisions"] == {"broken.png": "reject", "icons/clear.png": "approve"}
    assert file["reasons"] == {"broken.png": "a damaged file"}


def test_all_that_a_search_finds_is_decided_after_one_question(
    of_a_bucket: Path, opened: Open
) -> None:
    it = opened(of_a_bucket)
    it.press("Shift+A")
    assert it.page.get_by_role("dialog").count() == 0, "without a search it would be everything"
    it.press("r", "/")
    it.page.keyboard.type("cart")
    it.press("Enter", "r", "Shift+A")
    dialog = it.page.get_by_role("dialog", name="Approve 3 snapshots?")
    words = dialog.inner_text()
    assert "The search “cart” finds 3 snapshots to decide on." in words
    assert "1 snapshot is rejected so far." in words
    dialog.get_by_label("Reason for all of them").fill("the new header")
    dialog.get_by_role("button", name="Cancel").click()
    assert it.done == "2 of 14"
    it.click("Approve 3 found…")
    it.page.get_by_label("Reason for all of them").fill("the new header")
    it.click("Approve 3 snapshots")
    assert it.done == "4 of 14"
    assert it.page.locator("#said").inner_text() == "Approved: 3 snapshots. 4 of 14 decided."
    it.press("e")
    file = downloaded(it.page)
    carts = {name: d for name, d in file["decisions"].items() if name.startswith("cart/")}
    assert sorted(carts.values()) == ["approve"] * 3
    assert file["reasons"] == dict.fromkeys(carts, "the new header")
    it.press("Escape", "Control+z")
    assert it.done == "2 of 14", "one step takes all of it back"


def test_the_header_says_where_the_build_comes_from(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    assert it.page.locator(".builds").inner_text() == (
        "shop: 1234-1 against 1230-1 · #57 · new-header · 01234567 · by Ada Lovelace · job"
    )
    links = it.page.locator(".builds a").evaluate_all("all => all.map(a => a.href)")
    assert links == [
        "https://github.com/acme/shop/pull/57",
        "https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567",
        "https://github.com/acme/shop/actions/runs/1234",
    ]
    assert it.page.locator("#reviews").inner_text() == (
        "This page is as old as its comparison and knows no reviews; "
        "pixelgate report 1234-1 --project shop --bucket shots fetches it with them."
    )


def test_a_page_that_is_fetched_shows_who_decided_what_and_why(
    rejected: Path, opened: Open
) -> None:
    it = opened(rejected)
    assert it.page.locator("h1").inner_text() == (
        "Rejected by bob: 1 could not be compared, 11 changed, 1 added, 1 removed"
    )
    assert it.page.locator("#reviews p").all_inner_texts() == [
        "bob rejected 2 snapshots, 2026-01-02 11:30 UTC: that is not our blue",
        "ada approved all of it, 2026-01-02 10:00 UTC: the new header",
    ]
    assert it.done == "14 of 14"
    it.page.locator("#search").fill("d:rejected")
    assert sorted(it.names()) == ["cart/banner.png", "icons/clear.png"]
    facts = it.page.locator("#facts").inner_text()
    assert "Rejected by bob, 2026-01-02 11:30 UTC: that is not our blue" in facts
    assert "Approved by ada, 2026-01-02 10:00 UTC: the new header (overturned)" in facts
    reject = it.page.get_by_role("button", name="Reject", exact=True)
    assert reject.get_attribute("aria-pressed") == "true"
    it.page.locator("#list").focus()
    it.press("u")
    assert it.page.locator("#said").inner_text().startswith("It is decided in the bucket.")
    it.press("r", "e")
    assert "0 approvals, 0 rejections" in it.page.get_by_role("dialog").inner_text()
    assert it.page.get_by_role("button", name="Download decisions.json").is_disabled()
    it.press("Escape", "Home", "ArrowDown", "a", "e")
    assert list(downloaded(it.page)["decisions"].values()) == ["approve"], "only what is new"
    assert it.complaints == []


def test_reviews_of_another_result_are_not_shown(
    published: Comparison, compared: LocalResult, opened: Open
) -> None:
    other = {**REJECTED, "execution": "e0"}
    it = opened(rewrite(compared, "other.html", published, reviews=other))
    assert it.page.locator("h1").inner_text().startswith("Needs review: ")
    assert it.done == "0 of 14"


def test_an_approval_by_a_rule_or_of_an_earlier_build_is_named(
    published: Comparison, compared: LocalResult, opened: Open
) -> None:
    by_rule = {
        **REJECTED,
        "state": "approved",
        "by": [],
        "reasons": ["builds on main are approved by rule"],
        "reviews": [],
    }
    it = opened(rewrite(compared, "rule.html", published, reviews=by_rule))
    assert it.page.locator("h1").inner_text().startswith("Approved: 1 could not be compared")
    assert "Approved: builds on main are approved by rule" in it.page.locator("#facts").inner_text()
    assert it.done == "14 of 14"


def test_a_page_that_is_fetched_before_any_review_says_that_there_is_none(
    published: Comparison, compared: LocalResult, opened: Open
) -> None:
    none = {**REJECTED, "state": "needed", "by": [], "reasons": [], "reviews": []}
    it = opened(rewrite(compared, "none.html", published, reviews=none))
    assert it.page.locator("h1").inner_text().startswith("Needs review: ")
    assert not it.page.locator("#reviews").is_visible()
    assert "none yet" in it.page.locator("#run").inner_text()

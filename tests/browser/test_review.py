"""Approve, reject, undecided; progress; what comes out; by mouse and by keyboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from browser.conftest import Open

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
        "pixelgate approve 1234-1 --project shop --from decisions.json"
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

"""What goes wrong between the page and the review site: nothing that was decided is lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.conftest import Open
from browser.test_served import decisions, dialog, look_now, until_looked
from support.fake_site import FakeSite

pytestmark = pytest.mark.browser

REVIEWS = "/api/builds/shop/1234-1/reviews"
STATE = "/api/builds/shop/1234-1"


def test_a_session_that_ends_in_the_middle_loses_nothing(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    it.press("a", "c")
    it.page.keyboard.type("not our blue")
    it.press("Enter", "r", "e")
    it.page.wait_for_timeout(200)
    site.end_sessions()
    it.press("Enter")
    alert = dialog(it).get_by_role("alert")
    expect(alert).to_have_text(
        "Your session has ended. Your decisions are kept. Log in again in a new tab, come back, "
        "and hand in then."
    )
    assert "Your session has ended." in it.page.locator("#news").inner_text()
    with it.page.expect_popup() as popup:
        alert.get_by_role("link", name="Log in again").click()
    popup.value.wait_for_selector("body.ready")
    assert popup.value.url.partition("#")[0] == site.page, "the login leads back to this very page"
    assert popup.value.locator("#done").inner_text() == "2 of 14", "the decisions are there, too"
    popup.value.close()
    look_now(it)
    expect(alert).to_have_count(0)
    assert it.page.locator("#news").is_hidden()
    it.press("Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("12 of 14 left")
    assert [(d["action"], d["reason"]) for d in decisions(site)][-2:] == [
        ("approve", None),
        ("reject", "not our blue"),
    ]
    assert len(site.given) == 2


def test_after_a_new_login_the_page_hands_in_with_the_new_token(
    site: FakeSite, opened: Open
) -> None:
    it = opened(site.page)
    it.press("a", "e")
    it.page.wait_for_timeout(200)
    site.end_sessions()
    other = it.page.context.new_page()
    other.goto(site.page)
    other.close()
    it.press("Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("13 of 14 left")
    assert len(site.sent("/reviews")) == 2, "the first one was refused: its token had ended"
    assert len(site.given) == 1


def test_who_logs_in_as_somebody_else_gets_a_page_of_theirs(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    it.press("a")
    site.end_sessions()
    site.person = "bob"
    other = it.page.context.new_page()
    other.goto(site.page)
    other.close()
    it.press("e", "Enter")
    expect(it.page.locator(".person")).to_have_text("bob")
    expect(it.page.locator("#done")).to_have_text("0 of 14")
    assert site.given == []


def test_a_session_that_ends_is_said_before_one_decides(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    it.page.wait_for_timeout(200)
    site.end_sessions()
    look_now(it)
    expect(it.page.locator("#news")).to_have_text(
        "Your session has ended. Log in again in a new tab and come back; your decisions are kept."
    )
    it.press("a")
    assert it.done == "1 of 14"


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        (403, "you may read acme/shop, not write",
         "You may read acme/shop, not write. Your decisions are kept."),
        (500, "", "The server answered 500. Your decisions are kept. Try again."),
        (503, "too many requests",
         "The server answered 503: Too many requests. Your decisions are kept. Try again."),
        (409, "the review is of an older result",
         "The review is of an older result. Your decisions are kept. Open the newest result."),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_yes_is_said_in_words(
    site: FakeSite, opened: Open, status: int, words: str, said: str
) -> None:
    site.answers[REVIEWS] = [(status, words)] * 2
    it = opened(site.page)
    it.press("a", "e", "Enter")
    expect(dialog(it).get_by_role("alert")).to_have_text(said)
    site.answers.clear()
    it.press("Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("13 of 14 left")
    assert len(site.given) == 1


def test_a_server_that_cannot_be_reached_is_tried_again(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    it.press("a", "e")
    it.page.wait_for_timeout(200)
    it.page.context.set_offline(True)
    it.press("Enter")
    expect(dialog(it).get_by_role("alert")).to_have_text(
        "The server cannot be reached. Your decisions are kept. Try again."
    )
    it.page.context.set_offline(False)
    it.press("Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("13 of 14 left")


def test_while_it_is_handed_in_nobody_can_do_it_twice(site: FakeSite, opened: Open) -> None:
    site.slow[REVIEWS] = 0.5
    it = opened(site.page)
    it.press("a", "e")
    it.press("Enter", "Enter", "Enter")
    button = dialog(it).get_by_role("button", name="Handing in…")
    expect(button).to_be_disabled()
    assert dialog(it).get_by_role("button", name="Forget all decisions").is_disabled()
    expect(dialog(it).get_by_role("status")).to_contain_text("13 of 14 left")
    assert len(site.sent("/reviews")) == 1


def test_a_result_that_is_superseded_while_one_looks_takes_no_decisions(
    site: FakeSite, opened: Open
) -> None:
    it = opened(site.page)
    it.press("a")
    site.execution, site.state = "e2", "PROCESSING"
    until_looked(it, site)
    words = "This build is being compared again: another result will follow this one."
    expect(it.page.locator("#news")).to_have_text(words)
    site.state = "SUCCEEDED"
    until_looked(it, site)
    news = it.page.locator("#news")
    expect(news).to_have_text(
        "This build was compared again, and this result does not count any more. "
        "Open the newest result."
    )
    it.press("e")
    assert "decisions on this result do not count any more" in dialog(it).inner_text()
    assert dialog(it).get_by_role("button", name="Hand in").count() == 0
    link = dialog(it).get_by_role("link", name="Open the newest result")
    assert link.get_attribute("href") == "/builds/shop/1234-1"
    assert site.sent("/reviews") == []
    it.press("Enter")
    it.page.wait_for_url(site.page)


def test_what_is_superseded_between_looking_and_handing_in_is_not_sent(
    site: FakeSite, opened: Open
) -> None:
    it = opened(site.page)
    it.press("a", "e")
    it.page.wait_for_timeout(200)
    site.execution = "e2"
    it.press("Enter")
    expect(dialog(it).get_by_role("link", name="Open the newest result")).to_be_visible()
    assert site.sent("/reviews") == []


def test_a_newer_build_of_the_pull_request_is_said(site: FakeSite, opened: Open) -> None:
    site.newer = {"build": "1240-1", "url": "/builds/shop/1240-1"}
    it = opened(site.page)
    news = it.page.locator("#news")
    expect(news).to_have_text("The pull request has a newer build. Open 1240-1.")
    assert news.get_by_role("link").get_attribute("href") == "/builds/shop/1240-1"
    for url in ("javascript:alert(1)", "//evil.example/", "https://evil.example/"):
        site.newer = {"build": "x", "url": url}
        until_looked(it, site)
        expect(news).to_be_hidden()
    it.press("a", "e", "Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("13 of 14 left")


def test_a_build_that_cannot_be_looked_at_is_no_reason_to_stop(
    site: FakeSite, opened: Open
) -> None:
    site.answers[STATE] = [(500, "")]
    it = opened(site.page)
    it.press("a")
    assert it.done == "1 of 14"
    assert it.page.locator("#news").is_hidden()
    until_looked(it, site)
    it.press("e", "Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("13 of 14 left")


def test_what_the_browser_remembers_wrongly_does_no_harm(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    key = "pixelgate:handed-in:shop/1234-1/e1/ada"
    for stored in ("7", '{"a":1}', '[{"id":1}]', '[{"id":"r","decided":[["broken.png"]]}]', "["):
        it.page.evaluate("([key, value]) => localStorage.setItem(key, value)", [key, stored])
        it.page.reload()
        it.page.wait_for_selector("body.ready")
        it.press("a")
        it.press("u")
    assert [said for said in it.complaints if not said.startswith("failed: ")] == []


def test_the_policy_of_a_served_page_lets_it_ask_nobody_else(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    for attempt in (
        "fetch('https://example.invalid/')",
        "new Promise((ok, no) => { const i = new Image(); i.onload = ok; i.onerror = no;"
        " i.src = 'https://example.invalid/x.png' })",
    ):
        assert it.page.evaluate(f"() => ({attempt}).then(() => false, () => true)") is True
    assert sum("Content Security Policy" in said for said in it.complaints) >= 2
    ours = (site.url, site.pictures, "data:", "https://example.invalid/")
    assert [url for url in it.requests if not url.startswith(ours)] == []

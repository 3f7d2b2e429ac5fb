"""No request leaves the page, and no name becomes part of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser.conftest import Open
from browser.drawings import HOSTILE, rewrite
from pixelgate.client.compare_folders import LocalResult
from pixelgate.domain.baseline import Choice, Kind, PassedOver
from pixelgate.domain.keys import ComparisonId

pytestmark = pytest.mark.browser

WORDS = (
    "</script><script>document.title='hacked'</script><img src=x onerror=document.title='hacked'>"
)


def test_only_files_beside_it_are_asked_for(report: Path, opened: Open) -> None:
    it = opened(report, "#s=cart/button-desktop.png")
    it.press("w", "o", "b", "d", "x", "s", "j", "?", "Escape", "7", "2", "e", "Escape")
    folder = report.parent.as_uri()
    assert it.requests
    assert [url for url in it.requests if not url.startswith((folder, "data:"))] == []
    assert it.complaints == []


def test_a_name_full_of_markup_is_shown_and_does_nothing(report: Path, opened: Open) -> None:
    it = opened(report, "#q=s:changed")
    it.page.locator("#list .row", has_text="onerror").click()
    assert it.shown == HOSTILE
    assert it.page.evaluate("document.title").startswith(HOSTILE)
    assert it.page.locator("img[src=x]").count() == 0
    assert HOSTILE in it.page.locator("#facts").inner_text()
    it.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert it.page.locator("img[src=x]").count() == 0
    assert it.complaints == []


def test_words_of_a_manifest_full_of_markup_do_nothing(compared: LocalResult, opened: Open) -> None:
    shown = compared.comparison
    details = {
        "display_name": WORDS,
        "description": WORDS,
        "group": WORDS,
        "tags": [WORDS],
        "context": {WORDS: WORDS},
    }
    hostile = replace(
        shown,
        id=ComparisonId(WORDS, WORDS, WORDS),
        baseline_reason=WORDS,
        warnings=(WORDS,),
        execution=WORDS,
        started=None,
        created=WORDS,
        engine={"name": WORDS, "version": WORDS},
        choice=Choice(Kind.GRACE, 1, (PassedOver(WORDS, build=WORDS),)),
        snapshots={
            n: replace(s, details=details, reason=WORDS if s.reason else None)
            for n, s in shown.snapshots.items()
        },
    )
    it = opened(rewrite(compared, "hostile.html", hostile))
    it.press("t", "j", "e", "Escape", "?", "Escape", "ArrowDown", "a")
    it.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert it.page.locator("script").count() == 3
    assert it.page.locator("img[src=x]").count() == 0
    assert it.page.evaluate("document.title") != "hacked"
    assert WORDS in it.page.locator("#facts").inner_text()
    assert it.page.locator(".warning").inner_text() == WORDS
    assert it.complaints == []


def test_the_policy_forbids_what_our_code_does_not_do(report: Path, opened: Open) -> None:
    it = opened(report)
    for attempt in (
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.body.innerHTML = '<b>x</b>'",
    ):
        tried = f"() => {{ try {{ {attempt}; return false }} catch {{ return true }} }}"
        assert it.page.evaluate(tried) is True


@pytest.mark.parametrize(
    "attempt",
    [
        "fetch('https://example.invalid/')",
        "new Promise((ok, no) => { const i = new Image(); i.onload = ok; i.onerror = no;"
        " i.src = 'https://example.invalid/x.png' })",
        "new Promise((ok, no) => { const s = document.createElement('iframe');"
        " s.src = 'https://example.invalid/'; document.body.append(s);"
        " document.addEventListener('securitypolicyviolation', no) })",
    ],
)
def test_nothing_can_call_home(report: Path, opened: Open, attempt: str) -> None:
    it = opened(report)
    blocked = it.page.evaluate(f"() => ({attempt}).then(() => false, () => true)")
    assert blocked is True
    assert any("Content Security Policy" in said for said in it.complaints)


def test_a_page_whose_data_is_damaged_says_so(report: Path, browser: Browser) -> None:
    damaged = report.with_name("damaged.html")
    begin, _, rest = report.read_text().partition('id="list-data">')
    damaged.write_text(f'{begin}id="list-data">AAAA{rest[4:]}')
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(damaged.as_uri())
        page.wait_for_selector("#notes .bad")
        assert "The report could not be opened" in page.locator("#notes").inner_text()

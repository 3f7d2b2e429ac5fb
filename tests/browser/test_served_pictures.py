"""Pictures under signed addresses: few requests, none of them twice, and nothing that waits."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Opened
from browser.test_served import decisions, dialog, look_now
from pixelgate.client.compare_folders import LocalResult
from pixelgate.domain.comparison import Comparison, Snapshot, Status
from support.fake_site import FakeSite, serving
from support.manifests import digest

pytestmark = pytest.mark.browser

SNAPSHOTS, CHANGED = 10_000, 1_000
SIGN = "/api/sign"


def drawn(it: Opened, selector: str = "#list .thumb img, #panes img") -> None:
    """Waits until all these pictures are there."""
    it.wait_for(
        f"[...document.querySelectorAll('{selector}')].length > 0 &&"
        f" [...document.querySelectorAll('{selector}')].every(i => i.complete && i.naturalWidth)"
    )


def test_all_that_is_in_sight_is_asked_for_at_once_and_loaded_once(
    site: FakeSite, opened: Open
) -> None:
    it = opened(site.page, "#s=cart/banner.png")
    drawn(it)
    assert len(site.sent(SIGN)) <= 2, "one for the list, one for the pictures"
    it.page.wait_for_timeout(400)
    for key in "wobdxsmw":
        it.press(key)
        it.page.wait_for_timeout(60)
    it.press("a", "ArrowUp", "r", "ArrowUp", "j", "u")
    it.page.wait_for_timeout(300)
    assert {n for path, n in Counter(site.loaded).items() if "broken" not in path} == {1}
    assert all(a.path.startswith(("/api/", "/comparisons/", "/login")) for a in site.asked)
    keys = [key for body in site.sent(SIGN) for key in body["keys"]]
    assert len(keys) == len(set(keys)), "no address is asked for twice"
    assert it.complaints == []


def test_the_next_snapshot_is_there_before_one_asks_for_it(site: FakeSite, opened: Open) -> None:
    it = opened(site.page, "#s=cart/grown.png")
    drawn(it)
    it.page.wait_for_timeout(500)
    loaded, signed = len(site.loaded), len(site.sent(SIGN))
    it.press("ArrowDown")
    assert it.shown == "cart/banner.png"
    shown = {
        unquote(urlsplit(src).path)
        for src in it.page.locator("#panes img").evaluate_all("all => all.map(i => i.src)")
    }
    assert len(shown) == 2
    drawn(it, "#panes img")
    assert shown <= set(site.loaded[:loaded])
    assert not shown & set(site.loaded[loaded:]), "they are not loaded again"
    assert len(site.sent(SIGN)) == signed


def test_blink_and_swipe_need_no_request(site: FakeSite, opened: Open) -> None:
    it = opened(site.page, "#s=cart/banner.png")
    drawn(it)
    it.page.wait_for_timeout(500)
    asked, loaded = len(site.asked), len(site.loaded)
    for key in "bwbws":
        it.press(key)
        assert it.page.evaluate(
            "[...document.querySelectorAll('#panes img')].every(i => i.getAttribute('src'))"
        ), "the address is there in the same moment"
        drawn(it, "#panes img")
    assert (len(site.asked), len(site.loaded)) == (asked, loaded)


def test_decisions_do_not_draw_thumbnails_anew(site: FakeSite, opened: Open) -> None:
    it = opened(site.page)
    drawn(it, "#list .thumb img")
    it.page.evaluate("document.querySelectorAll('#list .thumb img').forEach(i => { i.seen = 1 })")
    it.press("a", "r", "Control+z")
    fresh = "[...document.querySelectorAll('#list .thumb img')].filter(i => !i.seen).length"
    assert it.page.evaluate(fresh) == 0


def test_addresses_that_have_ended_are_asked_for_anew_and_pictures_that_are_held_are_not(
    site: FakeSite, opened: Open
) -> None:
    site.seconds = 31  # one second, as the last 30 are not used
    it = opened(site.page, "#s=cart/banner.png")
    drawn(it)
    it.page.wait_for_timeout(1_500)
    loaded = Counter(site.loaded)
    it.press("w", "b", "s")
    drawn(it, "#panes img")
    it.page.wait_for_timeout(200)
    assert Counter(site.loaded) == loaded, "the browser still has them"
    signed = len(site.sent(SIGN))
    it.page.locator("#list .row", has_text="terms").click()
    drawn(it, "#panes img")
    assert len(site.sent(SIGN)) > signed
    assert it.complaints == []


@pytest.mark.parametrize("beginning", ["", "images/"])
def test_an_address_that_does_not_work_leads_to_the_site_itself(
    site: FakeSite, opened: Open, beginning: str
) -> None:
    site.spoils = beginning
    it = opened(site.page, "#s=cart/banner.png&q=cart")
    drawn(it)
    it.page.wait_for_timeout(700)
    assert it.page.locator("#absent").is_hidden()
    assert it.page.locator(".gone").count() == 0
    plain = [a.path for a in site.asked if a.path.startswith("/images/")]
    assert len(plain) == len(set(plain)) >= 2


def test_without_signing_pictures_come_from_the_site_itself(site: FakeSite, opened: Open) -> None:
    site.answers[SIGN] = [(500, "")] * 50
    it = opened(site.page, "#s=cart/banner.png")
    drawn(it)
    assert it.page.locator(".gone").count() == 0
    it.press("ArrowDown")
    drawn(it, "#panes img")
    assert len(site.sent(SIGN)) <= 2, "it is not tried again at once"


def test_a_key_that_the_site_does_not_sign_is_asked_for_at_the_site(
    site: FakeSite, opened: Open
) -> None:
    site.leaves_out = "diffs/local/thumbs/"
    it = opened(site.page, "#s=cart/banner.png&q=cart")
    drawn(it)
    thumbs = [a.path for a in site.asked if a.path.startswith("/diffs/local/thumbs/")]
    assert len(thumbs) == len(set(thumbs)) == 3


def test_pictures_wait_for_a_session_and_come_with_it(site: FakeSite, opened: Open) -> None:
    it = opened(site.page, "#s=cart/banner.png")
    drawn(it)
    site.seconds = 0
    it.page.wait_for_timeout(300)
    it.page.evaluate("performance.now = () => 1e9")  # all addresses have ended
    site.end_sessions()
    it.page.locator("#list .row", has_text="terms").click()
    expect(it.page.locator("#news")).to_contain_text("Your session has ended.")
    signed = len(site.sent(SIGN))
    it.press("ArrowDown", "ArrowUp", "w", "s")
    it.page.wait_for_timeout(200)
    assert len(site.sent(SIGN)) == signed, "nothing is asked for in vain"
    assert it.page.locator("#absent").is_hidden()
    assert it.page.locator(".gone").count() == 0
    site.seconds = 300
    other = it.page.context.new_page()
    other.goto(site.page)
    other.close()
    look_now(it)
    drawn(it, "#panes img")
    assert it.page.locator("#news").is_hidden()


@pytest.mark.parametrize(
    ("person", "words"), [("ada", "Reload the page."), (None, "Does pixelgate serve still run?")]
)
def test_where_no_picture_comes_the_page_says_so(
    site: FakeSite, opened: Open, tmp_path: Path, person: str | None, words: str
) -> None:
    site.person = person
    it = opened(site.page)
    site.folder = tmp_path  # nothing is there any more
    it.page.reload()
    note = it.page.locator("#absent")
    expect(note).to_have_text(f"No picture can be loaded. {words}")


def test_the_link_to_a_picture_alone_is_no_signed_address(site: FakeSite, opened: Open) -> None:
    it = opened(site.page, "#s=cart/banner.png")
    drawn(it)
    links = it.page.locator("figcaption a").evaluate_all("all => all.map(a => a.href)")
    assert len(links) == 2
    assert all(link.startswith(f"{site.url}/images/local/") for link in links)
    with it.page.expect_popup() as popup:
        it.page.locator("figcaption a").first.click()
    popup.value.wait_for_load_state()
    assert popup.value.url.startswith(site.pictures)


# --- ten thousand -------------------------------------------------------------------------------


@pytest.fixture
def large(published: Comparison, compared: LocalResult, tmp_path: Path) -> Iterator[FakeSite]:
    """A site with ten thousand snapshots, of which a thousand have changed."""
    one = published.snapshots["cart/banner.png"]
    assert one.head_sha256
    assert one.base_sha256
    assert one.thumb
    images = tmp_path / "images" / "local"
    images.mkdir(parents=True)
    for sha256 in (one.head_sha256, one.base_sha256):
        shutil.copy(compared.out / "images" / "local" / sha256, images)
    (tmp_path / "thumbs").mkdir()
    snapshots = {}
    long = "a-name-that-is-as-long-as-those-of-stories-with-all-their-arguments"
    for n in range(SNAPSHOTS):
        name = f"{long}/{n:05}.png"
        if n % (SNAPSHOTS // CHANGED):
            snapshots[name] = Snapshot(Status.UNCHANGED, digest(n), digest(n))
        else:
            thumb = f"thumbs/{n}.webp"
            shutil.copy(compared.out / one.thumb, tmp_path / thumb)
            snapshots[name] = replace(one, thumb=thumb, group=None)
    assert one.measured
    assert one.measured.mask_key
    (tmp_path / one.measured.mask_key).parent.mkdir(parents=True)
    shutil.copy(compared.out / one.measured.mask_key, tmp_path / one.measured.mask_key)
    with serving(FakeSite(tmp_path, replace(published, snapshots=snapshots))) as site:
        yield site


def test_ten_thousand_snapshots_are_scrolled_through_with_few_requests(
    large: FakeSite, opened: Open
) -> None:
    it = opened(large.page)
    drawn(it, "#list .thumb img")
    it.page.locator("#list").hover()
    for _ in range(120):
        it.page.mouse.wheel(0, 600)
        it.page.wait_for_timeout(16)
    it.page.wait_for_timeout(300)
    drawn(it, "#list .thumb img")
    signed = large.sent(SIGN)
    assert max(len(body["keys"]) for body in signed) <= 200
    assert len(signed) <= 2 + 2 * CHANGED // 200
    # What has gone by is not loaded any more.
    assert [said for said in it.complaints if not said.startswith("failed: ")] == []


def test_jumping_about_asks_only_for_what_is_in_sight_and_around(
    large: FakeSite, opened: Open
) -> None:
    large.slow[SIGN] = 0.3
    it = opened(large.page)
    drawn(it, "#list .thumb img")
    before = len(large.sent(SIGN))
    for top in range(0, 70_000, 2_000):
        it.page.evaluate("top => { document.querySelector('#list').scrollTop = top }", top)
        it.page.wait_for_timeout(10)
    drawn(it, "#list .thumb img")
    assert len(large.sent(SIGN)) - before <= 6, "one at a time; what has gone by is not asked for"


def test_all_of_ten_thousand_go_in_as_one_review_and_parts_in_requests_that_are_small_enough(
    large: FakeSite, opened: Open
) -> None:
    it = opened(large.page)
    it.press("r", "/")
    it.page.keyboard.type("-nothing")
    it.press("Enter", "Shift+A", "Enter", "Escape", "e", "Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("Approved")
    assert decisions(large) == [{"action": "approve", "names": None, "reason": None}]
    it.press("Enter")
    assert it.done == "1,000 of 1,000"

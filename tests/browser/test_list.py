"""The sidebar: order, groups, folders, search, chips, address; by mouse and by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Opened
from browser.drawings import HOSTILE, UNCHANGED

pytestmark = pytest.mark.browser

CHANGED = [
    "icons/clear.png",
    HOSTILE,
    "cart/grown.png",
    "cart/banner.png",
    "cart/button-desktop.png",
]


def sections(it: Opened) -> list[str]:
    return [" ".join(text.split()) for text in it.rows("section")]


def test_statuses_stand_in_the_order_of_a_review_and_unchanged_is_folded(
    report: Path, opened: Open
) -> None:
    it = opened(report, viewport={"width": 1300, "height": 1600})
    assert sections(it) == [
        "Could not be compared 1",
        "Changed 11",
        "Added 1",
        "Removed 1",
        "Renamed 1",
        f"Unchanged {UNCHANGED}",
    ]
    assert it.shown == "broken.png", "the first one is shown"
    assert it.names()[1:6] == CHANGED
    assert it.page.locator("h1").inner_text() == (
        "Needs review: 1 could not be compared, 11 changed, 1 added, 1 removed"
    )
    row = it.page.locator("#list .row", has_text="cart/grown.png")
    assert "16 % · 640×420 → 640×500" in row.inner_text()
    thumbnail = row.locator(".thumb img")
    assert str(thumbnail.get_attribute("src")).startswith("diffs/local/thumbs/")
    assert thumbnail.evaluate("i => i.decode().then(() => i.naturalWidth)") == 154


def test_the_same_change_is_one_stack_that_a_click_and_g_open_and_fold(
    report: Path, opened: Open
) -> None:
    it = opened(report)
    [stack] = it.rows("stack")
    assert stack.split("\n")[-1] == "4 alike"
    it.page.locator("#list .stack .alike").click()
    assert sum("step-" in row for row in it.rows()) == 4
    it.page.locator("#list .stack .alike").click()
    assert sum("step-" in row for row in it.rows()) == 0
    it = opened(report, "#s=pages/step-1-mobile.png&whole=1")
    it.press("g", "ArrowDown", "ArrowDown")
    assert it.shown == "pages/step-2-mobile.png"
    assert "4 alike" not in it.chosen()
    it.press("g")
    assert "4 alike" in it.chosen()
    assert it.shown == "pages/step-2-mobile.png"


def test_a_thumbnail_that_is_still_to_be_drawn_is_stood_in_for_by_the_image(
    report: Path, opened: Open, tmp_path: Path
) -> None:
    copied = tmp_path / "report"
    shutil.copytree(report.parent, copied)
    shutil.rmtree(copied / "diffs" / "local" / "thumbs")
    it = opened(copied / report.name)
    image = it.page.locator("#list .row", has_text="cart/grown.png").locator(".thumb img")
    it.page.wait_for_function("i => i.naturalWidth === 640", arg=image.element_handle())
    assert str(image.get_attribute("src")).startswith("images/")
    (copied / str(image.get_attribute("src"))).unlink()
    it.page.reload()
    frame = it.page.locator("#list .row", has_text="cart/grown.png").locator(".thumb")
    expect(frame.locator(".no-thumb")).to_have_text("–")


def fold_by_mouse(it: Opened, label: str) -> None:
    it.page.locator("#list .section", has_text=label).click()


def fold_by_keys(it: Opened, label: str) -> None:
    it.page.locator("#list").focus()
    it.press("Home")
    while label not in it.page.locator("#list .active").inner_text():
        it.press("ArrowDown")
    it.press("Enter")


@pytest.mark.parametrize("fold", [fold_by_mouse, fold_by_keys])
def test_sections_fold_and_open(
    report: Path, opened: Open, fold: Callable[[Opened, str], None]
) -> None:
    it = opened(report)
    fold(it, "Changed")
    assert not [row for row in it.rows() if "cart/" in row]
    fold(it, "Unchanged")
    assert sum("quiet/" in row for row in it.rows()) >= 10
    assert it.settled().count("fold=") == 2


def test_the_tree_is_driven_like_every_tree(report: Path, opened: Open) -> None:
    it = opened(report, viewport={"width": 1300, "height": 1600})
    it.page.locator("#list").focus()
    it.press("Home", "ArrowDown")
    assert it.shown == "broken.png"
    it.press("ArrowLeft", "ArrowLeft")
    expanded = it.page.locator("#list .active").get_attribute("aria-expanded")
    assert expanded == "false", "left folds what is above"
    it.press("ArrowRight", "ArrowRight")
    assert it.chosen().startswith("broken.png")
    it.press("End")
    assert "Unchanged" in it.page.locator("#list .active").inner_text()
    tree = it.page.locator("#list")
    assert it.page.locator(f"#{tree.get_attribute('aria-activedescendant')}").count() == 1
    it.press("t")
    folders = [" ".join(row.split()) for row in it.rows("folder")]
    assert folders[:4] == ["cart 3", "icons 1", "long 1", "pages 4"]
    it.page.locator("#list .folder", has_text="cart").first.click()
    assert not [row for row in it.rows() if "banner.png" in row]
    it.click("Folders")
    assert it.rows("folder") == []


# What other words find, tests/app says.
FOUND = {
    "banner": ["cart/banner.png"],
    "is:recoloured": ["soft/recoloured.png"],
    "onerror": [HOSTILE],
    "same-07": ["quiet/same-07.png"],
    "nothing like it": [],
}


def test_search_finds_at_once_and_opens_what_it_finds(report: Path, opened: Open) -> None:
    it = opened(report)
    for query, found in FOUND.items():
        it.press("/")
        it.page.keyboard.type(query)
        assert it.names() == found, query
        assert it.page.locator("#none").is_visible() is (not found)
        it.page.locator("#list").focus()
        it.press("Escape")
        assert len(it.rows()) > 5
        assert it.page.locator("#search").input_value() == ""
    it.press("/", "s", ":")
    assert len(it.rows()) > 5, "half typed words do not empty the list"


def test_the_stage_never_shows_what_the_search_hides(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    it.page.locator("#search").fill("welcome")
    assert (it.shown, it.names()) == ("new/welcome.png", ["new/welcome.png"])
    it.page.locator("#search").fill("nothing like it")
    assert it.page.locator("#panes").inner_text() == "No snapshot matches the search."
    assert it.page.locator("#name").inner_text() == ""
    assert not it.page.get_by_role("button", name="Approve").is_visible()
    it.page.locator("#list").focus()
    it.press("a")
    assert it.done == "0 of 14"
    it.press("Escape")
    assert it.shown == "broken.png"
    it.page.locator("#search").fill("d:undecided s:changed")
    it.press("Enter", "ArrowDown", "a")
    assert it.done == "1 of 14"
    assert it.shown == "cart/grown.png", "and one is led on to the next, not to the first"
    elsewhere = opened(of_a_bucket, "#q=banner&s=icons/clear.png")
    assert elsewhere.shown == "cart/banner.png", "nor by a link"


def test_chips_of_statuses_and_tags_are_words_of_the_search_and_the_order_is_chosen(
    of_a_bucket: Path, opened: Open
) -> None:
    it = opened(of_a_bucket)
    it.click("Changed 11", exact=True)
    it.click("mobile 4")
    assert it.page.locator("#search").input_value() == "s:changed t:mobile"
    assert it.page.locator(".found").inner_text() == "4 of 45"
    assert it.page.get_by_role("button", name="mobile 4").get_attribute("aria-pressed") == "true"
    it.click("mobile 4")
    assert it.page.locator("#search").input_value() == "s:changed"
    first = {"severity": "icons/clear.png", "size": "long/terms.png", "name": HOSTILE}
    for by, name in first.items():
        it.page.get_by_label("Sort by").select_option(by)
        assert it.names()[0] == name


def test_numbers_arrows_and_clicks_lead_through_the_list(report: Path, opened: Open) -> None:
    it = opened(report)
    it.press("ArrowDown", "ArrowDown")
    assert it.shown == HOSTILE
    it.press("ArrowUp")
    assert it.shown == "icons/clear.png"
    it.click("Next snapshot")
    it.click("Previous snapshot")
    assert it.shown == "icons/clear.png"
    it.page.locator("#list .row", has_text="cart/banner.png").click()
    assert it.shown == "cart/banner.png"
    assert it.chosen().startswith("cart/banner.png")
    it.press("4")
    assert it.shown == "old/goodbye.png"
    it.press("7")
    assert it.shown == "quiet/same-00.png", "and open it where it is folded"
    it.press("2")
    assert it.shown == "icons/clear.png"
    it.press("6")
    assert it.shown == "icons/clear.png", "nothing was skipped"


def test_a_link_shows_what_i_see(report: Path, opened: Open) -> None:
    it = opened(report)
    it.press("t", "/")
    it.page.keyboard.type("s:changed cart")
    it.page.locator("#list").focus()
    it.press("End", "w", "z", ".", "i")
    it.page.get_by_label("Sort by").select_option("name")
    fragment = it.settled()
    again = opened(report, fragment)
    for what in (it, again):
        assert what.shown == "cart/button-desktop.png"
        assert what.mode == "swipe"
        assert what.scale == "100 %"
        assert what.page.locator("#search").input_value() == "s:changed cart"
        assert what.page.get_by_label("Sort by").input_value() == "name"
        assert not what.page.locator("#about").is_visible()
    assert it.rows() == again.rows()
    assert it.transforms() == again.transforms()
    assert again.settled() == fragment


def test_the_address_may_change_and_hold_nonsense(report: Path, opened: Open) -> None:
    it = opened(report, "#s=nobody&m=%3Cscript%3E&z=-1&x=NaN&fold=%00&q=%22")
    assert it.shown == "broken.png"
    assert it.complaints == []
    it.page.evaluate("location.hash = '#s=icons/clear.png&m=diff'")
    it.wait_for("document.querySelector('#panes').dataset.mode === 'diff'")
    assert it.shown == "icons/clear.png"

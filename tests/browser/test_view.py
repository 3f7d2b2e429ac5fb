"""The main view: modes, mask, zoom and pan, minimap, regions; by mouse and by keyboard."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from browser.conftest import Open, Opened

pytestmark = pytest.mark.browser

BUTTON = "#s=cart/button-desktop.png"


SHOWN = "document.querySelector('#panes').dataset.shown"
MODES = {
    "w": ("swipe", "Swipe", 1),
    "o": ("onion", "Onion", 1),
    "b": ("blink", "Blink", 1),
    "d": ("diff", "Diff", 1),
    "x": ("single", "Single", 1),
    "s": ("side", "Side", 2),
}


def middle(it: Opened) -> tuple[float, float]:
    box = it.page.locator("#panes .view").last.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def sees(it: Opened, selector: str) -> bool:
    """Whether what is selected lies within the view, from its top to its bottom."""
    seen, view = it.box(selector), it.box(".view")
    return view["y"] <= seen["y"] <= seen["y"] + seen["height"] <= view["y"] + view["height"]


def test_modes_by_key_and_by_mouse(report: Path, opened: Open) -> None:
    it = opened(report, BUTTON)
    loaded = it.page.locator(".pane img").evaluate_all(
        "all => Promise.all(all.map(i => i.decode().then(() => [i.naturalWidth, i.naturalHeight])))"
    )
    assert loaded == [[640, 420], [640, 420]]
    for key, (mode, name, panes) in MODES.items():
        button = it.page.get_by_role("button", name=name, exact=True)
        it.press(key)
        assert (it.mode, it.page.locator(".pane").count()) == (mode, panes)
        assert button.get_attribute("aria-pressed") == "true"
        it.press("s" if mode != "side" else "x")
        button.click()
        assert it.mode == mode
    it.page.evaluate("document.activeElement.blur()")
    it.press("ArrowLeft")
    image = it.page.locator(".pane img")
    assert (it.mode, image.get_attribute("alt")) == ("single", "Base of cart/button-desktop.png")
    it.press("Space")
    assert image.get_attribute("alt") == "Head of cart/button-desktop.png"
    it.press("ArrowLeft", "ArrowRight")
    assert it.page.locator(".layer.head").count() == 1
    assert it.complaints == []


def test_one_image_alone_has_one_mode(report: Path, opened: Open) -> None:
    it = opened(report, "#s=new/welcome.png&m=swipe")
    assert (it.mode, it.page.locator(".pane img").count()) == ("single", 1)
    assert it.page.get_by_role("button", name="Swipe").is_disabled()
    it.press("1")
    assert it.mode == "swipe", "what was chosen is kept"


def test_swipe_by_slider_by_keys_and_by_hand(report: Path, opened: Open) -> None:
    it = opened(report, f"{BUTTON}&m=swipe")

    def edge() -> float:
        clip = it.page.locator(".layer.head").evaluate("l => l.style.clipPath")
        return float(clip.split()[-1].removesuffix("px)"))

    at = edge()
    it.press(".")
    assert edge() > at
    it.press(",", ",")
    assert edge() < at
    it.page.get_by_label("Divider").fill("0.8")
    assert edge() > at + 100
    x, y = middle(it)
    it.page.mouse.move(it.box(".divider")["x"] + 12, y)
    it.page.mouse.down()
    it.page.mouse.move(x, y, steps=4)
    it.page.mouse.up()
    assert edge() == pytest.approx(at, abs=4)


def test_onion_fades_head_in_and_difference_is_black_where_nothing_changed(
    report: Path, opened: Open
) -> None:
    it = opened(report, f"{BUTTON}&m=onion&at=0.25", reduced_motion="reduce")
    head = it.page.locator(".layer.head")
    assert head.evaluate("l => l.style.opacity") == "0.25"
    it.page.get_by_label("Opacity of head").fill("0.8")
    assert head.evaluate("l => l.style.opacity") == "0.8"
    it.press("d")
    it.page.wait_for_timeout(300)
    assert head.evaluate("l => getComputedStyle(l).mixBlendMode") == "difference"
    it.page.get_by_label("Brighter").fill("16")
    assert it.page.locator(".layers").evaluate("l => l.style.filter") == "brightness(16)"


def test_blink_changes_by_itself_at_its_rate_and_pauses(report: Path, opened: Open) -> None:
    it = opened(report, f"{BUTTON}&m=blink")
    first = it.page.evaluate(SHOWN)
    it.wait_for(f"{SHOWN} !== '{first}'")
    it.page.get_by_label("Blinks a second").fill("4")
    it.press("Space")
    paused = it.page.evaluate(SHOWN)
    it.page.wait_for_timeout(700)
    assert it.page.evaluate(SHOWN) == paused
    hidden = it.page.locator(f".layer.{'head' if paused == 'base' else 'base'}")
    assert hidden.evaluate("l => getComputedStyle(l).visibility") == "hidden"


def test_who_wants_stillness_blinks_by_hand(report: Path, opened: Open) -> None:
    it = opened(report, f"{BUTTON}&m=blink", reduced_motion="reduce")
    it.page.wait_for_timeout(900)
    assert it.page.evaluate(SHOWN) == "base"
    it.press("Space")
    assert it.page.evaluate(SHOWN) == "head"


def test_the_picture_is_shown_true_until_the_mask_is_asked_for(report: Path, opened: Open) -> None:
    it = opened(report, BUTTON)
    mask = it.page.get_by_role("button", name="Mask", exact=True)
    assert mask.get_attribute("aria-pressed") == "false"
    assert not it.page.locator(".overlay").is_visible()
    assert it.page.locator(".frames .region").first.is_visible(), "boxes say where"
    mask.hover()
    assert it.page.locator(".overlay").is_visible()
    it.page.mouse.move(5, 5)
    assert not it.page.locator(".overlay").is_visible()
    grown = opened(report, "#s=cart/banner.png")
    band = grown.page.locator(".frames .band:not(.gap)").first
    assert band.evaluate("b => getComputedStyle(b).fillOpacity") == "0"
    grown.press("m")
    assert band.evaluate("b => getComputedStyle(b).fillOpacity") == "0.14"


def test_the_mask_lies_on_head_in_the_colour_and_opacity_that_were_chosen(
    report: Path, opened: Open
) -> None:
    it = opened(report, BUTTON)
    assert it.page.locator(".layer.base .overlay").count() == 0
    tint = it.page.locator(".layer.head .overlay .tint")
    assert tint.evaluate("t => getComputedStyle(t).fill") == "rgb(230, 0, 122)"
    it.click("Mask in green")
    it.page.get_by_label("Opacity of the mask").fill("0.9")
    assert tint.evaluate("t => getComputedStyle(t).fill") == "rgb(0, 168, 62)"
    assert tint.evaluate("t => getComputedStyle(t).opacity") == "0.9"
    it.press("m")
    assert it.page.locator(".overlay").is_visible()
    it.press("m")
    assert not it.page.locator(".overlay").is_visible()
    it.click("Mask", exact=True)
    it.page.mouse.move(5, 5)
    assert it.page.locator(".overlay").is_visible()
    region = it.page.locator(".frames .region").first
    assert region.is_visible()
    it.press("h")
    assert not region.is_visible()
    it.click("Boxes")
    assert region.is_visible()
    again = it.page.context.new_page()
    again.goto(it.page.url)
    again.wait_for_selector("body.tinted .overlay")
    kept = again.locator(".overlay .tint").evaluate("t => getComputedStyle(t).fill")
    assert kept == "rgb(0, 168, 62)", "and remembered"


def test_the_mask_is_painted_where_pixels_changed_and_nowhere_else(
    report: Path, opened: Open
) -> None:
    """From disk a CSS mask-image would show nothing at all: what is seen is looked at."""
    it = opened(report, f"{BUTTON}&m=single&z=1&x=0&y=0")
    it.press("h", "m")
    it.page.get_by_label("Opacity of the mask").fill("1")
    it.page.wait_for_timeout(400)
    origin = it.box(".world")

    def colour(x: int, y: int) -> tuple[int, ...]:
        clip = {"x": origin["x"] + x, "y": origin["y"] + y, "width": 1, "height": 1}
        shot = it.page.screenshot(clip=clip)  # type: ignore[arg-type]
        return tuple(Image.open(io.BytesIO(shot)).convert("RGB").getpixel((0, 0)))  # type: ignore[arg-type]

    assert colour(90, 310) == (230, 0, 122), "the button"
    assert colour(503, 383) == (230, 0, 122), "the small square"
    assert colour(300, 350) == (255, 255, 255)


def test_zoom_by_wheel_is_the_same_in_both_panes_and_stays_at_the_pointer(
    report: Path, opened: Open
) -> None:
    it = opened(report, f"{BUTTON}&z=1")
    x, y = middle(it)
    it.page.mouse.move(x, y)
    before = it.page.evaluate("new DOMMatrix(document.querySelector('.world').style.transform).e")
    it.page.keyboard.down("Control")
    it.page.mouse.wheel(0, -208)  # e^(208/300) is 2
    it.page.keyboard.up("Control")
    assert it.scale == "200 %"
    first, second = it.transforms()
    assert first == second
    assert it.page.evaluate(
        "new DOMMatrix(document.querySelector('.world').style.transform).e"
    ) != pytest.approx(before)


def test_wheel_and_drag_move_both(report: Path, opened: Open) -> None:
    it = opened(report, f"{BUTTON}&z=3&x=100&y=100")
    x, y = middle(it)
    it.page.mouse.move(x, y)
    it.page.mouse.wheel(30, 60)
    it.page.wait_for_timeout(50)
    assert "translate(-110px, -120px)" in it.transforms()[0]
    it.page.mouse.down()
    it.page.mouse.move(x - 30, y + 60, steps=3)
    it.page.mouse.up()
    first, second = it.transforms()
    assert "translate(-120px, -100px)" in first
    assert first == second


def test_zoom_and_pan_by_keys_and_buttons(report: Path, opened: Open) -> None:
    it = opened(report, BUTTON)
    fitting = it.scale
    it.press("z")
    assert it.scale == "100 %"
    it.press("+", "+", "-")
    assert it.scale == "125 %"
    it.click("Zoom in (+)")
    it.click("Zoom out (−)")
    before = it.transforms()
    it.press("Shift+ArrowRight", "Shift+ArrowDown")
    assert it.transforms() != before
    it.press("f")
    assert it.scale == fitting
    it.page.locator("#toolbar .scale").click()
    it.click("Fit", exact=True)
    assert it.scale == fitting
    it.page.mouse.dblclick(*middle(it))
    assert it.scale == "100 %"
    it.page.mouse.dblclick(*middle(it))
    assert it.scale == fitting


def test_zoom_is_kept_from_image_to_image(report: Path, opened: Open) -> None:
    it = opened(report, "#s=cart/banner.png&z=2&x=50&y=80")
    it.press("ArrowDown")
    assert it.shown == "cart/button-desktop.png"
    assert it.scale == "200 %"
    assert "translate(-50px, -80px)" in it.transforms()[0]
    style = "getComputedStyle(document.querySelector('.pane img')).imageRendering"
    assert it.page.evaluate(style) == "auto"
    it.press("+")
    assert it.page.evaluate(style) == "pixelated", "beyond two hundred pixels are seen as such"


def test_two_fingers_pinch(report: Path, opened: Open) -> None:
    it = opened(report, f"{BUTTON}&z=1", has_touch=True)
    x, y = middle(it)
    client = it.page.context.new_cdp_session(it.page)

    def touch(kind: str, *points: float) -> None:
        touches = [{"x": p, "y": y, "id": n} for n, p in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", x - 40, x + 40)
    touch("touchMove", x - 60, x + 60)
    touch("touchMove", x - 80, x + 80)
    touch("touchEnd")
    it.page.wait_for_timeout(100)
    assert it.scale == "200 %"


def test_j_and_k_lead_through_the_regions_and_pulse(report: Path, opened: Open) -> None:
    it = opened(report, BUTTON)
    where = it.page.locator("#toolbar .where")
    assert where.inner_text() == "2 changes"
    it.press("j")
    assert where.inner_text() == "1 of 2 changes"
    assert it.page.locator(".pulse").count() == 2, "one in each pane"
    first = it.page.locator(".pulse").first.get_attribute("data-region")
    assert first == "24,290"
    it.press("j")
    assert it.page.locator(".pulse").first.get_attribute("data-region") == "500,380"
    assert float(it.scale.removesuffix(" %")) >= 100, "what is small is zoomed in on"
    it.press("j")
    assert where.inner_text() == "1 of 2 changes", "and round again"
    it.press("k")
    assert where.inner_text() == "2 of 2 changes"
    it.click("Next change (J)")
    assert where.inner_text() == "1 of 2 changes"
    it.page.locator("#facts .place").nth(1).click()
    assert where.inner_text() == "2 of 2 changes"
    it.wait_for("!document.querySelector('.pulse')")


def test_regions_of_a_tall_picture_are_brought_into_view(report: Path, opened: Open) -> None:
    it = opened(report, "#s=long/terms.png&z=1")
    it.press("j")
    it.page.wait_for_timeout(100)
    assert sees(it, ".frames .region")
    it = opened(report, BUTTON)
    it.page.locator("#search").fill("terms")
    it.page.locator("#list .row.card").click()
    assert it.box(".view")["y"] < it.box(".frames .region")["y"], "it begins at its first change"
    assert it.box(".frames .region")["y"] < it.box(".view")["y"] + it.box(".view")["height"]


def test_minimap_shows_changed_rows_and_leads_to_them(report: Path, opened: Open) -> None:
    it = opened(report, "#s=long/terms.png&z=1")
    marks = it.page.locator(".minimap rect.changed")
    assert [marks.nth(n).get_attribute("y") for n in range(marks.count())] == ["2400"]
    window = it.page.locator(".minimap .window")
    assert window.evaluate("w => w.style.top") == "0%"
    box = it.box(".minimap .track")
    it.page.mouse.click(box["x"] + 5, box["y"] + box["height"] * 2_420 / 3_000)
    it.page.wait_for_timeout(50)
    assert float(str(window.evaluate("w => w.style.top")).removesuffix("%")) > 60
    scrollbar = it.page.get_by_role("scrollbar", name="Changed rows")
    scrollbar.focus()
    it.press("Home")
    assert window.evaluate("w => w.style.top") == "0%"
    it.press("PageDown")
    assert float(str(scrollbar.get_attribute("aria-valuenow"))) > 5
    it.press("End")
    assert scrollbar.get_attribute("aria-valuenow") == "100"


def test_inserted_rows_are_drawn_and_what_they_moved_stays_beside_its_counterpart(
    report: Path, opened: Open
) -> None:
    it = opened(report, "#s=cart/banner.png")
    bands = it.page.locator(".frames .band.inserted")
    assert bands.count() == 2
    assert bands.first.get_attribute("class") == "band inserted gap"
    slices = it.page.locator(".layer.base .slice").evaluate_all(
        "all => all.map(s => [s.offsetTop, s.offsetHeight, s.firstChild.offsetTop])"
    )
    [first, second] = slices
    assert second[0] - (first[0] + first[1]) == 60, "a gap of sixty rows"
    assert second[2] == -first[1], "and base goes on where it stopped"
    tops = [it.box(f".layer.{side} .slice >> nth=-1")["y"] for side in ("base", "head")]
    assert tops[0] == pytest.approx(tops[1], abs=0.1)
    assert "60 rows inserted at row" in it.page.locator("#facts .why").inner_text()


def test_sizes_are_printed_and_a_change_of_size_is_framed(report: Path, opened: Open) -> None:
    it = opened(report, "#s=cart/grown.png")
    captions = [" ".join(c.split()) for c in it.page.locator("figcaption").all_inner_texts()]
    assert "640×420" in captions[0]
    assert "640×500 (±0 × +80)" in captions[1]
    heights = it.page.locator(".frames .extent").evaluate_all(
        "all => all.map(e => e.getAttribute('height'))"
    )
    assert heights == ["420", "500"]
    it.press("ArrowDown")
    it.press("ArrowDown")
    assert it.page.locator(".frames .extent").count() == 0, "where sizes are the same"


def test_a_recolour_of_version_0_1_which_no_mask_shows_is_told_in_words(
    report: Path, opened: Open
) -> None:
    it = opened(report, "#s=soft/recoloured.png")
    note = it.page.locator("#notes").inner_text()
    assert "Plain areas are recoloured by a shade, too faint for the mask." in note
    assert it.page.locator(".overlay").count() == 0
    it.click("Show the difference")
    assert it.mode == "diff"


def test_transparent_pixels_lie_on_a_checkerboard_that_can_be_dark(
    report: Path, opened: Open
) -> None:
    it = opened(report, "#s=icons/clear.png")
    look = "getComputedStyle(document.querySelector('.slice')).backgroundImage"
    light = it.page.evaluate(look)
    assert light.startswith("repeating-conic-gradient")
    it.press("l", "l")
    assert it.page.get_by_role("button", name="Canvas: dark").is_visible()
    assert it.page.evaluate(look) != light
    it.click("Canvas: dark")
    assert it.page.evaluate(look) == light


def test_images_that_cannot_be_read_or_are_missing_say_so(
    report: Path, opened: Open, tmp_path: Path
) -> None:
    alone = tmp_path / "index.html"
    alone.write_bytes(report.read_bytes())
    it = opened(report, "#s=broken.png")
    assert it.page.locator("#notes").inner_text() == "UNREADABLE: head: the header is damaged"
    assert "cannot read this image either" in it.page.locator(".pane.head").inner_text()
    it = opened(alone, BUTTON)
    it.page.wait_for_selector(".missing")
    said = it.page.locator(".pane.base .gone").inner_text()
    assert "This image is not there" in said
    assert "images/local/" in said
    assert it.page.locator("#list .no-thumb").count() > 3


def test_facts_say_what_is_known_and_lead_to_the_same_change(
    of_a_bucket: Path, opened: Open
) -> None:
    it = opened(of_a_bucket, BUTTON)
    facts = " ".join(it.page.locator("#about").inner_text().split())
    for said in (
        "Name cart/button-desktop.png",
        "Called Cart with one item",
        "Changed 5,256 of 268,800 pixels (2 %)",
        "Size 640×420",
        "Tags desktop",
        "Description The button below the list",
        "browser chromium 156",
        "Why it counts",
        "2 regions count as plain (5,256 pixels): a plain area has another colour.",
        "Baseline the nearest ancestor with an approved build",
        "2 commits before head",
        "passed over 1233-1: it was rejected",
        "Engine odiff",
        "algorithm ",
        "Policy structural threshold 0.15",
        "Compared 2026-01-02 03:04:05 UTC",
        "42.5 GB-seconds; requests: 180 to s3",
        "by AWS list prices, us-east-1",
        "Execution e1",
    ):
        assert said in facts
    it.click("desktop", exact=True)
    assert it.page.locator("#search").input_value() == "t:desktop"
    it.press("i")
    assert not it.page.locator("#about").is_visible()
    it.click("Facts")
    assert it.page.locator("#about").is_visible()
    it.page.locator("#search").fill("step-3")
    it.page.locator("#list .row.card").click()
    it.click("in 3 others")
    assert it.page.locator(".found").inner_text() == "4 of 45"

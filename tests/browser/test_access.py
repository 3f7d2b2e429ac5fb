"""For everybody: axe finds nothing, the keyboard reaches everything, focus is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from browser.conftest import Open, Opened

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "tools" / "js" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(it: Opened) -> list[str]:
    """What axe finds, with its place."""
    it.page.wait_for_timeout(250)
    if not it.page.evaluate("() => 'axe' in window"):
        if not AXE.exists():
            pytest.fail("axe-core is missing: npm ci --ignore-scripts in tools/js")
        it.page.evaluate(f"() => {{ {AXE.read_text()} }}")
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found: dict[str, Any] = it.page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{v['id']}: {node['target']} {node['failureSummary']}"
        for v in found["violations"]
        for node in v["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("fragment", "keys"),
    [
        ("", ()),
        ("#s=cart/banner.png", ("j",)),
        ("#s=cart/button-desktop.png&m=swipe", ("a", "ArrowUp")),
        ("#s=cart/button-desktop.png&m=blink&tree=1", ("Space",)),
        ("#s=pages/step-1-mobile.png&whole=1", ("r", "g")),
        ("#q=nothing-at-all", ()),
        ("#s=new/welcome.png", ("7",)),
        ("", ("?",)),
        ("", ("a", "e")),
    ],
)
def test_axe_finds_no_violation(
    of_a_bucket: Path, opened: Open, scheme: str, fragment: str, keys: tuple[str, ...]
) -> None:
    it = opened(of_a_bucket, fragment, color_scheme=scheme, bypass_csp=True)
    it.press(*keys)
    assert violations(it) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("keys", [("2", "ArrowDown"), ("Shift+A",), ("e",)])
def test_axe_finds_no_violation_with_reviews(
    rejected: Path, opened: Open, scheme: str, keys: tuple[str, ...]
) -> None:
    it = opened(rejected, "#q=cart", color_scheme=scheme, bypass_csp=True)
    it.press(*keys)
    assert violations(it) == []


@pytest.mark.parametrize("pane", ["list", "stage"])
def test_axe_finds_no_violation_on_a_phone(of_a_bucket: Path, opened: Open, pane: str) -> None:
    it = opened(of_a_bucket, viewport={"width": 390, "height": 780}, bypass_csp=True)
    if pane == "stage":
        it.page.locator("#list .row.card").nth(2).click()
    assert violations(it) == []


def test_tab_reaches_every_control_and_focus_is_seen(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket, "#s=cart/button-desktop.png&m=swipe")
    controls = it.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, a[href], [tabindex="0"]')]
             .filter(e => e.offsetParent && !e.disabled && e.tabIndex >= 0).length"""
    )
    seen = set()
    for _ in range(controls + 5):
        it.press("Tab")
        focus = it.page.evaluate(
            """() => {
              const e = document.activeElement, s = getComputedStyle(e);
              const name = [e.tagName, e.id, e.className, e.textContent.slice(0, 30), e.title];
              const outlined = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2;
              return [name.join() + e.ariaLabel, outlined, e === document.body];
            }"""
        )
        name, outlined, outside = focus
        if outside:
            continue
        assert outlined, name
        seen.add(name)
    assert len(seen) >= controls - 2
    assert controls > 35


def test_a_whole_review_by_keyboard_alone(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    it.press("/")
    it.page.keyboard.type("s:changed cart")
    it.press("Tab", "Escape")
    assert it.page.evaluate("document.activeElement.id") == "list"
    it.press("2", "ArrowDown", "ArrowDown")
    assert it.shown == "cart/grown.png"
    it.press("j", "w", "a")
    it.press("a", "r", "e")
    assert it.page.get_by_role("dialog").is_visible()
    it.press("Escape")
    assert it.page.get_by_role("dialog").count() == 0
    assert it.done == "3 of 14"


@pytest.mark.parametrize("leave", ["Enter", "Escape", "ArrowDown"])
def test_keys_act_again_when_the_search_is_left(
    of_a_bucket: Path, opened: Open, leave: str
) -> None:
    it = opened(of_a_bucket)
    it.press("/")
    it.page.keyboard.type("banner")
    assert it.done == "0 of 14", "while one types, A is a letter"
    it.press(leave)
    assert it.page.evaluate("document.activeElement.id") == "list"
    assert it.page.locator("#search").input_value() == ("" if leave == "Escape" else "banner")
    assert it.shown == "cart/banner.png"
    it.press("r")
    assert it.done == "1 of 14"
    it.press("e")
    assert it.page.get_by_role("dialog").is_visible()


def test_the_help_shows_every_key_and_every_key_is_in_it(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    it.click("Keys")
    shown = it.page.locator("dialog kbd").all_inner_texts()
    assert {*"GT/ARUEJKMHSWOBDXFZLYI?,.-+0", *"↓↑←→1…8", "Esc", "Space"} <= set(shown)
    it.press("Escape")
    it.press("?")
    assert it.page.get_by_role("dialog", name="Keys").is_visible()
    it.page.mouse.click(5, 5)
    assert it.page.get_by_role("dialog").count() == 0, "a click beside it closes it"


def test_keys_do_nothing_while_one_types_or_holds_a_modifier(
    of_a_bucket: Path, opened: Open
) -> None:
    it = opened(of_a_bucket)
    it.page.locator("#search").focus()
    it.page.keyboard.type("a")
    assert it.done == "0 of 14"
    it.page.locator("#search").fill("")
    it.page.locator("#list").focus()
    it.press("1")
    before = it.shown
    it.press("Control+a", "Alt+r")
    assert it.done == "0 of 14"
    it.press("?", "a")
    assert it.done == "0 of 14"
    assert it.shown == before
    it.press("Escape", "a")
    said = it.page.get_by_role("status").last.inner_text()
    assert said == "Approved: broken.png. 1 of 14 decided.", "to who cannot see it"


def test_nothing_moves_for_who_wants_stillness(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket, "#s=cart/button-desktop.png", reduced_motion="reduce")
    it.press("j")
    frames = it.page.evaluate(
        "document.querySelector('.pulse').getAnimations()[0].effect.getKeyframes()"
        ".map(k => k.outlineOffset ?? null)"
    )
    assert set(frames) == {None}, "it is framed, and nothing grows or shrinks"

"""What is in quarantine: a section of its own, with owner, reason and end; nothing to decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from browser.conftest import Open, Opened
from browser.drawings import rewrite
from browser.test_access import violations
from pixelgate.client.compare_folders import LocalResult
from pixelgate.domain.comparison import Comparison
from pixelgate.domain.quarantine import Applied, Quarantine, Stamp

pytestmark = pytest.mark.browser

NAME = "cart/banner.png"
STAMP = Stamp.of(
    Quarantine(
        match="cart/*",
        owner="Grace",
        reason="the font loads late",
        since="2026-01-01T00:00:00+00:00",
        until="2026-01-15T00:00:00+00:00",
        id="q1",
        by="AWS:AROA:ada",
    )
)
NOTE = "2 of 10 snapshots are in quarantine (20.0%); at most 5% should be"


@pytest.fixture(scope="module")
def quarantined(published: Comparison, compared: LocalResult) -> Path:
    """The page of a comparison of which two changes are in quarantine."""
    stamps = {NAME: STAMP, "icons/clear.png": replace(STAMP, owner="Ida")}
    shown = published.with_quarantine(Applied(stamps, (NOTE,)))
    return rewrite(compared, "quarantine.html", shown, bucket="shots")


def section(it: Opened) -> list[str]:
    return [" ".join(text.split()) for text in it.rows("section")]


def test_it_is_a_section_after_what_needs_a_review(quarantined: Path, opened: Open) -> None:
    it = opened(quarantined, viewport={"width": 1300, "height": 1800})
    names = section(it)
    assert names[1:5] == ["Changed 9", "Added 1", "Removed 1", "In quarantine 2"]
    assert "; 2 quarantined snapshots changed" in it.page.locator("h1").inner_text()
    assert NOTE in it.page.locator(".warning").all_inner_texts()
    row = it.page.locator("#list .row.card", has_text="banner.png")
    assert "until 2026-01-15, Grace" in row.inner_text()


def test_it_says_owner_reason_and_end_and_shows_both_pictures(
    quarantined: Path, opened: Open
) -> None:
    it = opened(quarantined, f"#s={NAME}&facts=1")
    said = it.page.locator(".excused").inner_text()
    assert said == (
        "In quarantine until 2026-01-15, Grace: the font loads late. Nobody has to review it."
    )
    facts = it.page.locator("#facts").inner_text()
    for words in ("2026-01-01 to 2026-01-15, as cart/*", "Grace", "ada, q1", "WHY IT WOULD COUNT"):
        assert words.lower() in facts.lower()
    assert it.page.locator("#panes img, #panes canvas").count() >= 2


def test_the_keyboard_reaches_it_and_decides_nothing(quarantined: Path, opened: Open) -> None:
    it = opened(quarantined)
    it.press("8")
    assert it.shown in {NAME, "icons/clear.png"}
    before = it.shown
    it.press("a")
    decided = it.page.locator("#list .decided")
    assert decided.count() == 0
    assert before in {NAME, "icons/clear.png"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(quarantined: Path, opened: Open, scheme: str) -> None:
    it = opened(quarantined, f"#s={NAME}&facts=1", color_scheme=scheme, bypass_csp=True)
    assert violations(it) == []

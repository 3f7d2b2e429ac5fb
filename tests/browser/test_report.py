"""The report in a real browser, opened from disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from pixelgate.local import LocalResult, compare_folders
from pixelgate.wiring import find_engine, open_pool

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> LocalResult:
    out = tmp_path_factory.mktemp("report") / "report # 1"  # a path that links must encode
    engine = find_engine()
    with open_pool(engine) as pool:
        return compare_folders(
            EXAMPLES / "base", EXAMPLES / "head", out, pool=pool, engine=engine.label
        )


@dataclass
class Opened:
    """A page and everything that went wrong on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Opened]]:
    pages: list[Page] = []

    def open_page(path: Path, **options: object) -> Opened:
        page = browser.new_page(**options)  # type: ignore[arg-type]
        pages.append(page)
        opened = Opened(page)
        page.on("console", lambda m: opened.complaints.append(m.text))
        page.on("pageerror", lambda e: opened.complaints.append(str(e)))
        page.on("requestfailed", lambda r: opened.complaints.append(f"failed: {r.url}"))
        page.on("request", lambda r: opened.requests.append(r.url))
        page.goto(path.as_uri())
        return opened

    yield open_page
    for page in pages:
        page.close()


def load_every_image(page: Page) -> None:
    page.evaluate(
        """async () => {
          for (const details of document.querySelectorAll('details')) details.open = true;
          for (const image of document.images) image.loading = 'eager';
          await Promise.all([...document.images].map(i => i.decode().catch(() => {})));
        }"""
    )


def test_it_opens_from_disk_and_every_picture_is_there(
    compared: LocalResult, opened: Callable[..., Opened]
) -> None:
    it = opened(compared.out / "index.html")
    load_every_image(it.page)
    broken = it.page.evaluate(
        "[...document.images].filter(i => !i.naturalWidth).map(i => i.getAttribute('src'))"
    )
    assert broken == []
    # base, head, head under the mask and mask of 17, base and head of 4 with bands; one each of
    # 9 added, 5 removed, 1 renamed
    assert it.page.locator("img").count() == 4 * 17 + 2 * 4 + 9 + 5 + 1
    # The four with inserted and deleted rows are cut from both images by SVG.
    assert it.page.locator("svg.aligned").count() == 4
    asked = {url.split("/")[-1] for url in it.requests}
    slices = it.page.locator("svg.aligned image").evaluate_all(
        "all => all.map(i => i.getAttribute('href').split('/').pop())"
    )
    assert set(slices) <= asked
    assert it.complaints == []
    assert {url.split(":")[0] for url in it.requests} == {"file"}


def test_it_says_what_happened(compared: LocalResult, opened: Callable[..., Opened]) -> None:
    page = opened(compared.out / "index.html").page
    assert page.locator("h1").inner_text() == "Needs review: 21 changed, 9 added, 5 removed"
    assert page.locator("#changed article").count() == 21
    assert page.locator("#unchanged li").count() == 12
    assert not page.locator("#unchanged li").first.is_visible(), "unchanged is folded"
    page.locator(".section.unchanged summary").click()
    assert page.locator("#unchanged li").first.is_visible()


def test_a_status_links_to_its_section(
    compared: LocalResult, opened: Callable[..., Opened]
) -> None:
    page = opened(compared.out / "index.html").page
    page.get_by_role("link", name="Removed 5").click()
    assert page.locator("#removed").bounding_box()["y"] < 400  # type: ignore[index]


def test_a_snapshot_has_an_address(compared: LocalResult, opened: Callable[..., Opened]) -> None:
    page = opened(compared.out / "index.html").page
    link = page.locator("#changed article").nth(7).get_by_role("heading").get_by_role("link")
    link.click()
    assert page.locator("article:target").count() == 1


def test_a_link_to_a_folded_section_opens_it(
    compared: LocalResult, opened: Callable[..., Opened]
) -> None:
    page = opened(compared.out / "index.html").page
    page.get_by_role("link", name="Unchanged 12").click()
    assert page.locator("#unchanged li").first.is_visible()


def test_the_mask_lies_on_the_head_pixel_for_pixel(
    compared: LocalResult, opened: Callable[..., Opened]
) -> None:
    page = opened(compared.out / "index.html").page
    load_every_image(page)
    overlay = page.locator("#changed .overlay").first
    boxes = [overlay.locator(f".{part}").bounding_box() for part in ("under", "mask")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["width"] > 100
    for edge in ("x", "y", "width", "height"):
        assert boxes[0][edge] == pytest.approx(boxes[1][edge], abs=0.1)


def test_a_very_tall_picture_does_not_push_the_others_away(
    browser: Browser, opened: Callable[..., Opened], tmp_path: Path
) -> None:
    for side, level in (("base", 10), ("head", 200)):
        (tmp_path / side).mkdir()
        Image.new("L", (300, 30_000), level).save(tmp_path / side / "tall.png")
        Image.new("L", (90, 60), level).save(tmp_path / side / "small.png")
    engine = find_engine()
    out = tmp_path / "out"
    with open_pool(engine) as pool:
        compare_folders(tmp_path / "base", tmp_path / "head", out, pool=pool, engine=engine.label)
    page = opened(out / "index.html", viewport={"width": 1_400, "height": 800}).page
    load_every_image(page)
    assert page.evaluate("document.documentElement.scrollHeight") < 3_000
    small = page.locator("article", has_text="small.png").locator("figure a").first.bounding_box()
    assert small is not None
    assert small["width"] == 92, "the frame is as wide as the picture"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1_400])
def test_nothing_hangs_over_the_edge(
    compared: LocalResult, opened: Callable[..., Opened], scheme: str, width: int
) -> None:
    it = opened(
        compared.out / "index.html",
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )
    assert it.page.evaluate("document.documentElement.scrollWidth") <= width
    background = it.page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(int(n) for n in background[4:-1].split(",")) > 3 * 128
    assert light == (scheme == "light")

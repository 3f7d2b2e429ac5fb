"""Pages and locators of Playwright for Python, in Debian's Chromium."""

from __future__ import annotations

import io
import os
import shutil

import pytest
from PIL import Image

from .conftest import Project, pictures, sidecar

pytestmark = pytest.mark.browser

TESTS = """
import asyncio
from playwright.async_api import async_playwright
from playwright.sync_api import sync_playwright

PAGE = '''<style>body {margin: 0; background: white} @keyframes spin {to {rotate: 360deg}}
    #box {width: 50px; height: 40px; background: red; animation: spin 1s infinite}
    #long {height: 900px}</style><div id=box></div><div id=long></div>'''
OPTIONS = {"executable_path": os.environ["CHROMIUM"], "args": ["--no-sandbox"]}

@pytest.fixture
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**OPTIONS)
        page = browser.new_page(viewport={"width": 300, "height": 200}, device_scale_factor=2)
        page.set_content(PAGE)
        yield page
        browser.close()

def test_page(page, pixelgate):
    pixelgate(page)
    pixelgate(page, "full", full_page=True, tags={"theme": "light"})
    pixelgate(page.locator("#box"), "box")
    pixelgate(page, "masked", mask=[page.locator("#box")], mask_color="#00ff00", scale="device")

def test_missing(page, pixelgate):
    page.set_default_timeout(300)
    with pytest.raises(Exception, match="Timeout 300ms"):
        pixelgate(page.locator("#nowhere"), "box")
    pixelgate(page.locator("#box"), "box")

def run_async(body):
    async def run():
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**OPTIONS)
            page = await browser.new_page(viewport={"width": 300, "height": 200})
            await page.set_content(PAGE)
            await body(page)
            await browser.close()
    asyncio.run(run())

def test_async(pixelgate):
    async def body(page):
        assert (await pixelgate(page)).is_file()
        await pixelgate(page.locator("#box"), "box")
        with pytest.raises(Exception, match="taken 'box' before"):
            await pixelgate(page, "box")
    run_async(body)

@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nobody_awaits(pixelgate):
    async def body(page):
        pixelgate(page, "forgotten")
    run_async(body)
"""


@pytest.fixture
def chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have Chromium: apt-get install chromium")
        pytest.skip("needs Chromium: apt-get install chromium, or CHROMIUM=<path>")
    return found


def test_pages_and_locators(project: Project, chromium: str) -> None:
    project.write("tests/test_shop.py", TESTS)
    ended = project.run("--pixelgate-update", CHROMIUM=chromium)
    assert ended.results == {"passed": 3, "failed": 1}, ended.text
    assert "await the screenshot: tests/test_shop.py/test_nobody_awaits/forgotten" in ended.text
    sizes, where = {}, "tests/test_shop.py/"
    for name in pictures(project.snapshots):
        with Image.open(io.BytesIO((project.snapshots / name).read_bytes())) as image:
            sizes[name.removeprefix(where)] = image.size
    assert sizes == {
        "test_async.png": (300, 200),
        "test_async/box.png": (50, 40),
        "test_missing/box.png": (50, 40),
        "test_page.png": (300, 200),
        "test_page/box.png": (50, 40),
        "test_page/full.png": (300, 940),
        "test_page/masked.png": (600, 400),
    }
    with Image.open(project.snapshots / where / "test_page/masked.png") as image:
        assert image.convert("RGB").getpixel((10, 10)) == (0, 255, 0)
    of_browser = {"browser": "chromium", "platform": "linux", "viewport": "300x200"}
    full = sidecar(project.snapshots, f"{where}test_page/full.png")
    assert full["tags"] == {**of_browser, "theme": "light"}
    assert sidecar(project.snapshots, f"{where}test_async/box.png")["tags"] == of_browser
    # The box turns for ever; the screenshots are the same each time.
    ended = project.run("-k", "not awaits", "-n2", CHROMIUM=chromium)
    assert (ended.code, ended.results) == (0, {"passed": 3}), ended.text
    assert project.report["counts"]["unchanged"] == 7

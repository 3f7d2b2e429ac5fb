"""Pages of what went differently, single files, themes, widths, print."""

from __future__ import annotations

import http.server
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from browser.conftest import Open
from browser.drawings import compare, rewrite
from pixelgate.client.compare_folders import LocalResult
from pixelgate.domain.comparison import Snapshot, Status
from pixelgate.domain.keys import NO_BASE, ComparisonId
from pixelgate.report import render_failure

pytestmark = pytest.mark.browser


def state(compared: LocalResult, kind: str) -> Path:
    """A page of that kind beside the report."""
    shown = compared.comparison
    snapshots = dict(shown.snapshots)
    base = "b0"
    if kind == "empty":
        snapshots = {}
    elif kind == "first":
        base = NO_BASE
        snapshots = {
            n: Snapshot(Status.ADDED, s.head_sha256, head_size=s.head_size)
            for n, s in snapshots.items()
            if s.head_sha256 and s.head_size
        }
    elif kind == "errored":
        reason = "UNREADABLE: head: the file is empty"
        snapshots = {
            n: replace(s, status=Status.ERRORED, reason=reason) for n, s in snapshots.items()
        }
    elif kind == "passed":
        snapshots = {n: s for n, s in snapshots.items() if s.status is Status.UNCHANGED}
    changed = replace(
        shown,
        id=ComparisonId("shop", "b1", base),
        snapshots=snapshots,
        execution="e1",
        engine={"name": "odiff", "version": "4.5.0", "algorithm": "3"},
        started=None,
        created="2026-01-02T03:04:05.678+00:00",
    )
    return rewrite(compared, f"{kind}.html", changed)


@pytest.mark.parametrize(
    ("kind", "headline", "advice"),
    [
        ("empty", "There was nothing to compare", "Did the screenshots get written?"),
        ("first", "Passed: a first upload of 43 snapshots", "There is no baseline"),
        ("errored", "Needs review: 45 could not be compared", "look at the job that takes"),
        ("passed", "Passed: 30 snapshots, nothing to review", ""),
    ],
)
def test_unusual_comparisons_say_what_happened_and_what_to_do(
    compared: LocalResult, opened: Open, kind: str, headline: str, advice: str
) -> None:
    it = opened(state(compared, kind))
    assert it.page.locator("h1").inner_text() == headline
    if advice:
        assert advice in it.page.locator(".advice").inner_text()
    assert it.page.locator("#about").is_visible()
    assert it.page.locator("#list").is_visible() is (kind != "empty")
    assert it.complaints == []
    if kind == "passed":
        assert not it.page.locator("#review").is_visible()
        it.press("e")
        assert it.page.get_by_role("dialog").count() == 0
        assert it.names() == [], "unchanged is folded here too"


def test_of_a_first_upload_only_what_cannot_be_read_is_decided(
    compared: LocalResult, opened: Open
) -> None:
    shown = compared.comparison
    snapshots = {
        "broken.png": shown.snapshots["broken.png"],
        "new.png": Snapshot(Status.ADDED, shown.snapshots["new/welcome.png"].head_sha256),
    }
    first = replace(shown, id=ComparisonId("shop", "b1", NO_BASE), snapshots=snapshots)
    it = opened(rewrite(compared, "first-broken.html", first))
    assert it.done == "0 of 1"
    it.press("a", "ArrowDown")
    assert it.done == "1 of 1"
    assert it.shown == "new.png"
    assert not it.page.get_by_role("button", name="Approve").is_visible()


def test_a_failed_run_is_a_page_too(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    error = {"code": "IMAGE_MISSING", "message": "images/shop/12ab is not there"}
    path.write_bytes(render_failure({"project": "shop", "build": "b1", "error": error}))
    it = opened(path)
    assert it.page.locator("h1").inner_text() == "Failed: an image never arrived"
    assert "Upload all images first" in it.page.locator(".advice").inner_text()
    assert "IMAGE_MISSING" in it.page.locator("#run").inner_text()
    assert not it.page.locator("#sidebar").is_visible()
    it.press("?")
    assert it.page.get_by_role("dialog").is_visible()
    assert it.complaints == []


def test_a_single_file_needs_nothing_beside_it(
    compared: LocalResult, opened: Open, tmp_path: Path
) -> None:
    root = compared.out.parent
    made = compare(root / "base", root / "head", tmp_path / "out", inline=True)
    alone = tmp_path / "mailed.html"
    alone.write_bytes((made.out / "index.html").read_bytes())
    assert not (made.out / "images").exists()
    it = opened(alone, "#s=cart/button-desktop.png")
    sizes = it.page.locator(".pane img").evaluate_all(
        "all => Promise.all(all.map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert sizes == [640, 640]
    thumbs = it.page.locator("#list .thumb img").evaluate_all(
        "all => Promise.all(all.map(i => i.decode().then(() => i.src.slice(0, 15))))"
    )
    assert set(thumbs) == {"data:image/webp"}
    assert it.page.locator("figcaption a").count() == 0, "which no browser would open"
    it.press("j", "w", "o", "b", "d")
    assert [url.partition("#")[0] for url in it.requests] == [alone.as_uri()]
    assert it.complaints == []


def test_it_works_from_a_static_server(report: Path, opened: Open) -> None:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    handler = partial(Quiet, directory=str(report.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            it = opened(report, "#s=cart/button-desktop.png")
            it.page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html#m=swipe")
            it.page.wait_for_selector("body.ready")
            assert it.page.locator(".pane img").first.evaluate("i => i.decode().then(() => true)")
            hosts = {url.split("/")[2] for url in it.requests if url.startswith("http")}
            assert hosts == {f"127.0.0.1:{server.server_address[1]}"}
            assert it.complaints == []
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_dark_and_auto(report: Path, opened: Open, scheme: str) -> None:
    it = opened(report, color_scheme=scheme)

    def is_light() -> bool:
        ground = it.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(n) for n in ground[4:-1].split(",")) > 3 * 128

    assert is_light() is (scheme == "light")
    theme = it.page.locator("#theme")
    theme.click()
    assert (theme.inner_text(), is_light()) == ("Light", True)
    it.press("y")
    assert (theme.inner_text(), is_light()) == ("Dark", False)
    it.page.reload()
    it.page.wait_for_selector("body.ready")
    assert theme.inner_text() == "Dark"
    it.press("y")
    assert is_light() is (scheme == "light")


def test_nothing_hangs_over_the_edge(report: Path, opened: Open) -> None:
    it = opened(report)
    for width in (2_000, 1_200, 800, 390, 320):
        it.page.set_viewport_size({"width": width, "height": 700})
        assert it.page.evaluate("document.documentElement.scrollWidth") <= width
    it.page.locator("#list .row.card").first.click()
    for width in (320, 390):
        it.page.set_viewport_size({"width": width, "height": 700})
        assert it.page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_one_goes_from_list_to_picture_and_back(report: Path, opened: Open) -> None:
    it = opened(report, viewport={"width": 390, "height": 780}, has_touch=True)
    assert it.page.locator("#list").is_visible()
    assert not it.page.locator("#stage").is_visible()
    it.page.locator("#list .row", has_text="cart/button").tap()
    assert not it.page.locator("#list").is_visible()
    assert it.page.locator(".pane").count() == 2
    upper, lower = (it.box(f".pane >> nth={n}")["y"] for n in range(2))
    assert lower > upper + 100, "one below the other"
    it.page.get_by_role("button", name="Approve").tap()
    assert it.done == "1 of 14"
    it.page.get_by_role("button", name="‹ List").tap()
    assert it.page.locator("#list").is_visible()
    linked = opened(report, "#s=cart/button-desktop.png", viewport={"width": 390, "height": 780})
    assert linked.page.locator("#stage").is_visible()


def test_print_is_a_clean_list(report: Path, opened: Open) -> None:
    it = opened(report)
    it.press("a")
    it.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    it.page.emulate_media(media="print")
    text = it.page.locator("#print").inner_text()
    assert "Changed (11)" in text
    assert "cart/button-desktop.png" in text
    assert "30 snapshots, not listed." in text
    assert it.page.locator("#print tr", has_text="broken.png").inner_text().endswith("approved")
    assert it.page.locator("#top h1").is_visible()
    for hidden in ("main", ".tools", "#review"):
        assert not it.page.locator(hidden).is_visible(), hidden


def test_opened_without_its_pictures_it_says_so_and_how_to_see_them(
    of_a_bucket: Path, report: Path, opened: Open, tmp_path: Path
) -> None:
    """As S3's console does it with its button "Open"."""
    for page, cure in (
        (of_a_bucket, "pixelgate report 1234-1 --project shop --bucket shots"),
        (report, "Open it from the folder that the comparison wrote."),
    ):
        alone = tmp_path / page.name
        alone.write_bytes(page.read_bytes())
        it = opened(alone)
        it.wait_for("!document.querySelector('#absent').hidden")
        words = it.page.locator("#absent").inner_text()
        assert words.startswith("The pictures are missing: they lie in folders beside this page")
        assert cure in words
        whole = opened(page)
        whole.page.wait_for_timeout(900)
        assert not whole.page.locator("#absent").is_visible()


def test_one_picture_that_is_missing_is_no_missing_folder(of_a_bucket: Path, opened: Open) -> None:
    it = opened(of_a_bucket)
    it.page.evaluate("document.querySelector('.thumb img').src = 'nowhere.webp'")
    it.page.wait_for_timeout(900)
    assert not it.page.locator("#absent").is_visible()


def test_behind_an_address_that_is_signed_for_the_page_alone_it_says_so_too(
    of_a_bucket: Path, opened: Open
) -> None:
    """S3's console opens such an address: whatever lies beside the page is forbidden."""

    class OnlyThePage(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            signed = "X-Amz-Signature" in self.path
            body = of_a_bucket.read_bytes() if signed else b"<Error>AccessDenied</Error>"
            self.send_response(200 if signed else 403)
            self.send_header("Content-Type", "text/html" if signed else "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OnlyThePage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            it = opened(of_a_bucket)
            port = server.server_address[1]
            folder = f"http://127.0.0.1:{port}/comparisons/shop/1234-1/1230-1/e1"
            it.page.goto(f"{folder}/index.html?X-Amz-Signature=12ab#s=cart/banner.png")
            it.page.wait_for_selector("body.ready")
            it.wait_for("!document.querySelector('#absent').hidden")
            words = it.page.locator("#absent").inner_text()
            assert "pixelgate report 1234-1 --project shop --bucket shots" in words
            assert "This image is not there." in it.page.locator("#panes").inner_text()
        finally:
            server.shutdown()
            thread.join()

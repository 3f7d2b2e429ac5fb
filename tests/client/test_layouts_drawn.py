"""Folders as runners document them, drawn here: each file is a snapshot by its name, or is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pixelgate.client.layouts.select import Choice, select
from support import images

# Each file of a layout with the name of the snapshot that it is, "=" for its own path, and None for
# what is left out.
Files = Mapping[str, str | None]
TAKEN = "="
LAYOUTS: dict[str, Files] = {
    "cypress": {
        "cypress/screenshots/login.cy.ts/home.png": None,
        "cypress/screenshots/login.cy.ts/home (attempt 2).png": None,
        "cypress/screenshots/login.cy.ts/home (attempt 3).png": (
            "cypress/screenshots/login.cy.ts/home.png"
        ),
        "cypress/screenshots/login.cy.ts/late (attempt 2).png": (
            "cypress/screenshots/login.cy.ts/late.png"
        ),
        "cypress/screenshots/login.cy.ts/home (1).png": TAKEN,
        "cypress/screenshots/login.cy.ts/login -- works (failed).png": None,
        "cypress/screenshots/login.cy.ts/login -- works (failed) (attempt 2).png": None,
        "cypress/screenshots/login.cy.ts/login -- works -- before each hook (failed).png": None,
    },
    "cypress without its folders": {
        "a.feature/pay -- works (failed).png": None,
        "a.feature/pay (attempt 2).png": "a.feature/pay.png",
    },
    "cypress where only a later attempt got so far": {
        "features/a.feature/pay (attempt 2).png": "features/a.feature/pay.png",
        "old/pay_spec.js/deep/pay (attempt 2).png": "old/pay_spec.js/deep/pay.png",
    },
    "cypress-image-snapshot": {
        "cypress/snapshots/a.cy.js/home.snap.png": TAKEN,
        "cypress/snapshots/a.cy.js/__diff_output__/home.diff.png": None,
    },
    "@frsource/cypress-plugin-visual-regression-diff": {
        "e2e/__image_snapshots__/home #0.png": TAKEN,
        "e2e/__image_snapshots__/home #0.actual.png": None,
        "e2e/__image_snapshots__/home #0.diff.png": None,
    },
    "cypress-visual-regression": {
        "cypress/snapshots/base/a.cy.ts/home.png": None,
        "cypress/snapshots/base/a.cy.ts/cart.png": None,
        "cypress/snapshots/actual/a.cy.ts/home.png": "cypress/snapshots/a.cy.ts/home.png",
        "cypress/snapshots/actual/a.cy.ts/cart.png": "cypress/snapshots/a.cy.ts/cart.png",
        "cypress/snapshots/diff/a.cy.ts/home.png": None,
    },
    "cypress-image-diff": {
        "cypress-image-diff-screenshots/baseline/a.png": None,
        "cypress-image-diff-screenshots/comparison/a.png": "cypress-image-diff-screenshots/a.png",
        "cypress-image-diff-screenshots/diff/a.png": None,
    },
    "swift-snapshot-testing": {
        "AppTests/__Snapshots__/HomeTests/testHome.1.png": TAKEN,
        "AppTests/__Snapshots__/HomeTests/testHome.iPhone-13.png": TAKEN,
        "artifacts/HomeTests/testHome.1.png": None,
    },
    "iOSSnapshotTestCase": {
        "ReferenceImages_64/HomeTests/testHome@2x.png": TAKEN,
        "ReferenceImages_64/HomeTests/testHome@3x.png": TAKEN,
        "FailureDiffs/HomeTests/diff_testHome@2x.png": None,
        "FailureDiffs/HomeTests/failed_testHome@2x.png": None,
        "FailureDiffs/HomeTests/reference_testHome@2x.png": None,
    },
    "paparazzi": {
        "app/src/test/snapshots/images/shop_HomeTest_home.png": TAKEN,
        "app/src/test/snapshots/images/shop_HomeTest_cart_dark.png": TAKEN,
        "app/build/paparazzi/failures/delta-shop_HomeTest_home.png": None,
        "app/build/paparazzi/failures/shop_HomeTest_home.png": None,
        "app/build/reports/paparazzi/debug/index.html": None,
        "app/build/reports/paparazzi/debug/images/9b74c9897bac770ffc029102a200c5de.png": None,
    },
    "roborazzi": {
        "app/build/outputs/roborazzi/shop.HomeTest.home.png": TAKEN,
        "app/build/outputs/roborazzi/shop.HomeTest.home_actual.png": None,
        "app/build/outputs/roborazzi/shop.HomeTest.home_compare.png": None,
        "app/build/outputs/roborazzi/shop.HomeTest.cart.png": TAKEN,
    },
    "compose-preview": {
        "app/src/screenshotTestDebug/reference/shop/Home/home_0.png": TAKEN,
        "app/src/screenshotTestDebug/reference/shop/Home/cart_0.png": TAKEN,
    },
    "flutter": {
        "test/goldens/home.png": TAKEN,
        "test/goldens/cart.png": TAKEN,
        "test/failures/home_masterImage.png": None,
        "test/failures/home_testImage.png": None,
        "test/failures/home_isolatedDiff.png": None,
        "test/failures/home_maskedDiff.png": None,
    },
    "pytest-playwright-visual": {
        "snapshots/test_home/test_home[chromium][linux].png": TAKEN,
        "snapshot_tests_failures/test_home/Actual_test_home[chromium][linux].png": None,
        "snapshot_tests_failures/test_home/Expected_test_home[chromium][linux].png": None,
        "snapshot_tests_failures/test_home/Diff_test_home[chromium][linux].png": None,
    },
    "pytest-playwright": {
        "test-results/test-home-py-test-home-chromium/test-failed-1.png": None,
        "test-results/test-home-py-test-cart-chromium/test-finished-1.png": TAKEN,
    },
    "matplotlib": {
        "result_images/test_plot/line.png": TAKEN,
        "result_images/test_plot/line-expected.png": None,
        "result_images/test_plot/line-failed-diff.png": None,
        "result_images/test_plot/bar.png": TAKEN,
    },
    "loki": {
        ".loki/reference/chrome_laptop_Button_Default.png": None,
        ".loki/current/chrome_laptop_Button_Default.png": "chrome_laptop_Button_Default.png",
        ".loki/difference/chrome_laptop_Button_Default.png": None,
    },
    "loki in a package": {
        "packages/ui/.loki/current/a.png": "packages/ui/a.png",
        "packages/ui/.loki/reference/a.png": None,
    },
    "Lost Pixel": {
        ".lostpixel/baseline/a.png": None,
        ".lostpixel/current/a.png": "a.png",
        ".lostpixel/difference/a.png": None,
    },
    "reg-suit": {
        ".reg/actual/sub/a.png": "sub/a.png",
        ".reg/expected/sub/a.png": None,
        ".reg/diff/sub/a.png": None,
    },
    "webdriverio whose tests all pass": {
        ".tmp/actual/desktop_chrome/home-1366x768-dpr-1.png": (
            "desktop_chrome/home-1366x768-dpr-1.png"
        ),
        "test/specs/__snapshots__/desktop_chrome/home-1366x768-dpr-1.png": None,
    },
    "Nightwatch": {
        "vrt/baseline/home.png": None,
        "vrt/latest/home.png": "vrt/home.png",
        "vrt/diff/home.png": None,
    },
    "egui": {
        "tests/snapshots/button.png": TAKEN,
        "tests/snapshots/button.new.png": None,
        "tests/snapshots/button.old.png": None,
        "tests/snapshots/button.diff.png": None,
        "tests/snapshots/slider.png": TAKEN,
    },
    "Verify (.NET)": {
        "Tests/Home.Looks.verified.png": TAKEN,
        "Tests/Home.Looks.received.png": None,
        "Tests/Cart.Looks.verified.png": TAKEN,
    },
    "capybara-screenshot-diff": {
        "doc/screenshots/home.png": TAKEN,
        "doc/screenshots/home.diff.png": None,
        "doc/screenshots/home.base.diff.png": None,
        "doc/screenshots/home.heatmap.diff.png": None,
    },
    "Allure": {
        "allure-results/0f8fad5b-d9cb-469f-a165-70867728950e-attachment.png": None,
        "shots/home.png": TAKEN,
    },
    "a run before and after": {
        "vrt/before/a.png": None,
        "vrt/before/b.png": None,
        "vrt/after/a.png": TAKEN,
        "vrt/after/b.png": TAKEN,
        "vrt/diff/a.png": None,
    },
    "references and tests": {
        "ref/a.png": None,
        "test/a.png": TAKEN,
        "diff/a_diff.png": None,
    },
    "words of one that differed": {
        "eyes/step-1-baseline.png": None,
        "eyes/step-1-current.png": None,
        "eyes/step-1-diff.png": None,
        "eyes/step-2-baseline.png": None,
        "eyes/step-2-current.png": None,
        "eyes/user-current.png": TAKEN,
    },
    "a report with its page": {
        "hermione/screens/abc/firefox/plain.png": TAKEN,
        "html-report/index.html": None,
        "html-report/images/abc/plain/firefox~current_0.png": None,
        "html-report/images/abc/plain/firefox~ref_0.png": None,
    },
    "a report of pixelgate itself": {
        "pixelgate-report/index.html": None,
        "pixelgate-report/diffs/local/masks/9b/9b74c9897bac770ffc029102a200c5de9b74c989.png": None,
        "shots/home.png": TAKEN,
    },
    "a runner that keeps all three of every test": {
        "out/home-actual.png": TAKEN,
        "out/home-expected.png": None,
        "out/cart-actual.png": TAKEN,
        "out/cart-expected.png": None,
        "out/pay-actual.png": TAKEN,
        "out/pay-expected.png": None,
        "out/pay-diff.png": None,
    },
    "a runner that has only failures beside what passed": {
        "out/home-actual.png": None,
        "out/home-expected.png": None,
        "out/home-diff.png": None,
        "out/cart.png": TAKEN,
    },
    "differences under other names": {
        "artifacts/baselines/t1/firefox/step-1.png": TAKEN,
        "artifacts/diffs/run7-t1-step1.png": None,
    },
    "paparazzi whose golden is missing": {
        "app/build/paparazzi/failures/shop_HomeTest_new.png": None,
        "app/src/test/snapshots/images/shop_HomeTest_home.png": TAKEN,
    },
    "the report of paparazzi": {
        "app/src/test/snapshots/images/home.png": TAKEN,
        "app/build/reports/paparazzi/debug/images/expected-home.png": None,
        "app/build/reports/paparazzi/debug/images/actual-home.png": None,
        "app/build/reports/paparazzi/debug/images/delta-home.png": None,
    },
    "Creevey": {
        "images/Button/Primary/chrome.png": TAKEN,
        "report/Button/Primary/chrome/chrome-actual-1.png": None,
        "report/Button/Primary/chrome/chrome-expect-1.png": None,
        "report/Button/Primary/chrome/chrome-diff-1.png": None,
    },
    "Testplane": {
        "testplane/screens/ab12cd3/firefox/plain.png": TAKEN,
        "testplane-report/images/ab12cd3/plain/firefox~current_0.png": None,
        "testplane-report/images/ab12cd3/plain/firefox~ref_0.png": None,
        "testplane-report/images/ab12cd3/plain/firefox~diff_0.png": None,
    },
    "Detox": {
        "artifacts/ios.sim.debug.2026-11-30 10-10-10Z/✓ home works/home.png": (
            "artifacts/ios.sim.debug/✓ home works/home.png"
        ),
        "artifacts/ios.sim.debug.2026-11-30 10-10-10Z/✗ login works/testFnFailure.png": None,
    },
    "Dropshots": {
        "app/src/androidTest/screenshots/home.png": TAKEN,
        "app/build/reports/androidTests/dropshots/diff/home.png": None,
        "app/build/reports/androidTests/dropshots/reference/home.png": None,
    },
    "Shot": {
        "app/screenshots/debug/com.a.Home_home.png": TAKEN,
        "app/build/reports/shot/debug/verification/images/com.a.Home_home.png": None,
        "app/build/reports/shot/debug/verification/images/diff_com.a.Home_home.png": None,
    },
    "Codecept": {
        "tests/output/home.png": TAKEN,
        "tests/screenshots/base/home.png": None,
        "tests/screenshots/diff/Diff_home.png": None,
    },
    "Galen": {
        "home/logo.png": TAKEN,
        "home/logo-actual.png": None,
        "home/logo-expected.png": None,
        "home/logo-map.png": None,
    },
    "pytest-mpl": {
        "results/test_line/baseline.png": None,
        "results/test_line/result.png": TAKEN,
        "results/test_line/result-failed-diff.png": None,
        "results/test_bar/baseline.png": None,
        "results/test_bar/result.png": TAKEN,
    },
    "a folder of each test": {
        "results/login/actual.png": TAKEN,
        "results/login/expected.png": None,
        "results/login/diff.png": None,
        "results/home/actual.png": TAKEN,
        "results/home/expected.png": None,
    },
    "a folder of each test that failed": {
        "results/login/actual.png": None,
        "results/login/expected.png": None,
        "results/login/diff.png": None,
        "pages/home.png": TAKEN,
    },
    "Playwright before it had error-context.md": {
        "a.spec.ts-snapshots/home-webkit-linux.png": TAKEN,
        "test-results/a-home-webkit/home-actual.png": None,
        "test-results/a-home-webkit/home-expected.png": None,
        "test-results/a-home-webkit/home-diff.png": None,
        "test-results/a-home-webkit-retry1/home-actual.png": None,
    },
    "snapshots of Playwright called like what a runner draws": {
        "a.spec.ts-snapshots/price-chromium-linux.png": TAKEN,
        "a.spec.ts-snapshots/price-diff-chromium-linux.png": TAKEN,
        "a.spec.ts-snapshots/price-actual-chromium-linux.png": TAKEN,
        "a.spec.ts-snapshots/diff/x-chromium-linux.png": TAKEN,
        "a.spec.ts-snapshots/actual/x-chromium-linux.png": TAKEN,
        "a.spec.ts-snapshots/expected/x-chromium-linux.png": TAKEN,
        "a.spec.ts-snapshots/failures/price-diff-chromium-linux.png": TAKEN,
        "a.spec.ts-snapshots/pay-retry1-chromium-linux.png": TAKEN,
    },
    "snapshots of Vitest called like what a runner draws": {
        "__screenshots__/a.test.ts/price-chromium-linux.png": TAKEN,
        "__screenshots__/a.test.ts/price-diff-chromium-linux.png": TAKEN,
        "vitest-attachments/a.test.ts/price-diff-chromium-linux.png": None,
        "vitest-attachments/a.test.ts/price-actual-chromium-linux.png": None,
    },
    "Playwright with another place for its snapshots": {
        "__screenshots__/a.spec.ts/home.png": TAKEN,
        "test-results/a-home/home-actual.png": None,
        "test-results/a-home/home-expected.png": None,
        "test-results/a-home/home-diff.png": None,
    },
    "differences among the snapshots": {
        "snaps/a.png": TAKEN,
        "snaps/sub/b.png": TAKEN,
        "snaps/__diffs__/a.png": None,
        "other/c.png": TAKEN,
        "other/diff/c-diff.png": None,
    },
    "failures among the snapshots": {
        "snaps/a.png": TAKEN,
        "snaps/b.png": TAKEN,
        "snaps/actual/a.png": None,
        "snaps/diff/a.png": None,
    },
    "runs among the goldens": {
        "snaps/a.png": None,
        "snaps/b.png": None,
        "snaps/actual/a.png": TAKEN,
        "snaps/actual/b.png": TAKEN,
        "snaps/diff/a.png": None,
    },
    "goldens among the runs": {
        "shots/a.png": TAKEN,
        "shots/baseline/a.png": None,
    },
    "a runner that numbers the first attempt, too": {
        "run/home-attempt1/shot.png": None,
        "run/home-attempt2/shot.png": "run/home/shot.png",
        "run/cart-attempt1/shot.png": "run/cart/shot.png",
    },
    "the same in a run without a second attempt": {
        "run/home-attempt1/shot.png": "run/home/shot.png",
        "run/cart-attempt1/shot.png": "run/cart/shot.png",
    },
    "a folder of each attempt": {
        "shots/attempt-1/home.png": None,
        "shots/attempt-2/home.png": "shots/home.png",
    },
    "attempts by name": {
        "home.png": None,
        "home-attempt-2.png": None,
        "home-attempt-10.png": "home.png",
        "cart (retry 1).png": None,
        "cart (retry 2).png": "cart.png",
    },
    "a run without one of its goldens": {
        "vrt/expected/a.png": None,
        "vrt/expected/b.png": None,
        "vrt/expected/old.png": None,
        "vrt/actual/a.png": "vrt/a.png",
        "vrt/actual/b.png": "vrt/b.png",
    },
    "one that only has failures, and no differences": {
        "vrt/expected/a.png": TAKEN,
        "vrt/expected/b.png": TAKEN,
        "vrt/expected/c.png": TAKEN,
        "vrt/actual/a.png": None,
    },
    "one that only has failures in its actual pictures": {
        "vrt/expected/a.png": TAKEN,
        "vrt/expected/b.png": TAKEN,
        "vrt/expected/c.png": TAKEN,
        "vrt/actual/a.png": None,
        "vrt/diff/a-diff.png": None,
    },
}
# Folders of a user without a runner: nothing in them is left out, and each name is its path.
PLAIN: dict[str, tuple[str, ...]] = {
    "words of a runner without their siblings": (
        "price-diff.png", "page-actual.png", "expected.png", "git diff.png", "delta-air.png",
        "diff_view.png", "reference_card.png", "actual/home.png", "diff/home page.png",
    ),
    "ordinary words beside one another": (
        "user.png", "user-new.png", "user-old.png", "user-result.png", "base.png", "new.png",
        "plan-before.png", "plan-after.png", "price.png", "price-compare.png",
    ),
    "folders that a runner uses, too": (
        "failures/list.png", "failures/detail.png", "goldens/home.png", "test-results/home.png",
        "screenshots/home.png", "baseline/grid.png", "current/weather.png", "reference/api.png",
    ),
    "one picture of Playwright's name": ("test-failed-1.png", "home.png"),
    "one attempt that is the only one": (
        "login (attempt 2).png", "payment-retry-1.png", "attempt-1/form.png", "retry.png",
    ),
    "a status in brackets": ("payment (failed).png", "payment (ok).png"),
    "a browser's page": ("download-linux.png", "download-windows.png", "extension for chrome.png"),
    "names made of hashes": ("9b74c9897bac770ffc029102a200c5de.png", "a/0123456789abcdef.png"),
    "folders called like a run, with other pages": (
        "docs/current/a.png", "docs/base/b.png", "docs/diff/c.png",
    ),
    "before and after without differences": (
        "before/a.png", "after/a.png", "old/a.png", "new/a.png", "test/a.png", "head/b.png",
    ),
    "pages called like a run, inside others": (
        "a.png", "base/a.png", "current/b.png", "reference/a.png", "sitemap/site-map.png",
        "sitemap/site.png",
    ),
    "a page about reports": (
        "reports/monthly.png", "report.png", "home.png", "reports/list.png", "users/list.png",
    ),
    "a folder of each page": (
        "index.png", "diff/index.png", "current/index.png", "reference/index.png",
        "users/index.png",
    ),
    "stories": (
        "button--diff.png", "button--default.png", "button--actual.png", "chart--expected.png",
    ),
    "pages about retries": ("payment.png", "payment-retry.png", "payment-retry-2.png"),
    "pictures of dates": ("2026-11-29/home.png", "2026-11-30/home.png"),
    "sizes and browsers without a runner": (
        "home-375x667.png", "cart-375x667.png", "chrome/home.png", "firefox/home.png",
    ),
    "numbers": ("a (1).png", "a (2).png", "a.png", "step-1.png", "step-2.png", "a-diff-2.png"),
}  # fmt: skip


def draw(root: Path, names: Mapping[str, object] | tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = images.png((8, 6), (number, 100, 200))
        path.write_bytes(drawn if path.suffix == ".png" else b"<html>")


@pytest.mark.parametrize("named", LAYOUTS)
def test_what_is_taken_of_a_layout_and_under_which_name(tmp_path: Path, named: str) -> None:
    files = LAYOUTS[named]
    draw(tmp_path, files)
    found = select(tmp_path)
    assert {n: t.path.relative_to(tmp_path).as_posix() for n, t in found.taken.items()} == {
        where if name == TAKEN else name: where for where, name in files.items() if name
    }
    assert [one.where for one in found.left] == sorted(
        where for where, name in files.items() if name is None and where.endswith(".png")
    )


@pytest.mark.parametrize("named", PLAIN)
def test_a_plain_folder_stays_a_plain_folder(tmp_path: Path, named: str) -> None:
    draw(tmp_path, PLAIN[named])
    found = select(tmp_path)
    assert {n: str(t.path) for n, t in found.taken.items()} == {
        name: str(tmp_path / name) for name in sorted(PLAIN[named])
    }
    assert (found.left, found.runners, found.notes) == ((), (), ())
    assert not any(t.tags or t.details or t.attempts for t in found.taken.values())


@pytest.mark.parametrize(
    ("named", "name", "tags"),
    [
        ("playwright", "e2e/a.spec.ts-snapshots/home-Desktop-Firefox-darwin.png",
         ["Desktop-Firefox", "darwin"]),
        ("auto", "e2e/a.test.mjs-snapshots/home-webkit-win32.png", ["webkit", "win32"]),
        ("auto", "src/__screenshots__/a.test.tsx/home-firefox-darwin.png", ["firefox", "darwin"]),
        ("auto", "shots/home-firefox-linux.png", ["firefox", "linux"]),
        ("auto", "shots/home-chrome-1280x720.png", ["chrome", "1280x720"]),
        ("auto", "shots/home@2x.png", ["@2x"]),
        ("auto", "shots/home[chromium][linux].png", ["chromium", "linux"]),
        ("auto", "shots/home-firefox.png", []),
        ("auto", "shots/chromium/home.png", []),
        ("pytest", "shots/chromium/home.png", ["chromium"]),
        ("vitest", "home-firefox.png", ["firefox"]),
        ("webdriverio", "a/home-iphone-390x844-dpr-3.png", ["390x844", "dpr-3"]),
    ],
)  # fmt: skip
def test_the_words_of_a_variant_become_tags_and_stay_in_the_name(
    tmp_path: Path, named: str, name: str, tags: list[str]
) -> None:
    draw(tmp_path, (name,))
    (only,) = select(tmp_path, Choice(named)).taken.values()
    assert (only.name, [*only.tags.values()]) == (name, tags)


@pytest.mark.parametrize("projects", [("tablet", "desktop"), ("e2e",), ("big-dark", "big-light")])
def test_projects_of_playwright_with_any_name_are_found_by_what_their_snapshots_share(
    tmp_path: Path, projects: tuple[str, ...]
) -> None:
    names = [f"a.spec.ts-snapshots/{n}-{p}-linux.png" for n in ("x", "y-1") for p in projects]
    draw(tmp_path, tuple(names))
    taken = select(tmp_path).taken
    assert [*taken] == sorted(names)
    assert {t.tags["browser"] for t in taken.values()} == {*projects}
    assert {t.tags["platform"] for t in taken.values()} == {"linux"}


def test_the_folder_of_snapshots_itself_is_known_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a.spec.ts-snapshots"
    draw(folder, ("x-e2e-linux.png", "y-e2e-linux.png", "y-diff-e2e-linux.png"))
    found = select(folder)
    assert len(found.taken) == 3
    assert {tuple(taken.tags.values()) for taken in found.taken.values()} == {("e2e", "linux")}


def test_a_runner_that_is_named_needs_no_marks(tmp_path: Path) -> None:
    draw(tmp_path, ("login (failed).png", "home (attempt 2).png"))
    assert list(select(tmp_path, Choice("cypress")).taken) == ["home.png"]
    draw(tmp_path, ("x-retry1/own.png", "x-retry1/test-failed-1.png", "y/own-actual.png"))
    named = select(tmp_path, Choice("playwright"))
    assert "x/own.png" in named.taken
    assert {"x-retry1/test-failed-1.png", "y/own-actual.png"} <= {one.where for one in named.left}


@pytest.mark.parametrize("above", ["roborazzi", "paparazzi/shots", "playwright", "test-results"])
def test_a_plain_folder_may_be_called_like_a_runner(tmp_path: Path, above: str) -> None:
    draw(tmp_path / above, ("home.png", "sub/cart.png"))
    found = select(tmp_path / above)
    assert (list(found.taken), found.runners) == (["home.png", "sub/cart.png"], ())


def test_two_that_would_have_one_name_keep_their_paths(tmp_path: Path) -> None:
    draw(tmp_path, ("vrt/actual/a.png", "vrt/expected/a.png", "vrt/a.png"))
    assert list(select(tmp_path).taken) == ["vrt/a.png", "vrt/actual/a.png"]


STABLE = ("cypress", "swift-snapshot-testing", "paparazzi", "roborazzi", "flutter", "matplotlib",
          "loki", "reg-suit", "egui", "Creevey", "cypress-visual-regression",
          "failures among the snapshots",
          "one that only has failures in its actual pictures")  # fmt: skip


@pytest.mark.parametrize("named", STABLE)
def test_names_are_the_same_where_nothing_differed(tmp_path: Path, named: str) -> None:
    files = LAYOUTS[named]
    draw(tmp_path / "failed", files)
    draw(
        tmp_path / "passed",
        {n: f for n, f in files.items() if f or "base" in n or "expected/" in n or "refer" in n},
    )
    names = [list(select(tmp_path / run).taken) for run in ("failed", "passed")]
    assert names[0] == names[1]


def test_goldens_are_taken_if_they_are_wanted(tmp_path: Path) -> None:
    draw(tmp_path, LAYOUTS["cypress-visual-regression"])
    wanted = select(tmp_path, Choice(expected=True))
    assert list(wanted.taken) == list(select(tmp_path).taken)
    assert all("/base/" in str(taken.path) for taken in wanted.taken.values())


def test_goldens_without_a_run_have_the_names_of_their_paths(tmp_path: Path) -> None:
    draw(tmp_path, ("test/goldens/home.png",))
    assert list(select(tmp_path, Choice(expected=True)).taken) == ["test/goldens/home.png"]

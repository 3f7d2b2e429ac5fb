"""Folders of strangers, by the documentation of their runners: what is a snapshot, and what is not.

A name alone is taken under its path; `file -> name` under another name; `no file` is left out, and
named. `file = a` has the same bytes as the others with that letter.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pixelgate.client.layouts.select import Choice, select
from support import images

ONE = "9b74c9897bac770ffc029102a200c5de9b74c989"
RUN = "2026-11-30_10-15-00"
FOLDERS = {
    "Playwright's test-results under another name": """
        e2e/a.spec.ts-snapshots/home-chromium-linux.png
        no out/home-chromium/home-actual.png
        no out/home-chromium/home-expected.png
        no out/home-chromium/home-diff.png
        no out/home-chromium/test-failed-1.png
        """,
    "Playwright's unpacked blob report": f"""
        e2e/a.spec.ts-snapshots/home-chromium-linux.png
        no blob-report/resources/{ONE}.png
        blob-report/report.jsonl
        """,
    "Playwright's attachments": f"""
        test-results/a-chromium-retry1/cart.png = b -> test-results/a-chromium/cart.png
        no test-results/a-chromium/cart.png = a
        no test-results/a-chromium/test-failed-1.png
        no test-results/a-chromium/attachments/cart-{ONE}.png = a
        test-results/.last-run.json
        """,
    "Playwright's own template of paths": """
        visual/linux/chromium/home.spec.ts/hero.png
        visual/darwin/chromium/home.spec.ts/hero.png
        visual/cart-diff-chromium-linux.png
        """,
    "cypress-visual-regression before version 5": """
        snapshots/actual/a.cy.js/home-actual.png -> snapshots/a.cy.js/home.png
        snapshots/actual/a.cy.js/menu-actual.png -> snapshots/a.cy.js/menu.png
        no snapshots/base/a.cy.js/home-base.png
        no snapshots/base/a.cy.js/menu-base.png
        no snapshots/diff/a.cy.js/home-diff.png
        """,
    "jest-image-snapshot with folders of the user's": """
        e2e/shots/home-test-ts-home-1-snap.png
        e2e/shots/list-snap.png
        no e2e/failures-of-jest/home-test-ts-home-1-diff.png
        no e2e/visual-received/home-test-ts-home-1-received.png
        no e2e/visual-diffs/list-diff.png
        """,
    "reg-suit beside the folder that it copied": """
        shots/home.png = a
        shots/list/index.png = b
        no .reg/actual/home.png = a
        no .reg/actual/list/index.png = b
        no .reg/expected/home.png
        no .reg/diff/home.png
        """,
    "reg-suit with a picture that is nowhere else": """
        shots/home.png = a
        .reg/actual/home.png = a -> home.png
        .reg/actual/more.png -> more.png
        no .reg/expected/home.png
        """,
    "pytest-regressions": """
        tests/test_plot/line.png
        tests/test_plot/bar.png
        no tests/test_plot/line.obtained.png
        """,
    "parameters of pytest": """
        t/__snapshots__/test_a/test_view.png
        t/__snapshots__/test_a/test_view[diff].png
        t/__snapshots__/test_a/test_view[actual].png
        t/__snapshots__/test_a/test_view[expected].png
        """,
    "Robot Framework": """
        results/browser/screenshot/robotframework-browser-screenshot-1.png
        results/browser/screenshot/screenshot-fail-1.png
        no results/browser/screenshot/fail-screenshot-1.png
        """,
    "Maestro": """
        out/a/takeScreenshot/Main.png
        no out/a/screenshot-❌-1732961700000-(login).png
        no out/a/screenshot-⚠️-1732961700000-(login).png
        """,
    "Rails": """
        tmp/screenshots/welcome.png
        tmp/screenshots/failures_list.png
        no tmp/screenshots/failures_test_visiting_the_index.png
        no tmp/screenshots/failures_r_spec_example_groups_login_works.png
        """,
    "Laravel Dusk": """
        screenshots/home.png
        screenshots/failure-page.png
        screenshots/failure-modal-1.png
        no screenshots/failure-Tests_Browser_LoginTest_testLogin-0.png
        """,
    "CodeceptJS": """
        output/home.png
        output/payment.failed.png
        no output/Login_shows_form.failed.png
        """,
    "TestCafe": f"""
        {RUN}/test-1/Chrome_1_Linux/1.png -> test-1/Chrome_1_Linux/1.png
        {RUN}/test-2/run-2/Chrome_1_Linux/1.png -> test-2/Chrome_1_Linux/1.png
        home/hero.png
        no {RUN}/test-1/Chrome_1_Linux/thumbnails/1.png
        no {RUN}/test-2/run-1/Chrome_1_Linux/1.png
        no {RUN}/test-2/run-1/Chrome_1_Linux/errors/1.png
        no {RUN}/test-2/run-1/Chrome_1_Linux/errors/thumbnails/1.png
        no 2026-11-29_10-15-00/test-1/Chrome_1_Linux/1.png
        no home/thumbnails/hero.png
        no home/errors/a.png
        no home/errors/thumbnails/a.png
        """,
    "two runs of Detox": """
        artifacts/ios.2026-11-30 10-15-00Z/✓ a/x.png -> artifacts/ios/✓ a/x.png
        artifacts/android.2026-11-29 10-15-00Z/✓ a/x.png -> artifacts/android/✓ a/x.png
        no artifacts/ios.2026-11-29 10-15-00Z/✓ a/x.png
        """,
    "Unity": """
        Assets/ActualImages/Linear/Cube.png -> Assets/Linear/Cube.png
        Assets/ActualImages/Linear/Ball.png -> Assets/Linear/Ball.png
        no Assets/ActualImages/Linear/Cube.diff.png
        no Assets/ActualImages/Linear/Cube.expected.png
        no Assets/ReferenceImages/Linear/Cube.png
        no Assets/ReferenceImages/Linear/Ball.png
        """,
    "Unreal Engine": """
        Screens/Map1/Incoming.png
        Screens/Map2/Incoming.png
        no Screens/Map1/Approved.png
        no Screens/Map1/Delta.png
        no Screens/Map2/Approved.png
        """,
    "capybara-screenshot-diff, unstable": """
        doc/screenshots/home.png
        doc/screenshots/lonely.attempt_00.png
        no doc/screenshots/home.attempt_00.png
        no doc/screenshots/home.attempt_01.png
        no doc/screenshots/home.base.png
        no doc/screenshots/home.heatmap.diff.png
        """,
    "wdio-image-comparison-service": """
        .tmp/actual/home-chrome-500x300.png -> home-chrome-500x300.png
        no localBaseline/home-chrome-500x300.png
        """,
    "widths after the words": """
        home-actual-1280.png
        cart-actual-1280.png
        no home-expected-1280.png
        no cart-expected-1280.png
        """,
    "AyeSpy": """
        shots/latest/home.png -> shots/home.png
        shots/latest/cart.png -> shots/cart.png
        no shots/baseline/home.png
        no shots/baseline/cart.png
        no shots/generatedDiffs/home.png
        """,
    "PhantomCSS": """
        screenshots/home_0.png
        screenshots/cart_1.png
        no screenshots/home_0.diff.png
        no failures/home_0.fail.png
        """,
    "a script with a baseline": """
        results/home.png
        results/cart.png
        no results/home_diff.png
        no baseline/home.png
        no baseline/cart.png
        """,
    "words of a shop": """
        o/order.png
        o/order-received.png
        o/order-failed.png
        o/order-approved.png
        """,
    "words alone": """
        a/received.png
        a/new.png
        a/current.png
        a/previous.png
        a/compare.png
        a/failures.png
        """,
    "pages called thumbnails, errors and failures": """
        shots/index.png
        shots/users/index.png
        shots/thumbnails/index.png
        shots/users/thumbnails/index.png
        shots/errors/1.png
        shots/failures/index.png
        shots/code-diffs/index.png
        """,
    "pages with words of folders": """
        shots/baseline/editor.png
        shots/results/list.png
        shots/base-images/index.png
        shots/current-images/index.png
        """,
    "runs of the user's own": f"""
        shots/{RUN}/home.png
        shots/2026-11-29_10-15-00/home.png
        """,
    "a name with snap": """
        a/oh-snap.png
        b/oh-diff.png
        """,
}
ROW = re.compile(r"(no )?(.+?)(?: = (\w))?(?: -> (.+))?$")


@pytest.mark.parametrize("named", FOLDERS)
def test_what_is_taken_of_the_folder_of_a_stranger(tmp_path: Path, named: str) -> None:
    taken, left = {}, []
    for number, line in enumerate(FOLDERS[named].strip().splitlines(), 100):
        match = ROW.match(line.strip())
        assert match
        no, file, same, name = match.groups()
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = (ord(same) if same else number, 100, 200)
        small = "home" in file and "thumbnails" in file  # in TestCafe's folders with other names
        size = (4, 3) if small else (8, 6)
        path.write_bytes(images.png(size, colour) if path.suffix == ".png" else b"{}")
        if path.suffix == ".png" and no:
            left.append(file)
        elif path.suffix == ".png":
            taken[name or file] = path
    found = select(tmp_path)
    assert found.files == taken
    assert sorted(one.where for one in found.left) == sorted(left)


def test_takes_of_a_page_that_moved_are_attempts(tmp_path: Path) -> None:
    for number, name in enumerate(("home.png", "home.attempt_00.png", "home.attempt_01.png")):
        (tmp_path / name).write_bytes(images.png((8, 6), (number, 100, 200)))
    (only,) = select(tmp_path).taken.values()
    assert [path.name for path in only.attempts] == ["home.attempt_00.png", "home.attempt_01.png"]


def test_goldens_with_a_word_of_their_folder_have_the_names_of_the_run(tmp_path: Path) -> None:
    for number, role in enumerate(("actual", "base", "actual", "base", "diff")):
        path = tmp_path / role / f"{'home' if number < 2 or number == 4 else 'menu'}-{role}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(images.png((8, 6), (number, 100, 200)))
    goldens = select(tmp_path, Choice(expected=True)).taken
    assert list(goldens) == list(select(tmp_path).taken) == ["home.png", "menu.png"]
    assert all(golden.path.stem.endswith("-base") for golden in goldens.values())

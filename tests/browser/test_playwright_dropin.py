"""The drop-in for Playwright Test in examples/playwright, run by the real runner in Chromium."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from PIL import Image

from pixelgate.client.scan import scan

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/playwright"
MODULES = ROOT / "tools/js/node_modules"
RUNNER = MODULES / "@playwright/test/cli.js"

CONFIG = """
module.exports = {
  testDir: './e2e', fullyParallel: true, workers: 2, retries: 1, timeout: 30000,
  reporter: [['json', { outputFile: 'result.json' }]],
  expect: { timeout: 2000, toHaveScreenshot: { stylePath: 'all.css' } },
  use: { launchOptions: { executablePath: process.env.CHROMIUM } },
  projects: [
    { name: 'desktop', use: { viewport: { width: 300, height: 200 }, deviceScaleFactor: 2 } },
    { name: 'a phone', use: { viewport: { width: 150, height: 200 } } },
  ],
};
"""
HEAD = """
import { test, expect } from '../pixelgate';
const colour = process.env.COLOUR ?? 'red';
const content = `<style>
  body {margin: 0; background: white}
  @keyframes spin {to {rotate: 360deg}}
  #box {width: 50px; height: 40px; animation: spin 1s infinite; background: ${colour}}
  #long {height: 500px}
</style><div id=box></div><div id=long></div>`;
test.beforeEach(({ page }) => page.setContent(content));
"""
NAMES = """
test.describe('Shop: a/b', () => {
  test('without names', async ({ page }) => {
    await expect(page).toHaveScreenshot();
    await expect(page.locator('#box')).toHaveScreenshot();
    await expect(page).toHaveScreenshot({ fullPage: true });
  });
  const long = 'a title of more than a hundred letters, ' + 'which Playwright shortens '.repeat(3);
  test(long, async ({ page }) => {
    await expect(page).toHaveScreenshot();
  });
});
test('names', async ({ page }) => {
  await expect(page).toHaveScreenshot('a name.png');
  await expect(page).toHaveScreenshot(['deep', 'er', 'name.png']);
  await expect(page.locator('#box')).toHaveScreenshot({ name: 'in options.png' });
});
test('options', async ({ page }) => {
  const clip = { x: 10, y: 10, width: 60, height: 50 };
  await expect(page).toHaveScreenshot('clip.png', { clip });
  await expect(page).toHaveScreenshot('full.png', { fullPage: true, scale: 'device' });
  const mask = [page.locator('#box')];
  await expect(page).toHaveScreenshot('mask.png', { mask });
  await expect(page).toHaveScreenshot('blue.png', { mask, maskColor: '#0000ff' });
  await expect(page).toHaveScreenshot('style.png', { stylePath: 'hide.css' });
  await page.evaluate(() => document.body.style.background = 'transparent');
  await expect(page).toHaveScreenshot('transparent.png', { omitBackground: true });
});
"""


@dataclass(frozen=True)
class Suite:
    """A project of a user of the drop-in."""

    folder: Path
    chromium: str

    @property
    def snapshots(self) -> Path:
        return self.folder / "pixelgate-snapshots"

    def spec(self, **specs: str) -> None:
        for name, text in specs.items():
            path = self.folder / f"e2e/{name}.spec.js"
            path.parent.mkdir(exist_ok=True)
            path.write_text(HEAD + dedent(text), encoding="utf-8")

    def run(self, *arguments: str, **environ: str) -> dict[str, str]:
        """Runs Playwright; returns title and project to what became of each test."""
        (self.folder / "result.json").unlink(missing_ok=True)
        done = subprocess.run(
            ["node", RUNNER, "test", *arguments],
            cwd=self.folder,
            env={**os.environ, "CHROMIUM": self.chromium, **environ},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert (self.folder / "result.json").is_file(), done.stdout + done.stderr
        result = json.loads((self.folder / "result.json").read_text())
        return {
            f"{spec['title']} [{test['projectName']}]": str(test["status"])
            for spec in specs_of(result["suites"])
            for test in spec["tests"]
        }

    def messages(self) -> str:
        """All that the last run says of failures, without colours."""
        return (self.folder / "result.json").read_text()

    def images(self) -> dict[str, bytes]:
        """The images in the drop-in's folder."""
        return images(self.snapshots)

    def goldens(self) -> dict[str, bytes]:
        return {n: b for n, b in images(self.folder).items() if n.startswith("e2e/")}


def specs_of(suites: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for suite in suites:
        yield from suite.get("specs", [])
        yield from specs_of(suite.get("suites", []))


def images(folder: Path) -> dict[str, bytes]:
    """The images below a folder, but not what is installed."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.png")}
    return {n: paths[n].read_bytes() for n in sorted(paths) if "node_modules" not in n}


def fresh(folder: Path) -> Suite:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    missing = {"Chromium": chromium, "Node": shutil.which("node"), RUNNER: RUNNER.is_file()}
    for name, found in missing.items():
        if not found:
            if os.environ.get("CI"):
                pytest.fail(f"CI must have {name}: make ready")
            pytest.skip(f"needs {name}: apt-get install chromium; make tools/js/.done")
    shutil.copy(EXAMPLE / "pixelgate.js", folder)
    (folder / "playwright.config.js").write_text(CONFIG)
    (folder / "hide.css").write_text("#box { visibility: hidden }")
    (folder / "all.css").write_text("#long { background: yellow }")
    (folder / "node_modules").symlink_to(MODULES)
    return Suite(folder, str(chromium))


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return fresh(tmp_path)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """A suite with all kinds of names, whose goldens Playwright has written."""
    suite = fresh(tmp_path_factory.mktemp("named"))
    suite.spec(names=NAMES)
    assert set(suite.run("--update-snapshots").values()) == {"expected"}, suite.messages()
    return suite


def test_images_have_the_names_and_the_bytes_of_playwrights_own(named: Suite) -> None:
    taken, goldens = named.images(), named.goldens()
    assert len(goldens) == 2 * 13
    assert taken.keys() == goldens.keys()
    assert [name for name in taken if taken[name] != goldens[name]] == []


def test_options_and_locators(named: Suite) -> None:
    drawn = {}
    for name, body in named.images().items():
        if name.endswith("-desktop-linux.png"):
            with Image.open(io.BytesIO(body)) as image:
                drawn[Path(name).name.removesuffix("-desktop-linux.png")] = image.convert("RGBA")
    sizes = {name: drawn[name].size for name in ("clip", "full", "in-options", "a-name")}
    assert sizes == {
        "clip": (60, 50), "full": (600, 1080), "in-options": (50, 40), "a-name": (300, 200)
    }  # fmt: skip
    red, yellow, white = (255, 0, 0, 255), (255, 255, 0, 255), (255, 255, 255, 255)
    masked = ("mask", "blue", "style", "transparent", "a-name")
    in_the_box = {name: drawn[name].getpixel((20, 20)) for name in masked}
    assert in_the_box == {
        "mask": (255, 0, 255, 255),
        "blue": (0, 0, 255, 255),
        "style": white,
        "transparent": red,
        "a-name": red,
    }
    below = {name: drawn[name].getpixel((100, 60)) for name in ("a-name", "style", "transparent")}
    # The style of the configuration is yellow; the assertion's own replaces it.
    assert below == {"a-name": yellow, "style": white, "transparent": yellow}
    assert drawn["transparent"].getpixel((200, 20)) == (0, 0, 0, 0)


def test_upload_takes_the_folder_with_tags(named: Suite) -> None:
    scanned = scan(named.snapshots)
    assert scanned.warnings == ()
    assert scanned.entries.keys() == named.images().keys()
    entry = scanned.entries["e2e/names.spec.js-snapshots/deep/er/name-a-phone-linux.png"]
    assert entry.sidecar["tags"] == {
        "project": "a phone", "browser": "chromium", "platform": "linux", "viewport": "150x200"
    }  # fmt: skip
    assert entry.sidecar["description"] == "names"
    nested = scanned.entries[
        "e2e/names.spec.js-snapshots/Shop-a-b-without-names-2-desktop-linux.png"
    ]
    assert nested.sidecar["description"] == "Shop: a/b › without names"
    assert nested.sidecar["context"]["test"] == "names.spec.js"


def test_without_goldens_tests_pass_and_no_golden_is_written(suite: Suite, named: Suite) -> None:
    suite.spec(names=NAMES)
    assert set(suite.run().values()) == {"expected"}, suite.messages()
    assert suite.goldens() == {}
    assert suite.images() == named.images()


def test_with_goldens_a_change_fails_and_leaves_every_image(named: Suite, tmp_path: Path) -> None:
    suite = fresh(tmp_path)
    suite.spec(names=NAMES)
    shutil.copytree(named.folder / "e2e", tmp_path / "e2e", dirs_exist_ok=True)
    assert set(suite.run("--update-snapshots=none").values()) == {"expected"}, suite.messages()
    goldens = suite.goldens()
    ended = suite.run("--retries=0", "--project=desktop", COLOUR="blue")
    assert set(ended.values()) == {"unexpected"}
    assert "pixels (ratio" in suite.messages()
    assert "-expected.png" in suite.messages()  # Playwright attaches what it always does
    assert suite.goldens() == goldens
    taken = suite.images()
    changed = {name for name in taken if taken[name] != goldens[name]}
    of = "e2e/names.spec.js-snapshots"
    assert changed == {  # a test ends at the first assertion that fails, as in Playwright
        f"{of}/Shop-a-b-without-names-1-desktop-linux.png",
        *(name for name in taken if "hundred-lette" in name and "desktop" in name),
        f"{of}/a-name-desktop-linux.png",
        f"{of}/clip-desktop-linux.png",
    }
    ended = suite.run("--update-snapshots", "--project=desktop", COLOUR="blue")
    assert set(ended.values()) == {"expected"}
    assert suite.goldens() == suite.images() != goldens


def test_of_retries_only_the_last_attempt_is_left(suite: Suite) -> None:
    suite.spec(
        retry="""
        test('flaky', async ({ page }, info) => {
          await page.setContent('<h1>' + info.retry + '</h1>');
          if (!info.retry) await expect(page).toHaveScreenshot('first.png');
          await expect(page).toHaveScreenshot('both.png');
          expect(info.retry).toBe(1);
        });
        test('fails before its screenshot', async ({ page }, info) => {
          if (info.retry) throw new Error('early');
          await expect(page).toHaveScreenshot('early.png');
          throw new Error('late');
        });
        test('once', async ({ page }) => {
          await page.setContent('<h1>1</h1>');
          await expect(page).toHaveScreenshot('once.png');
        });
        """
    )
    ended = suite.run("--project=desktop")
    assert ended == {
        "flaky [desktop]": "flaky",
        "fails before its screenshot [desktop]": "unexpected",
        "once [desktop]": "expected",
    }
    of = "e2e/retry.spec.js-snapshots"
    assert list(suite.images()) == [
        f"{of}/both-desktop-linux.png",
        f"{of}/once-desktop-linux.png",
    ]
    assert len(set(suite.images().values())) == 1  # the second attempt shows "1"
    assert len(list(suite.snapshots.rglob("*.json"))) == 2


def test_soft_negated_and_repeated_assertions(suite: Suite) -> None:
    suite.spec(
        soft="""
        test('soft', async ({ page }) => {
          await expect.soft(page).toHaveScreenshot('one.png');
          await expect.soft(page, 'with words').toHaveScreenshot('two.png');
          await expect.configure({ soft: true })(page).toHaveScreenshot('three.png');
        });
        test('not', async ({ page }) => {
          await expect(page).not.toHaveScreenshot('golden.png');
        });
        test('twice', async ({ page }) => {
          await expect(page).toHaveScreenshot('same.png');
          await page.setContent('other');
          await expect(page).toHaveScreenshot('same.png');
        });
        """,
        golden="test('g', async ({ page }) => expect(page).toHaveScreenshot('g.png'));",
    )
    of = suite.folder / "e2e/soft.spec.js-snapshots"
    ended = suite.run("golden.spec", "--update-snapshots", "--project=desktop")
    assert ended == {"g [desktop]": "expected"}
    golden = suite.folder / "e2e/golden.spec.js-snapshots/g-desktop-linux.png"
    of.mkdir()
    for name in ("one", "two", "golden"):
        shutil.copy(golden, of / f"{name}-desktop-linux.png")
    shutil.rmtree(suite.snapshots)
    options = ("soft.spec", "--project=desktop", "--retries=0")
    ended = suite.run(*options, COLOUR="blue")
    assert ended == {
        "soft [desktop]": "unexpected",
        "not [desktop]": "expected",
        "twice [desktop]": "expected",
    }
    assert "with words" in suite.messages()
    where = "e2e/soft.spec.js-snapshots"
    assert list(suite.images()) == [
        f"{where}/{name}.png"
        for name in ("one-desktop-linux", "same-desktop-linux-2", "same-desktop-linux",
                     "three-desktop-linux", "two-desktop-linux")
    ]  # fmt: skip
    ended = suite.run(*options, "-g", "not")
    assert ended == {"not [desktop]": "unexpected"}
    assert "Expected result should be different" in suite.messages()


def test_two_tests_with_different_images_of_one_name_are_told(suite: Suite) -> None:
    suite.spec(
        names="""
        for (const colour of ['red', 'blue', 'blue again'])
          test(colour, async ({ page }) => {
            await page.setContent(`<body bgcolor="${colour.split(' ')[0]}">`);
            await expect(page).toHaveScreenshot('colour.png');
          });
        """
    )
    ended = suite.run("--project=desktop", "--retries=0", "--workers=1")
    assert ended == {
        "red [desktop]": "expected",
        "blue [desktop]": "unexpected",
        "blue again [desktop]": "unexpected",
    }
    assert "took different images for" in suite.messages()
    ended = suite.run("--project=desktop", "--retries=0", "--workers=1", "-g", "blue")
    assert ended == {"blue [desktop]": "expected", "blue again [desktop]": "expected"}


def test_what_never_comes_to_rest_fails(suite: Suite) -> None:
    suite.spec(
        rest="""
        test('restless', async ({ page }) => {
          await page.evaluate(() => setInterval(() => document.body.prepend(Date.now()), 5));
          await expect(page).toHaveScreenshot('restless.png', { timeout: 700 });
        });
        """
    )
    assert suite.run("--project=desktop", "--retries=0") == {"restless [desktop]": "unexpected"}
    assert "no two screenshots were the same within 700 ms" in suite.messages()
    assert suite.images() == {}


def test_other_places_of_goldens_and_of_images(suite: Suite) -> None:
    suite.spec(desk="test('one', async ({ page }) => expect(page).toHaveScreenshot('a.png'));")
    config = suite.folder / "playwright.config.js"
    template = "snapshotPathTemplate: '{testDir}/../.goldens/{testFilePath}/{arg}{ext}', workers"
    config.write_text(CONFIG.replace("workers", template))
    ended = suite.run(PIXELGATE_SNAPSHOTS="out/shots")
    assert set(ended.values()) == {"expected"}, suite.messages()
    assert [*images(suite.folder / "out/shots")] == [
        "_goldens/desk.spec.js/a-a-phone.png",
        "_goldens/desk.spec.js/a-desktop.png",
    ]
    assert len(scan(suite.folder / "out/shots").entries) == 2
    config.write_text(CONFIG.replace("workers", "ignoreSnapshots: true, workers"))
    assert set(suite.run("--update-snapshots").values()) == {"expected"}
    assert len(suite.images()) == 2
    assert suite.goldens() == {}


def test_a_project_of_es_modules(suite: Suite) -> None:
    (suite.folder / "package.json").write_text('{"type": "module"}')
    config = suite.folder / "playwright.config.js"
    config.write_text(CONFIG.replace("module.exports =", "export default"))
    suite.spec(a="test('one', async ({ page }) => expect(page).toHaveScreenshot('a.png'));")
    spec = suite.folder / "e2e/a.spec.js"
    spec.write_text(spec.read_text().replace("'../pixelgate'", "'../pixelgate.js'"))
    assert set(suite.run().values()) == {"expected"}, suite.messages()
    assert len(suite.images()) == 2


def test_fixtures_and_matchers_of_ones_own(suite: Suite) -> None:
    (suite.folder / "e2e").mkdir()
    (suite.folder / "e2e/own.spec.ts").write_text(
        dedent("""
        import { expect as plain, test as base, mergeExpects, mergeTests } from '@playwright/test';
        import * as pixelgate from '../pixelgate';
        const mine = base.extend<{ answer: number }>({ answer: async ({}, use) => use(42) });
        const own = plain.extend({
          toBeRight: (given: number) => ({ pass: given === 42, message: () => 'is wrong' }),
        });
        const test = mergeTests(mine, pixelgate.test);
        const expect = mergeExpects(own, pixelgate.expect);
        test('one', async ({ page, answer }) => {
          await page.setContent(`<h1>${answer}</h1>`);
          expect(answer).toBeRight();
          await expect(page).toHaveScreenshot('a.png');
        });
        """)
    )
    assert set(suite.run().values()) == {"expected"}, suite.messages()
    assert len(suite.images()) == 2


def test_the_example_runs_as_its_readme_says(suite: Suite) -> None:
    for name in ("playwright.config.js", "package.json"):
        shutil.copy(EXAMPLE / name, suite.folder)
    shutil.copytree(EXAMPLE / "tests", suite.folder / "tests")
    pinned = json.loads((EXAMPLE / "package.json").read_text())["devDependencies"]
    assert (
        pinned.items()
        <= json.loads((ROOT / "tools/js/package.json").read_text())["devDependencies"].items()
    )
    config = suite.folder / "playwright.config.js"
    config.write_text(
        config.read_text().replace(
            "  testDir", "  reporter: [['json', {outputFile: 'result.json'}]], testDir"
        )
    )
    ended = suite.run()
    assert sorted(ended.values()) == ["expected"] * 4, suite.messages()
    assert [name.removeprefix("tests/shop.spec.js-snapshots/") for name in suite.images()] == [
        "empty/page-desktop-linux.png",
        "empty/page-phone-linux.png",
        "items-desktop-linux.png",
        "items-phone-linux.png",
        "the-list-1-desktop-linux.png",
        "the-list-1-phone-linux.png",
    ]

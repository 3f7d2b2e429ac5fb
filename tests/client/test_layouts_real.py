"""Folders as test runners really left them: what is taken, what is left out, and why.

tests/fixtures/layouts/*/README.md say by which versions and commands.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from pixelgate.client.layouts.names import LAYOUTS
from pixelgate.client.layouts.select import Choice, Selection, select

REAL = Path(__file__).parents[1] / "fixtures" / "layouts"


def why(selection: Selection) -> dict[str, int]:
    return dict(Counter(one.reason for one in selection.left))


def tags(selection: Selection) -> dict[str, list[str]]:
    return {name: [*taken.tags.values()] for name, taken in selection.taken.items()}


DIFF = "a difference that a runner drew"
FAILED = "the picture of a failure, beside the one that was expected"
EARLIER = "an earlier attempt of a snapshot that was retried"
GOLDEN = "a picture that a run is compared with; `import-baseline` takes these"
PROJECTS = ("Mobile-Chrome", "chromium")
GOLDENS = ("checkout", "clock", "home", "nested/home again", "price-diff", "shop-an-unnamed-one-1")
FINISHED = ("an-unnamed-one", "clock-is-flaky", "home-is-as-before", "own-shots", "price-diff")


def test_playwright_after_a_run_with_failures_and_retries() -> None:
    found = select(REAL / "playwright")
    assert found.runners == ("playwright",)
    spec, results = "e2e/shop.spec.ts-snapshots", "test-results/shop-shop"
    assert tags(found) == {
        **{f"{spec}/{name}-{p}-linux.png": [p, "linux"] for name in GOLDENS for p in PROJECTS},
        **{
            f"{results}-{test}-{p}/test-finished-1.png": [p, *(["smoke"] if "home" in test else [])]
            for test in FINISHED
            for p in PROJECTS
        },
        **{f"{results}-own-shots-{p}/own.png": [p] for p in PROJECTS},
    }
    # Of each project: three attempts of one test and the first one of another differed.
    assert why(found) == {
        "what Playwright saw in a test that compared it": 8,
        "what Playwright expected in a test that failed": 8,
        "a difference that Playwright drew": 8,
        "a screenshot that Playwright took of a failed test": 10,
        EARLIER: 2,
    }
    assert found.notes == (
        "2 snapshots differed in the tests, such as test-results/shop-shop-checkout-changes-"
        "Mobile-Chrome-retry2/checkout-actual.png: the build has what was expected of them, or "
        "nothing, but not what they look like now",
    )


def test_the_last_attempt_is_taken_under_the_name_of_the_first() -> None:
    found = select(REAL / "playwright")
    own = found.taken["test-results/shop-shop-own-shots-chromium/own.png"]
    top = REAL / "playwright" / "test-results"
    assert own.path == top / "shop-shop-own-shots-chromium-retry1" / "own.png"
    assert own.attempts == (top / "shop-shop-own-shots-chromium" / "own.png",)


def test_the_json_report_of_playwright_describes_the_tests() -> None:
    found = select(REAL / "playwright")
    own = found.taken["test-results/shop-shop-own-shots-chromium/own.png"]
    assert own.details == {"description": "shop.spec.ts › shop › own shots"}


@pytest.mark.parametrize("hidden", [True, False], ids=["as it is", "without hidden files"])
@pytest.mark.parametrize("named", ["auto", "playwright"])
def test_only_failures_of_playwright_are_refused_with_the_cure(
    tmp_path: Path, named: str, hidden: bool
) -> None:
    # CI systems leave hidden files out of artifacts.
    shutil.copytree(REAL / "playwright" / "test-results", tmp_path / "test-results")
    for folder in (tmp_path / "test-results").iterdir():
        if "checkout" not in folder.name and (folder.is_dir() or not hidden):
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    for root in (tmp_path, tmp_path / "test-results"):
        found = select(root, Choice(named))
        assert (found.taken, found.runners) == ({}, ("playwright",))
        first, *rest = found.why_empty().splitlines()
        assert first == (
            f"{root} holds only pictures of failures: a passing toHaveScreenshot leaves no image. "
            "Use the drop-in in examples/playwright, or run the tests with --update-snapshots=all "
            "and name the folder that holds their -snapshots folders"
        )
        assert rest[0] == "left out:"


def test_a_run_of_playwright_that_passed_is_refused_with_the_cure_too(tmp_path: Path) -> None:
    last = REAL / "playwright-first-run" / "test-results" / ".last-run.json"
    shutil.copy(last, tmp_path)
    assert select(tmp_path).why_empty() == (
        f"there is no image (PNG, JPEG, WebP) in {tmp_path}: a passing toHaveScreenshot leaves no "
        "image. Use the drop-in in examples/playwright, or run the tests with "
        "--update-snapshots=all and name the folder that holds their -snapshots folders"
    )


def test_of_playwright_the_goldens_alone_are_expected() -> None:
    found = select(REAL / "playwright", Choice(expected=True))
    assert len(found.taken) == 12
    assert all(name.startswith("e2e/shop.spec.ts-snapshots/") for name in found.taken)
    assert why(found)["a picture of a run"] == 14
    assert found.notes == ()


def test_what_playwright_saw_in_its_first_run_is_not_taken_beside_its_snapshots() -> None:
    found = select(REAL / "playwright-first-run")
    assert list(found.taken) == [
        *(f"e2e/shop.spec.ts-snapshots/{name}-chromium-linux.png" for name in GOLDENS),
        "test-results/shop-shop-own-shots-chromium/own.png",
    ]
    assert why(found) == {"what Playwright saw in a test that compared it": 6}


def test_what_playwright_saw_is_known_by_its_snapshots_alone(tmp_path: Path) -> None:
    shutil.copytree(REAL / "playwright-first-run", tmp_path, dirs_exist_ok=True)
    (tmp_path / "test-results" / ".last-run.json").unlink()
    assert list(select(tmp_path).taken) == list(select(REAL / "playwright-first-run").taken)


def test_jest_image_snapshot() -> None:
    found = select(REAL / "jest-image-snapshot")
    assert found.runners == ("jest-image-snapshot",)
    assert tags(found) == {
        f"__image_snapshots__/{name}.png": []
        for name in (
            "clock",
            "footer",  # its diff lies beside it, called footer-diff.png
            "price-diff",  # is called so, and has no price.png beside it
            "shop-test-js-shop-checkout-changes-1-snap",
            "shop-test-js-shop-home-is-as-before-1-snap",
            "shop-test-js-shop-home-is-as-before-2-snap",
        )
    }
    assert why(found) == {DIFF: 2, FAILED: 2}


def test_vitest() -> None:
    found = select(REAL / "vitest")
    assert found.runners == ("vitest",)
    shots = "test/__screenshots__/shop.test.ts"
    names = ("checkout", "clock", "home", "price-diff", "shop-an-unnamed-one-1")
    assert tags(found) == {
        **{f"{shots}/{name}-chromium-linux.png": ["chromium", "linux"] for name in names},
        f"{shots}/shop-an-own-one-2.png": [],
        "test/own/mine.png": [],
    }


def test_vitest_where_its_attachments_are_not_hidden(tmp_path: Path) -> None:
    shutil.copytree(REAL / "vitest" / ".vitest" / "attachments", tmp_path / "attachments")
    shutil.copytree(REAL / "vitest" / "test", tmp_path / "test")
    found = select(tmp_path)
    assert list(found.taken) == list(select(REAL / "vitest").taken)
    assert why(found) == {
        "a copy that a report keeps under another name": 6,
        DIFF: 2,
        FAILED: 2,
    }


CHECKS = {"checkout": "checkout changes", "clock": "clock is flaky", "home": "home is as before",
          "price-diff": "price"}  # fmt: skip


def test_webdriverio_leaves_its_pictures_in_a_hidden_folder() -> None:
    found = select(REAL / "webdriverio")
    assert found.runners == ("webdriverio",)
    assert {n: (t.tags, t.details["description"]) for n, t in found.taken.items()} == {
        f"desktop_chrome/{name}-desktop_chrome-500x300-dpr-1.png": (
            {
                "browser": "desktop_chrome",
                "platform": "linux",
                "viewport": "500x300",
                "density": "dpr-1",
            },
            f"shop › {test}",
        )
        for name, test in CHECKS.items()
    }
    assert all(".tmp/actual" in str(taken.path) for taken in found.taken.values())
    assert why(found) == {GOLDEN: 4, DIFF: 1}


def test_the_goldens_of_webdriverio_have_the_names_of_its_runs() -> None:
    for root in (REAL / "webdriverio", REAL / "webdriverio" / "test"):
        found = select(root, Choice(expected=True))
        assert list(found.taken) == list(select(REAL / "webdriverio").taken)
        assert all("baseline" in str(taken.path) for taken in found.taken.values())
    alone = select(REAL / "webdriverio" / "test" / "baseline", Choice(expected=True))
    assert list(alone.taken) == list(select(REAL / "webdriverio").taken)


def test_storybook() -> None:
    found = select(REAL / "storybook")
    assert found.runners == ("storybook",)
    assert list(found.taken) == [
        f"__snapshots__/shop-box--{story}.png" for story in ("checkout", "home", "price-diff")
    ]
    assert why(found) == {DIFF: 1}


def test_argos() -> None:
    found = select(REAL / "argos")
    shots = "test-results/a-home-page-chromium/argos/chromium"
    assert tags(found) == {
        f"{shots}/foot er/inner.png": ["chromium", "80x60", "@smoke"],
        f"{shots}/home vw-48.png": ["chromium", "vw-48", "@smoke"],
        f"{shots}/home vw-80.png": ["chromium", "vw-80", "@smoke"],
    }
    assert {str(t.details) for t in found.taken.values()} == {
        "{'description': 'a.spec.ts › home page'}"
    }
    assert all("-retry1/" in str(taken.path) for taken in found.taken.values())
    assert why(found) == {
        EARLIER: 3,
        "a copy that Playwright keeps of an attachment": 6,
        "a screenshot that Playwright took of a failed test": 1,
    }


def test_backstop() -> None:
    found = select(REAL / "backstop")
    names = ("Checkout", "Home_page")
    assert {n: str(t.path.relative_to(REAL / "backstop")) for n, t in found.taken.items()} == {
        f"backstop_data/shop_{name}_0_document_0_phone.png": (
            f"backstop_data/bitmaps_test/20261130-163107/shop_{name}_0_document_0_phone.png"
        )
        for name in names
    }
    assert why(found) == {
        GOLDEN: 2,
        DIFF: 1,
        "a picture of an earlier run": 2,
        "a copy that a report keeps under another name": 2,
    }
    wanted = select(REAL / "backstop", Choice(expected=True))
    assert list(wanted.taken) == list(found.taken)
    assert all("bitmaps_reference" in str(taken.path) for taken in wanted.taken.values())


@pytest.mark.parametrize("folder", sorted(p.name for p in REAL.iterdir()))
def test_every_image_is_taken_left_out_or_hidden_and_none_is_lost(folder: Path) -> None:
    found = select(REAL / folder)
    images = {
        path
        for path in (REAL / folder).rglob("*.png")
        if ".vitest" not in path.relative_to(REAL / folder).parts
    }
    seen = [taken.path for taken in found.taken.values()]
    seen += [REAL / folder / one.where for one in found.left]
    assert Counter(seen) == Counter(images)


@pytest.mark.parametrize("folder", sorted(p.name for p in REAL.iterdir()))
def test_from_folder_takes_all_that_is_not_hidden_as_it_lies(folder: str) -> None:
    found = select(REAL / folder, Choice("folder"))
    root = REAL / folder
    assert list(found.taken) == sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*.png")
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    assert (found.left, found.runners, found.notes) == ((), (), ())


@pytest.mark.parametrize(
    "named", [name for name in LAYOUTS if name in {p.name for p in REAL.iterdir()}]
)
def test_a_layout_that_is_named_gives_what_auto_finds(named: str) -> None:
    assert select(REAL / named, Choice(named)).taken == select(REAL / named).taken


def test_folders_of_several_runners_and_plain_pictures_in_one(tmp_path: Path) -> None:
    for folder in ("playwright", "jest-image-snapshot", "webdriverio", "vitest"):
        shutil.copytree(REAL / folder, tmp_path / folder)
    (tmp_path / "by hand").mkdir()
    own = next((REAL / "jest-image-snapshot" / "__image_snapshots__").glob("clock.png"))
    shutil.copy(own, tmp_path / "by hand" / "clock.png")
    found = select(tmp_path)
    names = {"by hand/clock.png"}
    for folder in ("playwright", "jest-image-snapshot", "vitest", "webdriverio"):
        names |= {f"{folder}/{name}" for name in select(REAL / folder).taken}
    assert {*found.taken} == names
    assert {*found.runners} == {"playwright", "jest-image-snapshot", "vitest", "webdriverio"}

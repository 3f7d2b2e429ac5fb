"""Comparing with the baseline: words, report, retries, several processes, a thin installation."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from .conftest import Project, colour_of, files, made, pictures

SHOP = """
    @pytest.mark.parametrize("page", ["cart", "list"])
    def test_page(pixelgate, page):
        pixelgate(drawn(), "top")
        pixelgate(drawn("green" if page == "cart" else "black", (20, 20)), "bottom")

    def test_other(pixelgate):
        pixelgate(Image.new("RGB", (40, 30), "yellow"))
"""
CART, LIST = "tests/test_shop.py/test_page[cart]", "tests/test_shop.py/test_page[list]"
OTHER = "tests/test_shop.py/test_other.png"


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project with a baseline; each test gets a copy."""
    project = made(tmp_path_factory.mktemp("accepted"))
    project.write("tests/test_shop.py", SHOP)
    ended = project.run("--pixelgate-update")
    assert ended.code == 0
    assert ended.section() == ["accepted in tests/pixelgate-baseline: 5 added"]
    assert pictures(project.baseline) == sorted(
        [OTHER, f"{CART}/bottom.png", f"{CART}/top.png", f"{LIST}/bottom.png", f"{LIST}/top.png"]
    )
    return project.folder


@pytest.fixture
def shop(accepted: Path, tmp_path: Path) -> Project:
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    shutil.copytree(accepted, tmp_path, dirs_exist_ok=True, ignore=ignored)
    return Project(tmp_path)


def compared(project: Project) -> str:
    """What `pixelgate compare` prints of the same folders."""
    words = [project.baseline, project.snapshots, "--out", project.folder / "by-compare"]
    done = subprocess.run(
        [Path(sys.executable).parent / "pixelgate", "compare", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return str(done.stderr)


def test_a_change_in_quarantine_is_shown_and_passes(shop: Project) -> None:
    # The other process has the clock of the file system.
    today = datetime.fromtimestamp(shop.folder.stat().st_mtime, UTC).date()
    entry = f"""
        [[quarantine]]
        match = "{{match}}"
        owner = "ada"
        reason = "fonts load late"
        since = {today - timedelta(days=2)}
        until = {today + timedelta(days=20)}
    """
    (shop.folder / "pixelgate.toml").write_text(entry.format(match="tests/test_shop.py/test_o*"))
    ended = shop.run(COLOUR="blue")
    assert (ended.code, ended.results) == (1, {"passed": 1, "failed": 2}), ended.text
    (shop.folder / "pixelgate.toml").write_text(entry.format(match="tests/*"))
    ended = shop.run("tests/test_shop.py::test_other")
    assert (ended.code, ended.results) == (0, {"passed": 1})
    page = shop.folder / "tests/test_shop.py"
    page.write_text(page.read_text().replace('"yellow"', '"blue"'))
    ended = shop.run("tests/test_shop.py::test_other")
    assert (ended.code, ended.results) == (0, {"passed": 1}), ended.text
    said = "\n".join(ended.section())
    assert "passed: no changes to review; 1 quarantined snapshot changed" in said
    assert "fonts load late" in said
    assert shop.report["counts"]["quarantined"] == 1
    # What is added there needs a review as ever; an update accepts what is in quarantine too.
    page.write_text(page.read_text() + "    pixelgate(drawn(), 'new')\n")
    ended = shop.run("tests/test_shop.py::test_other")
    assert ended.results == {"failed": 1}
    ended = shop.run("--pixelgate-update", "tests/test_shop.py::test_other")
    assert ended.section() == ["accepted in tests/pixelgate-baseline: 1 added, 1 changed"]


def test_equal_screenshots_pass(shop: Project) -> None:
    ended = shop.run()
    assert (ended.code, ended.results) == (0, {"passed": 3})
    assert ended.section()[-2:] == ["passed", "report: pixelgate-report/index.html"]
    assert shop.report["verdict"] == "passed"


def test_a_change_fails_with_the_words_and_the_report_of_compare(shop: Project) -> None:
    path = shop.folder / "tests/test_shop.py"
    more = 'pixelgate(drawn("pink"), "more"); pixelgate(Image'
    path.write_text(path.read_text().replace('"green"', '"blue"').replace("pixelgate(Image", more))
    ended = shop.run()
    assert (ended.code, ended.results) == (1, {"failed": 2, "passed": 1}), ended.text
    assert f"  changed    {CART}/bottom.png  400 pixels (100.00%)\n" in ended.text
    assert "Failed: pixelgate: needs review: 1 added" in ended.text
    assert "pytest --pixelgate-update 'tests/test_shop.py::test_page[cart]'\n" in ended.text
    *said, report, cure = ended.section()
    assert report == "report: pixelgate-report/index.html"
    assert cure == "to accept: pytest --pixelgate-update"
    assert said[-1] == "needs review"
    theirs = [line.rstrip() for line in compared(shop).splitlines()]
    assert said == theirs[: len(said)]
    assert (shop.folder / "pixelgate-report/index.html").is_file()
    both = [shop.folder / place / "comparison.json" for place in ("pixelgate-report", "by-compare")]
    ours, of_compare = (json.loads(path.read_text()) for path in both)
    assert [ours[field] for field in ("images", "counts", "verdict", "engine")] == [
        of_compare[field] for field in ("images", "counts", "verdict", "engine")
    ]
    assert shop.statuses() == {
        OTHER: "unchanged",
        "tests/test_shop.py/test_other/more.png": "added",
        f"{CART}/bottom.png": "changed",
        f"{CART}/top.png": "unchanged",
        f"{LIST}/bottom.png": "unchanged",
        f"{LIST}/top.png": "unchanged",
    }


def test_all_screenshots_of_a_test_are_taken_before_it_fails(shop: Project) -> None:
    ended = shop.run("-k", "cart", COLOUR="#123456")
    assert ended.results == {"failed": 1, "deselected": 2}
    assert "needs review: 2 changed" in ended.text
    assert list(shop.statuses().values()).count("skipped") == 3


def test_what_a_test_takes_no_more_is_removed(shop: Project) -> None:
    path = shop.folder / "tests/test_shop.py"
    path.write_text(path.read_text().replace('pixelgate(drawn(), "top")', ""))
    ended = shop.run("-k", "page")
    assert ended.results == {"failed": 2, "deselected": 1}
    assert f"  removed    {CART}/top.png" in ended.text
    assert shop.statuses()[f"{LIST}/top.png"] == "removed"


def test_a_test_that_fails_by_itself_removes_nothing(shop: Project) -> None:
    path = shop.folder / "tests/test_shop.py"
    path.write_text(
        path.read_text().replace("    pixelgate(drawn(", "    assert not page; pixelgate(drawn(")
    )
    ended = shop.run()
    assert ended.results == {"failed": 2, "passed": 1}
    assert "needs review" not in ended.text
    assert set(shop.statuses().values()) == {"skipped", "unchanged"}


def test_tests_that_are_gone_fail_the_run(shop: Project) -> None:
    path = shop.write("tests/test_more.py", "def test_more(pixelgate): pixelgate(drawn('pink'))\n")
    shop.run("--pixelgate-update", path)
    text = (shop.folder / "tests/test_shop.py").read_text()
    (shop.folder / "tests/test_shop.py").write_text(text.replace("test_other", "no_test"))
    path.unlink()
    assert shop.run("-k", "page").code == 0
    assert shop.run("tests/test_shop.py::test_page").code == 0
    assert shop.run("--lf").code == 0
    for processes in ("-n0", "-n2"):
        ended = shop.run(processes)
        assert (ended.code, ended.results) == (1, {"passed": 2}), ended.text
        assert "  removed    tests/test_more.py/test_more.png" in ended.section()
        assert f"  removed    {OTHER}" in ended.section()
        assert "the tests of 2 screenshots are gone" in ended.section()
    ended = shop.run("--pixelgate-update")
    assert ended.section() == ["accepted in tests/pixelgate-baseline: 2 removed"]
    assert len(pictures(shop.baseline)) == 4
    assert shop.run().code == 0


def test_harmless_noise_passes(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        def test_photo(pixelgate):
            image = Image.radial_gradient("L").convert("RGB")
            body = io.BytesIO()
            image.save(body, "JPEG", quality=int(os.environ["QUALITY"]))
            pixelgate(body.getvalue())
        """,
    )
    assert project.run("--pixelgate-update", QUALITY="92").code == 0
    before = files(project.baseline)
    ended = project.run(QUALITY="91")
    assert (ended.code, ended.results) == (0, {"passed": 1}), ended.text
    ended = project.run("--pixelgate-update", QUALITY="91")
    assert ended.section() == ["accepted in tests/pixelgate-baseline: nothing new"]
    assert files(project.baseline) == before


def test_policies_of_the_project_and_of_a_screenshot(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        def speckled(dots):
            image = Image.new("RGB", (40, 30), "white")
            for x in range(dots):
                image.putpixel((10 + x, 10), (0, 0, 0))
            return image

        def test_own(pixelgate):
            pixelgate(speckled(int(os.environ["DOTS"])), policy={"max_changed_pixels": 9})

        def test_rule(pixelgate):
            pixelgate(speckled(int(os.environ["DOTS"])))
        """,
    )
    config = project.folder / "pixelgate.toml"
    config.write_text(
        '[[rules]]\nmatch = "*test_rule*"\npolicy = {max_changed_pixels = 6}\n', encoding="utf-8"
    )
    assert project.run("--pixelgate-update", DOTS="0").code == 0
    assert project.run(DOTS="6").results == {"passed": 2}
    assert project.report["verdict"] == "passed"
    assert project.run(DOTS="8").results == {"passed": 1, "failed": 1}
    own = "tests/test_shop.py/test_own.png"
    assert project.statuses()[own] == "unchanged"
    assert project.run(DOTS="12").results == {"failed": 2}
    config.write_text("strikt = true\n", encoding="utf-8")
    ended = project.run(DOTS="12")
    assert ended.code == 1
    assert "pixelgate.toml: strikt: there is no such field" in ended.text
    assert "config.py" not in ended.text


def test_an_unreadable_baseline_is_errored_as_in_compare(shop: Project) -> None:
    (shop.baseline / OTHER).write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    ended = shop.run()
    assert ended.results == {"failed": 1, "passed": 2}
    assert f"  errored    {OTHER}  UNREADABLE" in ended.text
    assert shop.statuses()[OTHER] == "errored"


def test_several_processes_make_one_report(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        @pytest.mark.xdist_group("g")
        @pytest.mark.parametrize("n", range(12))
        def test_page(pixelgate, n):
            pixelgate(drawn(f"#0000{n:02x}", (60, 40)), "top")
            pixelgate(Image.new("RGB", (30, 20), (n, 255, 0)), "bottom")
        """,
    )
    assert project.run("--pixelgate-update", "-n2").section() == [
        "accepted in tests/pixelgate-baseline: 24 added"
    ]
    for options in (["-n3"], ["-n2", "--dist=loadgroup"]):
        ended = project.run(*options, COLOUR="orange")
        assert ended.results == {"failed": 12}
        assert ended.text.count("report: pixelgate-report/index.html\n") == 1
        statuses = list(project.statuses().values())
        assert (statuses.count("changed"), statuses.count("unchanged")) == (12, 12)
    assert len(pictures(project.snapshots)) == 24


def test_a_worker_that_dies_loses_only_its_test(shop: Project) -> None:
    path = shop.folder / "tests/test_shop.py"
    path.write_text(path.read_text() + "\ndef test_dies(pixelgate):\n    os._exit(3)\n")
    ended = shop.run("-n2")
    assert ended.results["failed"] == 1
    assert ended.results["passed"] == 3
    assert shop.report["counts"]["unchanged"] == 5


# As pytest-rerunfailures does it.
RERUN = """
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in (1, 2, 3):
        item.attempt = attempt
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = any(report.failed for report in reports)
        for report in reports:
            if report.failed and attempt < 3:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not failed:
            break
        if attempt < 3:
            item._initrequest()
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""


@pytest.mark.parametrize("processes", ["-n0", "-n2"])
def test_of_retries_the_last_attempt_counts(project: Project, processes: str) -> None:
    project.write("tests/conftest.py", RERUN)
    project.write(
        "tests/test_shop.py",
        """
        def test_flaky(pixelgate, request):
            attempt = request.node.attempt
            pixelgate(drawn("white" if attempt == 2 else "black"), "colour")
            if attempt == 1:
                pixelgate(drawn(), "only in the first")
                assert False

        @pytest.fixture
        def first(request):
            assert request.node.attempt == 1

        def test_broken(pixelgate, request):
            pixelgate(drawn())
            assert False

        def test_broken_later(first, pixelgate):
            pixelgate(drawn())
            assert False
        """,
    )
    white = project.snapshots / "tests/test_shop.py/test_flaky/colour.png"
    ended = project.run("--pixelgate-update", processes)
    assert ended.section() == [
        "accepted in tests/pixelgate-baseline: 1 added",
        "not accepted, as their tests failed: 1 screenshot",
    ]
    assert colour_of(white) == (255, 255, 255)
    assert pictures(project.baseline) == ["tests/test_shop.py/test_flaky/colour.png"]
    ended = project.run(processes)
    assert ended.results["passed"] == 1
    assert pictures(project.snapshots) == [
        "tests/test_shop.py/test_broken.png",
        "tests/test_shop.py/test_flaky/colour.png",
    ]
    assert project.statuses() == {
        "tests/test_shop.py/test_flaky/colour.png": "unchanged",
        "tests/test_shop.py/test_broken.png": "added",
    }


def test_a_retry_of_a_test_that_fails_by_its_screenshot(project: Project) -> None:
    project.write("tests/conftest.py", RERUN)
    project.write(
        "tests/test_shop.py",
        """
        def test_flaky(pixelgate, request):
            pixelgate(drawn("black" if request.node.attempt == int(os.environ["BLACK"]) else "red"))
        """,
    )
    assert project.run("--pixelgate-update", BLACK="1").code == 0
    ended = project.run(BLACK="3")
    assert ended.code == 0, ended.text
    assert (ended.results["passed"], ended.results["rerun"]) == (1, 2)
    assert project.report["verdict"] == "passed"


def test_last_failed_repeats_a_part_and_keeps_the_rest(shop: Project) -> None:
    path = shop.folder / "tests/test_shop.py"
    good = path.read_text()
    path.write_text(good.replace('"green"', '"blue"'))
    assert shop.run().results == {"failed": 1, "passed": 2}
    before = files(shop.snapshots)
    path.write_text(good)
    ended = shop.run("--lf", "-n2")
    assert (ended.code, ended.results["passed"]) == (0, 1)
    after = files(shop.snapshots)
    assert {name for name in after if after[name] != before[name]} == {f"{CART}/bottom.png"}
    assert after.keys() == before.keys()


def test_a_change_that_is_expected_to_fail(shop: Project) -> None:
    path = shop.folder / "tests/test_shop.py"
    path.write_text(
        path.read_text().replace("def test_other", "@pytest.mark.xfail\ndef test_other")
        .replace('"yellow"', '"blue"')
    )  # fmt: skip
    ended = shop.run()
    assert (ended.code, ended.results) == (0, {"passed": 2, "xfailed": 1})


def test_two_tests_of_one_name_are_an_error(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        class TestCart:
            def test_a(self, pixelgate): pixelgate(drawn())

        def TestCart_(pixelgate): pixelgate(drawn(), "test_a")
        TestCart_.__name__ = "TestCart"
        """,
    )
    conftest = project.folder / "tests/conftest.py"
    conftest.write_text(
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        item.name = item.name.removesuffix('_')\n"
    )
    (project.folder / "pytest.ini").write_text("[pytest]\npython_functions = test* TestCart_\n")
    ended = project.run()
    assert (ended.code, ended.results) == (1, {"passed": 2}), ended.text
    assert "which are one file here; rename one of the tests" in ended.text


# A finder that stands for an installation without the compare extra.
THIN = """
import sys
class Thin:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"numpy", "PIL", "imagecodecs"}:
            raise ModuleNotFoundError(f"No module named {name.partition('.')[0]!r}")
sys.meta_path.insert(0, Thin())
"""


def test_a_thin_installation_writes_and_says_what_to_install_to_compare(project: Project) -> None:
    (project.folder / "thin.py").write_text(THIN)
    shot = {colour: project.folder / f"{colour}.png" for colour in ("red", "blue")}
    for colour, path in shot.items():
        Image.new("RGB", (9, 9), colour).save(path)
    path = project.write(
        "tests/test_shop.py",
        """
        def test_cart(pixelgate):
            pixelgate(os.environ["SHOT"])

        def test_bytes(pixelgate):
            pixelgate(Path("red.png").read_bytes())
        """,
    )
    path.write_text(path.read_text().replace("from PIL import Image", ""))
    environ = {"PYTHONPATH": str(project.folder)}
    ended = project.run_with("thin xdist", **environ, SHOT="red.png")
    assert (ended.code, ended.results) == (0, {"passed": 2}), ended.text
    assert len(pictures(project.snapshots)) == 2
    ended = project.run_with("thin xdist", "--pixelgate-update", **environ, SHOT="red.png")
    assert ended.section() == ["accepted in tests/pixelgate-baseline: 2 added"]
    ended = project.run_with("thin xdist", **environ, SHOT="blue.png")
    assert (ended.code, ended.results) == (1, {"passed": 1, "failed": 1}), ended.text
    assert re.search(
        r"  errored    tests/test_shop.py/test_cart.png  not compared: No module named '\w+'; "
        r"to compare, install pixelgate\[compare\]",
        ended.text,
    )
    assert "error: there is no report: No module named" in "\n".join(ended.section())
    assert "Traceback" not in ended.text


def test_without_odiff_equal_screenshots_pass_and_others_say_what_to_install(shop: Project) -> None:
    environ = {"PIXELGATE_ODIFF": str(shop.folder / "no-odiff")}
    ended = shop.run(COLOUR="pink", **environ)
    assert ended.results == {"failed": 2, "passed": 1}
    assert "to compare, install pixelgate[compare]" in ended.text
    assert "no-odiff does not run" in ended.text

"""A result as Markdown and as JUnit XML; names in it are never markup."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from pixelgate.client.exit_code import Gate
from pixelgate.client.junit import junit
from pixelgate.client.markdown import MAX_BYTES, markdown
from pixelgate.client.result import Result

COUNTS = {
    "total": 8, "changed": 2, "added": 1, "removed": 1, "renamed": 1,
    "unchanged": 1, "skipped": 1, "errored": 1,
}  # fmt: skip
STATUS: dict[str, Any] = {
    "project": "shop",
    "build": "9001-1",
    "state": "SUCCEEDED",
    "verdict": "needs_review",
    "counts": COUNTS,
    "base": "8999-1",
    "baseline_reason": "the merge base's build",
    "report": "comparisons/shop/x/index.html",
    "error": None,
}
IMAGES: dict[str, Any] = {
    "sub/a|b.png": {"status": "changed", "changed_pixels": 12, "total_pixels": 4_800,
                    "details": {"display_name": "The <b>basket</b>"}},
    "c.png": {"status": "changed", "changed_pixels": 4_000, "counted_pixels": 800,
              "total_pixels": 4_800, "size_changed": True},
    "new`.png": {"status": "added"},
    "gone.png": {"status": "removed"},
    "moved.png": {"status": "renamed", "previous_name": "old.png"},
    "broken.png": {"status": "errored", "reason": "UNREADABLE: head: the file is empty"},
    "same.png": {"status": "unchanged"},
    "left out.png": {"status": "skipped"},
}  # fmt: skip
NEEDS_REVIEW = Result(STATUS, {"images": IMAGES}, notes=("this clone is shallow: deepen it",))
FAILED = Result(
    {
        "project": "shop", "build": "9001-1", "state": "FAILED", "verdict": None, "counts": {},
        "base": None, "baseline_reason": "",
        "error": {"code": "BAD_MANIFEST", "message": "images['a.png'].width: too <small>"},
    }
)  # fmt: skip


def test_markdown_of_a_build_that_needs_review() -> None:
    assert markdown(NEEDS_REVIEW) == (
        "### 🔍 pixelgate: shop needs review\n"
        "\n"
        "Build `9001-1` against `8999-1` (the merge base's build).\n"
        "\n"
        "| errored | changed | added | removed | renamed | skipped | unchanged | total |\n"
        "| --: | --: | --: | --: | --: | --: | --: | --: |\n"
        "| 1 | 2 | 1 | 1 | 1 | 1 | 1 | 8 |\n"
        "\n"
        "| | snapshot | |\n"
        "|---|---|---|\n"
        "| errored | `broken.png` | UNREADABLE\\: head\\: the file is empty |\n"
        "| changed | `c.png` | 4,800 pixels \\(100.00%\\); the size changed |\n"
        "| changed | The \\<b\\>basket\\</b\\> `sub/a\\|b.png` | 12 pixels \\(0.25%\\) |\n"
        "| added | ``new`.png`` |  |\n"
        "| removed | `gone.png` |  |\n"
        "| renamed | `moved.png` | was old.png |\n"
        "\n"
        "```\n"
        "pixelgate report  --project shop 9001-1\n"
        "pixelgate approve --project shop 9001-1\n"
        "```\n"
        "\n"
        "A review can make this build pass after this job has ended. The job's result stays as it "
        "is; the commit status pixelgate/shop follows the review, if notices are set up. Require "
        "that status for a merge and not this job, or run the job again after the review.\n"
        "\n"
        "> this clone is shallow\\: deepen it\n"
    )


def test_markdown_of_a_build_that_failed() -> None:
    assert markdown(FAILED) == (
        "### ❌ pixelgate: shop failed\n"
        "\n"
        "Build `9001-1`.\n"
        "\n"
        "BAD\\_MANIFEST\\: images\\['a.png'\\].width\\: too \\<small\\>\n"
    )


def test_markdown_says_what_a_person_should_know_of_the_upload() -> None:
    text = markdown(Result(STATUS, {"images": {}, "warnings": ["two names differ"]}))
    assert "> two names differ\n" in text


def test_markdown_shows_fifty_names_and_counts_the_rest() -> None:
    images = {f"{n:03}.png": {"status": "added"} for n in range(60)}
    text = markdown(Result(STATUS, {"images": images}))
    assert text.count("| added | `") == 50
    assert "| … | 10 more, in the report | |" in text


def test_markdown_stays_below_what_github_shows() -> None:
    images = {f"{n:03}{'é' * 500}.png": {"status": "errored", "reason": "x" * 30_000}
              for n in range(50)}  # fmt: skip
    assert len(markdown(Result(STATUS, {"images": images})).encode()) < MAX_BYTES + 10


def parsed(result: Result) -> ElementTree.Element:
    return ElementTree.fromstring(junit(result))


def test_junit_has_a_case_a_snapshot() -> None:
    root = parsed(NEEDS_REVIEW)
    (suite,) = root
    assert (suite.get("name"), suite.get("tests")) == ("pixelgate shop", "8")
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("4", "1", "1")
    assert (root.get("tests"), root.get("failures")) == ("8", "4")
    told = {
        case.get("name"): (case.get("classname"), *((c.tag, c.get("message")) for c in case))
        for case in suite.iter("testcase")
    }
    differs = "differs from the baseline: "
    assert told == {
        "sub/a|b.png": ("shop.sub", ("failure", f"{differs}12 pixels (0.25%)")),
        "c.png": ("shop", ("failure", f"{differs}4,800 pixels (100.00%); the size changed")),
        "new`.png": ("shop", ("failure", "is not in the baseline")),
        "gone.png": ("shop", ("failure", "is in the baseline and was not uploaded")),
        "moved.png": ("shop",),
        "broken.png": ("shop", ("error", "UNREADABLE: head: the file is empty")),
        "same.png": ("shop",),
        "left out.png": ("shop", ("skipped", "not part of this selective upload")),
    }


@pytest.mark.parametrize(
    ("status", "gate", "failures"),
    [
        pytest.param({}, Gate(), 4, id="all count"),
        pytest.param({}, Gate(fail_on=("added",)), 1, id="only added count"),
        pytest.param({}, Gate(exit_zero=True), 0, id="none count"),
        pytest.param({"review": {"state": "approved"}}, Gate(), 0, id="approved"),
        pytest.param({"review": {"state": "rejected"}}, Gate(), 4, id="rejected"),
        pytest.param({"verdict": "passed", "base": None}, Gate(), 0, id="the first upload"),
    ],
)
def test_junit_fails_where_the_gate_does(status: dict[str, Any], gate: Gate, failures: int) -> None:
    root = parsed(Result({**STATUS, **status}, {"images": IMAGES}, gate))
    assert root.get("failures") == str(failures)


def test_junit_of_a_build_that_failed_is_one_error() -> None:
    (suite,) = parsed(FAILED)
    (case,) = suite.iter("testcase")
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    assert case[0].get("message") == "BAD_MANIFEST: images['a.png'].width: too <small>"


def test_junit_holds_no_character_that_xml_cannot() -> None:
    images = {"a\ufffe.png": {"status": "errored", "reason": "a\x00b\x1bc\ud800"}}
    (suite,) = parsed(Result(STATUS, {"images": images}))
    (case,) = suite.iter("testcase")
    assert (case.get("name"), case[0].get("message")) == ("a�.png", "a�b�c�")

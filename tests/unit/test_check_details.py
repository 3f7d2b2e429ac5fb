"""What a check run shows, from status.json."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord
from pixelgate.notify.check_details import details, reference
from pixelgate.notify.check_run import referred
from pixelgate.notify.forge import Details

REVIEW: dict[str, Any] = {
    "state": "needed", "left": 1, "names": ["a.png"], "by": [], "reasons": [], "approved": 0,
    "rejected": 0, "carried_from": None, "refused": [], "revision": 1,
}  # fmt: skip
STATUS: dict[str, Any] = {
    "project": "shop", "build": "b1", "state": "SUCCEEDED", "verdict": "needs_review",
    "counts": {"changed": 1, "unchanged": 2, "total": 3}, "base": "b0", "execution": "e1",
    "baseline_reason": "named by CI", "review": REVIEW, "error": None, "report": "r",
}  # fmt: skip


def built(build: str = "b1") -> BuildRecord:
    return BuildRecord(
        id=BuildId("shop", build),
        commit="c0ffee",
        branch="topic",
        manifest_sha256="",
        created=0.0,
        trusted=not build.startswith("fork."),
    )


def made(
    build: str = "b1", button: bool = True, refused: str | None = None, **changes: Any
) -> Details:
    return details(built(build), {**STATUS, **changes}, button=button, refused=refused)


def test_what_people_have_to_decide() -> None:
    assert made() == Details(
        reference="shop/b1/e1",
        summary="| changed | unchanged |\n| ---: | ---: |\n| 1 | 2 |\n\n"
        "Left to review, 1:\n\n- `a.png`\n\n"
        "Compared with `b0`: named by CI.\n\n"
        "**Approve** approves all of it without looking.\n",
        undecided=True,
        approvable=True,
    )


@pytest.mark.parametrize(
    ("build", "button", "changes", "approvable"),
    [
        ("b1", True, {}, True),
        ("b1", False, {}, False),
        ("fork.b1", True, {}, False),
        ("b1", True, {"review": {**REVIEW, "state": "approved", "left": 0}}, False),
        ("b1", True, {"review": {**REVIEW, "state": "rejected", "left": 0}}, False),
        ("b1", True, {"review": {**REVIEW, "state": "not_needed", "left": 0}}, False),
        ("b1", True, {"state": "PROCESSING", "verdict": None, "review": None}, False),
        ("b1", True, {"execution": "e" * 260}, False),
    ],
)
def test_which_builds_have_a_button(
    build: str, button: bool, changes: dict[str, Any], approvable: bool
) -> None:
    found = made(build, button, **changes)
    assert found.approvable is approvable
    assert ("**Approve**" in found.summary) is approvable


@pytest.mark.parametrize(
    ("changes", "uncompared"),
    [
        ({"base": None, "review": None, "verdict": "passed"}, True),
        ({"base": None}, False),  # errored snapshots of a first build need people
        ({"base": None, "review": {**REVIEW, "state": "approved", "left": 0}}, False),
        ({"review": None, "verdict": "passed"}, False),
        ({"base": None, "state": "PROCESSING", "verdict": None, "review": None}, False),
        ({"base": None, "state": "FAILED", "error": {"code": "TIMEOUT", "message": "x"},
          "review": None, "verdict": None}, False),
    ],
)  # fmt: skip
def test_a_build_that_was_compared_with_nothing(changes: dict[str, Any], uncompared: bool) -> None:
    assert made(**changes).uncompared is uncompared


def test_a_build_without_a_result() -> None:
    found = made(state="PROCESSING", verdict=None, review=None, counts={}, base=None)
    assert found == Details("shop/b1/e1", "Build `b1` has no result yet.\n")


def test_a_failed_comparison() -> None:
    error = {"code": "TIMEOUT", "message": "tell @ada"}
    found = made(state="FAILED", verdict=None, review=None, error=error, execution=None)
    assert found.reference == "shop/b1/"
    assert found.summary.startswith("`TIMEOUT` tell @\u200bada\n")


def test_why_a_press_approved_nothing_mentions_nobody() -> None:
    found = made(refused="ada may not write to @acme/shop")
    assert found.summary.startswith("> Not approved: ada may not write to @\u200bacme/shop\n\n| ")


@pytest.mark.parametrize(
    "build", [BuildId("shop", "b1"), BuildId("a b", "1.0+x?#%"), BuildId("ü", "x" * 200)]
)
def test_a_reference_names_build_and_execution(build: BuildId) -> None:
    assert referred(reference(build, "e1")) == (build, "e1")


@pytest.mark.parametrize(("letters", "kept"), [(247, True), (248, False)])
def test_a_reference_over_the_limit_is_left_out(letters: int, kept: bool) -> None:
    named = reference(BuildId("shop", "b" * letters), "e1")
    assert (len(named) == 255, bool(named)) == (kept, kept)


@pytest.mark.parametrize(
    "external_id", ["", "/", "//", "shop", "shop/b1", "shop/b1/", "/b1/e1", "shop//e1",
                    "shop/b1/e1/", "shop/@b1/e1", "shop/../e1", "shop/b\n1/e1"],
)  # fmt: skip
def test_what_is_no_reference(external_id: str) -> None:
    assert referred(external_id) is None

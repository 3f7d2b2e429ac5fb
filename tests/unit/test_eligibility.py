"""Which builds may be a baseline: a table of what speaks for and against one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pixelgate.domain.eligibility import approved_by_rule, ineligibility, series_of
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord, Lookup, Review, Series

BRANCHES = ("main", "release/*")
ON_MAIN = BuildRecord(BuildId("shop", "b1"), "c1", "a" * 64, 1000.0, arrived=True, branch="main")
OF_PULL_REQUEST = replace(ON_MAIN, branch="feature", pull_request="5")


APPROVED = {"review": Review.APPROVED}
FORKED: dict[str, Any] = {**APPROVED, "trusted": False}
PARTIAL: dict[str, Any] = {**APPROVED, "selective": True}
# A build, its fields, and why it is no baseline.
ELIGIBLE: dict[str, tuple[BuildRecord, dict[str, Any], str | None]] = {
    "on a baseline branch": (ON_MAIN, {}, None),
    "on one that a pattern names": (ON_MAIN, {"branch": "release/2.x"}, None),
    "another case": (ON_MAIN, {"branch": "Main"}, "branch 'Main' is no base"),
    "another name": (ON_MAIN, {"branch": "main2"}, "branch 'main2' is no base"),
    "a pull request from there": (ON_MAIN, {"pull_request": "5"}, "a build of pull request #5"),
    "rejected there": (ON_MAIN, {"review": Review.REJECTED}, "it was rejected"),
    "selective": (ON_MAIN, {"selective": True}, "only a part of the suite"),
    "a fork's": (ON_MAIN, {"trusted": False}, "a fork's build is never"),
    "incomplete": (ON_MAIN, {"lost": True}, "its upload is incomplete"),
    "not approved": (OF_PULL_REQUEST, {}, "nobody has approved it"),
    "approved": (OF_PULL_REQUEST, APPROVED, None),
    "a fork's, approved": (OF_PULL_REQUEST, FORKED, "a fork's build is never"),
    "selective, approved": (OF_PULL_REQUEST, PARTIAL, "only a part of the suite"),
}


@pytest.mark.parametrize(("build", "changes", "why"), ELIGIBLE.values(), ids=ELIGIBLE)
def test_eligible(build: BuildRecord, changes: dict[str, Any], why: str | None) -> None:
    said = ineligibility(replace(build, **changes), BRANCHES)
    assert said is None if why is None else why in (said or "")


def test_without_baseline_branches_nothing_is_approved_by_rule() -> None:
    assert approved_by_rule(ON_MAIN, BRANCHES)
    assert not approved_by_rule(ON_MAIN, ())


TOPIC = replace(ON_MAIN, branch="topic")


@pytest.mark.parametrize(
    ("build", "changes", "series"),
    [
        pytest.param(OF_PULL_REQUEST, {}, Series(Lookup.PULL_REQUEST, "5"), id="a pull request"),
        pytest.param(
            OF_PULL_REQUEST,
            {"trusted": False},
            Series(Lookup.PULL_REQUEST, "5"),
            id="a fork's pull request",
        ),
        pytest.param(
            ON_MAIN,
            {"pull_request": "5"},
            Series(Lookup.PULL_REQUEST, "5"),
            id="a pull request from a baseline branch",
        ),
        pytest.param(TOPIC, {}, Series(Lookup.BRANCH, "topic"), id="a branch"),
        pytest.param(TOPIC, {"trusted": False}, None, id="a fork's branch"),
        pytest.param(TOPIC, {"branch": ""}, None, id="no branch is known"),
        pytest.param(ON_MAIN, {}, None, id="a baseline branch"),
        pytest.param(ON_MAIN, {"branch": "release/2"}, None, id="one that a pattern names"),
    ],
)
def test_builds_that_share_approvals(
    build: BuildRecord, changes: dict[str, Any], series: Series | None
) -> None:
    assert series_of(replace(build, **changes), BRANCHES) == series


TRUNKS = replace(ON_MAIN, id=BuildId("shop", "trunk.b1"))


@pytest.mark.parametrize(
    ("build", "changes", "why"),
    [
        pytest.param(TRUNKS, {}, None, id="of the role for the baseline branch"),
        pytest.param(ON_MAIN, {}, "does not begin with 'trunk.'", id="of another role"),
        pytest.param(ON_MAIN, {"review": Review.APPROVED}, None, id="of another role, approved"),
        pytest.param(TRUNKS, {"branch": "topic"}, "is no baseline branch", id="another branch"),
        pytest.param(TRUNKS, {"pull_request": "5"}, "of pull request #5", id="a pull request"),
        pytest.param(TRUNKS, {"trusted": False}, "a fork's build is never", id="a fork's"),
    ],
)
def test_eligible_where_only_the_trunk_s_role_makes_baselines(
    build: BuildRecord, changes: dict[str, Any], why: str | None
) -> None:
    said = ineligibility(replace(build, **changes), BRANCHES, trunk_only=True)
    assert said is why is None or (why is not None and said is not None and why in said)

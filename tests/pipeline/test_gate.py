"""Whatever happens in a repository: what passes shows what a person approved, or the trunk holds.

Histories are drawn from fixed seeds, so that every run plays the same ones. Each way round the gate
that there has been is put back once, and must be found.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pixelgate.domain import eligibility
from pixelgate.domain.comparison import Comparison
from pixelgate.domain.keys import NO_BASE
from pixelgate.domain.records import BuildRecord, Review
from pixelgate.domain.review_state import ReviewState, ReviewSummary
from pixelgate.pipeline.announce import announce
from pixelgate.pipeline.baseline import search as baselines
from pixelgate.pipeline.baseline.search import _Builds, _Search
from pixelgate.pipeline.review import carry_over
from support.gate import Broken, Town

# The same ones for all tests: what is found in them with a hole is not found without.
HISTORIES, STEPS = 120, 60


def search() -> None:
    """Plays the histories. Raises Broken at the first that is wrong."""
    for seed in range(HISTORIES):
        play(seed)


def play(seed: int) -> Town:
    town = Town(random.Random(f"gate {seed}"))
    town.live(STEPS)
    return town


def test_what_passes_was_approved_or_is_on_a_baseline_branch() -> None:
    towns = [play(seed) for seed in range(HISTORIES)]
    kinds = sum((town.kinds for town in towns), Counter())
    # Or nothing was tried.
    assert sum(town.passed for town in towns) > HISTORIES
    assert sum((town.carried for town in towns), Counter()).keys() == {"pull request", "branch"}
    assert kinds.keys() == {"named", "exact", "ancestor", "branch", "grace", "none", "refused"}


def vouched(build: BuildRecord) -> str | None:
    """What was asked of builds for which a manifest vouched, by a name or by a tree."""
    return eligibility.ineligibility(
        build if build.review else replace(build, review=Review.APPROVED), ("main",)
    )


def serves_by(which: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Builds that are found in one of the ways serve unless they were rejected."""

    def put_back(patch: pytest.MonkeyPatch) -> None:
        best = _Search._best

        def lenient(self: _Search, of: _Builds, what: str) -> tuple[BuildRecord, str] | None:
            found = best(self, replace(of, same_tree=(), pull_request=()), what)
            for build in () if found else getattr(of, which):
                if vouched(build) is None and build.arrived:
                    return build, "vouched for"
            return found or best(self, of, what)

        patch.setattr(_Search, "_best", lenient)

    return put_back


def vouched_for_in(step: str) -> Callable[[pytest.MonkeyPatch], None]:
    """A step of the search in which a manifest's word is enough."""

    def put_back(patch: pytest.MonkeyPatch) -> None:
        search = getattr(_Search, step)

        def lenient(self: _Search, *about: object) -> object:
            why = self._ineligibility
            patch.setattr(self, "_ineligibility", vouched)
            found = search(self, *about)
            patch.setattr(self, "_ineligibility", why)
            return found

        patch.setattr(_Search, step, lenient)

    return put_back


def what_passed_serves(patch: pytest.MonkeyPatch) -> None:
    """Rather than what it was compared with: small differences add up."""
    against = _Search._passed_against

    def itself(self: _Search, build: BuildRecord) -> BuildRecord | None:
        return replace(build, review=Review.APPROVED) if against(self, build) else None

    patch.setattr(_Search, "_passed_against", itself)


def rejected_builds_answer_for_what_passed(patch: pytest.MonkeyPatch) -> None:
    serves = _Search._serves

    def lenient(self: _Search, build: BuildRecord) -> bool:
        why = eligibility.ineligibility(replace(build, review=None), ("main",))
        return serves(self, build) or (why is None and build.arrived)

    patch.setattr(_Search, "_serves", lenient)


def serve_as_if(**said: Any) -> Callable[[pytest.MonkeyPatch], None]:
    def ineligibility(build: BuildRecord, branches: Sequence[str], trunk_only: bool) -> str | None:
        return eligibility.ineligibility(replace(build, **said), branches, trunk_only)

    return lambda patch: patch.setattr(baselines, "ineligibility", ineligibility)


def nothing_that_may_serve_is_a_first_upload(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Comparison, "is_first", property(lambda c: c.id.base == NO_BASE))


def approved_names_approve_a_first_upload(patch: pytest.MonkeyPatch) -> None:
    approved = {ReviewState.APPROVED: Review.APPROVED, ReviewState.REJECTED: Review.REJECTED}
    patch.setattr(ReviewSummary, "result", property(lambda t: approved.get(t.state)))


def what_was_carried_over_stays(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(baselines, "withdrawal_reason", lambda build, records: None)


def forks_share_a_branch_s_approvals(patch: pytest.MonkeyPatch) -> None:
    for module in (carry_over, announce):
        patch.setattr(
            module,
            "series_of",
            lambda build, branches: eligibility.series_of(replace(build, trusted=True), branches),
        )


def whatever_is_carried_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(carry_over, "_same_pictures", lambda *about, **of: True)


@pytest.mark.parametrize(
    "put_back",
    [
        pytest.param(serves_by("own"), id="own builds serve unapproved"),
        pytest.param(serves_by("same_tree"), id="a tree vouches"),
        pytest.param(serves_by("pull_request"), id="a merge vouches"),
        pytest.param(vouched_for_in("_named"), id="named builds serve"),
        pytest.param(vouched_for_in("_branch"), id="builds of the base branch serve"),
        pytest.param(vouched_for_in("_own"), id="builds of a release branch serve"),
        what_passed_serves,
        rejected_builds_answer_for_what_passed,
        pytest.param(serve_as_if(trusted=True), id="forks serve"),
        pytest.param(serve_as_if(selective=False), id="parts serve"),
        nothing_that_may_serve_is_a_first_upload,
        approved_names_approve_a_first_upload,
        what_was_carried_over_stays,
        whatever_is_carried_over,
        forks_share_a_branch_s_approvals,
    ],
)
def test_each_way_round_the_gate_is_found(
    put_back: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back(monkeypatch)
    with pytest.raises(Broken):
        search()

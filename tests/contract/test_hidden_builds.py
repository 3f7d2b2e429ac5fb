"""How every ledger hides a build, and deletes it later."""

from __future__ import annotations

import pytest

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord, Lookup, Review
from pixelgate.errors import BuildConflict
from pixelgate.ports import Ledger


@pytest.fixture
def builds(ledger: Ledger) -> list[BuildId]:
    """Three builds of one commit and branch, the last one approved; the others are hidden."""
    made = [BuildId("shop", name) for name in ("old", "rejected", "approved")]
    for build in made:
        ledger.register(BuildRecord(build, "c", "f" * 64, created=1.0, branch="topic"))
    ledger.set_review(made[1], Review.REJECTED, 1)
    ledger.set_review(made[2], Review.APPROVED, 1)
    assert [ledger.hide(build, 5.0) for build in made] == [True, True, False]
    return made


def test_a_build_is_hidden_unless_it_was_approved(ledger: Ledger, builds: list[BuildId]) -> None:
    assert [build for build in builds if ledger.build(build)] == builds[2:]
    assert [found.id for found in ledger.builds_at("shop", "c")] == builds[2:]
    assert [found.id for found in ledger.builds_by("shop", Lookup.BRANCH, "topic")] == builds[2:]
    assert [ledger.hidden_since(build) for build in builds] == [5.0, 5.0, None]
    assert ledger.hide(builds[0], 9.0)  # again
    assert ledger.hidden_since(builds[0]) == 5.0
    assert not ledger.hide(BuildId("shop", "never"), 5.0)


def test_a_hidden_build_is_neither_uploaded_again_nor_approved(
    ledger: Ledger, builds: list[BuildId]
) -> None:
    with pytest.raises(BuildConflict, match="was removed after its retention"):
        ledger.register(BuildRecord(builds[0], "c", "f" * 64, created=6.0))
    ledger.set_review(builds[0], Review.APPROVED, 7)
    assert ledger.build(builds[0]) is None
    assert ledger.hide(builds[0], 8.0)  # it was not approved


def test_an_id_can_be_used_again_when_its_build_is_deleted(
    ledger: Ledger, builds: list[BuildId]
) -> None:
    for build in builds:
        ledger.delete_build(build)
    assert [ledger.hidden_since(build) for build in builds] == [None, None, None]
    assert [build for build in builds if ledger.build(build)] == builds[2:]
    ledger.register(BuildRecord(builds[0], "d", "e" * 64, created=9.0))
    assert [found.id for found in ledger.builds_at("shop", "d")] == builds[:1]
    assert [found.id for found in ledger.builds_at("shop", "c")] == builds[2:]

"""Reviews on records: who decides what, however their events come, and who is told."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import ComparisonRecord, Failure, Result
from pixelgate.domain.review_request import OnBehalfOf
from pixelgate.errors import ErrorCode, NotTold, WriteConflict
from pixelgate.pipeline.announce import announce
from pixelgate.pipeline.announce.announce import Backlog
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.compare.failures import fail
from pixelgate.pipeline.review.apply import (
    CarriedOut,
    Gone,
    Outcome,
    Refused,
    Written,
    carry_out,
)
from support.reviews import Reviewed
from support.world import PROJECT

BASE = {"a.png": b"a", "b.png": b"b", "same.png": b"s"}
HEAD = {"a.png": b"a2", "b.png": b"b2", "same.png": b"s"}
B1 = BuildId(PROJECT, "b1")


@pytest.fixture
def reviewed() -> Reviewed:
    """A base build, and b1 with two changes."""
    made = Reviewed()
    made.build("b0", BASE, branch="main")
    made.build("b1", HEAD, base_build="b0", pull_request=5)
    return made


def refusals(reviewed: Reviewed, build: str = "b1") -> list[str]:
    return [refusal["why"] for refusal in reviewed.said(build)["refused"]]


# --- what is decided ------------------------------------------------------------------------------


def test_published_build_says_what_is_left(reviewed: Reviewed) -> None:
    said = reviewed.said("b1")
    assert (said["state"], said["left"], said["names"]) == ("needed", 2, ["a.png", "b.png"])
    assert reviewed.said("b0")["state"] == "not_needed"
    assert (reviewed.record("b0"), reviewed.record("b1")) == (None, None)


def test_whole_build_is_approved(reviewed: Reviewed) -> None:
    outcome = reviewed.review("b1", action="approve", reason="the new header")
    assert isinstance(outcome, CarriedOut)
    assert reviewed.said("b1") == {
        "state": "approved",
        "left": 0,
        "names": [],
        "approved": 2,
        "rejected": 0,
        "by": ["AWS:ada"],
        "reasons": ["the new header"],
        "carried_from": None,
        "refused": [],
        "revision": 2,
    }
    assert reviewed.record("b1") == "approved"


# --- on behalf of a person ------------------------------------------------------------------------

SITE = "AROASITE"
ADA = {"issuer": "https://login.example.com", "subject": "7", "login": "ada@example.com"}


def with_site(reviewed: Reviewed, **fields: Any) -> Outcome:
    """Delivers a review to a stack that has a review site."""
    return carry_out(reviewed.write("b1", **fields), reviewed.service(site_role=SITE))


def test_the_site_reviews_on_behalf_of_a_person(reviewed: Reviewed) -> None:
    by = f"AWS:{SITE}:pixelgate-site"
    seen = reviewed.world.status("b1")["execution"]
    outcome = with_site(reviewed, action="approve", by=by, on_behalf_of=ADA, execution=seen)
    assert isinstance(outcome, CarriedOut)
    assert (outcome.review.by, outcome.review.on_behalf_of) == (by, OnBehalfOf(**ADA))
    assert reviewed.said("b1")["by"] == [f"AWS:{SITE}:ada@example.com"]
    kept = json.loads(reviewed.world.objects.read(keys.kept_review(B1, outcome.review.id)))
    assert (kept["by"], kept["on_behalf_of"]) == (by, ADA)
    log = json.loads(reviewed.world.objects.read(keys.review_log(B1)))
    assert log["reviews"][outcome.review.id]["on_behalf_of"] == ADA


@pytest.mark.parametrize(
    ("by", "person", "why"),
    [
        pytest.param("AWS:AROACI:job-5", ADA, "only the review site may review", id="CI"),
        pytest.param("AWS:AROASITE2:x", ADA, "only the review site may review", id="like the site"),
        pytest.param("AROASITE", ADA, "only the review site may review", id="no session"),
        pytest.param(f"AWS:{SITE}:site", None, "must name the person", id="nobody"),
        pytest.param(f"AWS:{SITE}:site", ADA, "must name what was looked at", id="unseen"),
        pytest.param(f"AWS:{SITE}:site", {**ADA, "login": ""}, "login", id="without a login"),
        pytest.param(f"AWS:{SITE}:site", {**ADA, "login": "a\nb"}, "login", id="two lines"),
        pytest.param(f"AWS:{SITE}:site", {**ADA, "role": "x"}, "role", id="another field"),
    ],
)
def test_nobody_passes_for_somebody_else(
    reviewed: Reviewed, by: str, person: dict[str, str] | None, why: str
) -> None:
    fields = {"on_behalf_of": person} if person else {}
    outcome = with_site(reviewed, action="approve", by=by, **fields)
    assert isinstance(outcome, Refused)
    assert why in outcome.why
    assert (reviewed.state("b1"), reviewed.record("b1")) == ("needed", None)


def test_without_a_site_nobody_reviews_on_behalf_of_a_person(reviewed: Reviewed) -> None:
    outcome = reviewed.review("b1", action="approve", by="AWS::x", on_behalf_of=ADA)
    assert isinstance(outcome, Refused)
    assert "only the review site" in outcome.why


def test_a_part_is_approved_and_then_the_rest(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve", names=["a.png"])
    said = reviewed.said("b1")
    assert (said["state"], said["left"], said["names"]) == ("needed", 1, ["b.png"])
    assert reviewed.record("b1") is None
    reviewed.review("b1", action="approve", globs=["b*"], by="AWS:bob")
    assert (reviewed.state("b1"), reviewed.record("b1")) == ("approved", "approved")
    assert reviewed.said("b1")["by"] == ["AWS:ada", "AWS:bob"]


def test_build_that_passed_is_approved_as_a_baseline(reviewed: Reviewed) -> None:
    reviewed.build("b2", BASE, base_build="b0")
    assert (reviewed.state("b2"), reviewed.record("b2")) == ("not_needed", None)
    reviewed.review("b2", action="approve")
    assert (reviewed.state("b2"), reviewed.record("b2")) == ("approved", "approved")


def test_verdict_and_report_stay_as_they_were_published(reviewed: Reviewed) -> None:
    before = reviewed.world.status("b1")
    reviewed.review("b1", action="approve")
    after = reviewed.world.status("b1")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"review", "updated"}


# --- identity and history -------------------------------------------------------------------------


def test_who_decided_is_taken_from_the_event_and_never_from_the_object(reviewed: Reviewed) -> None:
    outcome = reviewed.review("b1", action="approve", by="AWS:eve")
    assert isinstance(outcome, CarriedOut)
    assert outcome.review.by == "AWS:eve"
    liar = reviewed.world.write_review(
        B1, "r2", b'{"schema_version":1,"action":"reject","by":"ada"}', "AWS:eve"
    )
    refused = reviewed.deliver(liar)
    assert refused == Refused("by: there is no such field")
    assert reviewed.said("b1")["by"] == ["AWS:eve"]


def test_every_review_can_be_read_later(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve", names=["a.png"], reason="meant")
    reviewed.review("b1", action="reject", names=["nowhere.png"], by="AWS:bob")
    history = reviewed.world.ledger.reviews(B1)
    assert [(r.id, r.action, r.by, r.reason) for r in history] == [
        ("r001", "approve", "AWS:ada", "meant"),
        ("r002", "reject", "AWS:bob", None),
    ]
    assert [r.refused for r in history] == [
        None,
        "names: the build has no snapshot 'nowhere.png'",
    ]
    kept = json.loads(reviewed.world.objects.read("builds/shop/b1/reviews/r001.json"))
    assert kept.pop("sha256") == history[0].sha256
    assert kept == {
        "schema_version": 1,
        "project": "shop",
        "build": "b1",
        "id": "r001",
        "action": "approve",
        "by": "AWS:ada",
        "at": history[0].at,
        "execution": reviewed.world.status("b1")["execution"],
        "reason": "meant",
        "refused": None,
        "on_behalf_of": None,
        "written": {
            "schema_version": 1,
            "action": "approve",
            "names": ["a.png"],
            "reason": "meant",
        },
    }


def test_what_could_not_be_read_is_kept_as_well(reviewed: Reviewed) -> None:
    reviewed.deliver(reviewed.world.write_review(B1, "r1", b'{"action": "appr'))
    kept = json.loads(reviewed.world.objects.read("builds/shop/b1/reviews/r1.json"))
    assert kept["written"] == '{"action": "appr'
    assert kept["refused"].startswith("the review is not valid JSON")


def test_review_is_written_once(reviewed: Reviewed) -> None:
    first = reviewed.write("b1", id="r1", action="approve", names=["a.png"])
    reviewed.deliver(first)
    second = reviewed.write("b1", id="r1", action="approve", by="AWS:eve")
    assert isinstance(reviewed.deliver(second), Refused)
    assert refusals(reviewed) == [
        "review r1 was written before, by AWS:ada; a review is written once"
    ]
    assert (reviewed.state("b1"), reviewed.said("b1")["by"]) == ("needed", ["AWS:ada"])


def test_event_of_an_overwritten_review_gives_nobody_another_one_s_words(
    reviewed: Reviewed,
) -> None:
    ada = reviewed.write("b1", id="r1", action="reject")
    reviewed.write("b1", id="r1", action="approve", by="AWS:eve")
    assert isinstance(reviewed.deliver(ada), Refused)
    assert refusals(reviewed) == [
        "the object was overwritten before it was carried out; a review is written once"
    ]
    assert reviewed.record("b1") is None


def test_review_that_is_gone_is_nothing(reviewed: Reviewed) -> None:
    written = reviewed.write("b1", action="approve")
    del reviewed.world.objects.objects[keys.review(B1, written.id)]
    assert reviewed.deliver(written) == Gone()
    assert reviewed.state("b1") == "needed"


# --- deliveries -----------------------------------------------------------------------------------


def test_second_delivery_changes_nothing_and_tells_nobody(reviewed: Reviewed) -> None:
    written = reviewed.write("b1", action="approve")
    first = reviewed.deliver(written)
    before = (reviewed.world.status("b1"), list(reviewed.bus.emitted))
    reviewed.world.clock.sleep(60)
    assert reviewed.deliver(written) == first
    assert (reviewed.world.status("b1"), reviewed.bus.emitted) == before
    assert len(reviewed.world.ledger.reviews(B1)) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_events_in_any_order_decide_the_same(reviewed: Reviewed, order: tuple[int, ...]) -> None:
    written = [
        reviewed.write("b1", action="approve"),
        reviewed.write("b1", action="reject", names=["a.png"], by="AWS:bob"),
        reviewed.write("b1", action="approve", names=["a.png"], by="AWS:eve"),
    ]
    for index in order:
        reviewed.deliver(written[index])
    said = reviewed.said("b1")
    assert (said["state"], said["by"]) == ("approved", ["AWS:ada", "AWS:eve"])
    assert reviewed.record("b1") == "approved"


def test_review_before_which_another_worker_tells_of_the_build_is_told_too(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one has not seen the review yet; then the review's own worker dies."""
    world, write = reviewed.world, reviewed.world.objects.replace

    def overtaken(key: str, *args: Any) -> None:
        write(key, *args)
        if key == keys.review_log(B1):
            world.ledger.mark_announced(world.record("b1", "b0"))

    def die(*args: object) -> None:
        raise SystemExit

    monkeypatch.setattr(world.objects, "replace", overtaken)
    monkeypatch.setattr(world.ledger, "set_review", die)
    with pytest.raises(SystemExit):
        reviewed.review("b1", action="approve")
    monkeypatch.undo()
    assert reviewed.sweep() == ["tell"]
    assert (reviewed.state("b1"), reviewed.record("b1")) == ("approved", "approved")
    assert ("Review", "SUCCEEDED", "approved") in reviewed.heard("b1")


def test_hundreds_of_reviews_at_once_are_delivered_again_rather_than_lost(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = reviewed.world.objects.replace

    def busy(key: str, *args: Any) -> None:
        if key == keys.review_log(B1):  # somebody else always writes first
            raise WriteConflict(key)
        write(key, *args)

    written = reviewed.write("b1", action="approve")
    monkeypatch.setattr(reviewed.world.objects, "replace", busy)
    with pytest.raises(WriteConflict, match="50 times in a row"):
        reviewed.deliver(written)
    monkeypatch.undo()
    reviewed.deliver(written)
    assert reviewed.record("b1") == "approved"


# --- refused in words -----------------------------------------------------------------------------


def test_review_of_an_earlier_result_is_stale(reviewed: Reviewed) -> None:
    now = reviewed.world.status("b1")["execution"]
    reviewed.review("b1", action="approve", execution="e-of-old")
    assert refusals(reviewed) == [
        f"the review is of result e-of-old, the published one is {now}; "
        "look at the present report and review that"
    ]
    assert (reviewed.state("b1"), reviewed.record("b1")) == ("needed", None)
    reviewed.review("b1", action="approve", execution=now)
    assert reviewed.record("b1") == "approved"
    assert len(refusals(reviewed)) == 1


def test_decisions_do_not_outlive_the_result_they_were_made_on(reviewed: Reviewed) -> None:
    """A record expires after a quarter; the same manifest written again is compared anew."""
    reviewed.review("b1", action="approve")
    old = reviewed.world.status("b1")["execution"]
    del reviewed.world.ledger.comparisons[reviewed.world.record("b1", "b0").id]
    reviewed.build("b1", HEAD, base_build="b0", pull_request=5)
    assert reviewed.world.status("b1")["execution"] != old
    assert (reviewed.state("b1"), reviewed.record("b1")) == ("needed", None)
    assert isinstance(reviewed.review("b1", action="approve", execution=old), Refused)
    reviewed.review("b1", action="approve")
    assert reviewed.record("b1") == "approved"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"action": "aprove"}, "action: must be 'approve' or 'reject' (got 'aprove')"),
        ({"action": "approve", "names": ["x"]}, "names: the build has no snapshot 'x'"),
        ({"action": "approve", "globs": ["x*"]}, "globs: 'x*' matches no snapshot"),
        ({"action": "approve", "name": "a.png"}, "name: there is no such field"),
    ],
)
def test_wrong_review_changes_nothing(reviewed: Reviewed, fields: dict[str, Any], why: str) -> None:
    assert isinstance(reviewed.review("b1", **fields), Refused)
    [said] = refusals(reviewed)
    assert said.startswith(why)
    assert reviewed.state("b1") == "needed"
    assert reviewed.heard("b1")[-1] == ("Comparison", "SUCCEEDED", "needed")


def test_too_large_review_is_not_read(reviewed: Reviewed) -> None:
    reviewed.deliver(reviewed.world.write_review(B1, "r1", b" " * (16 * 1024 * 1024 + 1)))
    assert refusals(reviewed) == [
        "reviews/shop/b1/r1.json has 16,777,217 bytes; 16,777,216 are allowed"
    ]


def test_review_of_a_build_that_nobody_knows(reviewed: Reviewed) -> None:
    outcome = reviewed.review("b9", action="approve")
    assert outcome == Refused("project shop has no build b9")
    assert not reviewed.world.objects.exists("builds/shop/b9/status.json")
    assert not reviewed.world.objects.exists("builds/shop/b9/reviews/r001.json")


def test_review_of_a_failed_build(reviewed: Reviewed) -> None:
    reviewed.world.clock.sleep(60)
    build = reviewed.world.upload("b2", {"a.png": b"lost"}, missing=("a.png",), base_build="b0")
    reviewed.world.compare(build)
    reviewed.review("b2", action="approve")
    assert refusals(reviewed, "b2") == ["build b2 FAILED: there is no result to review"]
    assert reviewed.world.status("b2")["state"] == "FAILED"
    assert reviewed.record("b2") is None


def test_review_without_anything_left_to_review_it_by(reviewed: Reviewed) -> None:
    execution = reviewed.world.status("b1")["execution"]
    del reviewed.world.objects.objects[f"comparisons/shop/b1/b0/{execution}/review.json"]
    reviewed.review("b1", action="approve")
    assert refusals(reviewed) == ["what there was to review is gone from the bucket"]
    said = reviewed.said("b1")
    assert (said["state"], said["left"]) == ("needed", 2)


def test_review_of_a_result_whose_record_has_expired(reviewed: Reviewed) -> None:
    reviewed.world.ledger.comparisons.clear()
    before = reviewed.said("b1")
    assert reviewed.review("b1", action="approve") == Refused(
        "the result of build b1 is older than 90 days and cannot be reviewed any more; "
        "upload the build again under another id"
    )
    assert reviewed.said("b1") == before


# --- during a run ---------------------------------------------------------------------------------


def test_approval_during_a_run_is_refused_as_nobody_can_have_looked(reviewed: Reviewed) -> None:
    world = reviewed.world
    seen: list[dict[str, Any]] = []

    def approve_in_the_middle(base: bytes, head: bytes) -> None:
        if not seen:
            reviewed.review("b2", action="approve")
            seen.append(world.status("b2"))

    world.differs.script = approve_in_the_middle
    reviewed.build("b2", {**HEAD, "a.png": b"a3"}, base_build="b0")
    assert (seen[0]["state"], seen[0]["review"]["state"]) == ("PROCESSING", "needed")
    why = "build b2 has no result yet, so nobody can have looked at it; " + (
        "wait for its verdict and review it then"
    )
    assert [r["why"] for r in seen[0]["review"]["refused"]] == [why]
    assert (reviewed.state("b2"), reviewed.record("b2")) == ("needed", None)
    assert refusals(reviewed, "b2") == [why]
    reviewed.review("b2", action="approve")
    assert (reviewed.state("b2"), reviewed.record("b2")) == ("approved", "approved")


def test_early_approval_that_is_delivered_again_after_the_run_stays_refused(
    reviewed: Reviewed,
) -> None:
    world = reviewed.world
    early: list[Written] = []

    def approve_in_the_middle(base: bytes, head: bytes) -> None:
        if not early:
            early.append(reviewed.write("b2", action="approve"))
            reviewed.deliver(early[0])

    world.differs.script = approve_in_the_middle
    reviewed.build("b2", {**HEAD, "a.png": b"a3"}, base_build="b0")
    assert isinstance(reviewed.deliver(early[0]), Refused)
    assert reviewed.record("b2") is None


def test_approval_between_publication_and_its_telling_counts(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies after it has published; a reviewer is faster than whoever tells of it."""
    world = reviewed.world
    build = world.upload("b2", {**HEAD, "a.png": b"a3"}, base_build="b0", branch="topic")

    publish = world.ledger.publish

    def publish_and_die(claim: ComparisonRecord, result: Result, now: float) -> None:
        publish(claim, result, now)
        raise SystemExit

    monkeypatch.setattr(world.ledger, "publish", publish_and_die)
    with pytest.raises(SystemExit):
        world.compare(build, events=Backlog(reviewed.bus))
    assert world.status("b2")["state"] == "PROCESSING"
    reviewed.review("b2", action="approve")
    assert world.status("b2")["state"] == "SUCCEEDED"
    assert (reviewed.state("b2"), reviewed.record("b2")) == ("approved", "approved")
    assert reviewed.heard("b2") == [
        ("Comparison", "PROCESSING", None),
        ("Comparison", "SUCCEEDED", "needed"),
        ("Review", "SUCCEEDED", "approved"),
    ]
    assert reviewed.sweep() == []


def test_late_teller_does_not_take_an_approval_back(reviewed: Reviewed) -> None:
    """A worker is paused before it tells of its result; when it wakes, people have approved."""
    record = replace(reviewed.world.record("b1", "b0"), announced=False)
    reviewed.review("b1", action="approve")
    announce.announce_result(record, reviewed.service())
    assert (reviewed.state("b1"), reviewed.record("b1")) == ("approved", "approved")


# --- events ---------------------------------------------------------------------------------------


def test_every_change_of_state_is_heard_once(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="approve", names=["a.png"])
    reviewed.review("b1", action="approve")
    reviewed.review("b1", action="reject")
    assert reviewed.heard("b1") == [
        ("Comparison", "PROCESSING", None),
        ("Comparison", "SUCCEEDED", "needed"),
        ("Review", "SUCCEEDED", "needed"),
        ("Review", "SUCCEEDED", "approved"),
        ("Review", "SUCCEEDED", "rejected"),
    ]
    ids = [d["id"] for _, d in reviewed.bus.emitted]
    assert len(set(ids)) == len(ids)
    assert reviewed.sweep() == []


def test_event_comes_after_its_state(reviewed: Reviewed) -> None:
    seen: list[tuple[str, str | None]] = []

    class Looks:
        def emit(self, kind: str, detail: Any) -> None:
            said = reviewed.world.status("b1")
            seen.append((said["review"]["state"], reviewed.record("b1")))

    written = reviewed.write("b1", action="approve")
    carry_out(written, reviewed.service(events=Backlog(Looks())))
    assert seen == [("approved", "approved")]


def test_lost_event_of_a_review_is_made_up_for_by_the_sweeper(reviewed: Reviewed) -> None:
    reviewed.bus.failures = 1
    written = reviewed.write("b1", action="approve")
    with pytest.raises(NotTold):
        reviewed.deliver(written)
    assert (reviewed.state("b1"), reviewed.record("b1")) == ("approved", "approved")
    assert ("Review", "SUCCEEDED", "approved") not in reviewed.heard("b1")
    assert reviewed.sweep() == ["tell"]
    assert reviewed.heard("b1")[-1] == ("Review", "SUCCEEDED", "approved")
    reviewed.deliver(written)
    assert reviewed.heard("b1").count(("Review", "SUCCEEDED", "approved")) == 1


def test_lost_event_of_a_result_is_made_up_for_and_the_verdict_stands() -> None:
    reviewed = Reviewed()
    world = reviewed.world
    build = world.upload("b0", BASE, branch="topic")
    reviewed.bus.failures = 3  # PROCESSING at once and again before the result, which is lost
    outcome = world.compare(build, events=Backlog(reviewed.bus))
    assert isinstance(getattr(outcome, "announce_error", None), NotTold)
    assert (world.status("b0")["state"], world.status("b0")["verdict"]) == ("SUCCEEDED", "passed")
    reviewed.bus.failures = 0
    assert reviewed.sweep() == ["tell"]
    assert reviewed.heard("b0") == [("Comparison", "SUCCEEDED", "not_needed")]


def test_passing_state_that_was_not_told_goes_out_before_the_next() -> None:
    reviewed = Reviewed()
    reviewed.bus.failures = 1
    reviewed.build("b0", BASE)
    assert reviewed.heard("b0") == [
        ("Comparison", "PROCESSING", None),
        ("Comparison", "SUCCEEDED", "not_needed"),
    ]


def test_bus_that_is_down_makes_no_failure_of_a_failure(reviewed: Reviewed) -> None:
    """Raising would bring Lambda's next delivery, which would claim and fail once more."""
    world = reviewed.world
    build = world.upload("b2", {"a.png": b"lost"}, missing=("a.png",), base_build="b0")
    reviewed.bus.failures = 100
    world.compare(build, events=Backlog(reviewed.bus))
    assert world.status("b2")["error"]["code"] == "IMAGE_MISSING"
    reviewed.bus.failures = 0
    assert reviewed.sweep() == ["tell"]
    assert reviewed.heard("b2")[-1] == ("Comparison", "FAILED", None)


def test_refused_manifest_is_an_event_too(reviewed: Reviewed) -> None:
    build = reviewed.world.write_manifest("b2", b"{}")
    reviewed.bus.failures = 1
    with pytest.raises(NotTold):
        reviewed.world.compare(build, events=Backlog(reviewed.bus))
    reviewed.world.compare(build, events=Backlog(reviewed.bus))
    [(kind, detail)] = [(k, d) for k, d in reviewed.bus.emitted if d["build"] == "b2"]
    assert (kind, detail["state"]) == ("Comparison State Change", "FAILED")
    assert (detail["error"]["code"], detail["commit"]) == ("BAD_MANIFEST", None)


def test_failure_that_is_told_has_no_review(reviewed: Reviewed) -> None:
    claim = reviewed.world.ledger.claim(
        ComparisonId(PROJECT, "b3", "b0"),
        *("because", "e", reviewed.world.clock(), reviewed.world.clock() + 90),
    )
    fail(claim, Failure(ErrorCode.TIMEOUT, "no", retryable=True), reviewed.service())
    assert reviewed.world.status("b3")["review"] is None
    assert reviewed.world.status("b3")["updated"] == iso(reviewed.world.clock.now)

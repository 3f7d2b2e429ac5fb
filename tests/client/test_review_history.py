"""Who decided what on a build, read from what the pipeline keeps of its reviews."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import BucketError
from pixelgate.pipeline.review.apply import carry_out
from pixelgate.published.comparison import read_comparison
from pixelgate.published.history import history, of_snapshot
from pixelgate.published.reviews import (
    Given,
    counting,
    overturned,
    overturned_by,
    read_reviews,
    rejected_names,
    standing,
)
from support.reviews import Reviewed
from support.world import PROJECT

BASE = {"a.png": b"a", "b.png": b"b", "same.png": b"s"}
HEAD = {"a.png": b"a2", "b.png": b"b2", "same.png": b"s"}


@pytest.fixture
def reviewed() -> Reviewed:
    """A base build, and b1 with two changes."""
    made = Reviewed()
    made.build("b0", BASE, branch="main")
    made.build("b1", HEAD, base_build="b0", pull_request=5)
    return made


def read(reviewed: Reviewed) -> tuple[dict[str, Any], tuple[Given, ...]]:
    """The images and the reviews of b1."""
    objects, status = reviewed.world.objects, reviewed.world.status("b1")
    comparison = read_comparison(objects, status) or {}
    return comparison["images"], read_reviews(objects, status, comparison)


def test_of_an_unreviewed_build_nothing_is_read(reviewed: Reviewed) -> None:
    status = reviewed.world.status("b1")
    before = len(reviewed.world.objects.objects)
    assert read_reviews(reviewed.world.objects, status, None) == ()
    assert len(reviewed.world.objects.objects) == before


def test_a_partial_rejection_that_the_whole_overturns_is_told_of(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="reject", globs=["a*"], reason="too blue", by="AWS:X:bob")
    images, reviews = read(reviewed)
    assert [(r.action, r.by, r.names, r.reason) for r in reviews] == [
        ("reject", "bob", ("a.png",), "too blue")
    ]
    assert rejected_names(reviews, images) == {reviews[0]: ["a.png"]}
    (would,) = overturned_by("approve", None, reviews, images)
    assert would.words.startswith("bob's rejection of a.png, ")
    assert would.words.endswith(" UTC: too blue")
    assert overturned_by("approve", {"b.png"}, reviews, images) == []
    assert overturned_by("reject", None, reviews, images) == []

    reviewed.review("b1", action="approve", by="AWS:X:ada")
    images, reviews = read(reviewed)
    (lost,) = overturned(reviews, images)
    assert (lost.given.by, lost.names, lost.later) == ("bob", ("a.png",), reviews[1])
    assert rejected_names(reviews, images) == {}
    assert [r.by for r in counting(reviews, "a.png")] == ["bob", "ada"]
    assert [r.by for r in counting(reviews, "b.png")] == ["ada"]


def test_by_name_the_log_forgets_the_earlier_one_and_the_reviews_do_not(
    reviewed: Reviewed,
) -> None:
    reviewed.review("b1", action="reject", names=["a.png", "b.png"], by="AWS:X:bob")
    reviewed.review("b1", action="approve", names=["a.png"], by="AWS:X:ada")
    images, reviews = read(reviewed)
    assert [r.names for r in reviews] == [("a.png", "b.png"), ("a.png",)]
    assert rejected_names(reviews, images) == {reviews[0]: ["b.png"]}
    (lost,) = overturned(reviews, images)
    assert lost.names == ("a.png",)
    build = BuildId(PROJECT, "b1")
    for one in reviews:  # without the copies the log has to do
        del reviewed.world.objects.objects[keys.kept_review(build, one.id)]
    assert [r.names for r in read(reviewed)[1]] == [("b.png",), ("a.png",)]


def test_a_rejection_of_a_passed_build_is_of_all_of_it(reviewed: Reviewed) -> None:
    reviewed.build("b2", BASE, base_build="b0", pull_request=6)
    reviewed.review("b2", action="reject", by="AWS:X:bob")
    status = reviewed.world.status("b2")
    comparison = read_comparison(reviewed.world.objects, status) or {}
    reviews = read_reviews(reviewed.world.objects, status, comparison)
    assert rejected_names(reviews, comparison["images"]) == {reviews[0]: []}
    (lost,) = overturned_by("approve", None, reviews, comparison["images"])
    assert lost.words.startswith("bob's rejection of the build, ")


def test_reviews_of_an_earlier_result_are_not_told(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="reject", by="AWS:X:bob")
    status = {**reviewed.world.status("b1"), "execution": "another"}
    assert read_reviews(reviewed.world.objects, status, None) == ()


@pytest.mark.parametrize("log", [{"r1": 7}, {"r1": {"by": "x"}}, ["r1"]])
def test_a_log_that_is_none_of_ours_is_said_to_be_so(reviewed: Reviewed, log: Any) -> None:
    reviewed.review("b1", action="reject", by="AWS:X:bob")
    objects, status = reviewed.world.objects, reviewed.world.status("b1")
    key = keys.review_log(BuildId(PROJECT, "b1"))
    body = {"execution": status["execution"], "reviews": log, "decisions": {}}
    objects.write(key, json.dumps(body).encode(), "x")
    with pytest.raises(BucketError, match=f"{key} is no review log of pixelgate"):
        read_reviews(objects, status, None)


def test_who_decided_on_the_review_site_and_who_says_so(reviewed: Reviewed) -> None:
    ada = {"issuer": "https://login.example.com", "subject": "7", "login": "ada@example.com"}
    seen = reviewed.world.status("b1")["execution"]
    written = reviewed.write(
        "b1", action="approve", by="AWS:SITE:function", on_behalf_of=ada, execution=seen
    )
    carry_out(written, reviewed.service(site_role="SITE"))
    [given] = read(reviewed)[1]
    assert (given.by, given.issuer) == ("ada@example.com", "https://login.example.com")
    assert "on the review site (login by https://login.example.com)" in given.words


def test_what_the_page_is_told(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="reject", names=["a.png"], reason="too blue", by="AWS:X:bob")
    status = reviewed.world.status("b1")
    _, reviews = read(reviewed)
    said = json.loads(json.dumps(standing(status, reviews, "shots")))
    assert said == {
        "schema_version": 1,
        "execution": status["execution"],
        "bucket": "shots",
        "state": "rejected",
        "by": ["bob"],
        "reasons": ["too blue"],
        "carried_from": None,
        "reviews": [
            {"id": "r001", "issuer": None, "action": "reject", "by": "bob", "at": reviews[0].at,
             "reason": "too blue", "names": ["a.png"]}
        ],
    }  # fmt: skip


def test_the_history_of_a_snapshot_names_reviewers(reviewed: Reviewed) -> None:
    reviewed.review("b1", action="reject", names=["a.png"], by="AWS:X:bob")
    reviewed.review("b1", action="approve", by="AWS:X:ada")
    objects = reviewed.world.objects
    builds = history(objects, PROJECT)
    found = {past.id.build: seen for past, seen in of_snapshot(objects, "a.png", builds)}
    assert found["b1"].words == "approved by ada (before: rejected by bob)"
    told = found["b1"].as_json()
    assert told is not None
    assert [(r["action"], r["by"]) for r in told["reviews"]] == [
        ("reject", "bob"),
        ("approve", "ada"),
    ]
    assert (found["b0"].words, "reviews" in (found["b0"].as_json() or {})) == ("", False)


def test_ten_thousand_names_are_told_of_at_once() -> None:
    names = tuple(f"{n:05}.png" for n in range(10_000))
    images = {name: {"status": "changed"} for name in names}
    reviews = [
        Given(f"r{n}", "reject", "bob", f"2026-01-01T00:{n:02}", None, names) for n in (1, 2)
    ]
    (lost,) = overturned_by("approve", None, reviews, images)
    assert len(lost.names) == 10_000
    assert "10,000 snapshots (00000.png, 00001.png, 00002.png, 00003.png, 00004.png, " in lost.words

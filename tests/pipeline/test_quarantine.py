"""Quarantine on records: what is excused and shown, whose word counts, and what stays frozen."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.history import Entry, decode
from pixelgate.domain.keys import BuildId
from pixelgate.errors import FaultCode, ImageFault, WriteConflict
from pixelgate.notify.forge import State
from pixelgate.notify.pr_comment import comment, commit_status
from pixelgate.pipeline.announce.quarantine_store import read_quarantine_log
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.review.quarantine import (
    Logged,
    NothingThere,
    NotLogged,
    Outcome,
    WrittenQuarantine,
    carry_out_quarantine,
)
from pixelgate.published.status import in_words
from support.reviews import Reviewed
from support.world import PROJECT

NAMES = ("a.png", "b.png", "same.png")
BASE = {name: name.encode() for name in NAMES} | {f"{n}.png": b"%d" % n for n in range(57)}
HEAD = BASE | {"a.png": b"a2"}
SITE = "AROASITE"


@dataclass
class Quarantines:
    """A world with a base build, whose reviewers write quarantines."""

    reviewed: Reviewed = field(default_factory=Reviewed)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def write(self, by: str = "AWS:AROA:ada", name: str = "", **fields: Any) -> WrittenQuarantine:
        world = self.reviewed.world
        world.clock.sleep(1)
        name = name or f"q{next(self._ids)}"
        key = keys.quarantine_review(PROJECT, name)
        body = json.dumps({"schema_version": 1, **fields}).encode()
        world.objects.write(key, body, "application/json")
        tag = world.objects.read_tagged(key)[1]
        return WrittenQuarantine(PROJECT, name, by, iso(world.clock.now), tag)

    def deliver(self, written: WrittenQuarantine, **changes: Any) -> Outcome:
        return carry_out_quarantine(written, self.reviewed.service(**changes))

    def add(self, match: str = "a.png", **fields: Any) -> str:
        given = {"action": "quarantine", "match": match, "owner": "bob", "reason": "fonts"}
        written = self.write(**{**given, **fields})
        assert self.deliver(written) == Logged("quarantine")
        return written.id

    def lift(self, quarantine: str, commit: str, **fields: Any) -> None:
        written = self.write(action="lift", quarantine=quarantine, commit=commit, **fields)
        assert self.deliver(written) == Logged("lift")

    def build(self, build: str, images: dict[str, bytes] = HEAD, **fields: Any) -> dict[str, Any]:
        """Compares a build of a pull request with b0; returns its status.json."""
        given = {"base_build": "b0", "pull_request": 5, **fields}
        self.reviewed.build(build, images, **given)
        return self.reviewed.world.status(build)

    def comparison(self, build: str) -> dict[str, Any]:
        status = self.reviewed.world.status(build)
        found: dict[str, Any] = json.loads(self.reviewed.world.objects.read(status["comparison"]))
        return found

    def entry(self, build: str) -> Entry:
        objects = self.reviewed.world.objects
        for listed in objects.list(keys.index(PROJECT)):
            for line in decode(PROJECT, objects.read(listed.key)):
                if isinstance(line, Entry) and line.build == build:
                    return line
        raise AssertionError(build)

    def table(self, match: str = "a.png", days: float = 14, **fields: str) -> dict[str, str]:
        """An entry of pixelgate.toml that began a day ago."""
        since = datetime.fromtimestamp(self.reviewed.world.clock.now, UTC) - timedelta(days=1)
        until = since + timedelta(days=days)
        times = {"since": since.isoformat(), "until": until.isoformat()}
        return {"match": match, "owner": "bob", "reason": "fonts", **times, **fields}


@pytest.fixture
def world() -> Quarantines:
    made = Quarantines()
    made.reviewed.build("b0", BASE, branch="main")
    return made


def passed(status: dict[str, Any]) -> bool:
    return bool(status["verdict"] == "passed" and status["review"]["state"] == "not_needed")


# --- what it does ---------------------------------------------------------------------------------


def test_a_quarantined_change_passes_is_shown_and_named(world: Quarantines) -> None:
    quarantine = world.add("a*")
    status = world.build("b1")
    assert passed(status)
    assert (status["counts"]["quarantined"], status["counts"]["changed"]) == (1, 0)
    assert status["counts"]["total"] == len(BASE)
    assert in_words(status) == "passed: no changes to review; 1 quarantined snapshot changed"
    image = world.comparison("b1")["images"]["a.png"]
    assert (image["status"], image["changed_pixels"]) == ("changed", 1)
    assert image["mask"]
    assert image["quarantined"] == {
        "match": "a*",
        "owner": "bob",
        "reason": "fonts",
        "since": "1970-01-12T13:47:41.000+00:00",
        "until": "1970-01-26T13:47:41.000+00:00",
        "source": "review",
        "id": quarantine,
        "by": "AWS:AROA:ada",
    }
    until = image["quarantined"]["until"]
    assert status["quarantine"] == {
        "changed": 1,
        "snapshots": [
            {"name": "a.png", "owner": "bob", "reason": "fonts", "until": until}
        ],
        "notes": [],
    }  # fmt: skip


def test_the_pull_request_names_it_in_green(world: Quarantines) -> None:
    world.add()
    status = world.build("b1")
    green = commit_status(status, None)
    assert (green.state, green.description) == (
        State.PASSED,
        "no changes to review; 1 quarantined snapshot changed",
    )
    text = comment(status, "pixelgate/shop", None)
    assert "- `a.png` until 1970-01-26, bob: fonts" in text


def test_a_change_beside_it_still_needs_a_review(world: Quarantines) -> None:
    world.add()
    status = world.build("b1", HEAD | {"b.png": b"b2"})
    assert status["verdict"] == "needs_review"
    assert status["review"]["names"] == ["b.png"]
    assert commit_status(status, None).description == (
        "1 left to review: 1 changed; 1 quarantined snapshot changed"
    )


@pytest.mark.parametrize(
    ("images", "kind"),
    [
        pytest.param({k: v for k, v in BASE.items() if k != "a.png"}, "removed", id="removed"),
        pytest.param(BASE | {"a-new.png": b"new"}, "added", id="added"),
        pytest.param(BASE | {"a.png": b"garbage"}, "errored", id="errored"),
    ],
)
def test_removed_added_and_errored_are_never_hidden(
    world: Quarantines, images: dict[str, bytes], kind: str
) -> None:
    def script(base: bytes, head: bytes) -> None:
        if head == b"garbage":
            raise ImageFault(FaultCode.UNREADABLE, "no image")

    world.reviewed.world.differs.script = script
    world.add("a*")
    status = world.build("b1", images)
    assert status["verdict"] == "needs_review"
    assert (status["counts"][kind], status["review"]["left"]) == (1, 1)
    assert "quarantined" not in status["counts"]


def test_the_index_keeps_the_stamp_and_the_change(world: Quarantines) -> None:
    world.add("*.png", reason="all of it")
    world.build("b1")
    entry = world.entry("b1")
    assert entry.quarantined == dict.fromkeys(BASE, "all of it")
    assert entry.shots["a.png"].status == "changed"


def test_a_person_may_still_reject_it(world: Quarantines) -> None:
    world.add()
    world.build("b1")
    world.reviewed.review("b1", action="reject", names=["a.png"])
    assert world.reviewed.state("b1") == "rejected"


def test_too_many_are_said_everywhere_and_still_apply(world: Quarantines) -> None:
    world.add("*")
    status = world.build("b1")
    assert passed(status)
    [note] = status["quarantine"]["notes"]
    assert note.startswith("60 of 60 snapshots are in quarantine (100.0%); at most 5% should be")
    assert note in commit_status(status, None).description
    assert "at most 5% should be" in comment(status, "pixelgate/shop", None)
    assert world.comparison("b1")["quarantine_notes"] == [note]


# --- time -----------------------------------------------------------------------------------------


def test_it_ends_and_is_named_as_expired(world: Quarantines) -> None:
    quarantine = world.add(days=1)
    world.reviewed.world.clock.sleep(86_400)
    status = world.build("b1")
    assert status["verdict"] == "needs_review"
    [note] = status["quarantine"]["notes"]
    assert note == (
        f"'a.png' of bob, quarantine ({quarantine}), expired on 1970-01-13 and does nothing: its "
        "changes count again"
    )


def test_a_result_keeps_its_stamp_when_the_quarantine_ends(world: Quarantines) -> None:
    world.add(days=1)
    before = world.build("b1")
    world.reviewed.world.clock.sleep(100 * 86_400)
    world.reviewed.review("b1", action="approve")
    world.reviewed.resume("b1")
    after = world.reviewed.world.status("b1")
    assert after["quarantine"] == before["quarantine"]
    assert after["verdict"] == "passed"
    assert world.comparison("b1")["images"]["a.png"]["quarantined"]


def test_a_result_is_not_changed_by_a_later_quarantine(world: Quarantines) -> None:
    world.build("b1")
    world.add()
    world.reviewed.resume("b1")
    status = world.reviewed.world.status("b1")
    assert status["verdict"] == "needs_review"
    assert "quarantine" not in status


# --- lifts ----------------------------------------------------------------------------------------


def test_a_lift_counts_for_commits_that_contain_it(world: Quarantines) -> None:
    world.lift(world.add(), "fix")
    assert world.build("contains", ancestors=["fix"])["verdict"] == "needs_review"
    assert world.build("is", commit="fix")["verdict"] == "needs_review"
    assert world.build("own", own_commits=["fix"])["verdict"] == "needs_review"
    assert world.build("based", base_commit="fix")["verdict"] == "needs_review"
    assert passed(world.build("older"))


def test_a_lift_follows_a_squash(world: Quarantines) -> None:
    world.lift(world.add(), "fix", tree="t1", pull_request="7")
    landed = {"squashed": {"tree": "t9", "pull_request": 7}}
    status = world.build("later", ancestors=["squashed"], landed=landed)
    assert status["verdict"] == "needs_review"
    assert world.build("same-files", tree="t1")["verdict"] == "needs_review"
    assert passed(world.build("its-own-pr", pull_request=7)), "it may be of an earlier commit"


def test_a_lift_may_arrive_before_its_quarantine(world: Quarantines) -> None:
    first = world.write(action="quarantine", match="a.png", owner="bob", reason="fonts")
    second = world.write(action="lift", quarantine=first.id, commit="fix")
    assert world.deliver(second) == Logged("lift")
    assert world.deliver(first) == Logged("quarantine")
    assert world.build("b1", commit="fix")["verdict"] == "needs_review"
    assert passed(world.build("b2"))


def test_a_lift_of_nothing_is_refused(world: Quarantines) -> None:
    outcome = world.deliver(world.write(action="lift", quarantine="q99", commit="fix"))
    assert isinstance(outcome, NotLogged)
    assert outcome.why.startswith("quarantine: project shop has no quarantine q99")


# --- pixelgate.toml -------------------------------------------------------------------------------


def test_a_baseline_branchs_own_entries_apply(world: Quarantines) -> None:
    status = world.build("b1", branch="main", pull_request=None, quarantine=[world.table()])
    assert passed(status)


def test_a_pull_request_cannot_quarantine_for_itself(world: Quarantines) -> None:
    status = world.build("b1", quarantine=[world.table()])
    assert status["verdict"] == "needs_review"
    [note] = status["quarantine"]["notes"]
    assert note == (
        "'a.png' of bob, quarantine of pixelgate.toml, does nothing in this build, as its base "
        "does not have it: it applies once it is merged"
    )
    assert note in commit_status(status, None).description


def test_an_entry_of_the_base_applies_to_a_pull_request_that_has_it(world: Quarantines) -> None:
    table = world.table()
    world.reviewed.build("main1", BASE, branch="main", quarantine=[table])
    assert passed(world.build("b1", base_build="main1", quarantine=[table]))
    assert world.build("b2", base_build="main1")["verdict"] == "needs_review", "it removed it"
    longer = {**table, "until": world.table(days=30)["until"]}
    assert world.build("b3", base_build="main1", quarantine=[longer])["verdict"] == "needs_review"


@pytest.mark.parametrize("branch", ["topic", "main"])
def test_a_fork_cannot_quarantine_for_itself(world: Quarantines, branch: str) -> None:
    status = world.build("fork.b1", branch=branch, pull_request=None, quarantine=[world.table()])
    assert status["verdict"] == "needs_review"
    assert len(status["quarantine"]["notes"]) == 1


def test_an_expired_entry_is_named(world: Quarantines) -> None:
    table = world.table(days=0.5)
    status = world.build("b1", branch="main", pull_request=None, quarantine=[table])
    assert status["quarantine"]["notes"] == [
        "'a.png' of bob, quarantine of pixelgate.toml, expired on 1970-01-12 and does nothing: "
        "remove it there"
    ]


# --- the objects ----------------------------------------------------------------------------------


def test_an_object_counts_once_however_often_it_is_delivered(world: Quarantines) -> None:
    written = world.write(action="quarantine", match="a.png", owner="bob", reason="fonts")
    for _ in range(3):
        assert world.deliver(written) == Logged("quarantine")
    log = read_quarantine_log(PROJECT, world.reviewed.world.objects)
    assert (log.revision, [*log.entries]) == (1, [written.id])
    kept = json.loads(
        world.reviewed.world.objects.read(keys.kept_quarantine_review(PROJECT, written.id))
    )
    assert (kept["by"], kept["written"]["reason"]) == ("AWS:AROA:ada", "fonts")


def test_an_object_is_written_once(world: Quarantines) -> None:
    first = world.add()
    again = world.write(
        by="AWS:AROA:eve", name=first, action="quarantine", match="*", owner="e", reason="r"
    )
    outcome = world.deliver(again)
    assert outcome == NotLogged(f"{first} was written before, by AWS:AROA:ada; it is written once")
    log = read_quarantine_log(PROJECT, world.reviewed.world.objects)
    assert log.entries[first].match == "a.png"


def test_an_object_that_was_overwritten_does_not_count(world: Quarantines) -> None:
    written = world.write(action="quarantine", match="a.png", owner="bob", reason="fonts")
    outcome = world.deliver(replace(written, tag="another"))
    assert isinstance(outcome, NotLogged)
    assert "overwritten" in outcome.why


def test_an_object_that_is_gone_changes_nothing(world: Quarantines) -> None:
    assert world.deliver(WrittenQuarantine(PROJECT, "q", "by", iso(0))) == NothingThere()


def test_a_wrong_object_is_refused_and_the_log_says_why(world: Quarantines) -> None:
    outcome = world.deliver(world.write(action="quarantine", match="a.png", owner="bob"))
    assert outcome == NotLogged("reason: must be given")
    [refusal] = read_quarantine_log(PROJECT, world.reviewed.world.objects).refused
    assert (refusal.by, refusal.why) == ("AWS:AROA:ada", "reason: must be given")


def test_the_review_site_cannot_hide_who_quarantines(world: Quarantines) -> None:
    written = world.write(
        by=f"AWS:{SITE}:site", action="quarantine", match="a.png", owner="bob", reason="fonts"
    )
    assert isinstance(world.deliver(written, site_role=SITE), NotLogged)


def test_two_at_once_are_both_kept(world: Quarantines, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = world.reviewed.world.objects
    first = world.write(action="quarantine", match="a.png", owner="bob", reason="fonts")
    second = world.write(action="quarantine", match="b.png", owner="bob", reason="fonts")
    replace_object = objects.replace
    raced: list[str] = []

    def lose_once(key: str, *rest: Any) -> None:
        if key == keys.quarantine_log(PROJECT) and not raced:
            raced.append(key)
            world.deliver(second)
            raise WriteConflict(key)
        replace_object(key, *rest)

    monkeypatch.setattr(objects, "replace", lose_once)
    world.deliver(first)
    assert {*read_quarantine_log(PROJECT, objects).entries} == {first.id, second.id}


def test_a_key_of_a_quarantine_is_no_key_of_a_build() -> None:
    key = keys.quarantine_review("shop", "q1")
    assert keys.quarantine_review_of(key) == ("shop", "q1")
    assert keys.quarantine_review_of(keys.review(BuildId("shop", "b"), "q1")) is None

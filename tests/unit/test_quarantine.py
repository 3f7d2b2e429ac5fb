"""Quarantine: what is stamped, for how long, where a lift counts, and what people are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from pixelgate.client.config import read_config
from pixelgate.domain.comparison import Counts, Snapshot, Status, Verdict, judge
from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest import parse
from pixelgate.domain.quarantine import (
    Applied,
    Known,
    Lift,
    Quarantine,
    Source,
    Stamp,
    apply,
    divided,
    moment,
    proposal,
)
from pixelgate.domain.quarantine_review import (
    Entered,
    Lifted,
    QuarantineLog,
    entered,
)
from pixelgate.domain.quarantine_review import parse as parse_review
from pixelgate.errors import BadManifest, ReviewRefused, UsageError

NOW = datetime(2026, 12, 10, tzinfo=UTC)
NAMES = [f"page{n:03}.png" for n in range(100)]
NOBODY = Known()


def quarantine(match: str, **fields: Any) -> Quarantine:
    given: dict[str, Any] = {
        "owner": "ada",
        "reason": "fonts",
        "since": "2026-12-01T00:00:00+00:00",
        "until": "2026-12-15T00:00:00+00:00",
    }
    return Quarantine(match, **{**given, **fields})


def stamped(*quarantines: Quarantine, now: datetime = NOW, known: Known = NOBODY) -> list[str]:
    return sorted(apply(quarantines, NAMES, now, known).stamps)


# --- whom it stamps, and when ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "names"),
    [
        pytest.param("page007.png", ["page007.png"], id="a name"),
        pytest.param("page00*", NAMES[:10], id="a pattern"),
        pytest.param("page00?.png", [], id="only * is special"),
        pytest.param("other.png", [], id="no such name"),
    ],
)
def test_names_and_patterns_are_stamped(match: str, names: list[str]) -> None:
    assert stamped(quarantine(match)) == names


def test_a_name_is_found_in_another_unicode_form() -> None:
    [name] = apply([quarantine("u\u0308.png")], ["\u00fc.png"], NOW, NOBODY).stamps
    assert name == "\u00fc.png"


@pytest.mark.parametrize(
    ("now", "applies"),
    [
        pytest.param(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), False, id="before"),
        pytest.param(datetime(2026, 12, 1, tzinfo=UTC), True, id="from its beginning"),
        pytest.param(datetime(2026, 12, 14, 23, 59, 59, tzinfo=UTC), True, id="to its last second"),
        pytest.param(datetime(2026, 12, 15, tzinfo=UTC), False, id="at its end"),
    ],
)
def test_a_quarantine_has_a_time(now: datetime, applies: bool) -> None:
    assert bool(stamped(quarantine("page001.png"), now=now)) is applies


def test_what_has_expired_is_named_and_does_nothing() -> None:
    old = quarantine("page001.png", until="2026-12-09T00:00:00+00:00")
    applied = apply([old], NAMES, NOW, NOBODY)
    assert applied.stamps == {}
    assert applied.notes == (
        "'page001.png' of ada, quarantine of pixelgate.toml, expired on 2026-12-09 and does "
        "nothing: remove it there",
    )


def test_of_several_the_one_that_holds_longest_is_stamped() -> None:
    ones = [
        quarantine("page001.png", owner="short", until="2026-12-11T00:00:00+00:00"),
        quarantine("page*", owner="long", until="2026-12-20T00:00:00+00:00"),
        quarantine("page0*", owner="middle"),
    ]
    for order in permutations(ones):
        assert apply(order, ["page001.png"], NOW, NOBODY).stamps["page001.png"].owner == "long"


# --- lifts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "applies"),
    [
        pytest.param(Known(commits=frozenset({"fix"})), False, id="contains the commit"),
        pytest.param(Known(commits=frozenset({"other"})), True, id="another branch"),
        pytest.param(Known(trees=frozenset({"tree"})), False, id="a squash with the same files"),
        pytest.param(Known(pull_requests=frozenset({"7"})), False, id="its pull request landed"),
        pytest.param(NOBODY, True, id="nothing is known"),
    ],
)
def test_a_lift_counts_where_its_commit_is_contained(known: Known, applies: bool) -> None:
    one = quarantine("page001.png", lifts=(Lift("fix", "tree", "7"),))
    assert bool(stamped(one, known=known)) is applies


def test_a_lifted_quarantine_still_ends_at_its_expiry_elsewhere() -> None:
    one = quarantine("page001.png", lifts=(Lift("fix"),))
    assert stamped(one, now=NOW + timedelta(days=30)) == []


def test_a_manifest_knows_its_commits_trees_and_landed_pull_requests() -> None:
    fields = {
        "project": "shop",
        "build": "b",
        "commit": "head",
        "branch": "topic",
        "base_commit": "base",
        "ancestors": ["old"],
        "own_commits": ["mine"],
        "tree": "t0",
        "pull_request": 9,
        "landed": {"base": {"tree": "t1", "pull_request": 7}},
        "images": {},
        "allow_empty": True,
    }
    known = parse(json.dumps(fields).encode(), BuildId("shop", "b")).known
    assert known.commits == {"head", "base", "old", "mine"}
    assert known.trees == {"t0", "t1"}
    assert known.pull_requests == {"7"}  # its own has not landed


# --- how many -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "says"), [(5, False), (6, True)])
def test_more_than_five_per_cent_is_said_and_still_applies(count: int, says: bool) -> None:
    applied = apply([quarantine(name) for name in NAMES[:count]], NAMES, NOW, NOBODY)
    assert len(applied.stamps) == count
    said = "6 of 100 snapshots are in quarantine (6.0%); at most 5% should be"
    assert any(said in note for note in applied.notes) is says


def test_notes_are_bounded() -> None:
    old = [quarantine(f"{n}.png", until="2026-12-02T00:00:00+00:00") for n in range(50)]
    notes = apply(old, NAMES, NOW, NOBODY).notes
    assert len(notes) == 11
    assert notes[-1] == "and 40 more notes on quarantines"


# --- what it excuses ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*Status])
def test_only_a_change_is_excused(status: Status) -> None:
    stamp = Stamp.of(quarantine("a.png"))
    snapshot = Snapshot(status, quarantined=stamp)
    counts = Counts.of_snapshots([snapshot])
    verdict = judge(counts, has_base=True)
    needs = status in {Status.ADDED, Status.REMOVED, Status.ERRORED}
    assert snapshot.is_excused is (status is Status.CHANGED)
    assert counts.quarantined == (status is Status.CHANGED)
    assert counts.total == 1
    assert verdict == (Verdict.NEEDS_REVIEW if needs else Verdict.PASSED)


def test_counts_name_quarantined_only_if_there_are_some() -> None:
    assert "quarantined" not in Counts(changed=1).as_json()
    assert Counts(quarantined=2).as_json()["quarantined"] == 2


def test_a_stamp_survives_storage() -> None:
    stamp = Stamp.of(quarantine("a*", source=Source.REVIEW, id="q1", by="AWS:AROA:ada"))
    assert Stamp.from_json(json.loads(json.dumps(stamp.as_json()))) == stamp


# --- whose entries apply --------------------------------------------------------------------------


def test_own_entries_apply_only_if_the_base_has_the_very_same() -> None:
    kept, new, longer = quarantine("a"), quarantine("b"), quarantine("c")
    base = [kept, quarantine("c", until="2026-12-12T00:00:00+00:00")]
    assert divided([kept, new, longer], base) == ([kept], [new, longer])
    assert divided([kept, new, longer], None) == ([kept, new, longer], [])
    assert divided([kept], ()) == ([], [kept])


def test_a_proposed_entry_is_named() -> None:
    applied = apply([], NAMES, NOW, NOBODY, [quarantine("page001.png")])
    assert applied == Applied(
        {},
        (
            "'page001.png' of ada, quarantine of pixelgate.toml, does nothing in this build, as "
            "its base does not have it: it applies once it is merged",
        ),
    )


# --- pixelgate.toml -------------------------------------------------------------------------------


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "pixelgate.toml"
    path.write_text(text)
    return path


def test_a_table_ends_after_fourteen_days(tmp_path: Path) -> None:
    text = '[[quarantine]]\nmatch = "a*"\nowner = "ada"\nreason = "fonts"\nsince = 2026-12-01\n'
    [one] = read_config(config(tmp_path, text)).quarantine
    assert one == quarantine("a*")


ENTRY = {"match": '"a"', "owner": '"ada"', "reason": '"fonts"', "since": "2026-12-01"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"owner": None}, "quarantine[0].owner: must be given", id="no owner"),
        pytest.param({"reason": None}, "quarantine[0].reason: must be given", id="no reason"),
        pytest.param({"match": None}, "quarantine[0].match: must be given", id="no match"),
        pytest.param({"since": None}, "quarantine[0].since: must be given", id="no beginning"),
        pytest.param(
            {"reason": '""'}, "quarantine[0].reason: must have at least 1 character", id="empty"
        ),
        pytest.param(
            {"owner": r'"a\nb"'},
            "quarantine[0].owner: must be words without an unprintable character",
            id="two lines",
        ),
        pytest.param(
            {"until": "2027-03-02"},
            "quarantine[0].until: must be at most 90 days after since, 2027-03-01",
            id="91 days",
        ),
        pytest.param(
            {"until": "2026-12-01"}, "quarantine[0].until: must be after since", id="no time"
        ),
        pytest.param(
            {"since": '"soon"'},
            "quarantine[0].since: must be a date, such as 2026-01-31",
            id="no date",
        ),
        pytest.param({"days": "3"}, "quarantine[0].days: there is no such field", id="unknown"),
    ],
)
def test_an_error_names_file_entry_and_rule(
    tmp_path: Path, change: dict[str, str | None], error: str
) -> None:
    fields = {k: v for k, v in {**ENTRY, **change}.items() if v is not None}
    path = config(tmp_path, "[[quarantine]]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items()))
    with pytest.raises(UsageError) as raised:
        read_config(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert error in str(raised.value)


def test_ninety_days_are_taken(tmp_path: Path) -> None:
    fields = {**ENTRY, "until": "2027-03-01"}
    path = config(tmp_path, "[[quarantine]]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items()))
    assert read_config(path).quarantine[0].until == "2027-03-01T00:00:00+00:00"


def test_a_manifest_with_a_wrong_entry_is_refused() -> None:
    one = {"match": "a", "owner": "o", "reason": "r", "since": "2026-12-01", "until": "2027-12-01"}
    fields = {"project": "shop", "build": "b", "commit": "c", "branch": "m", "images": {}}
    body = json.dumps({**fields, "allow_empty": True, "quarantine": [one]}).encode()
    with pytest.raises(BadManifest, match=r"quarantine\[0\]\.until: must be at most 90 days"):
        parse(body, BuildId("shop", "b"))


@pytest.mark.parametrize(
    ("given", "iso"),
    [
        (date(2026, 12, 1), "2026-12-01T00:00:00+00:00"),
        ("2026-12-01", "2026-12-01T00:00:00+00:00"),
        ("2026-12-01T01:00:00+02:00", "2026-11-30T23:00:00+00:00"),
        (datetime(2026, 12, 1, 5), "2026-12-01T05:00:00+00:00"),  # noqa: DTZ001 - as TOML has it
    ],
)
def test_moments_are_written_in_utc(given: object, iso: str) -> None:
    assert moment(given) == iso


@pytest.mark.parametrize("given", [1, None, "x", [], "0001-01-01T00:00:00+14:00"])
def test_what_is_no_moment_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="must be a date"):
        moment(given)


def test_a_proposal_is_a_command_that_a_shell_reads() -> None:
    assert proposal("a b.png", "it's flaky", "ada") == (
        "pixelgate quarantine add 'a b.png' --owner ada --reason 'it'\"'\"'s flaky'"
    )


# --- objects and the log --------------------------------------------------------------------------

ADD = {"schema_version": 1, "action": "quarantine", "match": "a", "owner": "o", "reason": "r"}
LIFT = {"schema_version": 1, "action": "lift", "quarantine": "q", "commit": "c"}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({**ADD, "action": "approve"}, "action: must be", id="another action"),
        pytest.param({**ADD, "days": 91}, "days: may be at most 90", id="too long"),
        pytest.param({**ADD, "days": 0}, "days: must be at least 1", id="no day"),
        pytest.param({**ADD, "owner": ""}, "owner: must have at least 1", id="no owner"),
        pytest.param({**ADD, "until": "2099"}, "until: there is no such field", id="backdated"),
        pytest.param({**LIFT, "commit": "a/b"}, "commit:", id="no commit"),
        pytest.param({**ADD, "schema_version": 2}, "schema_version: must be 1", id="later"),
        pytest.param({**ADD, "action": []}, "action: must be", id="a list"),
    ],
)
def test_a_wrong_object_is_refused(fields: dict[str, Any], error: str) -> None:
    with pytest.raises(ReviewRefused) as raised:
        parse_review(json.dumps(fields).encode())
    assert str(raised.value).startswith(error)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"null"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ReviewRefused):
        parse_review(body)


AT = "2026-12-01T10:00:00.000+00:00"


def test_a_quarantine_begins_when_it_is_stored() -> None:
    body = parse_review(json.dumps({**ADD, "days": 2}).encode())
    entry = entered(body, "AWS:ada", AT, "h")  # type: ignore[arg-type]
    assert (entry.since, entry.until) == (AT, "2026-12-03T10:00:00.000+00:00")


def test_the_log_is_the_same_in_every_order() -> None:
    entry = Entered("a", "o", "r", AT, "2026-12-03T10:00:00+00:00", "by", "h")
    lift = Lifted("q1", "c", "by", AT, "h2")
    steps: list[Callable[[QuarantineLog], QuarantineLog]] = [
        lambda log: log.with_entry("q1", entry),
        lambda log: log.with_entry("q2", entry),
        lambda log: log.with_lift("l1", lift),
        lambda log: log.with_lift("l1", lift),
    ]
    found = set()
    log = QuarantineLog()
    for order in permutations(steps):
        log = QuarantineLog()
        for step in order:
            log = step(log)
        found.add(json.dumps(log.as_json(), sort_keys=True))
    assert len(found) == 1
    assert QuarantineLog.from_json(json.loads(found.pop())) == log
    assert log.quarantines()[0].lifts == (Lift("c"),)


def test_the_log_forgets_what_expired_ninety_days_before() -> None:
    old = Entered("a", "o", "r", AT, "2026-12-03T10:00:00+00:00", "by", "h")
    log = QuarantineLog().with_entry("old", old).with_lift("l", Lifted("old", "c", "by", AT, "h"))
    kept = log.with_entry("x", Entered("b", "o", "r", "2027-03-03T09:00:00+00:00",
                                       "2027-03-13T10:00:00+00:00", "by", "h"))  # fmt: skip
    gone = log.with_entry("x", Entered("b", "o", "r", "2027-03-03T11:00:00+00:00",
                                       "2027-03-13T10:00:00+00:00", "by", "h"))  # fmt: skip
    assert ([*kept.entries], [*kept.lifts]) == (["old", "x"], ["l"])
    assert ([*gone.entries], [*gone.lifts]) == (["x"], [])

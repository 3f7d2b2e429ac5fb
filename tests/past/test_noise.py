"""Learning from a project's past what the noise of its snapshots looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.history import encode as encode_lines
from pixelgate.domain.learned_noise import MEASURES, decode
from pixelgate.domain.policy import Rectangle
from pixelgate.past import noise
from pixelgate.past.model import Entry, Past, Shot, Spot
from pixelgate.ports import Bucket
from support.doubles.memory import MemoryBucket
from support.pasts import at, entry, given, seen

STRENGTH = tuple(float(n) for n in range(len(MEASURES)))
SPOT = Spot(600, 10, 40, 20, 312, "shape", None, STRENGTH)
NAME = "a"


def stirred(head: str, base: str = "A", *spots: Spot, **fields: Any) -> Shot:
    """A snapshot that differs from its base by noise."""
    return seen(NAME, head, base, regions=spots or (SPOT,), total=9_999, **fields)


def rerun(day: int, *spots: Spot, first: str = "A", **fields: Any) -> list[Entry]:
    """Two builds of one commit against one base, of which the second one stirred."""
    known = {"commit": f"c{day}", "branch": "topic", **fields}
    other = {} if first == "A" else {"shots": (seen(NAME, first, "A"),)}
    return [
        entry(f"{day}a", "0", *other.get("shots", ()), at=at(day), **known),
        entry(f"{day}b", "0", stirred(f"N{day}", "A", *spots), at=at(day, 13), **known),
    ]


FIRST = entry("0", None, seen(NAME, "A"), at=at(1))
THREE = [entry for day in (2, 3, 4) for entry in rerun(day)]


def past(*entries: Entry) -> Past:
    return Past.made_of("shop", (FIRST, *entries))


def test_reruns_that_differ_prove_a_place() -> None:
    (place,) = noise.learned(past(*THREE))[NAME].places
    assert place.box == Rectangle(600, 10, 40, 20)
    assert (place.pairs, place.commits, place.most_pixels) == (3, 3, 312)
    assert place.most == STRENGTH
    assert place.last == at(4, 13)


def test_two_reruns_are_too_few() -> None:
    assert noise.learned(past(*THREE[2:])) == {}


def test_reruns_of_one_commit_are_too_few() -> None:
    assert noise.learned(past(*(replace(e, commit="c") for e in THREE))) == {}


def test_pairs_that_were_never_diffed_with_one_another_prove_nothing() -> None:
    """Both differ from the base by a change, and nobody knows by what from one another."""
    changed = [entry for day in (2, 3, 4) for entry in rerun(day, first=f"B{day}")]
    assert noise.learned(past(*changed)) == {}


def test_builds_of_forks_prove_nothing() -> None:
    assert noise.learned(past(*(replace(e, trusted=False) for e in THREE))) == {}


def test_a_difference_that_a_person_approved_is_a_change() -> None:
    approved = [
        replace(e, review="approved", reviews=(given("01", "approve"),)) if e.shots else e
        for e in THREE
    ]
    assert noise.learned(past(*approved)) == {}
    one = [replace(e, review="approved", reviews=(given("01", "approve"),)) for e in THREE[:2]]
    assert noise.learned(past(*one, *THREE[2:])) == {}, "two are left"
    more = past(*one, *THREE[2:], *rerun(5))
    assert noise.learned(more)[NAME].places[0].pairs == 3


def test_an_approval_carried_over_is_a_persons() -> None:
    carried = [replace(e, review="approved", carried_from="7", granted="as in 7") for e in THREE]
    assert noise.learned(past(*carried)) == {}


@pytest.mark.parametrize("day", [1, 9])
def test_what_was_rejected_once_is_never_learned(day: int) -> None:
    """Also where the pairs are others, and long ago: its place and its size are the same."""
    rejected = entry(
        "r", "0", stirred("R", "A"), at=at(day, 15), branch="other", commit="cr",
        review="rejected", reviews=(given("09", "reject", NAME),),
    )  # fmt: skip
    assert noise.learned(past(*THREE, rejected)) == {}
    long_ago = replace(rejected, at="2024-01-01T00:00:00+00:00")
    assert noise.learned(past(*THREE, long_ago)) == {}


def test_a_rejection_of_another_snapshot_unlearns_nothing() -> None:
    rejected = entry(
        "r", "0", stirred("R", "A"), seen("b", "B", "C", total=9_999), at=at(9), branch="other",
        commit="cr", review="rejected", reviews=(given("09", "reject", "b"),),
    )  # fmt: skip
    assert noise.learned(past(*THREE, rejected)).keys() == {NAME}


def test_a_change_and_its_revert_prove_nothing_by_themselves() -> None:
    """A → B → A, three times: by rule approved, so no person has said that it was a change."""
    builds, base = [], "0"
    for day in range(2, 14):
        head, before = ("B", "A") if day % 2 else ("A", "B")
        first = day == 2
        shots = () if first else (stirred(head, before),)
        builds.append(entry(str(day), base, *shots, at=at(day), commit=f"c{day}"))
        base = str(day)
    assert noise.learned(past(*builds)) == {}


def test_noise_that_was_explained_still_confirms_its_place() -> None:
    """What learned noise explained has no mark any more; its kind is kept for the next night."""
    again = replace(SPOT, mark=None, noise="learned", kind="shape")
    later = rerun(5, again)
    (place,) = noise.learned(past(*THREE, *later))[NAME].places
    assert (place.pairs, place.last) == (4, at(5, 13))


def test_a_rejected_build_unlearns_what_hid_something_in_it() -> None:
    again = replace(SPOT, mark=None, noise="learned", kind="shape")
    hidden = entry(
        "r", "0", replace(stirred("R", "A", again), status="unchanged"), at=at(9), branch="other",
        commit="cr", review="rejected", reviews=(given("09", "reject"),),
    )  # fmt: skip
    assert noise.learned(past(*THREE, hidden)) == {}


def test_noise_that_was_not_seen_for_90_days_is_forgotten() -> None:
    quiet = entry("9", "0", at="2027-01-31T00:00:00+00:00", commit="c9")
    assert noise.learned(past(*THREE, quiet)).keys() == {NAME}
    later = entry("10", "0", at="2027-02-01T00:00:00+00:00", commit="c10")
    assert noise.learned(past(*THREE, quiet, later)) == {}, "one of three is too old"


def test_marks_of_another_version_teach_nothing() -> None:
    odd = [e for day in (2, 3, 4) for e in rerun(day, replace(SPOT, mark="sparkle"))]
    assert noise.learned(past(*odd)) == {}
    bare = [e for day in (2, 3, 4) for e in rerun(day, replace(SPOT, strength=()))]
    assert noise.learned(past(*bare)) == {}, "an entry of before there was a strength"


# --- what is written each night -------------------------------------------------------------------

KEY = keys.learned_noise("shop")


def store(*entries: Entry) -> MemoryBucket:
    bucket = MemoryBucket()
    add(bucket, *entries)
    return bucket


def add(bucket: Bucket, *entries: Entry) -> None:
    for e in entries:
        key = keys.index_line("shop", e.at, e.build, e.execution)
        bucket.write(key, encode_lines([e]), "application/gzip")


def test_each_night_it_is_written_if_it_is_new() -> None:
    bucket = store(FIRST, *THREE)
    assert noise.remember("shop", bucket) == 1
    body, tag = bucket.read_tagged(KEY)
    assert decode(body) == noise.learned(past(*THREE))
    assert noise.remember("shop", bucket) == 1
    assert bucket.read_tagged(KEY)[1] == tag
    add(bucket, *rerun(5))
    noise.remember("shop", bucket)
    assert decode(bucket.read(KEY))[NAME].places[0].pairs == 4


def test_where_nothing_was_ever_learned_nothing_is_written() -> None:
    bucket = store(FIRST)
    assert noise.remember("shop", bucket) == 0
    assert not bucket.exists(KEY)


def test_what_is_unlearned_goes_from_the_object() -> None:
    bucket = store(FIRST, *THREE)
    noise.remember("shop", bucket)
    rejected = entry(
        "r", "0", stirred("R", "A"), at=at(9), branch="other", commit="cr",
        review="rejected", reviews=(given("09", "reject"),),
    )  # fmt: skip
    add(bucket, rejected)
    assert noise.remember("shop", bucket) == 0
    assert decode(bucket.read(KEY)) == {}


def test_the_object_is_no_line_of_the_index() -> None:
    bucket = store(FIRST, *THREE)
    noise.remember("shop", bucket)
    assert len(Past.of(bucket, "shop").entries) == 1 + len(THREE)


def test_of_two_runs_at_once_one_writes_and_none_fails() -> None:
    bucket = store(FIRST, *THREE)

    class Slow:
        """A run that another one overtakes between its read and its write."""

        def read_tagged(self, key: str) -> tuple[bytes, str]:
            try:
                return bucket.read_tagged(key)
            finally:
                if key == KEY:
                    bucket.write(KEY, b"{}", "application/json")

        def __getattr__(self, name: str) -> Any:
            return getattr(bucket, name)

    slow: Any = Slow()
    assert noise.remember("shop", slow) == 1
    assert bucket.read(KEY) == b"{}"

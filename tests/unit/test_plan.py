"""From two manifests to unique pairs, and from their answers to the result of every snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgate.domain.comparison import Counts, Diff, Judgement, Measured, Region, Snapshot, Status
from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest import BuildManifest, parse
from pixelgate.domain.policy import Policy
from pixelgate.domain.verdict import Evidence, Mark, NoiseKind, Picture
from pixelgate.errors import FaultCode, ImageFault
from pixelgate.pipeline.diffing.plan import Pair, Plan, assemble, make_plan
from support.manifests import BUILD, body, build_of, digest, entry

BASE = BuildId("shop", "b0")
ENGINE = "odiff 4.5.0"
BUILT_IN = Policy().fingerprint(ENGINE)
GONE = Region(0, 0, 3, 1, 3, area=0)
SEEN = Picture(differing=3)
CHANGED = Measured(
    Diff(3, 3, 9, (3, 3), (3, 3), (GONE,), picture=SEEN, areas=(Evidence(one_sided=3),)), "mask.png"
)
EQUAL = Measured(Diff(0, 0, 9, (3, 3), (3, 3)), None)
NOISY = Measured(
    Diff(3, 0, 9, (3, 3), (3, 3), (GONE,), picture=SEEN, areas=(Evidence(most=2, steepest=1.0),)),
    "mask.png",
)
COUNTS = Judgement(True, (Mark.ONE_SIDED,), kinds=(None,))
PASSES = Judgement(False, (), False)
FAULT = ImageFault(FaultCode.UNREADABLE, "the file is empty")
Answers = dict[Pair, Measured | ImageFault]


UNREADABLE = "UNREADABLE: the file is empty"


def base_of(hashes: dict[str, int]) -> BuildManifest:
    return build_of(hashes, BASE)


def planned(head: dict[str, Any], base: dict[str, Any]) -> Plan:
    """The plan of two manifests' images."""
    return make_plan(parse(body(images=head), BUILD), parse(body(BASE, images=base), BASE), ENGINE)


def test_only_what_differs_is_compared_and_equal_pairs_once() -> None:
    plan = make_plan(
        build_of({"same": 1, "new": 3, "a": 2, "b": 2, "c": 2, "d": 3}),
        base_of({"same": 1, "a": 1, "b": 1, "c": 9, "d": 1}),
        ENGINE,
    )
    pairs = [Pair(digest(b), digest(h), BUILT_IN) for b, h in ((1, 2), (9, 2), (1, 3))]
    assert plan.pairs == dict.fromkeys(pairs, Policy())
    assert plan.pair_of == dict(zip("abcd", [pairs[0], *pairs], strict=True))


def test_tags_say_which_words_of_a_name_are_its_variant() -> None:
    plan = planned(
        {"a-firefox": entry(2, tags=["firefox"])}, {"a-chromium": entry(1, tags=["chromium"])}
    )
    assert [*plan.pair_of] == ["a-firefox"]
    result = assemble(plan, {next(iter(plan.pairs)): ImageFault(FaultCode.UNREADABLE, "x")}, {})
    assert result["a-firefox"].previous_name == "a-chromium"
    assert result["a-firefox"].base_sha256 == digest(1)
    untagged = planned({"a-firefox": entry(2)}, {"a-chromium": entry(1)})
    assert untagged.pairs == {}


def test_one_pair_under_two_policies_is_two_pairs() -> None:
    head = {"a": entry(2), "b": entry(2, policy={"antialiasing": False})}
    plan = planned(head, {"a": entry(1), "b": entry(1)})
    strict = Policy(antialiasing=False)
    assert plan.pairs == {
        Pair(digest(1), digest(2), BUILT_IN): Policy(),
        Pair(digest(1), digest(2), strict.fingerprint(ENGINE)): strict,
    }


def test_one_pair_under_two_tolerances_is_compared_once_and_judged_twice() -> None:
    head = {"a": entry(2), "b": entry(2, policy={"max_changed_pixels": 3})}
    plan = planned(head, {"a": entry(1), "b": entry(1)})
    [pair] = plan.pairs
    snapshots = assemble(plan, {pair: CHANGED}, {})
    assert snapshots["a"].status is Status.CHANGED
    assert snapshots["b"].status is Status.UNCHANGED
    assert snapshots["b"].measured is CHANGED
    assert snapshots["b"].judgement == Judgement(False, (Mark.ONE_SIDED,), kinds=(None,))
    assert snapshots["b"].policy == {"max_changed_pixels": 3}


@pytest.mark.parametrize("own", [{"strict": True}, {"noise": {"levels": 1}}])
def test_one_pair_under_two_rules_is_compared_twice_as_its_masks_differ(
    own: dict[str, Any],
) -> None:
    images = {"a": entry(2), "b": entry(2, policy=own)}
    plan = planned(images, {"a": entry(1), "b": entry(1)})
    assert len(plan.pairs) == 2
    snapshots = assemble(plan, dict.fromkeys(plan.pairs, NOISY), {})
    assert (snapshots["a"].status, snapshots["b"].status) == (Status.UNCHANGED, Status.CHANGED)
    assert snapshots["a"].judgement == Judgement(False, (None,), kinds=(NoiseKind.LEVELS,))
    judged = snapshots["b"].judgement
    assert judged is not None
    assert judged.changed


def statuses(plan: Plan) -> dict[str, Status]:
    return {name: snapshot.status for name, snapshot in assemble(plan, {}, {}).items()}


def test_without_a_base_everything_is_added() -> None:
    plan = make_plan(build_of({"a": 1, "b": 2}), None, ENGINE)
    assert plan.pairs == {}
    assert statuses(plan) == {"a": Status.ADDED, "b": Status.ADDED}


def test_selective_upload_skips_what_it_lacks() -> None:
    head = build_of({"a": 1}, selective=True, all_names=["a", "b"])
    plan = make_plan(head, base_of({"a": 1, "b": 2, "c": 3}), ENGINE)
    expected = {"a": Status.UNCHANGED, "b": Status.SKIPPED, "c": Status.REMOVED}
    assert statuses(plan) == expected


def test_every_kind_of_snapshot_is_told_in_full() -> None:
    in_head = {
        "changed": entry(2, group="G"),
        "passed": entry(4),
        "errored": entry(6),
        "added": entry(7),
        "unreadable": entry(8),
        "renamed": entry(9, display_name="R"),
        "unchanged": entry(10),
    }
    in_base = {
        "changed": entry(1, group="old group"),
        "passed": entry(3),
        "errored": entry(5),
        "old name": entry(9, width=11),
        "unchanged": entry(10),
        "gone": entry(11, group="H"),
    }
    plan = planned(in_head, in_base)
    answers: Answers = {
        plan.pair_of["changed"]: CHANGED,
        plan.pair_of["passed"]: EQUAL,
        plan.pair_of["errored"]: FAULT,
    }
    size = (10, 20)
    assert assemble(plan, answers, {"unreadable": FAULT}) == {
        # Of a pair that was compared the sizes are those that were decoded.
        "changed": Snapshot(
            *(Status.CHANGED, digest(2), digest(1), (3, 3), (3, 3), CHANGED),
            judgement=COUNTS,
            details={"group": "G"},
        ),
        "passed": Snapshot(
            *(Status.UNCHANGED, digest(4), digest(3), (3, 3), (3, 3), EQUAL), judgement=PASSES
        ),
        "errored": Snapshot(*(Status.ERRORED, digest(6), digest(5), size, size), reason=UNREADABLE),
        "added": Snapshot(Status.ADDED, digest(7), head_size=size),
        "unreadable": Snapshot(Status.ERRORED, digest(8), head_size=size, reason=UNREADABLE),
        "renamed": Snapshot(
            *(Status.RENAMED, digest(9), digest(9), size, (11, 20)),
            previous_name="old name",
            details={"display_name": "R"},
        ),
        "unchanged": Snapshot(Status.UNCHANGED, digest(10), digest(10), size, size),
        "gone": Snapshot(
            Status.REMOVED, base_sha256=digest(11), base_size=size, details={"group": "H"}
        ),
    }


def named(fingerprint: str | None, *, judged: Region = GONE) -> Measured:
    return Measured(replace(CHANGED.diff, regions=(judged,), fingerprint=fingerprint), "m.png")


def groups(answers: dict[str, Measured | ImageFault], **images: dict[str, Any]) -> dict[str, str]:
    """The groups of snapshots that differ, each in its own two pictures, and of some others."""
    names = sorted(answers)
    head = {n: entry(100 + i) for i, n in enumerate(names)} | images.get("head", {})
    base = {n: entry(200 + i) for i, n in enumerate(names)} | images.get("base", {})
    plan = planned(head, base)
    found = assemble(plan, {plan.pair_of[n]: answer for n, answer in answers.items()}, {})
    return {name: s.group for name, s in found.items() if s.group}


A, B = "a" * 32, "b" * 32


def test_snapshots_with_one_change_share_a_group_and_others_have_none() -> None:
    answers = {"1": named(A), "2": named(B), "3": named(A), "4": named("c" * 32), "5": named(B)}
    group_a, group_b = f"changed-{A[:16]}", f"changed-{B[:16]}"
    assert groups(dict(answers)) == {"1": group_a, "2": group_b, "3": group_a, "5": group_b}
    assert groups({"1": named(A), "2": named(B)}) == {}


def test_what_passes_or_could_not_be_compared_is_in_no_group() -> None:
    noise = replace(NOISY.diff, fingerprint=A)
    answers: dict[str, Measured | ImageFault] = {
        "1": named(A), "2": Measured(noise, "m.png"), "3": EQUAL, "4": FAULT,
    }  # fmt: skip
    assert groups(answers) == {}
    assert set(groups({**answers, "5": named(A)})) == {"1", "5"}


def test_changes_that_nobody_named_are_not_alike() -> None:
    assert groups({"1": named(None), "2": named(None)}) == {}


def test_one_pair_under_two_names_is_one_change() -> None:
    images = {"a": entry(2), "b": entry(2), "c": entry(3)}
    plan = planned(images, dict.fromkeys("abc", entry(1)))
    found = assemble(plan, {plan.pair_of["a"]: named(A), plan.pair_of["c"]: named(B)}, {})
    assert [s.group for s in found.values()] == [f"changed-{A[:16]}"] * 2 + [None]


def test_equal_pictures_that_came_or_went_share_a_group() -> None:
    def picture(digit: str) -> dict[str, Any]:
        return entry(sha256=digit * 64)

    found = groups(
        {},
        head={"new 1": picture("7"), "new 2": picture("7"), "new 3": picture("8")},
        base={"old 1": picture("5"), "old 2": picture("5"), "old 3": picture("6")},
    )
    added, removed = "added-" + "7" * 16, "removed-" + "5" * 16
    assert found == {"new 1": added, "new 2": added, "old 1": removed, "old 2": removed}


def test_groups_are_the_same_in_every_run_whatever_else_there_is() -> None:
    first = groups({"1": named(A), "2": named(A)})
    later = groups({"0": named(B), "1": named(A), "2": named(A), "9": named(A)})
    assert first == {name: later[name] for name in first}


hashes = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 4))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    head = draw(hashes)
    extra: dict[str, Any] = {"selective": draw(st.booleans())}
    if draw(st.booleans()):
        extra["all_names"] = [*head, *draw(st.sets(st.sampled_from("abcdefgh")))]
    return make_plan(build_of(head, **extra), draw(st.none() | hashes.map(base_of)), ENGINE)


def draw_answers(plan: Plan, data: st.DataObject) -> Answers:
    possible: list[Measured | ImageFault] = [CHANGED, EQUAL, NOISY, FAULT]
    return {pair: data.draw(st.sampled_from(possible)) for pair in plan.pairs}


@given(plans(), st.data())
def test_every_name_survives(plan: Plan, data: st.DataObject) -> None:
    answers = draw_answers(plan, data)
    unreadable = data.draw(st.dictionaries(st.sampled_from("abcdefgh"), st.just(FAULT)))
    snapshots = assemble(plan, answers, unreadable)

    base = set(plan.base.images) if plan.base else set()
    renamed_from = {s.previous_name for s in snapshots.values() if s.previous_name}
    assert set(snapshots) == set(plan.head.images) | (base - renamed_from)
    assert list(snapshots) == sorted(snapshots)
    assert renamed_from <= base
    counts = Counts.of(s.status for s in snapshots.values())
    assert counts.total == len(snapshots)
    assert len([s for s in snapshots.values() if s.base_sha256]) == len(base)


@given(plans(), st.data())
def test_what_an_answer_says_reaches_each_of_its_names(plan: Plan, data: st.DataObject) -> None:
    answers = draw_answers(plan, data)
    snapshots = assemble(plan, answers, {})
    status = {
        id(CHANGED): Status.CHANGED,
        id(EQUAL): Status.UNCHANGED,
        id(NOISY): Status.UNCHANGED,
        id(FAULT): Status.ERRORED,
    }
    for name, pair in plan.pair_of.items():
        assert snapshots[name].status is status[id(answers[pair])]
    errored = [n for n, s in snapshots.items() if s.status is Status.ERRORED]
    assert set(errored) <= set(plan.pair_of)


def test_a_pair_without_an_answer_is_no_silent_pass() -> None:
    plan = make_plan(build_of({"a": 2}), base_of({"a": 1}), ENGINE)
    with pytest.raises(KeyError):
        assemble(plan, {}, {})

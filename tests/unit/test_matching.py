"""Who is matched with whom, by name and hash alone."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgate.domain import matching
from pixelgate.domain.matching import Kind, Match, case_hints, match
from pixelgate.domain.names import canonical, find, same_names

Build = dict[str, str]

UNCHANGED, DIFFERING, ADDED = Kind.UNCHANGED, Kind.DIFFERING, Kind.ADDED
REMOVED, RENAMED, SKIPPED = Kind.REMOVED, Kind.RENAMED, Kind.SKIPPED


MATCHES: dict[str, tuple[Build, Build, list[Match]]] = {
    "nothing": ({}, {}, []),
    "same name, same hash": ({"a": "1"}, {"a": "1"}, [Match("a", UNCHANGED, "1", "1")]),
    "same name, other hash": ({"a": "2"}, {"a": "1"}, [Match("a", DIFFERING, "2", "1")]),
    "head only": ({"a": "1"}, {}, [Match("a", ADDED, "1")]),
    "base only": ({}, {"a": "1"}, [Match("a", REMOVED, None, "1")]),
    "other name, same hash": ({"b": "1"}, {"a": "1"}, [Match("b", RENAMED, "1", "1", "a")]),
    "other name, other hash": (
        *({"b": "2"}, {"a": "1"}),
        [Match("a", REMOVED, None, "1"), Match("b", ADDED, "2")],
    ),
    "the extension is part of the name": (
        *({"a.png": "1"}, {"a.jpg": "2"}),
        [Match("a.jpg", REMOVED, None, "2"), Match("a.png", ADDED, "1")],
    ),
    "swapped pictures are two changes, not two renames": (
        *({"a": "2", "b": "1"}, {"a": "1", "b": "2"}),
        [Match("a", DIFFERING, "2", "1"), Match("b", DIFFERING, "1", "2")],
    ),
    "a copy is added, its original did not go away": (
        *({"a": "1", "copy": "1"}, {"a": "1"}),
        [Match("a", UNCHANGED, "1", "1"), Match("copy", ADDED, "1")],
    ),
    "a copy that went away is removed": (
        *({"a": "1"}, {"a": "1", "copy": "1"}),
        [Match("a", UNCHANGED, "1", "1"), Match("copy", REMOVED, None, "1")],
    ),
    "a differing snapshot is no source of a rename": (
        *({"a": "2", "b": "1"}, {"a": "1"}),
        [Match("a", DIFFERING, "2", "1"), Match("b", ADDED, "1")],
    ),
    "three new and two old names of one hash": (
        *({"n1": "1", "n2": "1", "n3": "1"}, {"o1": "1", "o2": "1"}),
        [
            Match("n1", RENAMED, "1", "1", "o1"),
            Match("n2", RENAMED, "1", "1", "o2"),
            Match("n3", ADDED, "1"),
        ],
    ),
    "one new and two old names of one hash": (
        *({"n1": "1"}, {"o1": "1", "o2": "1"}),
        [Match("n1", RENAMED, "1", "1", "o1"), Match("o2", REMOVED, None, "1")],
    ),
    "the most similar names are paired, not the first ones": (
        *({"a/zebra": "1", "b/apple": "1"}, {"x/apple": "1", "y/zebra": "1"}),
        [
            Match("a/zebra", RENAMED, "1", "1", "y/zebra"),
            Match("b/apple", RENAMED, "1", "1", "x/apple"),
        ],
    ),
    "the most similar of three old names": (
        *({"cart/empty": "1"}, {"aaa": "1", "basket/empty": "1", "zzz": "1"}),
        [
            Match("aaa", REMOVED, None, "1"),
            Match("cart/empty", RENAMED, "1", "1", "basket/empty"),
            Match("zzz", REMOVED, None, "1"),
        ],
    ),
    "each hash for itself": (
        *({"x/login": "1", "y/logout": "2"}, {"a/logout": "2", "b/login": "1"}),
        [
            Match("x/login", RENAMED, "1", "1", "b/login"),
            Match("y/logout", RENAMED, "2", "2", "a/logout"),
        ],
    ),
}


@pytest.mark.parametrize(("head", "base", "expected"), MATCHES.values(), ids=MATCHES)
def test_match(head: Build, base: Build, expected: list[Match]) -> None:
    assert match(head, base) == expected


ALL_NAMES = {"kept", "changed", "new", "left out"}
# Selective, all names, and the kinds of what was left out and of what is gone.
SELECTIVE: dict[str, tuple[bool, set[str] | None, Kind, Kind]] = {
    "a whole upload: what it lacks was removed": (False, None, REMOVED, REMOVED),
    "selective: what it lacks was skipped": (True, None, SKIPPED, SKIPPED),
    "selective with all names: what they lack was removed": (True, ALL_NAMES, SKIPPED, REMOVED),
    "all names alone say the same": (False, ALL_NAMES, SKIPPED, REMOVED),
    "a name that neither has is nobody's": (True, ALL_NAMES | {"gone", "x"}, SKIPPED, SKIPPED),
    "an empty list of all names is a list": (True, set(), REMOVED, REMOVED),
}


@pytest.mark.parametrize(
    ("selective", "all_names", "left_out", "gone"), SELECTIVE.values(), ids=SELECTIVE
)
def test_selective_upload(
    selective: bool, all_names: set[str] | None, left_out: Kind, gone: Kind
) -> None:
    head = {"kept": "1", "changed": "5", "new": "6"}
    base = {"kept": "1", "left out": "2", "gone": "3", "changed": "4"}
    matches = match(head, base, selective=selective, all_names=all_names)
    assert {m.name: m.kind for m in matches} == {
        "kept": UNCHANGED,
        "changed": DIFFERING,
        "new": ADDED,
        "left out": left_out,
        "gone": gone,
    }


def test_only_what_was_removed_is_a_source_of_a_rename() -> None:
    head, base = {"new": "1"}, {"old": "1"}
    skipped = [Match("new", ADDED, "1"), Match("old", SKIPPED, None, "1")]
    assert match(head, base, selective=True) == skipped
    renamed = [Match("new", RENAMED, "1", "1", "old")]
    assert match(head, base, selective=True, all_names=["new"]) == renamed


def test_very_many_equal_pictures_are_paired_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_MAX_LETTERS", 53)  # 6 new ones × 9 old ones are 54
    head = {f"n{i}": "blank" for i in range(3)}
    base = {"z-n0": "blank", "a-n1": "blank", "b": "blank"}
    assert [(m.name, m.previous_name) for m in match(head, base)] == [
        ("n0", "a-n1"),
        ("n1", "b"),
        ("n2", "z-n0"),
    ]


def test_many_groups_of_equal_pictures_share_one_budget() -> None:
    # 100 groups of 100 long names each would take minutes if every group had its own.
    head = {f"new/{'x' * 200}/{g}/{i}": f"blank {g}" for g in range(100) for i in range(100)}
    base = {f"old/{'x' * 200}/{g}/{i}": f"blank {g}" for g in range(100) for i in range(100)}
    assert Counter(m.kind for m in match(head, base)) == {RENAMED: 10_000}


def test_a_suite_of_blank_pictures_that_moved_is_matched_in_time() -> None:
    # 2,000 × 2,000 similarities of names would take minutes.
    head = {f"new/{i}": "blank" for i in range(2_000)}
    base = {f"old/{i}": "blank" for i in range(2_000)}
    assert Counter(m.kind for m in match(head, base)) == {RENAMED: 2_000}


# Few names and fewer hashes, so that every kind of meeting happens.
builds = st.dictionaries(st.sampled_from([f"{a}{b}" for a in "abc" for b in "xyz"]),
                         st.sampled_from("1234"))  # fmt: skip
uploads = st.tuples(builds, builds, st.booleans(), st.none() | st.sets(st.sampled_from(
    [f"{a}{b}" for a in "abcd" for b in "xyz"])))  # fmt: skip
Upload = tuple[Build, Build, bool, set[str] | None]


def run(upload: Upload) -> list[Match]:
    head, base, selective, all_names = upload
    return match(head, base, selective=selective, all_names=all_names)


@given(uploads)
def test_no_name_is_lost_and_none_is_told_twice(upload: Upload) -> None:
    head, base, *_ = upload
    matches = run(upload)
    assert sorted(m.name for m in matches if m.head) == sorted(head)
    assert sorted(m.previous_name or m.name for m in matches if m.base) == sorted(base)
    names = [m.name for m in matches]
    assert names == sorted(set(names))


# In the head, in the base, equal there, under another name there.
MEANS = {
    UNCHANGED: (True, True, True, False),
    DIFFERING: (True, True, False, False),
    RENAMED: (True, True, True, True),
    ADDED: (True, False, False, False),
    REMOVED: (False, True, False, False),
    SKIPPED: (False, True, False, False),
}


@given(uploads)
def test_each_kind_means_what_it_says(upload: Upload) -> None:
    head, base, *_ = upload
    for m in run(upload):
        renamed = m.previous_name is not None
        said = (m.head is not None, m.base is not None, m.head == m.base, renamed)
        assert said == MEANS[m.kind]
        assert m.head == head.get(m.name)
        assert m.base == base.get(m.previous_name or m.name)


@given(uploads)
def test_renames_are_one_to_one_and_as_many_as_there_can_be(upload: Upload) -> None:
    matches = run(upload)
    renamed = [m for m in matches if m.kind is RENAMED]
    assert len({m.previous_name for m in renamed}) == len(renamed)
    added = {m.head for m in matches if m.kind is ADDED}
    removed = {m.base for m in matches if m.kind is REMOVED}
    assert not added & removed


@given(builds)
def test_identical_builds_are_unchanged(build: Build) -> None:
    assert [m.kind for m in match(build, build)] == [UNCHANGED] * len(build)


@given(uploads, st.randoms(use_true_random=False))
def test_order_of_the_upload_does_not_matter(upload: Upload, random: Random) -> None:
    head, base, selective, all_names = upload
    shuffled = []
    for build in (head, base):
        items = list(build.items())
        random.shuffle(items)
        shuffled.append(dict(items))
    assert match(*shuffled, selective=selective, all_names=all_names) == run(upload)


@given(builds, builds)
def test_compared_the_other_way_round_added_and_removed_change_places(
    head: Build, base: Build
) -> None:
    forth = Counter(m.kind for m in match(head, base))
    back = Counter(m.kind for m in match(base, head))
    assert (forth[ADDED], forth[REMOVED]) == (back[REMOVED], back[ADDED])
    assert forth[RENAMED] == back[RENAMED]


# --- one name in several forms ------------------------------------------------------------------

NFC, NFD = "\u00dcbersicht gr\u00f6\u00dfe.png", "U\u0308bersicht gro\u0308\u00dfe.png"


@pytest.mark.parametrize(("ours", "theirs"), [(NFC, NFD), (NFD, NFC)])
@pytest.mark.parametrize(("base", "kind"), [("1", UNCHANGED), ("2", DIFFERING)])
def test_a_name_in_another_unicode_form_is_the_same(
    ours: str, theirs: str, base: str, kind: Kind
) -> None:
    """It is neither renamed nor added and removed; both are told as they were written."""
    assert match({ours: "1"}, {theirs: base}) == [Match(ours, kind, "1", base, theirs)]


def test_the_same_picture_elsewhere_does_not_take_the_name_s_partner() -> None:
    assert match({NFC: "2", "new": "1"}, {NFD: "1"}) == [
        Match("new", ADDED, "1"),
        Match(NFC, DIFFERING, "2", "1", NFD),
    ]


def test_a_base_from_before_the_rule_may_hold_both_forms() -> None:
    expected = [Match(NFD, REMOVED, None, "3"), Match(NFC, DIFFERING, "1", "2")]
    assert match({NFC: "1"}, {NFC: "2", NFD: "3"}) == expected


@pytest.mark.parametrize("listed", [NFC, NFD])
def test_a_selective_upload_s_list_of_names_may_be_in_another_form(listed: str) -> None:
    matches = match({}, {NFD: "1", "gone": "2"}, selective=True, all_names=[listed])
    assert {m.name: m.kind for m in matches} == {NFD: SKIPPED, "gone": REMOVED}


# Letters that have two forms, one that has three (the sign of the unit Ångström), and ASCII.
letters = st.sampled_from(["\u00fc", "u\u0308", "\u00c5", "A\u030a", "\u212b", "a", "A"])
written = st.lists(letters, min_size=1, max_size=3).map("".join)
forms = st.dictionaries(written, st.sampled_from("123"), max_size=6)


def in_nfc(build: Build) -> Build:
    return {canonical(name): sha for name, sha in build.items()}


def one_form(build: Build) -> Build:
    """A build as it may be uploaded: no two names are the same."""
    return {name: build[name] for name in {canonical(n): n for n in sorted(build)}.values()}


@given(forms, forms)
def test_forms_change_nothing_but_how_names_are_written(head: Build, base: Build) -> None:
    head, base = one_form(head), one_form(base)
    as_written = {(m.kind, canonical(m.name), m.head, m.base) for m in match(head, base)}
    in_one_form = {(m.kind, m.name, m.head, m.base) for m in match(in_nfc(head), in_nfc(base))}
    same = {UNCHANGED, DIFFERING}
    assert {row for row in as_written if row[0] in same} == {
        row for row in in_one_form if row[0] in same
    }
    assert Counter(row[0] for row in as_written) == Counter(row[0] for row in in_one_form)


@given(forms, forms)
def test_in_forms_too_no_name_is_lost(head: Build, base: Build) -> None:
    matches = match(head, base)
    assert sorted(m.name for m in matches if m.head) == sorted(head)
    assert sorted(m.previous_name or m.name for m in matches if m.base) == sorted(base)
    for m in matches:
        told = {**head, **base}
        assert m.name in told
        if m.kind in {UNCHANGED, DIFFERING}:
            assert canonical(m.previous_name or m.name) == canonical(m.name)


@given(forms, forms)
def test_a_name_has_one_partner_and_no_partner_is_left_over(head: Build, base: Build) -> None:
    same = same_names(head.keys(), base.keys())
    assert len({*same.values()}) == len(same)
    assert all(canonical(ours) == canonical(theirs) for ours, theirs in same.items())
    assert all(same[name] == name for name in head.keys() & base.keys())
    ours, theirs = one_form(head), one_form(base)
    both = {canonical(n) for n in ours} & {canonical(n) for n in theirs}
    assert {canonical(n) for n in same_names(ours, theirs)} == both


def test_a_name_is_found_in_whatever_form() -> None:
    assert find(NFC, [NFD, "b"]) == NFD
    assert find(NFD, {NFC: 1, NFD: 2}) == NFD
    assert find("a", [NFD]) is None


def test_what_differs_in_case_only_gets_a_hint() -> None:
    matches = match({"Home.png": "1", "a.png": "2"}, {"home.png": "3", "b.png": "4"})
    assert case_hints(matches) == [
        "'Home.png' was added and 'home.png' removed: the names differ in case only, so these two "
        "were not compared"
    ]


@pytest.mark.parametrize(
    ("head", "base"),
    [
        pytest.param({"Home.png": "1"}, {"home.png": "1"}, id="renamed: the same picture"),
        pytest.param({"Home.png": "1", "home.png": "2"}, {"home.png": "2"}, id="only added"),
        pytest.param({"home2.png": "1"}, {"home.png": "2"}, id="another name"),
    ],
)
def test_nothing_else_gets_a_hint(head: Build, base: Build) -> None:
    assert case_hints(match(head, base)) == []


def test_ten_hints_are_enough() -> None:
    hints = case_hints(match({f"A{n}": "1" for n in range(13)}, {f"a{n}": "2" for n in range(13)}))
    assert len(hints) == 11
    assert hints[-1] == "and 3 more such pairs"

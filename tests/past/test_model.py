"""The past of a project: lines as they are stored, and what a build's snapshots looked like."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pixelgate.domain import keys
from pixelgate.domain.history import Line, as_json, decode, encode, from_json
from pixelgate.past.model import Change, Entry, Given, Past, Shot, Spot, read_lines
from pixelgate.ports import Listed
from support.doubles.memory import MemoryBucket
from support.pasts import entry, seen

FULL = Shot(
    *("a.png", "unchanged", "1" * 64, "2" * 64, "old.png", "group"),
    pixels=12,
    total=100,
    regions=(Spot(1, 2, 3, 4, 5, "plain"), Spot(0, 0, 1, 1, 1, None, "text")),
    more=(3, 30),
    noises=("text", "levels"),
    moved=(0.0, 0.5),
    headroom=0.125,
    reason="UNREADABLE: no image",
    mask="masks/f/1-2.png",
    policy={"max_changed_pixels": 5, "ignore_regions": [{"x": 1}]},
)
GIVEN = Given("r1", "2026-11-02T00:00:00Z", "approve", "AWS:X:ada", ("a.png",), "why not", "issuer")


# --- lines ----------------------------------------------------------------------------------------

LINES: list[Line] = [
    entry("b"),
    entry(
        "fork.b",
        "a",
        FULL,
        Shot("b.png", "skipped"),
        tree="t" * 40,
        pull_request="5",
        author="Grace ⚓",
        trusted=False,
        reviews=(GIVEN, replace(GIVEN, id="r2", names=None), replace(GIVEN, id="r3", names=())),
        granted="by rule",
        carried_from="b0",
        revision=7,
        counts={"total": 2, "changed": 0},
        usd=0.000123,
        rule="f odiff 4.5.0 0.9.0",
        partial=True,
        first=True,
        quarantined={"a.png": "flaky; until 2026-12-01"},
        attempts={"a.png": ("3" * 64, "4" * 64)},
    ),
    Change("b", "e-b", "approved", (GIVEN,), "by rule", "b0", 3),
    Change("b", "e-b", "needed"),
]


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_read_as_it_was_written(line: Line) -> None:
    assert list(decode("shop", encode([line]))) == [line]


def test_lines_that_were_compressed_apart_are_read_together() -> None:
    assert list(decode("shop", b"".join(encode([line]) for line in LINES))) == LINES


def test_a_line_names_no_project_so_that_it_may_be_moved() -> None:
    assert "shop" not in str([as_json(line) for line in LINES])
    moved = from_json("store", as_json(LINES[0]))
    assert isinstance(moved, Entry)
    assert (moved.project, moved.build) == ("store", "b")


# --- entries --------------------------------------------------------------------------------------


def test_of_a_build_that_was_compared_again_the_latest_execution_counts() -> None:
    again = entry("b", execution="e2", at="2026-11-01T13:00:00+00:00")
    lines = [again, entry("a", at="2026-11-02T00:00:00+00:00"), entry("b"), again]
    past = Past.made_of("shop", lines)
    assert [(e.build, e.execution) for e in past.entries] == [("b", "e2"), ("a", "e-a")]
    every = Past.made_of("shop", lines, executions=True)
    assert [e.execution for e in every.entries] == ["e-b", "e2", "e-a"]


def test_the_order_of_lines_does_not_matter() -> None:
    first, second = (replace(GIVEN, id=f"r{n}", at=f"2026-11-0{n}") for n in (1, 2))
    first = replace(first, names=("a.png", "b.png"))
    lines: list[Line] = [
        entry("b", "a", FULL, review="needed"),
        Change("b", "e-b", "needed", (first,), revision=2),
        Change("b", "e-b", "approved", (replace(first, names=("b.png",)), second), revision=3),
        Change("b", "other", "rejected", (), revision=9),
    ]
    expected = entry("b", "a", FULL, review="approved", reviews=(first, second), revision=3)
    for order in itertools.permutations(lines):
        assert Past.made_of("shop", order).entries == (expected,)


def test_entries_from_before_a_time_serve_only_to_look_up_images() -> None:
    old = entry("a", None, seen("x", "1"), at="2026-10-31T00:00:00+00:00")
    new = entry("b", "a")
    past = Past.made_of("shop", [new, old], datetime(2026, 11, 1, tzinfo=UTC))
    assert past.entries == (new,)
    assert past.hash(new, "x") == "1"


# --- images ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("same", "s1"),
        ("changed", "c2"),
        ("removed", None),
        ("never", None),
        ("new name", "r1"),
        ("old name", None),
        ("skipped", None),
        ("f\N{LATIN SMALL LETTER U WITH DIAERESIS}r", "u1"),
        ("fu\N{COMBINING DIAERESIS}r", "u1"),
    ],
)
def test_an_image_is_known_through_the_bases(name: str, expected: str | None) -> None:
    firsts = ("same", "s1"), ("changed", "c1"), ("removed", "d1"), ("old name", "r1")
    first = entry("a", None, *(seen(*pair) for pair in (*firsts, ("skipped", "k1"), ("für", "u1"))))
    second = entry(
        "b",
        "a",
        seen("changed", "c2", "c1"),
        seen("removed", None, "d1"),
        seen("new name", "r1", "r1", previous="old name"),
    )
    third = entry("c", "b", Shot("skipped", "skipped"))
    past = Past.made_of("shop", [first, second, third])
    assert past.hash(third, name) == expected
    assert past.hash(third, name) == expected  # also when it is remembered


def test_an_image_of_a_base_that_is_not_indexed_is_known_from_what_is_compared_with_it() -> None:
    entries = [entry("b", "a"), entry("c", "a", seen("x", "2", "1")), entry("d", "lost")]
    past = Past.made_of("shop", entries)
    assert past.hash(entries[0], "x") == "1"
    assert past.hash(entries[2], "x") is None


def test_a_base_that_is_its_own_base_ends_the_search() -> None:
    entries = [entry("a", "b"), entry("b", "a")]
    assert Past.made_of("shop", entries).hash(entries[0], "x") is None


def test_images_are_those_of_a_world_that_was_played_through() -> None:
    """Against a plain model: each build is a dictionary of names to hashes."""
    chance = random.Random(17)
    builds: dict[str, dict[str, str]] = {"0": {f"s{n}": f"0-{n}" for n in range(8)}}
    lines = [entry("0", None, *(seen(name, head) for name, head in builds["0"].items()))]
    for number in range(1, 80):
        base = str(chance.randrange(max(0, number - 6), number))
        images, shots = dict(builds[base]), []
        for name in [f"s{n}" for n in range(10)]:
            if chance.random() < 0.15:
                before, after = images.pop(name, None), None
                if before is None or chance.random() < 0.7:
                    after = images[name] = f"{number}-{name}"
                shots.append(seen(name, after, before))
        builds[str(number)] = images
        lines.append(entry(str(number), base, *shots))
    chance.shuffle(lines)
    past = Past.made_of("shop", lines)
    assert len(past.entries) == 80
    for one in past.entries:
        found = {f"s{n}": past.hash(one, f"s{n}") for n in range(10)}
        assert {name: head for name, head in found.items() if head} == builds[one.build]


# --- requests -------------------------------------------------------------------------------------


class Counting(MemoryBucket):
    """A bucket that counts requests; a listing takes one for each thousand keys."""

    requests = 0

    def read(self, key: str, limit: int | None = None) -> bytes:
        self.requests += 1
        return super().read(key, limit)

    def list(self, prefix: str) -> Iterator[Listed]:
        found = list(super().list(prefix))
        self.requests += max(1, -(-len(found) // 1_000))
        return iter(found)


def test_a_year_of_600_builds_of_300_snapshots_is_read_in_at_most_20_requests() -> None:
    chance = random.Random(3)
    bucket = Counting()
    names = [f"page-{n:03}.png" for n in range(300)]

    def sha() -> str:
        return f"{chance.getrandbits(256):064x}"

    images = {name: sha() for name in names}
    months: dict[str, list[Line]] = {}
    for number in range(600):
        at = f"2026-{1 + number // 50:02}-{1 + number % 28:02}T{number % 24:02}:00:00+00:00"
        changed = names if number == 0 else chance.sample(names, 6)
        shots = []
        for name in changed:
            before, images[name] = images[name], sha()
            spots = tuple(
                Spot(chance.randrange(900), chance.randrange(9_000), 9, chance.randrange(50), 9)
                for _ in range(5)
            )
            base = before if number else None
            shots.append(replace(FULL, name=name, head=images[name], base=base, regions=spots))
        made = entry(f"build-{number}", f"build-{number - 1}" if number else None, *shots, at=at)
        months.setdefault(at[:7], []).append(made)
    for month, lines in months.items():
        bucket.write(keys.index_month("shop", month), encode(lines), "application/gzip")
    past = Past.of(bucket, "shop")
    assert len(past.entries) == 600
    assert bucket.requests == 1 + 12
    newest = past.entry("build-599")
    assert newest is not None
    assert {name: past.hash(newest, name) for name in names} == images
    assert sum(map(len, bucket.objects.values())) < 2_000_000
    bucket.requests = 0
    recent = Past.of(bucket, "shop", datetime(2026, 11, 15, tzinfo=UTC))
    assert bucket.requests == 1 + 2
    assert {e.at[:7] for e in recent.entries} == {"2026-11", "2026-12"}


def test_lines_come_with_the_project_of_their_key() -> None:
    bucket = MemoryBucket()
    bucket.write(
        keys.index_line("store", "2026-11-01T12:00:00", "b", "e"), encode([LINES[0]]), "any"
    )
    [line] = read_lines(bucket, "store")
    assert isinstance(line, Entry)
    assert line.project == "store"

"""What must hold of a bucket and a table after hours of trouble: nothing lost or double."""

from __future__ import annotations

import json
from collections import Counter

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import State
from pixelgate.pipeline.cleanup.orphans import orphans
from support.deliveries import counted
from support.index_audit import audit_index
from support.soak_world import Expected, SoakWorld
from support.world import PROJECT, sha


def audit(soak: SoakWorld) -> Counter[str]:
    """Holds every build, record and object against the promises; returns how builds ended.

    Raises:
        AssertionError: one is broken.
    """
    soak.check_quiet()
    assert soak.given_up == [], [(event.name, event.error) for event in soak.given_up]
    endings: Counter[str] = Counter()
    for build, expected in soak.expected.items():
        try:
            endings[_build(build, expected, soak)] += 1
        except AssertionError as error:
            error.add_note(f"{build}, {expected.kind}")
            raise
    _table(soak)
    _bucket(soak)
    audit_index(PROJECT, soak.objects, soak.ledger)
    return endings


def _build(build: BuildId, expected: Expected, soak: SoakWorld) -> str:
    """One build: exactly one end, told, and right."""
    record, images = soak.ending(build)
    if record.state is State.FAILED:
        return f"FAILED {record.error_code}"
    for image in images.values():
        # A thumbnail is drawn when the verdict is out, and may never be: the report can do without.
        assert not image.get("mask") or image["mask"] in soak.objects.objects, image
        if sha256 := image.get("head_sha256"):
            assert sha(soak.objects.read(keys.image(PROJECT, sha256))) == sha256
    counts, status = counted(record), soak.world.status(build.build)
    if status["base"] is None and expected.kind != "base":
        assert counts["added"] == counts["total"] == expected.counts["total"]
        return "its base came too late"
    errored = counts.pop("errored", 0)
    wanted = {**expected.counts, "changed": expected.counts.get("changed", 0) - errored}
    assert counts == {name: n for name, n in wanted.items() if n}
    assert status["verdict"] == ("passed" if expected.kind == "base" else "needs_review")
    return f"{errored} errored" if errored else "as expected"


def _table(soak: SoakWorld) -> None:
    """Nobody has a record whom nobody uploaded."""
    heads = {c.head for c in soak.ledger.comparisons.values()}
    assert heads == set(soak.expected), heads ^ set(soak.expected)
    assert set(soak.ledger.builds) <= set(soak.expected)


def _bucket(soak: SoakWorld) -> None:
    """Every object is of a build, an image, a pair or an execution that there is."""
    executions = {(c.id.head, c.execution) for c in soak.ledger.comparisons.values() if c.verdict}
    published, orphaned = set[tuple[str, str]](), set[tuple[str, str]]()
    for key in soak.objects.objects:
        top, project, *rest = key.split("/")
        assert project == PROJECT, key
        if keys.index_month_of(key):
            continue  # what is in it, `audit_index` knows
        match top:
            case "builds" | "uploads" | "reviews":
                assert BuildId(PROJECT, rest[0]) in soak.expected, key
            case "comparisons":
                one = rest[0], rest[2]
                (published if one in executions else orphaned).add(one)
            case "images":
                assert sha(soak.objects.objects[key]) == rest[0], key
            case _:
                assert top == "cache", key
    assert published == executions, published ^ executions
    assert not {head for head, _ in orphaned} - {b.build for b in soak.expected}


def only_what_is_shown_is_left(soak: SoakWorld) -> int:
    """Days later the sweeper removes what dead runs left; returns of how many.

    Raises:
        AssertionError: anything else is left, or anything that is published is not.
    """
    soak.world.clock.sleep(2 * 86_400)
    found = list(orphans(PROJECT, soak.world.service(), older_than=86_400))
    for _, files in found:
        soak.objects.delete(files)
    left = {tuple(e.key.split("/", 5)[2:5]) for e in soak.objects.list(f"comparisons/{PROJECT}/")}
    done = [c for c in soak.ledger.comparisons.values() if c.state is State.SUCCEEDED]
    assert left == {(c.id.head, c.id.base, c.execution) for c in done}
    audit(soak)
    return len(found)


def nothing_changes_any_more(soak: SoakWorld) -> None:
    """A day later every upload's event comes once more: nothing is written.

    Raises:
        AssertionError: something is.
    """
    soak.world.clock.sleep(86_400)
    before = dict(soak.objects.objects)
    published = len(soak.ledger.published)
    for build in soak.expected:
        if json.loads(before[keys.status(build)])["state"] == "SUCCEEDED":
            soak.redeliver(build)
    soak.run()
    written = {k for k, body in soak.objects.objects.items() if before.get(k) != body}
    assert written == set(), written
    assert len(soak.ledger.published) == published

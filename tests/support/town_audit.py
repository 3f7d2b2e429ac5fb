"""What must hold of a bucket and a table after hours of trouble: nothing lost or double."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import State
from pixelgate.pipeline.cleanup.orphans import orphans
from support.doubles.memory_attic import MemoryAttic
from support.town import Expected, Town
from support.world import PROJECT, sha


def audit(town: Town) -> Counter[str]:
    """Holds every build, record and object against the promises; returns how builds ended.

    Raises:
        AssertionError: one is broken.
    """
    assert town.objects.partial == [], town.objects.partial
    assert town.given_up == [], [(event.name, event.error) for event in town.given_up]
    stuck = [c for c in town.ledger.comparisons.values() if not (c.finished and c.announced)]
    assert stuck == [], f"stuck: {stuck}"
    twice = [c for c, n in Counter(r.id for r in town.ledger.published).items() if n > 1]
    assert twice == [], f"published twice: {twice}"
    endings: Counter[str] = Counter()
    for build, expected in town.expected.items():
        try:
            endings[_build(build, expected, town)] += 1
        except AssertionError as error:
            error.add_note(f"{build}, {expected.kind}")
            raise
    _table(town)
    _bucket(town)
    return endings


def _build(build: BuildId, expected: Expected, town: Town) -> str:
    """One build: exactly one end, told, and right."""
    found = [c for c in town.ledger.comparisons.values() if c.head == build]
    real = [c for c in found if not c.id.waits]
    assert len(real) <= 1, f"compared with several bases: {real}"
    status: dict[str, Any] = json.loads(town.objects.read(keys.status(build)))
    # Records of waits stay beside one another: one for shards, one for a base.
    records = real or [c for c in found if c.execution == status["execution"]]
    assert len(records) == 1, records
    [record] = records
    shown = status["state"], status["execution"]
    assert shown == (record.state, record.execution), (status, record)
    told = {d["execution"] for _, d in town.bus.emitted if d["build"] == build.build}
    assert record.execution in told, "nobody was told of the end"
    if record.state is State.FAILED:
        assert len(status["error"]["message"]) > 10, status["error"]
        assert status["comparison"] is None
        return f"FAILED {record.error_code}"
    result = json.loads(town.objects.read(status["comparison"]))
    assert result["execution"] == record.execution
    assert result["counts"] == status["counts"] == dict(record.counts)
    for image in result["images"].values():
        # A thumbnail is drawn when the verdict is out, and may never be: the report can do without.
        assert not image.get("mask") or image["mask"] in town.objects.objects, image
        if sha256 := image.get("head_sha256"):
            assert sha(town.objects.read(keys.image(PROJECT, sha256))) == sha256
    if status["base"] is None and expected.kind != "base":
        assert record.counts["added"] == record.counts["total"] == expected.counts["total"]
        return "its base came too late"
    errored = record.counts["errored"]
    changed = expected.counts.get("changed", 0) - errored
    counts = {name: n for name, n in record.counts.items() if n and name != "errored"}
    wanted = {**expected.counts, "changed": changed}
    assert counts == {name: n for name, n in wanted.items() if n}
    assert status["verdict"] == ("passed" if expected.kind == "base" else "needs_review")
    return f"{errored} errored" if errored else "as expected"


def _table(town: Town) -> None:
    """Nobody has a record whom nobody uploaded."""
    heads = {c.head for c in town.ledger.comparisons.values()}
    assert heads == set(town.expected), heads ^ set(town.expected)
    assert set(town.ledger.builds) <= set(town.expected)


def _bucket(town: Town) -> None:
    """Every object is of a build, an image, a pair or an execution that there is."""
    executions = {(c.id.head, c.execution) for c in town.ledger.comparisons.values() if c.verdict}
    published, orphaned = set[tuple[str, str]](), set[tuple[str, str]]()
    for key in town.objects.objects:
        top, project, *rest = key.split("/")
        assert project == PROJECT, key
        match top:
            case "builds" | "uploads" | "reviews":
                assert BuildId(PROJECT, rest[0]) in town.expected, key
            case "comparisons":
                one = rest[0], rest[2]
                (published if one in executions else orphaned).add(one)
            case "images":
                assert sha(town.objects.objects[key]) == rest[0], key
            case _:
                assert top == "diffs", key
    assert published == executions, published ^ executions
    assert not {head for head, _ in orphaned} - {b.build for b in town.expected}


def only_what_is_shown_is_left(town: Town) -> int:
    """Days later the sweeper removes what dead runs left; returns of how many.

    Raises:
        AssertionError: anything else is left, or anything that is published is not.
    """
    town.world.clock.sleep(2 * 86_400)
    attic = MemoryAttic(town.objects, town.world.clock)
    found = list(orphans(PROJECT, town.world.service(), attic, older_than=86_400))
    for _, files in found:
        attic.delete(files)
    left = {tuple(e.key.split("/", 5)[2:5]) for e in attic.entries(f"comparisons/{PROJECT}/")}
    done = [c for c in town.ledger.comparisons.values() if c.state is State.SUCCEEDED]
    assert left == {(c.id.head, c.id.base, c.execution) for c in done}
    audit(town)
    return len(found)


def nothing_changes_any_more(town: Town) -> None:
    """A day later every upload's event comes once more: nothing is written.

    Raises:
        AssertionError: something is.
    """
    town.world.clock.sleep(86_400)
    before = dict(town.objects.objects)
    published = len(town.ledger.published)
    for build in town.expected:
        if json.loads(before[keys.status(build)])["state"] == "SUCCEEDED":
            town.redeliver(build)
    town.run()
    written = {k for k, body in town.objects.objects.items() if before.get(k) != body}
    assert written == set(), written
    assert len(town.ledger.published) == published

"""What must be true after anything has failed, and what became of it in one word."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import State
from support.fault_stories import COUNTS, Story, WatchedBucket, WatchedLedger
from support.world import PROJECT

HEAD = BuildId(PROJECT, "head")


@dataclass(frozen=True, order=True)
class Ending:
    """How a story ended; the later ones took more."""

    effort: int
    words: str


def audit(story: Story, *, usual: int, reviewed: bool) -> Ending:
    """Holds the world against the promises; returns how the story ended.

    Args:
        story: what happened.
        usual: how many deliveries it takes when nothing fails.
        reviewed: whether a person approved the result.
    """
    world, ledger, objects = story.world, story.world.ledger, story.world.objects
    assert isinstance(ledger, WatchedLedger)
    assert isinstance(objects, WatchedBucket)
    assert objects.partial == [], objects.partial
    assert story.queue == [], "an event was given up on, and sending it again did not help"
    assert world.resumed == []
    stuck = [c for c in ledger.comparisons.values() if not (c.finished and c.announced)]
    assert stuck == [], f"stuck: {stuck}"

    published = [r for r in ledger.published if r.head == HEAD]
    if keys.status(HEAD) not in objects.objects:
        assert ledger.build(HEAD) is None
        assert story.faults.name == "S3: 404"
        return Ending(10, "gone")
    status = world.status("head")
    if status["execution"] is None:
        assert published == []
        assert (status["state"], status["error"]["code"]) == ("FAILED", "BAD_MANIFEST")
        assert story.faults.name == "S3: 404"
        return Ending(10, "FAILED BAD_MANIFEST")
    of_head = [c for c in ledger.comparisons.values() if c.head == HEAD]
    real = [c for c in of_head if not c.id.waits]
    record = (real or [c for c in of_head if c.id.waits])[0]
    assert len(real) <= 1
    assert (status["state"], status["execution"]) == (record.state, record.execution)
    assert status["provisional"] == record.id.waits
    if record.state is State.FAILED:
        assert published == []
        assert status["error"]["code"] == record.error_code
        assert len(status["error"]["message"]) > 10, status["error"]
        assert status["comparison"] is None
        ending = Ending(9, f"FAILED {record.error_code}")
    else:
        assert len(published) == 1, f"published {len(published)} times"
        comparison = json.loads(objects.read(status["comparison"]))
        assert comparison["execution"] == record.execution
        assert comparison["counts"] == status["counts"] == dict(record.counts)
        ending = _published(story, usual, {n: c for n, c in record.counts.items() if c})
    if reviewed and record.state is State.SUCCEEDED:
        if story.faults.happened and story.faults.name == "S3: 404":
            return Ending(10, "gone")
        assert status["review"]["state"] == "approved", status["review"]
        found = ledger.build(HEAD)
        assert found is not None
        assert found.review == "approved"
        assert len(ledger.reviews(HEAD)) == 1
    _heard(story, status["state"])
    _late_events_change_nothing(story)
    return ending


def _published(story: Story, usual: int, counts: dict[str, int]) -> Ending:
    if story.world.status("head")["base"] is None:
        assert counts == {"total": 4, "added": 4}
        return Ending(6, "no base")
    errored = counts.pop("errored", 0)
    assert counts.get("changed", 0) + errored == COUNTS["changed"], counts
    assert {**counts, "changed": COUNTS["changed"]} == COUNTS
    if story.cured or story.redriven:
        return Ending(8, "redrive") if story.redriven else Ending(7, "later")
    if errored:
        return Ending(6, "errored")
    if story.sweeps:
        return Ending(5, "sweep")
    if story.deliveries > usual:
        return Ending(3, "retry")
    return Ending(1, "ok")


def _heard(story: Story, state: str) -> None:
    final = [d for _, d in story.bus.emitted if d["build"] == "head" and d["state"] == state]
    assert final, "nobody was told of the end"


def _late_events_change_nothing(story: Story) -> None:
    """A day later every event comes once more, and the base's again: nothing changes."""
    world = story.world
    before = world.objects.read(keys.status(HEAD))
    failed = json.loads(before)["state"] == "FAILED"
    written = set(world.objects.objects)
    world.clock.sleep(86_400)
    for name in ("head", "base"):
        if not failed:
            story.deliver(story.compares(BuildId(PROJECT, name)))
    assert world.objects.read(keys.status(HEAD)) == before
    assert set(world.objects.objects) == written

"""What must be true after anything has failed, and what became of it in one word."""

from __future__ import annotations

from dataclasses import dataclass

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, Upload
from pixelgate.domain.records import Lookup, Series, State
from support.deliveries import counted
from support.fault_stories import COUNTS, Story
from support.index_audit import audit_index
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
    assert story.queue == [], "an event was given up on, and sending it again did not help"
    assert story.world.resumed == []
    story.check_quiet()
    missing = story.faults.name == "S3: 404"
    audit_index(PROJECT, story.objects, story.ledger, deleted=missing)
    if keys.status(HEAD) not in story.objects.objects:
        assert story.ledger.build(HEAD) is None
        assert story.faults.name == "S3: 404"
        return Ending(10, "gone")
    status = story.world.status("head")
    if status["execution"] is None:
        assert story.ledger.published == []
        assert (status["state"], status["error"]["code"]) == ("FAILED", "BAD_MANIFEST")
        assert story.faults.name == "S3: 404"
        return Ending(10, "FAILED BAD_MANIFEST")
    record, _ = story.ending(HEAD)
    ending = Ending(9, f"FAILED {record.error_code}")
    if record.state is State.SUCCEEDED:
        ending = _published(story, usual, counted(record))
    if reviewed and record.state is State.SUCCEEDED:
        if story.faults.happened and story.faults.name == "S3: 404":
            return Ending(10, "gone")
        _is_approved(story)
    _late_events_change_nothing(story, status)
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


def _is_approved(story: Story) -> None:
    """In the status, in the record, in the pull request, and everybody has heard of it."""
    build = story.ledger.build(HEAD)
    assert build is not None
    assert (story.world.status("head")["review"]["state"], build.review) == ("approved",) * 2
    assert len(story.ledger.reviews(HEAD)) == 1
    assert [d.build for d in story.ledger.decisions(PROJECT, Series(Lookup.PULL_REQUEST, "5"))] == [
        HEAD
    ]
    heard = [d["review"]["state"] for kind, d in story.bus.emitted if kind.startswith("Review")]
    assert heard[-1:] == ["approved"], heard


def _late_events_change_nothing(story: Story, status: dict[str, object]) -> None:
    """A day later every event comes once more, and the base's again: nothing changes."""
    written = set(story.objects.objects)
    story.world.clock.sleep(86_400)
    for name in ("head", "base") if status["state"] != "FAILED" else ():
        story.deliver(story.comes(Upload(BuildId(PROJECT, name))))
    assert story.world.status("head") == status
    assert set(story.objects.objects) == written

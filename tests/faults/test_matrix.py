"""Every fault at every call of every step ends well, or says why not; docs/faults.md tells how."""

from __future__ import annotations

import random

import pytest

from support.fault_audit import audit
from support.fault_stories import STORIES, Story
from support.fault_table import PAGE, endings, page, places, usual
from support.faults import FAULTS, STEPS, Fault, Place

HOUR = 3_600.0


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_once(story: str, fault: Fault) -> None:
    for step, found in endings(story, fault, False).items():
        words = {ending.words for ending in found}
        # What happens once never costs a build its result, unless an object is really gone.
        assert fault.name == "S3: 404" or not any("FAILED" in w for w in words), (step, words)
        assert "redrive" not in words, step


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("fault", [f for f in FAULTS if f.lasts], ids=lambda fault: fault.name)
def test_for_three_hours(story: str, fault: Fault) -> None:
    for step, found in endings(story, fault, True).items():
        assert found, step


def test_every_step_has_calls_that_are_hurt() -> None:
    assert {place.step for story in STORIES for place in places(story)} == set(STEPS)


def test_the_page_tells_what_happens() -> None:
    assert PAGE.read_text() == page(), "`make faults-page` writes it anew"


LISTED = (
    "process killed", "time-out", "out of memory", "/tmp full", "odiff crashes", "odiff hangs",
    "odiff answers garbage", "S3: 500", "S3: 503 SlowDown", "S3: 404", "S3: truncated body",
    "S3: wrong checksum", "DynamoDB: throttled", "condition race", "event delivered twice",
    "event delivered late", "events out of order", "clock skew: 60 s fast", "clock skew: 60 s slow",
)  # fmt: skip


@pytest.mark.parametrize("words", LISTED)
def test_what_is_promised_has_a_row_with_endings(words: str) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {words}")]
    assert rows, words
    for row in rows:
        assert {cell.strip(" |") for cell in row.split(" | ")[1:]} - {"–"}, row


@pytest.mark.parametrize("story", STORIES)
def test_several_faults_at_once(story: str, seed: int, rounds: int) -> None:
    """For an hour every call fails with a chance of one in twelve, in any way but for good."""
    faults = [fault for fault in FAULTS if fault.name != "S3: 404"]
    happened = 0
    for number in range(rounds):
        told = Story.begin()
        end = told.world.clock.now + HOUR

        def dice(
            place: Place, number: int = number, told: Story = told, end: float = end
        ) -> Fault | None:
            chance = random.Random(f"{seed} {story} {number} {place}")
            fitting = [fault for fault in faults if fault.strikes(place)]
            if told.world.clock.now > end or chance.random() > 1 / 12:
                return None
            nonlocal happened
            happened += 1
            return chance.choice(fitting)

        told.faults.dice = dice
        try:
            STORIES[story](told)
            told.end()
            audit(told, usual=usual(story), reviewed=story == "review")
        except BaseException as error:
            error.add_note(f"--seed {seed}, story {story!r}, round {number}")
            raise
    assert happened >= rounds

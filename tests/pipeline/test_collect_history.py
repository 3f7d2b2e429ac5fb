"""Months of uploads, reviews and collections, at once and in any order: nothing shown goes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import Review
from pixelgate.errors import NotFound
from pixelgate.pipeline.cleanup import garbage as collecting
from pixelgate.pipeline.cleanup.garbage import DAY, collect
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.intake.images import BucketImages
from support.tidied import RETENTION, Tidied, TooMuchWent
from support.world import PROJECT, sha

IMAGES = [bytes([letter]) for letter in b"abcdef"]
LONGEST = 29 * DAY
TURNS = st.lists(st.integers(0, 2), max_size=90)


class History(RuleBasedStateMachine):
    """Clients take up to a month from looking at the bucket to their manifest."""

    def __init__(self) -> None:
        super().__init__()
        self.tidied = Tidied()
        self.world = self.tidied.world
        self.world.clock.now = 1_767_225_600.0  # the year 2026 begins
        self.names = itertools.count(1)
        self.begun: list[tuple[str, list[bytes], set[bytes], float, dict[str, Any]]] = []
        self.deleted = 0

    # --- what people do ---

    @rule(
        images=st.lists(st.sampled_from(IMAGES), min_size=1, max_size=2, unique=True),
        branch=st.sampled_from(["topic"] * 9 + ["main"]),
        on=st.none() | st.integers(0, 5),
    )
    def begin_upload(self, images: list[bytes], branch: str, on: int | None) -> None:
        """A client lists what is there, to send only what is missing."""
        there = {b for b in images if keys.image(PROJECT, sha(b)) in self.world.objects.objects}
        builds = sorted(self.world.ledger.builds)
        fields: dict[str, Any] = {"branch": branch}
        if on is not None and builds:
            fields["base_build"] = builds[on % len(builds)].build
        name = f"b{next(self.names)}"
        self.begun.append((name, images, there, self.world.clock.now, fields))

    @precondition(lambda self: self.begun)
    @rule(which=st.integers(0, 5))
    def finish_upload(self, which: int) -> None:
        name = self._upload(which)
        self.tidied.deliver(name, self.world.service())

    @precondition(lambda self: self.world.ledger.builds)
    @rule(which=st.integers(0, 9), review=st.sampled_from([Review.REJECTED, None, Review.APPROVED]))
    def review(self, which: int, review: Review | None) -> None:
        builds = sorted(self.world.ledger.builds)
        self.world.review(builds[which % len(builds)].build, review)

    # --- what time does ---

    @rule(days=st.sampled_from([0.5, 1.0, 6.9, 8.0, 31.0]))
    def time_passes(self, days: float) -> None:
        """No upload takes longer than S3 keeps a version."""
        until = self.world.clock.now + days * DAY
        while late := [i for i, b in enumerate(self.begun) if until - b[3] >= LONGEST]:
            self.finish_upload(late[0])
        self.world.clock.now = until

    @rule(turns=TURNS, which=st.integers(0, 5), seconds=st.sampled_from([1.0, 120.0, 3_000.0]))
    def collect_while_an_upload_is_compared(
        self, turns: list[int], which: int, seconds: float
    ) -> None:
        actors: list[Callable[[CompareContext], object]] = [self._collector]
        if self.begun:
            actors.append(self._client(which))
        actors.append(lambda service: self.world.clock.sleep(seconds))
        self.tidied.together([t for t in turns if t < len(actors)], *actors)

    @rule(weeks=st.integers(1, 9))
    def collect_for_a_season(self, weeks: int) -> None:
        for _ in range(weeks):
            self.deleted += self.tidied.collect().deleted
            self.time_passes(8.0)

    def _collector(self, service: CompareContext) -> None:
        self.deleted += collect(PROJECT, service, RETENTION, delete=True).deleted

    def _client(self, which: int) -> Callable[[CompareContext], object]:
        """Writes its manifest at some step of the others, and its event comes at once."""

        def act(service: CompareContext) -> None:
            service.objects.exists("")  # a step
            self.tidied.deliver(self._upload(which), service)

        return act

    def _upload(self, which: int) -> str:
        name, images, seen, _, fields = self.begun.pop(which % len(self.begun))
        self.tidied.upload(name, *images, seen=seen, **fields)
        return name

    # --- what must be true ---

    @invariant()
    def nothing_is_missing(self) -> None:
        self.tidied.check()

    @invariant()
    def what_is_to_be_kept_is_there(self) -> None:
        for build, record in self.world.ledger.builds.items():
            young = self.world.clock.now - record.created <= RETENTION.days * DAY
            if young or record.review is Review.APPROVED or record.branch == "main":
                assert keys.accepted_manifest(build) in self.world.objects.objects
                assert keys.status(build) in self.world.objects.objects


LIMITS = settings(max_examples=150, stateful_step_count=25, deadline=None, print_blob=True)
History.TestCase.settings = LIMITS
TestHistory = History.TestCase


@pytest.mark.parametrize("without", ["restoring", "delay"])
def test_it_would_be_noticed(without: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same histories find what goes too far when a protection is taken out."""
    if without == "restoring":

        def refuse(self: BucketImages, key: str, sha256: str) -> bytes:
            raise NotFound(key)

        monkeypatch.setattr(BucketImages, "_restore", refuse)
    else:
        monkeypatch.setattr(collecting._Run, "_is_over", lambda self, since: True)
    with pytest.raises((TooMuchWent, AssertionError, ExceptionGroup)):
        run_state_machine_as_test(
            History, settings=settings(LIMITS, max_examples=400, phases=[Phase.generate])
        )


def test_something_goes() -> None:
    """The histories are of no use if nothing is ever collected."""
    history = History()
    history.begin_upload([b"a"], "topic", None)
    history.finish_upload(0)
    history.time_passes(31.0)
    history.collect_for_a_season(6)
    assert history.deleted >= 4
    assert BuildId(PROJECT, "b1") not in history.world.ledger.builds

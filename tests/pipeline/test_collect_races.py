"""Uploads, comparisons and the collector by turns, at every request: nothing that is shown goes.

Each scenario is played in every order in which one of its actors stops once at any request, and
the collector once more, while the others go on. The same orders break a promise as soon as one of
the protections is taken out: each of them is needed, and the orders find what it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from pixelgate.domain.cache_month import Generations
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import Review
from pixelgate.errors import NotFound
from pixelgate.pipeline import context as services
from pixelgate.pipeline.cleanup import garbage as collecting
from pixelgate.pipeline.cleanup.garbage import Retention, collect
from pixelgate.pipeline.compare import run as running
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.intake.gc_notice import Announcement
from pixelgate.pipeline.intake.images import BucketImages
from pixelgate.ports import Attic
from support.tidied import RETENTION, Tidied, TooMuchWent
from support.world import PROJECT

Actor = Callable[[CompareContext, Attic], object]
Scenario = Callable[[], tuple[Tidied, list[Actor]]]
STEPS = 44  # no actor takes more, unless it waits


def at(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def collector(retention: Retention = RETENTION, runs: int = 1) -> Actor:
    def act(service: CompareContext, attic: Attic) -> None:
        for _ in range(runs):
            collect(PROJECT, service, attic, retention, delete=True)

    return act


def worker(tidied: Tidied, name: str) -> Actor:
    return lambda service, attic: tidied.deliver(name, service)


def time(tidied: Tidied, seconds: float) -> Actor:
    return lambda service, attic: tidied.world.clock.sleep(seconds)


def rejection(tidied: Tidied, name: str) -> Actor:
    """What was approved is a baseline, and stays; once it is rejected it may go."""
    return lambda service, attic: tidied.world.review(name, Review.REJECTED)


def begin(day: str) -> Tidied:
    tidied = Tidied()
    tidied.world.clock.now = at(day)
    return tidied


def gone(tidied: Tidied, name: str) -> None:
    """A build is hidden and removed, as collectors of earlier weeks do it."""
    build = BuildId(PROJECT, name)
    assert tidied.world.ledger.forget(build, 0.0)
    for key in list(tidied.world.objects.objects):
        if key.startswith(tuple(f"{top}/{build}/" for top in ("comparisons", "uploads", "builds"))):
            del tidied.world.objects.objects[key]
    tidied.world.ledger.bury(build)


def a_result_is_found_in_the_last_minute_of_a_month() -> tuple[Tidied, list[Actor]]:
    """It is of the month before; the next month begins while the worker is on its way."""
    tidied = begin("2026-01-20T00:00:00")
    tidied.build("base", b"b", branch="main")
    tidied.build("old", b"h", base_build="base")
    gone(tidied, "old")
    tidied.world.clock.now = at("2026-02-28T23:59:00")
    tidied.upload("late", b"h", base_build="base")
    return tidied, [worker(tidied, "late"), time(tidied, 120), collector()]


def a_result_is_made_again_while_its_old_one_is_collected() -> tuple[Tidied, list[Actor]]:
    tidied = begin("2026-01-20T00:00:00")
    tidied.build("base", b"b", branch="main")
    tidied.build("old", b"h", base_build="base")
    gone(tidied, "old")
    tidied.world.clock.now = at("2026-04-20T00:00:00")
    tidied.upload("late", b"h", base_build="base")
    return tidied, [worker(tidied, "late"), collector()]


def an_upload_found_an_image_that_nobody_needed() -> tuple[Tidied, list[Actor]]:
    """It is unchanged, as it is another build's too that comes at the same time."""
    tidied = begin("2026-01-20T00:00:00")
    tidied.build("base", b"b", branch="main")
    tidied.build("old", b"x", base_build="base")
    gone(tidied, "old")
    tidied.days(60)
    tidied.upload("late", b"x", seen={b"x"}, base_build="base")
    return tidied, [worker(tidied, "late"), collector()]


def an_upload_is_finished_while_images_are_set_aside() -> tuple[Tidied, list[Actor]]:
    tidied, _ = an_upload_found_an_image_that_nobody_needed()
    body = {
        k: b for k, b in tidied.world.objects.objects.items() if k.startswith("uploads/shop/late")
    }
    for key in body:
        del tidied.world.objects.objects[key]

    def act(service: CompareContext, attic: Attic) -> None:
        for key, manifest in body.items():
            service.objects.write(key, manifest, "application/json")
        tidied.deliver("late", service)

    return tidied, [act, collector()]


def a_base_is_chosen_while_it_is_removed() -> tuple[Tidied, list[Actor]]:
    tidied = begin("2026-01-20T00:00:00")
    tidied.build("old", b"x")
    tidied.days(60)
    tidied.upload("late", b"x", b"y", seen={b"x"}, base_build="old")
    tidied.world.review("old", Review.APPROVED)
    return tidied, [worker(tidied, "late"), rejection(tidied, "old"), collector(runs=2)]


SCENARIOS: list[Scenario] = [
    a_result_is_found_in_the_last_minute_of_a_month,
    a_result_is_made_again_while_its_old_one_is_collected,
    an_upload_found_an_image_that_nobody_needed,
    an_upload_is_finished_while_images_are_set_aside,
    a_base_is_chosen_while_it_is_removed,
]


def orders(actors: int) -> Iterator[list[int]]:
    """The collector is the last actor, the worker the first; time, if any, goes in between."""
    last = actors - 1
    between = [*range(1, last)] * 2
    for first in range(STEPS):
        for second in (*range(0, STEPS, 6), 3 * STEPS):
            yield [0] * first + between + [last] * second + [0] * 10 * STEPS
            yield [last] * first + [0] * second * 10 + between + [last] * STEPS


def play(scenario: Scenario) -> None:
    """Plays all orders. Raises TooMuchWent."""
    for turns in orders(len(scenario()[1])):
        tidied, actors = scenario()
        try:
            tidied.together(turns, *actors)
            tidied.check()
        except TooMuchWent as error:
            error.add_note(f"{scenario.__name__}, turns {turns}")
            raise


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_in_every_order_nothing_goes_that_is_shown(scenario: Scenario) -> None:
    play(scenario)


def no_margin_after_the_month(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(collecting, "oldest_of_runs", lambda now, delay: Generations.at(now).previous)


def no_generations(patch: pytest.MonkeyPatch) -> None:
    class Always:
        @staticmethod
        def at(now: float) -> Generations:
            return Generations("2026-01", "2026-01")

    patch.setattr(services, "Generations", Always)


def no_second_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(collecting, "second_look", lambda *about: set[str]())


def no_waiting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(running, "outlast", lambda *about: None)


def no_promise_to_be_quick(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Announcement, "may_delete", lambda self: True)


def no_taking_back(patch: pytest.MonkeyPatch) -> None:
    def refuse(self: BucketImages, key: str, sha256: str) -> bytes:
        raise NotFound(key)

    patch.setattr(BucketImages, "_take_back", refuse)


def no_delay_between_hiding_and_removing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(collecting._Run, "_is_over", lambda self, since: since is not None)


@pytest.mark.parametrize(
    ("without", "scenario"),
    [
        (no_margin_after_the_month, a_result_is_found_in_the_last_minute_of_a_month),
        (no_generations, a_result_is_made_again_while_its_old_one_is_collected),
        (no_second_look, an_upload_is_finished_while_images_are_set_aside),
        (no_waiting, an_upload_is_finished_while_images_are_set_aside),
        (no_promise_to_be_quick, an_upload_is_finished_while_images_are_set_aside),
        (no_taking_back, an_upload_is_finished_while_images_are_set_aside),
        (no_delay_between_hiding_and_removing, a_base_is_chosen_while_it_is_removed),
    ],
    ids=lambda value: value.__name__,
)
def test_each_protection_is_needed(
    without: Callable[[pytest.MonkeyPatch], None],
    scenario: Scenario,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch)
    with pytest.raises((TooMuchWent, NotFound)):
        play(scenario)

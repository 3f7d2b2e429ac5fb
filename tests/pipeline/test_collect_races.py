"""Uploads, comparisons and the collector by turns, at every request: nothing needed is lost.

Each scenario is played in every order in which one of its actors stops once at any request, and
the collector once more, while the others go on. The same orders lose something as soon as one of
the protections is taken out: each of them is needed, and the orders find what it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pixelgate.domain import keys
from pixelgate.domain.comparison import Measured
from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import Review
from pixelgate.errors import NotFound
from pixelgate.pipeline.cleanup import garbage
from pixelgate.pipeline.cleanup.garbage import Retention, collect
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.diffing.pairs import DiffCache
from pixelgate.pipeline.diffing.plan import Pair
from pixelgate.pipeline.intake import accept, plain_upload
from pixelgate.pipeline.intake.images import BucketImages
from support.tidied import RETENTION, Tidied, TooMuchWent
from support.world import PROJECT, sha

Actor = Callable[[CompareContext], object]
Scenario = Callable[[], tuple[Tidied, list[Actor]]]
STEPS = 44  # no actor takes more


def collector(retention: Retention = RETENTION, runs: int = 1) -> Actor:
    def act(service: CompareContext) -> None:
        for _ in range(runs):
            collect(PROJECT, service, retention, delete=True)

    return act


def worker(tidied: Tidied, name: str) -> Actor:
    return lambda service: tidied.deliver(name, service)


def rejection(tidied: Tidied, name: str) -> Actor:
    """What was approved is a baseline, and stays; once it is rejected it may go."""
    return lambda service: tidied.world.review(name, Review.REJECTED)


def removed(tidied: Tidied, name: str) -> None:
    """A build is hidden and removed, as collectors of earlier weeks do it."""
    build = BuildId(PROJECT, name)
    assert tidied.world.ledger.hide(build, 0.0)
    tops = tuple(f"{top}/{build}/" for top in ("comparisons", "uploads", "builds"))
    tidied.world.objects.delete(
        [key for key in tidied.world.objects.objects if key.startswith(tops)]
    )
    tidied.world.ledger.delete_build(build)


def an_image_that_nothing_refers_to() -> Tidied:
    tidied = Tidied()
    tidied.build("base", b"b", branch="main")
    tidied.build("old", b"x", base_build="base")
    removed(tidied, "old")
    tidied.days(60)
    return tidied


def an_upload_found_an_image_that_nothing_refers_to() -> tuple[Tidied, list[Actor]]:
    tidied = an_image_that_nothing_refers_to()
    manifest = keys.uploaded_manifest(BuildId(PROJECT, "late"))
    tidied.upload("late", b"x", seen={b"x"}, base_build="base")
    body = tidied.world.objects.objects.pop(manifest)

    def act(service: CompareContext) -> None:
        service.objects.write(manifest, body, "application/json")
        tidied.deliver("late", service)

    return tidied, [act, collector()]


def plain_images_are_those_that_nothing_refers_to() -> tuple[Tidied, list[Actor]]:
    """Nobody reads them again: they were read when they were taken in."""
    tidied = an_image_that_nothing_refers_to()
    tidied.world.upload_plain("late", {"0.png": b"x"}, branch="topic")
    return tidied, [worker(tidied, "late"), collector()]


def a_base_is_chosen_while_it_is_removed() -> tuple[Tidied, list[Actor]]:
    tidied = Tidied()
    tidied.build("old", b"x")
    tidied.days(60)
    tidied.upload("late", b"x", b"y", seen={b"x"}, base_build="old")
    tidied.world.review("old", Review.APPROVED)
    return tidied, [worker(tidied, "late"), rejection(tidied, "old"), collector(runs=2)]


def a_cached_diff_is_found_while_its_build_is_removed() -> tuple[Tidied, list[Actor]]:
    """And then S3 deletes the cache."""
    tidied = Tidied()
    tidied.build("base", b"b", branch="main")
    tidied.build("old", b"h", base_build="base")
    assert tidied.world.ledger.hide(BuildId(PROJECT, "old"), 0.0)
    tidied.days(60)
    tidied.upload("late", b"h", base_build="base")

    def act(service: CompareContext) -> None:
        collect(PROJECT, service, RETENTION, delete=True)
        tidied.expire_cache()

    return tidied, [worker(tidied, "late"), act]


SCENARIOS: list[Scenario] = [
    an_upload_found_an_image_that_nothing_refers_to,
    plain_images_are_those_that_nothing_refers_to,
    a_base_is_chosen_while_it_is_removed,
    a_cached_diff_is_found_while_its_build_is_removed,
]


def orders(actors: int) -> Iterator[list[int]]:
    """The collector is the last actor, the worker the first; others go in between."""
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
def test_in_every_order_nothing_is_lost_that_is_shown(scenario: Scenario) -> None:
    play(scenario)


@pytest.mark.parametrize("step", range(1, STEPS))
def test_the_next_run_makes_good_what_a_killed_one_owes(step: int) -> None:
    for first in range(STEPS):
        tidied, actors = an_upload_found_an_image_that_nothing_refers_to()
        turns = [1] * first + [0] * 10 * STEPS
        tidied.together(turns, *actors, dies={1: step})
        tidied.collect()
        tidied.check()


def no_restore_on_a_miss(patch: pytest.MonkeyPatch) -> None:
    def refuse(self: BucketImages, key: str, sha256: str) -> bytes:
        raise NotFound(key)

    patch.setattr(BucketImages, "_restore", refuse)


def no_second_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(garbage, "second_look", lambda *about: set[str]())


def no_look_after_a_plain_upload(patch: pytest.MonkeyPatch) -> None:
    import_images = plain_upload.import_images
    patch.setattr(
        accept,
        "import_images",
        lambda *about: replace(import_images(*about), found=frozenset[str]()),
    )


def no_delay_between_hiding_and_removing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(garbage._Run, "_is_over", lambda self, since: since is not None)


def no_mask_of_its_own(patch: pytest.MonkeyPatch) -> None:
    def of_the_other(self: DiffCache, pair: Pair, measured: Measured) -> Measured:
        return measured

    patch.setattr(DiffCache, "_with_mask", of_the_other)


def no_pictures_under_the_comparison(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keys, "pictures", lambda comparison, execution: f"cache/{PROJECT}/")


@pytest.mark.parametrize(
    ("without", "scenario"),
    [
        (no_restore_on_a_miss, an_upload_found_an_image_that_nothing_refers_to),
        (no_second_look, an_upload_found_an_image_that_nothing_refers_to),
        (no_look_after_a_plain_upload, plain_images_are_those_that_nothing_refers_to),
        (no_delay_between_hiding_and_removing, a_base_is_chosen_while_it_is_removed),
        (no_mask_of_its_own, a_cached_diff_is_found_while_its_build_is_removed),
        (no_pictures_under_the_comparison, a_cached_diff_is_found_while_its_build_is_removed),
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


@pytest.mark.parametrize(("min_age", "found"), [(RETENTION.min_age, True), (0.0, False)])
def test_an_upload_may_take_as_long_as_an_image_stays_and_its_version_after_it(
    min_age: float, found: bool
) -> None:
    """It has sent its image, and the collector runs every day until its manifest comes."""
    tidied, retention = Tidied(), replace(RETENTION, min_age=min_age)
    tidied.world.objects.write(keys.image(PROJECT, sha(b"x")), b"x", "image/png")
    for _ in range(59):
        collect(PROJECT, tidied.world.service(), retention, delete=True)
        tidied.days(1)
    tidied.upload("late", b"x", seen={b"x"})
    tidied.deliver("late", tidied.world.service())
    assert (tidied.world.status("late")["state"] == "SUCCEEDED") is found

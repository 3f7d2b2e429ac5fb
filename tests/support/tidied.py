"""A world that garbage is collected in, and that notices the moment at which too much goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, Upload
from pixelgate.domain.records import ComparisonRecord, Result
from pixelgate.errors import HeldByOther, WriteConflict
from pixelgate.pipeline.cleanup.garbage import DAY, Collected, Retention, collect
from pixelgate.pipeline.compare.dispatch import receive
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.intake.gc_notice import SKEW
from pixelgate.ports import Aged, Attic
from support.doubles.memory import MemoryLedger, MemoryObjects
from support.doubles.memory_attic import MemoryAttic
from support.schedule import Schedule, stepping_ledger, stepping_objects
from support.world import PROJECT, World

RETENTION = Retention(days=30, delay=7 * DAY)


# A run of the collector that ends so goes on the next day.
_BROKEN_OFF = (WriteConflict, TimeoutError)


class TooMuchWent(AssertionError):
    """Something was deleted, or is missing, that a result shows."""


class _Ledger(MemoryLedger):
    """Looks at every result in the moment in which it is published."""

    tidied: Tidied

    def publish(self, claim: ComparisonRecord, result: Result, now: float) -> ComparisonRecord:
        """Whatever it shows is there."""
        record = super().publish(claim, result, now)
        missing = self.tidied.shown_by(record.head, result.comparison_key)
        missing -= self.tidied.world.objects.objects.keys()
        if missing:
            self.tidied.wrong.append(f"{record.head} was published without {missing}")
        return record


class _Attic(MemoryAttic):
    """Looks at everything in the moment in which it is deleted."""

    tidied: Tidied

    def delete(self, keys: Collection[str]) -> None:
        """Nothing of it is shown by a build that anybody can see."""
        shown = self.tidied.shown() & set(keys)
        if shown:
            self.tidied.wrong.append(f"deleted though it is shown: {shown}")
        super().delete(keys)


class _SteppingAttic:
    """Every call is a step; one that was under way for a minute was given up by the SDK."""

    def __init__(self, attic: Attic, schedule: Schedule, clock: Callable[[], float]) -> None:
        self._attic, self._schedule, self._clock = attic, schedule, clock

    def entries(self, prefix: str) -> Iterator[Aged]:
        self._schedule.pause()
        found = list(self._attic.entries(prefix))
        self._schedule.pause()  # the answer is on its way
        return iter(found)

    def folders(self, prefix: str) -> Iterator[str]:
        self._schedule.pause()
        return iter(list(self._attic.folders(prefix)))

    def copy(self, key: str, to: str) -> None:
        self._schedule.pause()
        self._attic.copy(key, to)

    def delete(self, keys: Collection[str]) -> None:
        begun = self._clock()
        self._schedule.pause()
        if self._clock() - begun > SKEW:
            raise TimeoutError
        self._attic.delete(keys)


@dataclass
class Tidied:
    """Bucket, ledger and clock, and the collector.

    Attributes:
        wrong: promises that were broken, and how.
    """

    world: World = field(init=False)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        objects, ledger = MemoryObjects(), _Ledger()
        self.world = World(objects, ledger, render=lambda *about: b"a page")
        self.attic = _Attic(objects, self.world.clock)
        self.attic.tidied = ledger.tidied = self

    # --- what happens by turns ---

    def build(self, name: str, *images: bytes, seen: Collection[bytes] = (), **fields: Any) -> None:
        """A whole upload, and its event."""
        self.upload(name, *images, seen=seen, **fields)
        self.deliver(name, self.world.service())

    def upload(
        self, name: str, *images: bytes, seen: Collection[bytes] = (), **fields: Any
    ) -> BuildId:
        """What a client does that has seen some of its images in the bucket."""
        named = {f"{i}.png": body for i, body in enumerate(images)}
        unsent = tuple(n for n, body in named.items() if body in seen)
        return self.world.upload(name, named, missing=unsent, **{"branch": "topic", **fields})

    def deliver(self, name: str, service: CompareContext) -> None:
        """The event of an upload; an open lease is waited for by Lambda, not here."""
        with suppress(HeldByOther):
            receive(Upload(BuildId(PROJECT, name)), service)

    def collect(self, *, delete: bool = True, retention: Retention = RETENTION) -> Collected:
        """One run of the collector."""
        return collect(PROJECT, self.world.service(), self.attic, retention, delete=delete)

    def days(self, days: float) -> None:
        """Time passes."""
        self.world.clock.sleep(days * DAY)

    def together(self, turns: Sequence[int], *actors: Any) -> list[object]:
        """Lets actors move by turns, each of them for as long as it takes to come to a port.

        An actor is called with a service and an attic of its own, every call of which is a step.
        """
        schedule = Schedule(turns)

        def sleep(seconds: float) -> None:
            schedule.pause()
            self.world.clock.sleep(seconds)

        service = replace(
            self.world.service(),
            objects=stepping_objects(self.world.objects, schedule),
            ledger=stepping_ledger(self.world.ledger, schedule),
            sleep=sleep,
        )
        attic = cast("Attic", _SteppingAttic(self.attic, schedule, self.world.clock))
        results = schedule.run(*(lambda a=a: a(service, attic) for a in actors))
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, _BROKEN_OFF):
                raise result
        return results

    # --- what must be true ---

    def shown(self) -> set[str]:
        """What the results of all builds show that are not hidden."""
        found = set()
        for build in list(self.world.ledger.builds):
            status = self.world.objects.objects.get(keys.status(build))
            if status and (told := json.loads(status))["state"] == "SUCCEEDED":
                found |= self.shown_by(build, told["comparison"]) | {told["report"]}
        return found

    def shown_by(self, build: BuildId, comparison: str) -> set[str]:
        """What one result shows, and what its manifest names."""
        result = json.loads(self.world.objects.objects[comparison])["images"].values()
        pictures = {image[name] for image in result for name in ("mask", "thumb") if name in image}
        manifest = json.loads(self.world.objects.objects[keys.accepted_manifest(build)])
        hashes = {image["sha256"] for image in manifest["images"].values()}
        return pictures | {keys.image(PROJECT, sha256) for sha256 in hashes} | {comparison}

    def check(self) -> None:
        """Raises TooMuchWent if a promise is broken, or was in any moment."""
        if self.wrong:
            raise TooMuchWent(self.wrong)
        missing = self.shown() - self.world.objects.objects.keys()
        if missing:
            raise TooMuchWent(f"shown and missing: {missing}")
        for build in self.world.ledger.builds:
            status = json.loads(self.world.objects.objects.get(keys.status(build), b"{}"))
            if status.get("state") == "FAILED" and status["error"]["code"] != "BASE_MISSING":
                raise TooMuchWent(f"{build}: {status['error']}")

"""A world in which garbage is collected, and that notices when something needed is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, Upload
from pixelgate.errors import HeldByOther
from pixelgate.pipeline.cleanup.garbage import DAY, Collected, Retention, collect
from pixelgate.pipeline.compare.dispatch import receive
from pixelgate.pipeline.context import CompareContext
from support.schedule import Intercepted, Killed, Schedule
from support.world import PROJECT, World

RETENTION = Retention(days=30, min_age=30 * DAY, hidden=7 * DAY)


class TooMuchWent(AssertionError):
    """Something is missing that a result shows."""


@dataclass
class Tidied:
    """Bucket, ledger and clock, and the collector."""

    world: World = field(default_factory=lambda: World(render=lambda *about: b"a page"))

    def __post_init__(self) -> None:
        self.world.objects.clock = self.world.clock

    # --- what happens by turns ---

    def build(
        self, name: str, *images: bytes, seen: Collection[bytes] = (), **fields: Any
    ) -> object:
        self.upload(name, *images, seen=seen, **fields)
        return self.deliver(name, self.world.service())

    def upload(
        self, name: str, *images: bytes, seen: Collection[bytes] = (), **fields: Any
    ) -> BuildId:
        """What a client does that has seen some of its images in the bucket."""
        named = {f"{i}.png": body for i, body in enumerate(images)}
        unsent = tuple(n for n, body in named.items() if body in seen)
        return self.world.upload(name, named, missing=unsent, **{"branch": "topic", **fields})

    def deliver(self, name: str, service: CompareContext) -> object:
        """The event of an upload; an open lease is waited for by Lambda, not here."""
        with suppress(HeldByOther):
            return receive(Upload(BuildId(PROJECT, name)), service)
        return None

    def collect(self, *, delete: bool = True) -> Collected:
        return collect(PROJECT, self.world.service(), RETENTION, delete=delete)

    def days(self, days: float) -> None:
        self.world.clock.sleep(days * DAY)

    def expire_cache(self) -> None:
        """What S3's lifecycle rule does to cache/ sooner or later."""
        for key in [key for key in self.world.objects.objects if key.startswith("cache/")]:
            del self.world.objects.objects[key]

    def together(
        self, turns: Sequence[int], *actors: Any, dies: Mapping[int, int] = MappingProxyType({})
    ) -> list[object]:
        """Lets actors move by turns, each of them for as long as it takes to come to a port.

        An actor is called with a service, every call to whose ports is a step.
        `dies` names actors that are killed at a step.
        """
        schedule = Schedule(turns, dies)

        def around(name: str, key: str, make: Callable[[], Any]) -> Any:
            """Of the bucket every call is a step, and so is the answer to a listing or a delete."""
            schedule.pause()
            answer = make()
            if name in {"list", "delete"}:
                schedule.pause()
            return answer

        service = self.world.service(
            objects=Intercepted(self.world.objects, around),
            ledger=schedule.stepping(self.world.ledger),
        )
        results = schedule.run(*(lambda a=a: a(service) for a in actors))
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Killed):
                raise result
        return results

    # --- what must be true ---

    def there(self) -> set[str]:
        """The builds, and the images by their bytes."""
        objects = self.world.objects.objects.items()
        images = {body.decode() for key, body in objects if key.startswith("images/")}
        manifests = [key for key, _ in objects if key.startswith("builds/")]
        return images | {key.split("/")[2] for key in manifests if key.endswith("/manifest.json")}

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
        """Raises TooMuchWent if something is missing, after the collector has come to its end."""
        missing = self.shown() - self.world.objects.objects.keys()
        if missing:
            raise TooMuchWent(f"shown and missing: {missing}")
        for build in self.world.ledger.builds:
            status = json.loads(self.world.objects.objects.get(keys.status(build), b"{}"))
            if status.get("state") == "FAILED" and status["error"]["code"] != "BASE_MISSING":
                raise TooMuchWent(f"{build}: {status['error']}")

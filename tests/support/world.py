"""A small world in memory for pipeline tests: bucket, ledger, clock, and a differ with a script."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.comparison import Diff, Region
from pixelgate.domain.keys import BuildId, ComparisonId, ShardId, Upload
from pixelgate.domain.policy import Policy
from pixelgate.domain.records import ComparisonRecord, Review
from pixelgate.domain.verdict import Evidence, Picture
from pixelgate.errors import FaultCode, ImageFault
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.compare.dispatch import Collecting, receive
from pixelgate.pipeline.compare.outcomes import Outcome
from pixelgate.pipeline.compare.run import compare_build
from pixelgate.pipeline.context import CompareContext, Limits
from pixelgate.pipeline.review.apply import Written
from pixelgate.ports import Renderer
from pixelgate.report import render
from support.doubles.memory import MemoryBucket, MemoryLedger
from support.images import MASK

PROJECT = "shop"
GONE = Region(0, 0, 1, 1, 1, area=0)
LOST = Evidence(blocks=1, differing=1, one_sided=1)
Pictures = Mapping[str, bytes]


@dataclass
class Clock:
    """Time that passes when a test says so."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class ScriptedDiffers:
    """Says that one pixel of ten changed; `script` runs before each answer and may raise."""

    script: Callable[[bytes, bytes], None] = lambda base, head: None
    size: int = 2
    calls: list[tuple[bytes, bytes]] = field(default_factory=list)

    def inspect(self, image: bytes) -> tuple[int, int]:
        if image.startswith(b"garbage"):
            raise ImageFault(FaultCode.UNREADABLE, "the file is no PNG, JPEG or WebP image")
        return 10, 1

    def diff(
        self, base: bytes, head: bytes, policy: Policy, wanted: Callable[[], bool] = lambda: True
    ) -> Diff:
        self.calls.append((base, head))
        self.script(base, head)
        return Diff(
            *(1, 1, 10, (10, 1), (10, 1), (GONE,), MASK),
            picture=Picture(differing=1),
            areas=(LOST,),
            fingerprint="f" * 32,
        )


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def manifest(build: str, images: Pictures | None = None, **fields: Any) -> bytes:
    """A manifest of these images; without images, of a plain upload."""
    said: dict[str, Any] = {"commit": f"commit-of-{build}", "branch": "main", **fields}
    if images is not None:
        named = images.items()
        said["images"] = {n: {"sha256": sha(b), "width": 10, "height": 1} for n, b in named}
    return json.dumps({"project": PROJECT, "build": build, **said}).encode()


@dataclass
class World:
    """One bucket and one ledger; `service()` is one worker."""

    objects: MemoryBucket = field(default_factory=MemoryBucket)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    clock: Clock = field(default_factory=Clock)
    differs: ScriptedDiffers = field(default_factory=ScriptedDiffers)
    limits: Limits = field(default_factory=Limits)
    render: Renderer = render
    resumed: list[BuildId] = field(default_factory=list)
    _executions: Any = field(default_factory=lambda: itertools.count(1))
    _lock: Any = field(default_factory=threading.Lock)

    def service(self, **changes: Any) -> CompareContext:
        service = CompareContext(
            objects=self.objects,
            ledger=self.ledger,
            pool=self.differs,
            engine=("odiff", "4.5.0"),
            render=self.render,
            limits=self.limits,
            resume=self.resumed.append,
            clock=self.clock,
            new_execution=self._new_execution,
        )
        return replace(service, **changes)

    def upload(
        self,
        build: str,
        images: Pictures,
        *,
        missing: Container[str] = (),
        **fields: Any,
    ) -> BuildId:
        """What CI does: images first, manifest last. `missing` names images it forgets."""
        self._store(images, missing)
        return self.write_manifest(build, manifest(build, images, **fields))

    def upload_shard(
        self,
        build: str,
        shard: ShardId,
        images: Pictures,
        *,
        missing: Container[str] = (),
        **fields: Any,
    ) -> str:
        """What one of several jobs does; returns the key of its manifest."""
        self._store(images, missing)
        key = keys.uploaded_manifest(BuildId(PROJECT, build), shard)
        body = manifest(build, images, shard=vars(shard), **fields)
        self.objects.write(key, body, "application/json")
        return key

    def upload_plain(
        self, build: str, files: Pictures, shard: ShardId | None = None, **fields: Any
    ) -> str:
        """What `aws s3 cp` does with a folder; returns the key of the manifest, listing none."""
        folder = keys.uploads(BuildId(PROJECT, build), shard)
        for name, body in files.items():
            self.objects.write(folder + name, body, "binary/octet-stream")
        fields = {"shard": vars(shard), **fields} if shard else fields
        self.objects.write(f"{folder}manifest.json", manifest(build, **fields), "application/json")
        return f"{folder}manifest.json"

    def write_manifest(self, build: str, body: bytes) -> BuildId:
        build_id = BuildId(PROJECT, build)
        self.objects.write(keys.uploaded_manifest(build_id), body, "application/json")
        return build_id

    def write_review(self, build: BuildId, id: str, body: bytes, by: str = "AWS:ada") -> Written:  # noqa: A002
        """What a reviewer does, and what S3 says of it."""
        key = keys.review(build, id)
        self.objects.write(key, body, "application/json")
        tag = self.objects.read_tagged(key)[1]
        return Written(build, id, by, iso(self.clock.now), tag)

    def _store(self, images: Pictures, missing: Container[str]) -> None:
        for name, body in images.items():
            if name not in missing:
                self.objects.write(keys.image(PROJECT, sha(body)), body, "image/png")

    def compare(self, build: BuildId, **changes: Any) -> Outcome:
        """One delivery of the build's event to a worker of its own."""
        return compare_build(build, self.service(**changes))

    def receive(self, key: str, **changes: Any) -> Outcome | Collecting:
        """One delivery of the event of an object under this key."""
        upload = keys.upload_of(key)
        assert upload is not None
        return receive(upload, self.service(**changes))

    def resume(self, build: BuildId) -> Outcome | Collecting:
        return receive(Upload(build, resumed=True), self.service())

    def deliver_resumed(self) -> list[Outcome | Collecting]:
        """Delivers every build that was called for, once, and those that these call for."""
        outcomes: list[Outcome | Collecting] = []
        while self.resumed:
            outcomes.append(self.resume(self.resumed.pop(0)))
        return outcomes

    def review(self, build: str, review: Review | None) -> None:
        build_id = BuildId(PROJECT, build)
        self.ledger.builds[build_id] = replace(self.ledger.builds[build_id], review=review)

    def status(self, build: str) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.objects.read(keys.status(BuildId(PROJECT, build))))
        return status

    def record(self, head: str, base: str) -> ComparisonRecord:
        record = self.ledger.comparison(ComparisonId(PROJECT, head, base))
        assert record is not None
        return record

    def published(self, build: str) -> dict[str, Any]:
        comparison: dict[str, Any] = json.loads(self.objects.read(self.status(build)["comparison"]))
        return comparison

    def _new_execution(self) -> str:
        with self._lock:
            return f"execution-{next(self._executions)}"

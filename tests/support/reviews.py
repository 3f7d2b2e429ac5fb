"""Reviewers of a small world: they write objects, and the events of these arrive as tests say."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.domain.keys import BuildId
from pixelgate.pipeline.announce.announce import Backlog
from pixelgate.pipeline.cleanup.sweep import sweep
from pixelgate.pipeline.compare.outcomes import Outcome as Compared
from pixelgate.pipeline.compare.run import compare_build
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.review.apply import Outcome, Written, carry_out
from support.doubles.memory import MemoryEvents
from support.world import PROJECT, World


@dataclass
class Reviewed:
    """A world with reviewers and with somebody who listens to its events."""

    world: World = field(default_factory=World)
    bus: MemoryEvents = field(default_factory=MemoryEvents)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def service(self, **changes: Any) -> CompareContext:
        return replace(self.world.service(events=Backlog(self.bus)), **changes)

    def build(self, build: str, images: dict[str, bytes], **fields: Any) -> Compared:
        """Uploads and compares; each build comes a minute after the one before."""
        self.world.clock.sleep(60)
        fields = {"branch": "topic", **fields}
        return compare_build(self.world.upload(build, images, **fields), self.service())

    def resume(self, build: str) -> Compared:
        return compare_build(BuildId(PROJECT, build), self.service(), resumed=True)

    def write(self, build: str, by: str = "AWS:ada", id: str = "", **fields: Any) -> Written:  # noqa: A002
        """What a reviewer does, and what S3 says of it."""
        self.world.clock.sleep(1)
        id = id or f"r{next(self._ids):03}"  # noqa: A001
        body = json.dumps({"schema_version": 1, **fields}).encode()
        return self.world.write_review(BuildId(PROJECT, build), id, body, by)

    def deliver(self, written: Written) -> Outcome:
        return carry_out(written, self.service())

    def review(self, build: str, **fields: Any) -> Outcome:
        return self.deliver(self.write(build, **fields))

    def sweep(self) -> list[str]:
        """What the sweeper does after ten minutes."""
        self.world.clock.sleep(600)
        return [str(s.action) for s in sweep(self.service(), self.world.resumed.append)]

    def said(self, build: str) -> dict[str, Any]:
        review: dict[str, Any] = self.world.status(build)["review"]
        return review

    def state(self, build: str) -> str:
        return str(self.said(build)["state"])

    def record(self, build: str) -> str | None:
        """What the ledger says of a build's review."""
        found = self.world.ledger.build(BuildId(PROJECT, build))
        assert found is not None
        return found.review

    def heard(self, build: str) -> list[tuple[str, str, str | None]]:
        """Kind, state and review of every event about a build."""
        return [
            (kind.split()[0], d["state"], d["review"] and d["review"]["state"])
            for kind, d in self.bus.emitted
            if d["build"] == build
        ]

"""A comparison by real processes to which something happens, and what must be true afterwards."""

from __future__ import annotations

import io
import json
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from support.process_stack import COMPARE, Site, wait_until
from support.wire import Plan
from uploader import Uploader

PAIRS = 24
COUNTS = {"total": PAIRS + 2, "changed": PAIRS, "added": 1, "unchanged": 1}
FINAL = {"SUCCEEDED", "FAILED"}
RESCUES = {"resume", "tell", "end wait"}
# What says when and by whom a comparison was made.
_OF_A_RUN = {"execution", "started", "created", "cost"}


def draw(folder: Path) -> None:
    """A base and a head: pairs that differ, one that does not, and one snapshot that is new."""
    for version in ("base", "head"):
        (folder / version).mkdir()
    for number in range(PAIRS + 2):
        pixels = np.random.default_rng(number).integers(0, 256, (60, 60, 3), np.uint8)
        pixels[20:] = 255
        if number < PAIRS + 1:
            Image.fromarray(pixels).save(folder / "base" / f"{number:02}.png")
        if number < PAIRS:
            pixels[30:44, 8 : 30 + number] = (0, 60, 120)
        Image.fromarray(pixels).save(folder / "head" / f"{number:02}.png")


def large(version: int) -> bytes:
    """One pair of these needs more memory than a function of 256 MB has."""
    image = Image.new("RGB", (5_000, 5_000), (250, 250, 250))
    image.paste((0, 60, 120), (40, 40, 400 * version, 90))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


@dataclass
class FaultRun:
    """One comparison of a project of its own.

    Attributes:
        site: where it happens.
        project: its name, found in every request about it.
        folder: with the pictures of base and head.
        chance: from which random moments are drawn.
        requests: how many an undisturbed comparison makes of AWS.
        expected: the images of an undisturbed comparison.json; None in the undisturbed one.
        counts: what is to be counted in the end.
        died: how many of its workers have died.
        cure: puts right what was wrong for all of its site.
        redriven: events that were sent again, so that it came to an end at all.
    """

    site: Site
    project: str
    folder: Path
    chance: random.Random
    requests: int = 0
    expected: dict[str, Any] | None = None
    counts: Mapping[str, int] = field(default_factory=lambda: COUNTS)
    died: int = 0
    cure: Callable[[], None] = lambda: None
    redriven: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    _begun: int = 0  # characters of the log

    @property
    def head(self) -> BuildId:
        return BuildId(self.project, "head")

    @property
    def event(self) -> dict[str, Any]:
        return self.site.created(keys.uploaded_manifest(self.head))

    @property
    def uploader(self) -> Uploader:
        return Uploader(self.site.client("s3"), self.site.bucket, self.project)

    def prepare(self, extra: Mapping[str, tuple[bytes, bytes]] | None = None) -> dict[str, Any]:
        """Uploads a base that is compared and the head's images; returns the head's manifest."""
        manifests = []
        for number, version in enumerate(("base", "head")):
            images = self.uploader.upload_images(self.folder / version)
            for name, pair in (extra or {}).items():
                folder = self.folder / f"{self.project}-{version}"
                folder.mkdir()
                (folder / name).write_bytes(pair[number])
                images |= self.uploader.upload_images(folder)
            manifests.append(images)
        self.uploader.wait(
            self.uploader.write_manifest("base", {"images": manifests[0]}), self.site.times.patience
        )
        # Its function still shrinks pictures; a fault would hit that one, and not the head's.
        wait_until(lambda: not self._has_events(), self.site.times.patience)
        return {"images": manifests[1], "base_build": "base"}

    def begin(self, manifest: Mapping[str, Any], plan: Plan | None = None) -> None:
        """Writes the head's manifest; from then on its requests go by the plan."""
        self.site.wire.plans[self.project] = plan or (lambda request: None)
        self._begun = len(self._log())
        self.uploader.write_manifest("head", dict(manifest))

    def end_fault(self) -> None:
        """What is wrong is put right."""
        self.over.set()
        self.cure()
        self.site.wire.plans[self.project] = lambda request: None

    def finish(self) -> str:
        """Waits until all is quiet, as AWS and an operator would see to it; audits; says how."""
        end, sweeps = time.monotonic() + self.site.times.patience, 0
        while not self.is_settled():
            assert time.monotonic() < end, f"{self.project} is stuck: {self.records()}"
            if self._given_up():
                sweeps += 1
                # The sweeper comes by; what it does not know of, or cannot help, a person sends.
                if sweeps > (40 if self.records() else 2):
                    self.end_fault()
                    self._redrive()
            time.sleep(0.5)
        self.end_fault()
        ending = self._audit()
        self._send_late()
        return ending

    def is_settled(self) -> bool:
        """Whether nothing is left to do for anybody, and no event is on its way.

        What the sweeper has given up on may still be tried once more, by a retry of Lambda's.
        """
        if self._has_events():
            return False
        status, records = self.status(), self.records()
        if status is None or status["state"] not in FINAL or not records:
            return False
        return all("unfinished" not in record for record in records)

    def _has_events(self) -> bool:
        """Whether some event of the project runs or waits for a retry."""
        return any(self.project in json.dumps(event) for event in self.site.cloud.events())

    def status(self) -> dict[str, Any] | None:
        body = self.site.read(keys.status(self.head))
        return None if body is None else dict(json.loads(body))

    def records(self) -> list[dict[str, Any]]:
        return self.site.records(self.project, "comparison/head/")

    # --- what a person does with the queue of failed events ---

    def _given_up(self) -> list[dict[str, Any]]:
        self.site.take_given_up()
        return [e for e in self.site.given_up if self.project in json.dumps(e["requestPayload"])]

    def _redrive(self) -> None:
        for message in self._given_up():
            self.site.given_up.remove(message)
            self.redriven += 1
            self._invoke(message["requestPayload"])

    def _invoke(self, event: Mapping[str, Any]) -> None:
        """Waits for the answer. What is held by a worker that has died is tried again."""
        client, name = self.site.client("lambda"), self.site.stack.resources[COMPARE]
        refused = b""
        for _ in range(60):  # a lease is longer on a busy machine
            answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
            if "FunctionError" not in answer:
                return
            refused = answer["Payload"].read()
            time.sleep(1)
        raise AssertionError(refused)

    def _send_late(self) -> None:
        """Every event comes once more, given up or not: nothing changes."""
        status = self.status()
        assert status is not None
        if status["state"] == "FAILED":
            return
        before = self._everything()
        self._redrive_quietly()
        self._invoke(self.event)
        assert self._everything() == before

    def _redrive_quietly(self) -> None:
        redriven = self.redriven
        self._redrive()
        self.redriven = redriven

    def _everything(self) -> tuple[object, ...]:
        prefixes = (f"{kind}/{self.project}/" for kind in ("builds", "comparisons", "cache"))
        found = [set(self.site.keys(prefix)) for prefix in prefixes]
        # Thumbnails come when the verdict is out, at their leisure.
        return (self.status(), *({key for key in one if "/thumbs/" not in key} for one in found))

    # --- what must be true ---

    def _audit(self) -> str:
        """Holds what is there against the promises; returns how it ended, in a word."""
        status = self.status()
        assert status is not None
        run = self.site.written(keys.status(self.head))
        # What has FAILED for want of something may be tried again, and is then a run of its own:
        # by who sends it, or by a retry that comes after the sweeper has given up on it.
        final = [one for one in run if one["state"] in FINAL]
        succeeded = [one for one in final if one["state"] == "SUCCEEDED"]
        published = {one["execution"] for one in succeeded}
        assert len(published) <= 1, f"published {len(published)} times"
        assert run[: len(succeeded)] == succeeded, "a result was taken back"
        ended = [one for one in final if one["execution"] == status["execution"]]
        assert run[: len(ended)] == ended, "a status went back"
        [record] = [r for r in self.records() if "@" not in r["sk"]]
        assert (record["state"], record["execution"]) == (status["state"], status["execution"])
        partial = [words for words in self.site.partial if self.project in words]
        assert partial == [], partial
        if status["state"] == "FAILED":
            assert len(status["error"]["message"]) > 10, status["error"]
            assert status["comparison"] is None
            return f"FAILED {status['error']['code']}"
        errored = self._audit_counts(status)
        if errored:
            return "errored"
        return self._effort(record)

    def _audit_counts(self, status: Mapping[str, Any]) -> int:
        body = self.site.read(status["comparison"])
        assert body is not None
        # The names of thumbnails are hashes of keys, which begin with the project.
        text = body.decode().replace(self.project, "PROJECT")
        text = re.sub(r"thumbs/[0-9a-f]{64}", "thumbs/HASH", text)
        # Masks and thumbnails lie under their run.
        comparison = json.loads(re.sub(r"/[0-9a-f]{32}/(masks|thumbs)/", r"/RUN/\1/", text))
        assert comparison["execution"] == status["execution"]
        assert comparison["counts"] == status["counts"]
        counts = {name: number for name, number in status["counts"].items() if number}
        errored = counts.pop("errored", 0)
        assert {**counts, "changed": counts.get("changed", 0) + errored} == self.counts
        for image in comparison["images"].values():
            assert image["status"] != "errored" or len(image["reason"]) > 10, image
        if self.expected is None:
            self.expected = comparison["images"]
        if not errored and self.counts == COUNTS:
            self._same_as_undisturbed(comparison["images"])
        return int(errored)

    def _same_as_undisturbed(self, found: Mapping[str, Any]) -> None:
        assert self.expected is not None
        assert found.keys() == self.expected.keys()
        for name, image in found.items():
            usual = self.expected[name]
            others = {k: (v, usual.get(k)) for k, v in image.items() if v != usual.get(k)}
            assert others == {}, f"{name}: {others}"

    def _effort(self, record: Mapping[str, Any]) -> str:
        if self.redriven:
            return "redrive"
        about = f"{self.project}: head"
        if any(about in what and action in RESCUES for what, action in self.site.swept):
            return "sweep"
        again = int(record["claims"]) > 1 or self.died or self._was_repeated()
        return "retry" if again else "ok"

    def said(self, words: str) -> bool:
        """Whether a function of this site has logged some words since this began."""
        return words in self._log()[self._begun :]

    def reasons(self) -> list[str]:
        """Why images are errored."""
        status = self.status()
        body = self.site.read(status["comparison"]) if status and status["comparison"] else None
        found = json.loads(body)["images"].values() if body else ()
        return [image["reason"] for image in found if image["status"] == "errored"]

    def _was_repeated(self) -> bool:
        return any(
            "delivery failed" in line and self.project in line
            for line in self._log()[self._begun :].splitlines()
        )

    def _log(self) -> str:
        file = self.site.cloud.log_dir / f"{self.site.stack.resources[COMPARE]}.log"
        return file.read_text() if file.exists() else ""

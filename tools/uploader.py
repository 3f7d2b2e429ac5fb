"""Uploads builds and waits for their results as a CI job does, with the same client."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pixelgate.client.polling import FINAL, Clock, look, wait_for_result
from pixelgate.client.scan import scan
from pixelgate.client.upload import send_images
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.storage.client_bucket import ClientBucket

LONGEST_PAUSE = 0.2  # seconds
# A CI job has time; who tries things out here waits for one build after the other.
BRISK = Clock(sleep=lambda seconds: time.sleep(min(seconds, LONGEST_PAUSE)))


class Uploader:
    """One project in one bucket. What a manifest says is the caller's to choose."""

    def __init__(self, client: Any, bucket: str, project: str) -> None:
        self.store = ClientBucket(client, bucket)
        self.project = project

    def upload(self, build: str, folder: Path, **fields: Any) -> BuildId:
        """Uploads the folder's images and then the manifest, whose creation is the trigger.

        Args:
            build: the build's id.
            folder: the screenshots.
            fields: more fields of the manifest, such as base_build or commit.
        """
        return self.write_manifest(build, {"images": self.upload_images(folder), **fields})

    def upload_images(self, folder: Path) -> dict[str, dict[str, Any]]:
        """Uploads the folder's images; returns what a manifest says of them."""
        found = scan(folder)
        send_images(self.store, self.project, found)
        return found.fields()

    def write_manifest(self, build: str, fields: dict[str, Any]) -> BuildId:
        """Writes a manifest as it is, wrong ones too; what the fields do not say is filled in."""
        manifest = {
            "project": self.project,
            "build": build,
            "commit": build,
            "branch": "main",
            **fields,
        }
        build_id = BuildId(self.project, build)
        body = json.dumps(manifest).encode()
        self.store.write(keys.uploaded_manifest(build_id), body, "application/json")
        return build_id

    def status(self, build: BuildId) -> dict[str, Any] | None:
        """status.json, if there is one yet."""
        status = look(self.store, build).status
        return None if status is None else dict(status)

    def wait(self, build: BuildId, seconds: float = 120) -> dict[str, Any]:
        """The final status of a build.

        Raises:
            TimeoutError: there is none in time; the message holds the last one.
        """
        status = wait_for_result(self.store, build, seconds, clock=BRISK).status
        if status is None or status["state"] not in FINAL:
            raise TimeoutError(f"{build} has no result after {seconds:g} s: {status}")
        return dict(status)

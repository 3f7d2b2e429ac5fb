"""Uploads a folder of screenshots as a build, with nothing but S3: images first, manifest last."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pixelgate import keys
from pixelgate.adapters.folder import find_images
from pixelgate.engine.header import read_header
from pixelgate.keys import BuildId


class Uploader:
    """Does for a project what a CI job does."""

    def __init__(self, client: Any, bucket: str, project: str) -> None:
        self._client = client
        self._bucket = bucket
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
        files = find_images(folder)
        with ThreadPoolExecutor(8) as threads:
            return dict(zip(files, threads.map(self._upload_image, files.values()), strict=True))

    def write_manifest(self, build: str, fields: dict[str, Any]) -> BuildId:
        """Writes a manifest; what the fields do not say is filled in."""
        manifest = {
            "project": self.project,
            "build": build,
            "commit": build,
            "branch": "main",
            **fields,
        }
        build_id = BuildId(self.project, build)
        self._client.put_object(
            Bucket=self._bucket,
            Key=keys.uploaded_manifest(build_id),
            Body=json.dumps(manifest).encode(),
            ContentType="application/json",
        )
        return build_id

    def status(self, build: BuildId) -> dict[str, Any] | None:
        """status.json, if there is one yet."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=keys.status(build))
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        status: dict[str, Any] = json.load(answer["Body"])
        return status

    def wait(self, build: BuildId, seconds: float = 120) -> dict[str, Any]:
        """The final status of a build.

        Raises:
            TimeoutError: there is none in time; the message holds the last one.
        """
        end = time.monotonic() + seconds
        status = None
        while time.monotonic() < end:
            status = self.status(build)
            if status and status["state"] in {"SUCCEEDED", "FAILED"}:
                return status
            time.sleep(0.1)
        raise TimeoutError(f"{build} has no result after {seconds:g} s: {status}")

    def _upload_image(self, path: Path) -> dict[str, Any]:
        body = path.read_bytes()
        sha256 = hashlib.sha256(body)
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=keys.image(self.project, sha256.hexdigest()),
                Body=body,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise  # it was there already: the same bytes under the same hash
        width, height = read_header(body).size
        return {"sha256": sha256.hexdigest(), "width": width, "height": height}

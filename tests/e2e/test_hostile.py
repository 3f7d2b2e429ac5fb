"""What means harm is sent to the deployed stack: it is refused in words and hurts nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.deployed import get, listed, put
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest import MAX_BYTES
from pixelgate.sandbox.cloud import EmbeddedCloud
from support.hostile import DATA, END, SIGNATURE, good_png, header, other_format, other_png
from support.images import png
from support.world import sha
from uploader import Uploader

pytestmark = pytest.mark.e2e

GOOD = {"sha256": "ab" * 32, "width": 10, "height": 10}


def manifest(**changes: Any) -> str:
    fields = {"project": "hostile", "build": "BUILD", "commit": "c", "branch": "main"}
    return json.dumps({**fields, "images": {"a.png": GOOD}, **changes})


def named(name: str) -> str:
    return manifest(images={name: GOOD})


MANIFESTS = [
    pytest.param(lambda: named("../../builds/other/1/status.json"), "images", id="a path upwards"),
    pytest.param(lambda: "[" * 200_000 + "]" * 200_000, "", id="200,000 deep"),
    pytest.param(lambda: manifest(project="victim"), "victim", id="another project"),
    pytest.param(lambda: manifest(base_build="../victim/1"), "base_build", id="a base upwards"),
    pytest.param(
        lambda: manifest(images={"a.png": {**GOOD, "sha256": "../victim/" + "a" * 54}}),
        "sha256",
        id="a hash that is a path",
    ),
    pytest.param(lambda: " " * (MAX_BYTES + 1), "bytes", id="a byte too many"),
]


@pytest.mark.parametrize(("make", "rule"), MANIFESTS)
def test_a_hostile_manifest_is_refused_in_words(
    cloud: EmbeddedCloud, request: pytest.FixtureRequest, make: Callable[[], str], rule: str
) -> None:
    build = BuildId("hostile", f"b{abs(hash(request.node.name))}")
    body = make().replace("BUILD", build.build).encode("utf-8", "surrogatepass")
    s3 = cloud.client("s3")
    s3.put_object(Bucket=cloud.bucket, Key=keys.uploaded_manifest(build), Body=body)
    status = Uploader(s3, cloud.bucket, "hostile").wait(build)
    assert (status["state"], status["error"]["code"]) == ("FAILED", "BAD_MANIFEST")
    assert rule in status["error"]["message"]
    assert len(status["error"]["message"]) < 5_000
    s3.delete_object(Bucket=cloud.bucket, Key=keys.uploaded_manifest(build))
    cloud.wait_until_idle()
    queue = cloud.stack.outputs["FailedEvents"]
    assert "Messages" not in cloud.client("sqs").receive_message(QueueUrl=queue)
    # Nothing but the words of refusal, for CI and as a page, was written, for nobody else.
    prefixes = ("builds/victim", "builds/other", "comparisons/hostile", "images/hostile")
    assert listed(cloud, *prefixes) == []
    words = [keys.failure(build), keys.status(build)]
    assert listed(cloud, f"builds/hostile/{build.build}/") == words


def test_another_project_s_images_cannot_be_had(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    """Their hashes do not help: a project's images are looked for under its own prefix."""
    (tmp_path / "secret.png").write_bytes(png((20, 10), (0, 0, 128)))
    victim = Uploader(cloud.client("s3"), cloud.bucket, "victim-of-theft")
    stolen = victim.upload_images(tmp_path)
    status = uploader.wait(uploader.write_manifest("b1", {"images": stolen}))
    assert (status["state"], status["error"]["code"]) == ("FAILED", "IMAGE_MISSING")
    assert listed(cloud, f"images/{uploader.project}/") == []


def test_an_image_that_is_not_what_it_says_is_errored_with_its_reason(
    cloud: EmbeddedCloud, uploader: Uploader
) -> None:
    s3 = cloud.client("s3")

    def image(body: bytes, sha256: str | None = None) -> dict[str, Any]:
        sha256 = sha256 or sha(body)
        put(cloud, keys.image(uploader.project, sha256), body)
        return {"sha256": sha256, "width": 64, "height": 48}

    gone = image(good_png() + b"gone soon")
    names = {"odd/liar", "odd/gone", "odd/cut", "odd/gif", "odd/wide", "odd/heavy", "odd/plain"}
    good = image(good_png())
    base = uploader.write_manifest(
        "base", {"images": {name: gone if name == "odd/gone" else good for name in names}}
    )
    assert uploader.wait(base)["counts"]["added"] == len(names)
    # With all its versions: a worker would restore one.
    listed = s3.list_object_versions(
        Bucket=cloud.bucket, Prefix=keys.image(uploader.project, gone["sha256"])
    )
    for version in listed["Versions"]:
        s3.delete_object(Bucket=cloud.bucket, Key=version["Key"], VersionId=version["VersionId"])
    heavy = image(bytes(256 * 1024 * 1024 + 1))
    head = uploader.write_manifest(
        "head",
        {
            "base_build": "base",
            "images": {
                "odd/liar": image(other_png(), "cd" * 32),
                "odd/gone": image(other_png()),
                "odd/cut": image(other_png()[:-200]),
                "odd/gif": image(other_format("GIF")),
                "odd/wide": image(SIGNATURE + header(10_000, 5_001) + DATA + END),
                "odd/heavy": heavy,
                "odd/plain": good,
            },
        },
    )
    status = uploader.wait(head)
    s3.delete_object(Bucket=cloud.bucket, Key=keys.image(uploader.project, heavy["sha256"]))
    assert (status["verdict"], status["counts"]["errored"]) == ("needs_review", 6)
    assert status["counts"]["unchanged"] == 1
    images = get(cloud, status["comparison"])["images"]
    reasons = {name: entry["reason"].partition(":")[0] for name, entry in images.items()
               if entry["status"] == "errored"}  # fmt: skip
    assert reasons == {
        "odd/liar": "HASH_MISMATCH",
        "odd/gone": "IMAGE_MISSING",
        "odd/cut": "UNREADABLE",
        "odd/gif": "UNSUPPORTED_FORMAT",
        "odd/wide": "EXCEEDS_PIXEL_LIMIT",
        "odd/heavy": "EXCEEDS_BYTE_LIMIT",
    }

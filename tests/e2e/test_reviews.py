"""Reviews in the deployed stack: objects go into the bucket, decisions and notices come out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from e2e.deployed import at_once, record_of, review, review_of, wait_until
from e2e.test_pipeline import large, working
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import EmbeddedCloud
from support.forge import FakeForge
from support.forges import FORGES, Kind
from uploader import Uploader

pytestmark = pytest.mark.e2e


def pictures(folder: Path, blocks: dict[str, int], noise: int = 0) -> Path:
    """Pictures by name, each with a block of so many pixels a side; `noise` dims one a little."""
    folder.mkdir()
    for name, side in blocks.items():
        pixels = np.full((200, 300, 3), 240, np.uint8)
        pixels[20 : 20 + side, 30 : 30 + side] = (20, 60, 200)
        pixels[150:151, 200:202] -= np.uint8(noise)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


APP = "/pixelgate/github-app"
BASE = {"a": 40, "b": 40, "c": 40, "same": 40}
HEAD = {"a": 60, "b": 60, "c": 60, "same": 40}


@pytest.fixture
def head(uploader: Uploader, tmp_path: Path) -> BuildId:
    """The first build of a pull request, with three changes to review."""
    base = uploader.upload("base", pictures(tmp_path / "base", BASE))
    uploader.wait(base)
    build = uploader.upload("head", pictures(tmp_path / "head", HEAD), **OF_PULL_REQUEST)
    assert uploader.wait(build)["review"]["left"] == 3
    return build


OF_PULL_REQUEST: dict[str, Any] = {"base_build": "base", "branch": "topic", "pull_request": 5}


def test_a_build_is_approved(cloud: EmbeddedCloud, uploader: Uploader, head: BuildId) -> None:
    before = uploader.wait(head)
    review(cloud, head, action="approve", execution=before["execution"], reason="meant")
    wait_until(lambda: review_of(uploader, head)["state"] == "approved")
    cloud.wait_until_idle()
    now = review_of(uploader, head)
    assert (now["left"], now["approved"], now["reasons"]) == (0, 3, ["meant"])
    assert now["by"] == ["EXAMPLE"]  # as the emulator names whoever writes
    assert record_of(cloud, head.project, "build/head")["review"] == "approved"
    assert "unfinished" not in record_of(cloud, head.project, "comparison/head/base")


def test_the_next_build_of_the_pull_request_is_approved_by_that(
    cloud: EmbeddedCloud, uploader: Uploader, head: BuildId, tmp_path: Path
) -> None:
    review(cloud, head, action="approve")
    wait_until(lambda: review_of(uploader, head)["state"] == "approved")
    cloud.wait_until_idle()
    alike = uploader.upload("alike", pictures(tmp_path / "alike", HEAD, noise=2), **OF_PULL_REQUEST)
    status = uploader.wait(alike)
    assert (status["verdict"], status["review"]["state"]) == ("needs_review", "approved")
    assert status["review"]["carried_from"] == "head"
    assert record_of(cloud, head.project, "build/alike")["review"] == "approved"
    other = uploader.upload(
        "other", pictures(tmp_path / "other", {**HEAD, "a": 90}), **OF_PULL_REQUEST
    )
    assert uploader.wait(other)["review"]["state"] == "needed"
    elsewhere = uploader.upload(
        "elsewhere", tmp_path / "alike", **{**OF_PULL_REQUEST, "pull_request": 6}
    )
    assert uploader.wait(elsewhere)["review"]["state"] == "needed"
    cloud.wait_until_idle()


def test_thirty_reviewers_at_once_are_all_heard(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    blocks = {f"{n:02}": 40 for n in range(30)}
    uploader.wait(uploader.upload("base", pictures(tmp_path / "base", blocks)))
    larger = dict.fromkeys(blocks, 60)
    head = uploader.upload("head", pictures(tmp_path / "head", larger), **OF_PULL_REQUEST)
    assert uploader.wait(head)["review"]["left"] == 30
    at_once(*[
        lambda name=n: review(cloud, head, action="approve", names=[f"{name}.png"]) for n in blocks
    ])  # fmt: skip
    wait_until(lambda: review_of(uploader, head)["state"] == "approved", 120)
    cloud.wait_until_idle()
    said = review_of(uploader, head)
    assert (said["approved"], said["revision"]) == (30, 31)
    assert record_of(cloud, head.project, "build/head")["review"] == "approved"


def test_an_approval_during_the_run_does_not_count(
    cloud: EmbeddedCloud, uploader: Uploader, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", large(tmp_path / "a", 1, 40)))
    head = uploader.upload("head", large(tmp_path / "b", 2, 40), **OF_PULL_REQUEST)
    worker = working(cloud, uploader.project)
    worker.pause()
    try:
        review(cloud, head, action="approve")
        wait_until(lambda: bool(review_of(uploader, head).get("refused")))
        status = uploader.status(head)
        assert status is not None
        assert status["state"] == "PROCESSING"
    finally:
        worker.resume()
    status = uploader.wait(head)
    assert (status["review"]["state"], status["review"]["left"]) == ("needed", 40)
    [refused] = status["review"]["refused"]
    assert "has no result yet, so nobody can have looked at it" in refused["why"]
    review(cloud, head, action="approve")
    wait_until(lambda: review_of(uploader, head)["state"] == "approved")
    cloud.wait_until_idle()


# --- events and notices ---------------------------------------------------------------------------


@pytest.fixture
def heard(cloud: EmbeddedCloud, uploader: Uploader) -> Iterator[Callable[[], list[Any]]]:
    """What a rule of somebody else's has heard of the project: kind, state, review."""
    events, sqs = cloud.client("events"), cloud.client("sqs")
    name = "heard"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    pattern = {"source": ["pixelgate"], "detail": {"project": [uploader.project]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
    found: list[Any] = []

    def all_of_them() -> list[Any]:
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])
                detail = event["detail"]
                state = detail["review"] and detail["review"]["state"]
                found.append((event["detail-type"], detail["build"], detail["state"], state))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    yield all_of_them
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)


def test_everybody_hears_every_change_of_state(
    cloud: EmbeddedCloud, uploader: Uploader, heard: Callable[[], list[Any]], head: BuildId
) -> None:
    review(cloud, head, action="approve", names=["a.png"])
    wait_until(lambda: review_of(uploader, head)["names"] == ["b.png", "c.png"])
    assert "review" not in record_of(cloud, head.project, "build/head")
    review(cloud, head, action="reject")
    wait_until(lambda: review_of(uploader, head)["state"] == "rejected")
    cloud.wait_until_idle()
    assert record_of(cloud, head.project, "build/head")["review"] == "rejected"
    wait_until(lambda: len(heard()) >= 6)
    comparison, reviewed = "Comparison State Change", "Review State Change"
    assert sorted(heard(), key=str) == sorted(
        [
            (comparison, "base", "PROCESSING", None),
            (comparison, "base", "SUCCEEDED", "not_needed"),
            (comparison, "head", "PROCESSING", None),
            (comparison, "head", "SUCCEEDED", "needed"),
            (reviewed, "head", "SUCCEEDED", "needed"),
            (reviewed, "head", "SUCCEEDED", "rejected"),
        ],
        key=str,
    )


@pytest.mark.parametrize("forge", FORGES)
def test_pull_request_hears_of_it(built: Path, tmp_path: Path, forge: str) -> None:
    kind, by_app, host = FORGES[forge], forge == "GitHub App", forge.partition(" ")[0]
    parameters = {
        "TrunkPrefix": "optional",
        f"{host}Repositories": kind.repository,
        "ReportUrl": "https://reports.example/{key}",
        **({"GitHubApp": APP} if by_app else {}),
    }
    with (
        kind.serve() as fake,
        EmbeddedCloud.start(
            build_dir=built,
            parameters=parameters,
            secrets={} if by_app else {f"{host}TokenSecret": fake.token},
        ) as cloud,
    ):
        if by_app:
            cloud.client("ssm").put_parameter(Name=APP, Value=fake.token, Type="SecureString")
        # The template takes https only; an App's own keys name its API.
        cloud.configure("NotifyFunction", {f"PIXELGATE_{host.upper()}_API": fake.url})
        uploader = Uploader(cloud.client("s3"), cloud.bucket, "shop")
        uploader.wait(uploader.upload("base", pictures(tmp_path / "base", BASE)))
        head = uploader.upload(
            "head", pictures(tmp_path / "head", HEAD), commit="c0ffee", **OF_PULL_REQUEST
        )
        wait_until(lambda: latest(fake, kind) == ("failed", "3 left to review: 3 changed"))
        wait_until(lambda: len(fake.bodies(5)) == 1)
        assert "### pixelgate/shop: review needed" in fake.bodies(5)[0]
        report = uploader.wait(head)["report"]
        assert f"(https://reports.example/{report})" in fake.bodies(5)[0]
        review(cloud, head, action="approve")
        wait_until(lambda: latest(fake, kind) == ("passed", "approved: 3 changed"))
        wait_until(lambda: "### pixelgate/shop: approved" in fake.bodies(5)[0])
        assert len(fake.bodies(5)) == 1
        assert fake.token not in cloud.logs()
        assert "PRIVATE KEY" not in cloud.logs()


def latest(fake: FakeForge, kind: Kind) -> tuple[str, str] | None:
    found = fake.shown("c0ffee", "pixelgate/shop")
    return (kind.words[found[0]], found[1]) if found else None

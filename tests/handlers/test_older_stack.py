"""A stack that an older version filled: the commands and the functions of today go on with it.

`older-stack.tar.xz` is a bucket and a table as version 0.1 wrote them: a first build on main, a
build of pull request 7 of which one snapshot is approved, one of pull request 8 that is rejected,
one that waits for its base, one that came in two shards, and a manifest that is no JSON.
"""

from __future__ import annotations

import base64
import copy
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlers.conftest import Account, Context, event
from handlers.test_compare import png
from pixelgate.cli import app as cli
from pixelgate.domain.keys import BuildId

STACK = Path(__file__).with_name("older-stack.tar.xz")
HEAD = BuildId("shop", "pr7-1")
REVIEWER = "AWS:AROAEXAMPLEEXAMPLE01:ada@example.com"

Run = Callable[..., Any]


def decoded(item: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """An item of the table as boto3 takes it."""

    def value(kind: str, stored: Any) -> Any:
        return base64.b64decode(stored["base64"]) if kind == "B" else stored

    return {
        name: {kind: value(kind, stored) for kind, stored in typed.items()}
        for name, typed in item.items()
    }


@pytest.fixture
def stack(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The account, filled by the older version."""
    with tarfile.open(STACK) as packed:
        for member in packed:
            content = packed.extractfile(member)
            assert content is not None
            place, _, key = member.name.partition("/")
            if place == "bucket":
                account.put(key, content.read())
            else:
                for item in json.loads(content.read()):
                    account.dynamodb.put_item(TableName=account.table, Item=decoded(item))
    monkeypatch.setenv("PIXELGATE_PROJECT", HEAD.project)
    return account


@pytest.fixture
def run(
    stack: Account,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Runs a command that succeeds; returns what it printed as JSON."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert cli.run([*arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


def test_status_says_what_it_said(run: Run) -> None:
    status = run("status", HEAD.build)
    assert (status["state"], status["verdict"]) == ("SUCCEEDED", "needs_review")
    assert status["counts"]["changed"] == 2
    assert (status["review"]["left"], status["review"]["by"]) == (3, [REVIEWER])
    assert run("status", "pr8-1")["review"]["state"] == "rejected"
    assert run("status", "pr10-1")["state"] == "SUCCEEDED"
    assert run("status", "bad-1")["state"] == "FAILED"


def test_report_is_downloaded_with_its_pictures(run: Run, tmp_path: Path) -> None:
    run("report", HEAD.build, "--out", "report", "--no-open")
    files = [
        file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()
    ]
    assert "report/index.html" in files
    assert len([file for file in files if file.endswith(".png")]) >= 2  # the masks of two changes


def test_history_lists_the_builds(run: Run) -> None:
    builds = {build["build"]: build for build in run("history")["builds"]}
    assert {"main-1", "pr7-1", "pr8-1", "pr9-1", "pr10-1"} <= set(builds)


def approve(stack: Account, run: Run) -> None:
    """Approves what is left of the build, and delivers the event of the review."""
    run("approve", HEAD.build, "--reason", "looks right")
    written = stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix="reviews/shop/pr7-1/")
    newest = max(written["Contents"], key=lambda review: review["Key"])
    made = copy.deepcopy(event("s3-review-put.json"))
    found = made["Records"][0]["s3"]["object"]
    found["key"], found["eTag"] = newest["Key"], newest["ETag"].strip('"')
    stack.review.handler(made, Context())


def test_approval_of_the_rest_completes_the_older_one(run: Run, stack: Account) -> None:
    approve(stack, run)
    review = stack.status(HEAD)["review"]
    assert (review["state"], review["left"], review["approved"]) == ("approved", 0, 4)
    assert review["reasons"] == ["looks right"]


def test_new_build_inherits_the_approval_of_an_older_one(run: Run, stack: Account) -> None:
    approve(stack, run)
    images = {
        "home.png": png(100, block=7),
        "cart.png": png(50, block=9),
        "new.png": png(2),
        "renamed.png": png(77),
    }
    build = BuildId("shop", "pr7-2")
    stack.upload(
        build, images, commit="bbbb3", branch="topic", pull_request=7,
        base_commit="aaaa1", ancestors=["aaaa1"], base_branch="main",
    )  # fmt: skip
    stack.deliver(build)
    status = stack.status(build)
    assert (status["state"], status["base"]) == ("SUCCEEDED", "main-1")
    assert status["counts"] == stack.status(HEAD)["counts"]
    assert (status["review"]["state"], status["review"]["carried_from"]) == ("approved", "pr7-1")


def test_second_delivery_of_an_older_event_changes_nothing(stack: Account) -> None:
    before = stack.status(HEAD)
    stack.deliver(HEAD)
    assert stack.status(HEAD) == before


def test_build_that_waits_is_compared_when_its_base_comes(stack: Account) -> None:
    base, waits = BuildId("shop", "main-2"), BuildId("shop", "pr9-1")
    assert stack.status(waits)["state"] == "WAITING_FOR_BASE"
    stack.upload(base, {"home.png": png(100)}, commit="eeee5", branch="main")
    stack.deliver(base)
    stack.deliver(waits)
    status = stack.status(waits)
    assert (status["state"], status["base"]) == ("SUCCEEDED", "main-2")

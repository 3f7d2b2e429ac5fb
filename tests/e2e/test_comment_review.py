"""A comment on a pull request approves its build, by the workflow of examples/ci and its role."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from e2e.conftest import CI_VARIABLES, PROGRAM
from e2e.deployed import wait_until
from e2e.test_reviews import BASE, HEAD, pictures
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import EmbeddedCloud
from pixelgate.sandbox.roles import REPOSITORY, Roles, deploy_roles
from support.github import REPOSITORY as NAME
from support.github import FakeGitHub, github
from uploader import Uploader

pytestmark = pytest.mark.e2e

WORKFLOW = Path(__file__).parents[2] / "examples" / "ci" / "github-approve.yml"
ADA = {"login": "ada", "id": 583231, "type": "User"}
CLAIMS = {
    "repository_id": "22",
    "ref": "refs/heads/main",
    "job_workflow_ref": f"{NAME}/.github/workflows/github-approve.yml@refs/heads/main",
    "actor_id": str(ADA["id"]),
}


@dataclass
class Place:
    """A stack that tells a repository on GitHub of its builds, and roles of the project shop."""

    cloud: EmbeddedCloud
    fake: FakeGitHub
    roles: Roles
    uploader: Uploader
    folder: Path

    def head(self, name: str, number: int, commit: str) -> dict[str, Any]:
        """Uploads a pull request's build with changes; returns its status when it is told."""
        images = self.folder / name
        build = self.uploader.upload(
            name, pictures(images, HEAD), base_build="base", branch=f"topic-{number}",
            pull_request=number, commit=commit,
        )  # fmt: skip
        status = self.uploader.wait(build)
        wait_until(lambda: len(self.fake.bodies(number)) == 1)
        return status

    def line(self, number: int) -> str:
        """The line to copy in the pull request's comment."""
        [found] = re.findall(r"^```\n(/pixelgate .*)\n```$", self.fake.bodies(number)[0], re.M)
        return str(found)

    def job(self, number: int, words: str, user: Mapping[str, Any] = ADA) -> Job:
        """The job that a new comment starts."""
        comment = self.fake.say(number, words)
        event = self.folder / f"event-{comment}.json"
        said = {
            "id": comment, "body": words, "user": user, "created_at": "2026-11-30T20:49:06Z",
            "html_url": f"https://github.com/{NAME}/pull/{number}#issuecomment-{comment}",
        }  # fmt: skip
        issue = {"number": number, "pull_request": {"url": "x"}}
        event.write_text(json.dumps({
            "action": "created", "issue": issue, "comment": said,
            "repository": {"full_name": NAME},
        }))  # fmt: skip
        return Job(self, comment, event)


@dataclass
class Job:
    """The steps of the workflow, as GitHub runs them."""

    place: Place
    comment: int
    event: Path

    def run(self, step: Mapping[str, Any], credentials: Mapping[str, str]) -> int:
        """Runs a step's shell line as the runner does; returns its exit code."""
        plain = {name: v for name, v in os.environ.items() if not CI_VARIABLES.match(name)}
        path = f"{Path(PROGRAM).parent}:{os.environ['PATH']}"
        cloud = self.place.cloud
        runner = {
            "GITHUB_EVENT_NAME": "issue_comment", "GITHUB_EVENT_PATH": str(self.event),
            "GITHUB_API_URL": self.place.fake.url, "GITHUB_REPOSITORY": NAME,
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "9",
            "GITHUB_OUTPUT": str(self.event.with_suffix(".output")),
        }  # fmt: skip
        ours = {
            "GITHUB_TOKEN": self.place.fake.token, "PIXELGATE_PROJECT": "shop",
            "PIXELGATE_BUCKET": cloud.bucket,
        }  # fmt: skip
        job = yaml.safe_load(WORKFLOW.read_text())["jobs"]["review"]
        assert ours.keys() == job["env"].keys()
        aws = cloud.variables(credentials) if credentials else {}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env={**plain, **runner, **ours, **aws, "PATH": path, "AWS_EC2_METADATA_DISABLED": "1"},
            capture_output=True, text=True, timeout=180, cwd=self.place.folder,
        )  # fmt: skip
        self.said = done.stderr
        return done.returncode

    @property
    def outputs(self) -> dict[str, str]:
        lines = self.event.with_suffix(".output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def reactions(self) -> list[str]:
        return self.place.fake.reactions.get(self.comment, [])

    def whole(self, credentials: Mapping[str, str] | None = None) -> list[int]:
        """Runs all steps; returns the exit codes of those that ran."""
        *_, check, role, review, _ = yaml.safe_load(WORKFLOW.read_text())["jobs"]["review"]["steps"]
        codes = [self.run(check, {})]
        if self.outputs.get("allowed") == "true":
            assert role["with"]["role-session-name"] == "${{ steps.check.outputs.session }}"
            taken = credentials or self.take(self.outputs["session"])
            codes.append(self.run(review, taken))
        return codes

    def take(self, session: str) -> dict[str, str]:
        """Takes the role with the job's token."""
        roles = self.place.roles
        subject = f"{REPOSITORY}:ref:refs/heads/main"
        token = roles.github.token(subject, time.time() + 3600, more=CLAIMS)
        role = roles.resources["GitHubApproveRole"]
        return self.place.cloud.assume_with_token(role, token, session)


@pytest.fixture(scope="module")
def place(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    parameters = {
        "TrunkPrefix": "optional", "GitHubRepositories": NAME, "CommentCommands": "true",
    }  # fmt: skip
    with (
        github() as fake,
        EmbeddedCloud.start(
            build_dir=built, parameters=parameters, secrets={"GitHubTokenSecret": fake.token}
        ) as cloud,
    ):
        cloud.configure("NotifyFunction", {"PIXELGATE_GITHUB_API": fake.url})
        fake.members = {"ada": ("write", 583231), "bob": ("read", 2)}
        roles = deploy_roles(cloud, "shop", GitHubApproveWorkflow="github-approve.yml")
        uploader = Uploader(cloud.client("s3", roles.take("ci")), cloud.bucket, "shop")
        uploader.wait(uploader.upload("base", pictures(folder / "base", BASE), branch="main"))
        yield Place(cloud, fake, roles, uploader, folder)


def test_the_line_of_the_comment_turns_the_build_green(place: Place) -> None:
    status = place.head("head", 5, "c0ffee")
    line = place.line(5)
    assert line == f"/pixelgate approve shop/head.{status['execution']}"
    job = place.job(5, f"{line}\r\nas agreed, $(id) `id`\r\n")
    assert job.whole() == [0, 0], job.said
    assert job.reactions == ["eyes", "+1"]

    def green() -> bool:
        return place.fake.shown("c0ffee", "pixelgate/shop") == (
            "success", "approved: 3 changed", None,
        )  # fmt: skip

    wait_until(green)
    wait_until(lambda: "### pixelgate/shop: approved" in place.fake.bodies(5)[0])
    said = place.fake.bodies(5)[0]
    assert "By `ada`." in said
    assert r"> as agreed, \$(id) \`id\`" in said
    assert "/pixelgate approve" not in said
    review = place.uploader.wait(_build(status))["review"]
    [by] = review["by"]
    assert re.fullmatch(r"AWS:AROA\w+:ada@github\.583231", by)
    reviewer = place.roles.take("reviewer")
    history = subprocess.run(
        [PROGRAM, "history", "--project", "shop", "--bucket", place.cloud.bucket, "--json"],
        env={**os.environ, **place.cloud.variables(reviewer)}, capture_output=True, text=True,
    )  # fmt: skip
    assert "ada@github.583231" in history.stdout, history.stderr
    # The same job once more, as GitHub's "Re-run" does it: nothing is decided again.
    job.event.with_suffix(".output").unlink()
    assert job.whole() == [0, 0]
    assert place.uploader.wait(_build(status))["review"]["revision"] == review["revision"]


def _build(status: Mapping[str, Any]) -> BuildId:
    return BuildId(status["project"], status["build"])


def test_who_may_only_read_changes_nothing_and_the_job_gets_no_role(place: Place) -> None:
    status = place.head("of-bob", 6, "c0ffee6")
    job = place.job(6, place.line(6), {"login": "bob", "id": 2, "type": "User"})
    assert job.whole() == [0]
    assert job.outputs == {"allowed": "false"}
    assert job.reactions == ["-1"]
    assert "needs the permission to write in this repository" in place.fake.bodies(6)[-1]
    assert place.uploader.wait(_build(status))["review"]["state"] == "needed"


def test_a_comment_approves_only_what_was_shown(place: Place) -> None:
    status = place.head("shown", 7, "c0ffee7")
    for words, why in [
        (place.line(7).replace(status["execution"], "0" * 32), "was compared again after this"),
        (place.line(7).replace("shop/shown", "shop/unknown"), "shop/unknown has no result"),
        (place.line(7).replace("shown", "base"), "shop/base belongs to no pull request"),
    ]:
        job = place.job(7, words)
        assert job.whole() == [0, 0], job.said
        assert job.reactions == ["eyes", "-1"]
        assert why in place.fake.bodies(7)[-1]
    assert place.uploader.wait(_build(status))["review"]["state"] == "needed"


def test_ci_s_own_role_cannot_carry_a_comment_out(place: Place) -> None:
    status = place.head("by-ci", 8, "c0ffee8")
    job = place.job(8, place.line(8))
    assert job.whole(place.roles.take("ci")) == [0, 2]
    assert "reviews/shop/by-ci/" in job.said
    assert "the bucket could not be used" in place.fake.bodies(8)[-1]
    assert place.uploader.wait(_build(status))["review"]["state"] == "needed"


def test_the_role_of_comments_reaches_no_pictures_and_uploads_nothing(place: Place) -> None:
    session = place.cloud.client("s3", place.job(9, "x").take("ada@github.583231"))
    bucket = place.cloud.bucket
    listed = place.cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="images/shop/")
    with pytest.raises(ClientError, match="AccessDenied"):
        session.get_object(Bucket=bucket, Key=listed["Contents"][0]["Key"])
    with pytest.raises(ClientError, match="AccessDenied"):
        session.list_objects_v2(Bucket=bucket, Prefix="images/shop/")
    for key in (
        "uploads/shop/x/manifest.json",
        "builds/shop/x/review.json",
        "reviews/web/x/r.json",
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            session.put_object(Bucket=bucket, Key=key, Body=b"{}")
